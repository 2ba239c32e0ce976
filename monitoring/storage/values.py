"""This process's side of storage: the values of its metrics, its role, slot, exemplars and drops.

prometheus-client makes its Counters, Gauges and Histograms from `values.ValueClass`; `install` puts
SlotValue there: a write is one aligned store into this process's slot. Compared with the stock
multiprocess value: no getpid() per operation, no second copy of the number (the mapped cell is the
value), and a write that finds no space is dropped and counted instead of ending the process.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import Counter, Gauge

from monitoring.primitives.interruptions import put_behind
from monitoring.storage import client_internals, client_locks, this_process
from monitoring.storage.exemplars import Place, Trace, encode_record
from monitoring.storage.format import metric_key
from monitoring.storage.own_counters import CORRUPT_NAME
from monitoring.storage.process_files import Placed
from monitoring.storage.process_lock import make_process_lock
from monitoring.storage.slot_file import Cells
from monitoring.storage.slots import Slot

_UNBOUND = Cells()
_MOST_INTERRUPTIONS = 100  # of one call
_process = this_process.files
process_lock = make_process_lock()


class SlotValue:
    """A float in a file of this process's slot; what prometheus-client calls a ValueClass."""

    _multiprocess = True
    __slots__ = ("file", "index", "key", "prefix")
    offset = 0

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> None:
        self.prefix = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        self.key = metric_key(metric_name, name, labelnames, labelvalues, help_text)
        self.file: Cells = _UNBOUND
        self.index = 0
        with process_lock:
            _process.welcome(self)
            if typ == "histogram" and labelnames and labelnames[-1] == "le":
                _process.declare(metric_name, labelvalues[-1])
        _process.report()

    def inc(self, amount: float) -> None:
        with process_lock:
            cells = self.file.cells
            if cells is not None:
                cells[self.index] += amount
                return
        add_all(((self, amount),))

    def set(self, value: float, timestamp: float | None = None) -> None:
        with process_lock:
            cells = self.file.cells or _process.bind(self)
            if cells is not None:
                cells[self.index] = value
                cells[self.index + 1] = timestamp or 0.0
        _process.report()

    def get(self) -> float:
        """The slot's value (earlier owners' share included); 0 before the first write."""
        with process_lock:
            cells = self.file.cells
            return 0.0 if cells is None else cells[self.index]

    def set_exemplar(self, exemplar: object) -> None:
        """Does nothing: metric files have no place for exemplars; put_exemplars writes them."""

    def get_exemplar(self) -> None:
        return None


def install() -> None:
    """Make every metric built from now on live in this process's slot. Opens nothing."""
    client_internals.use_value_class(SlotValue)
    client_locks.install()


def role() -> str:
    """This process's role: web, celery, …"""
    return _process.role


def attach() -> Slot | None:
    """Take this process's slot now, rather than at the first write; None if that failed."""
    with process_lock:
        slot = _process.attach()
    _process.report()
    return slot


def tend() -> None:
    """Maintain this process's files; call it from time to time, at most once a second (20 µs)."""
    with process_lock:
        _process.tend()
    _process.report()


def value_of(metric: Counter | Gauge) -> SlotValue:
    """The value behind a label-less metric or a child: the hot path adds to it directly."""
    value: SlotValue = client_internals.value_of(metric)
    return value


def add_all(writes: Iterable[tuple[Placed, float]]) -> None:
    """Add each amount to its value under one lock: cheaper than one `inc` each.

    What a signal handler raises meanwhile leaves this function once all writes are made. If it is
    given an iterator, a caller that was interrupted gives the same one again: what is left is made,
    and nothing twice.
    """
    rest = iter(writes)
    unbound: list[tuple[Placed, float]] = []
    interruption: BaseException | None = None
    has_news = False
    with process_lock:
        for _ in range(_MOST_INTERRUPTIONS):
            try:
                # Python calls signal handlers after calls and at the end of a round: what is
                # between them is one step.
                for write in rest:
                    value, amount = write
                    cells = value.file.cells
                    if cells is None:
                        unbound.append(write)
                    else:
                        cells[value.index] += amount
                if unbound:
                    has_news = True
                    _write_unbound(unbound)
                break
            except BaseException as error:
                if interruption is not None:
                    put_behind(error, interruption)
                interruption = error
    if interruption is not None:
        try:
            raise interruption
        finally:
            del interruption  # else a cycle: the exception, its traceback, this frame
    if has_news:
        _process.report()


def _write_unbound(unbound: list[tuple[Placed, float]]) -> None:
    """Write what has no cell yet, or drop it; of what is interrupted, the rest stays in the list.

    A frame of its own: in Python 3.12 and 3.13, what a signal handler raises at the end of a round
    of `while` passes the `try` and the `with` around it, and the lock would stay held.
    """
    while unbound:
        value, amount = unbound[-1]
        cells = value.file.cells or _process.bind(value)
        if cells is not None:
            cells[value.index] += amount
        unbound.pop()


def put_exemplars(places: Iterable[Place], trace: Trace, value: float, timestamp: float) -> None:
    """Leave the trace as the exemplar of these buckets; `value` is the one that they counted.

    `timestamp` is in Unix seconds.
    """
    records = [
        (number, encode_record(digest, trace, value, timestamp)) for number, digest in places
    ]
    with process_lock:
        _process.put_exemplars(records)
    _process.report()


def count_corrupt_file() -> None:
    """Count a damaged file that this process found."""
    with process_lock:
        _process.count(CORRUPT_NAME)
