"""What the writers write."""

from prometheus_client import Counter, Gauge, Histogram

items = Counter("items_total", "Writes by item.", ["item"])
sizes = Histogram("sizes", "Place of a write in its process.", buckets=(10, 50, 100, 200))
alive = Gauge("alive", "Processes that live.", multiprocess_mode="livesum")
