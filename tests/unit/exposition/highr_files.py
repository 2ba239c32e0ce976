"""A metric file with the fine histogram in it, and another histogram beside it."""

import math
from pathlib import Path

from prometheus_client.utils import floatToGoString

from monitoring.metrics.request_families import HIGHR_BOUNDS
from tests.unit.storage.files import StockFile

HIGHR = "http_request_duration_highr_seconds"


def write_highr(directory: Path) -> None:
    """Two requests in each fine bucket; sum 5.5."""
    file = StockFile(directory, "histogram_web-0.db")
    for bound in (*HIGHR_BOUNDS, math.inf):
        file.write(HIGHR, f"{HIGHR}_bucket", {"le": floatToGoString(bound)}, 2.0)
    file.write(HIGHR, f"{HIGHR}_sum", {}, 5.5)
    for bound in (1.0, math.inf):
        file.write("other", "other_bucket", {"le": floatToGoString(bound)}, 3.0)
    file.write("other", "other_sum", {}, 6.0)
    file.close()
