"""gunicorn's saturation: busy and idle workers, and connections that wait for one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.metrics.derived import BACKLOG, BACKLOG_LIMIT, WORKERS, WORKERS_CONFIGURED
from monitoring.processes.listeners import listen_queues, somaxconn
from monitoring.processes.process_metrics import Slots
from monitoring.processes.server_facts import ServerFacts, read_facts
from monitoring.storage.slots import WEB

_STOPPED = "Tt"  # proc(5): stopped by a signal, by a debugger


def gunicorn_metrics(
    directory: Path, slots: Slots, in_progress: Mapping[str, float]
) -> Iterator[Metric]:
    """`gunicorn_*` families; `in_progress` is the number of requests in each slot's process."""
    workers = WORKERS.new()
    states = {p.owner.slot: p.stat.state for p in slots.processes if p.owner.role == WEB}
    busy = count_busy(states, in_progress)
    workers.add_metric(["busy"], busy)
    workers.add_metric(["idle"], len(states) - busy)
    yield workers
    facts = read_facts(directory)
    if facts is not None:
        configured = WORKERS_CONFIGURED.new()
        configured.add_metric([], facts.workers)
        yield configured
        yield from _backlog_metrics(facts)


def count_busy(states: Mapping[str, str], in_progress: Mapping[str, float]) -> int:
    """How many web workers are busy; both mappings are by slot, `states` as in proc(5).

    A worker is busy when it answers a request, or when it is stopped and can answer none. Threads
    and async workers may take more requests while they are busy.
    """
    return sum(in_progress.get(slot, 0) > 0 or state in _STOPPED for slot, state in states.items())


def _backlog_metrics(facts: ServerFacts) -> Iterator[Metric]:
    length, limit = BACKLOG.new(), BACKLOG_LIMIT.new()
    queues = listen_queues()
    most = min(facts.backlog, somaxconn() or facts.backlog)
    for address, port in facts.listeners:
        if (address, port) in queues:
            listener = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            length.add_metric([listener], queues[address, port])
            limit.add_metric([listener], most)
    yield length
    yield limit
