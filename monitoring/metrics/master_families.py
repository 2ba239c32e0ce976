"""The families of gunicorn's master, which does without prometheus-client."""

from monitoring.metrics import names
from monitoring.storage.plain_counter import PlainFamily

BOOTS = PlainFamily(names.GUNICORN_WORKER_BOOTS, "Workers that gunicorn's master started.")
EXITS = PlainFamily(
    names.GUNICORN_WORKER_EXITS, "Workers that ended, by exit code or signal.", "reason"
)
