"""Takes a web worker's slot as soon as it has the application, not at its first request.

So a worker is known from its start, and a fresh start wipes before anybody asks. gunicorn's hooks
do so without this module.
"""

from functools import cache

from monitoring.primitives.one_thread import NO_THREADS, threads_run
from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.platform.forks import in_each_child, uwsgi_module
from monitoring.storage import this_process, values
from monitoring.storage.self_report import report_error
from monitoring.storage.slots import MASTER, WEB

logger = OwnLogger("monitoring.storage")


def attach_worker() -> None:
    """Take the slot if this is a worker, or let uWSGI's workers take theirs. Never raises."""
    if not this_process.files.finds_start:
        return
    if this_process.files.role == MASTER and uwsgi_module() is not None:
        _let_forked_workers_attach()
    if not threads_run():
        _tell_of_threads()
    _attach_web()


@cache
def _let_forked_workers_attach() -> None:
    in_each_child(_attach_web)


@cache
def _tell_of_threads() -> None:
    logger.warning(
        "%s. Requests are counted; but active sessions, slow queries, the details of slow requests "
        "and, without the exporter, the windows of the JSON endpoints and the thresholds' gauges "
        "are not kept",
        NO_THREADS,
    )


def _attach_web() -> None:
    if this_process.files.role == WEB:
        try:
            values.attach()
        except Exception:
            report_error("a slot could not be taken before the first request")
