"""A counter for a process that does without prometheus-client; its file has the same entries."""

from monitoring.storage import this_process
from monitoring.storage.format import metric_key
from monitoring.storage.own_counters import PREFIX
from monitoring.storage.process_lock import process_lock
from monitoring.storage.slot_file import Cells

_UNBOUND = Cells()


class PlainCounter:
    """A series of a PlainFamily, in this process's slot."""

    __slots__ = ("file", "index", "key", "prefix")
    offset = 0

    def __init__(self, key: str) -> None:
        self.prefix = PREFIX
        self.key = key
        self.file: Cells = _UNBOUND
        self.index = 0

    def inc(self) -> None:
        with process_lock():
            cells = self.file.cells or this_process.files.bind(self)
            if cells is not None:
                cells[self.index] += 1
        this_process.files.report()

    def get(self) -> float:
        """The slot's value (earlier owners' share included); 0 before the first write."""
        with process_lock():
            return self.file.cells[self.index] if self.file.cells is not None else 0.0


class PlainFamily:
    """A counter family with at most one label. `name` ends with `_total`."""

    def __init__(self, name: str, help_text: str, label: str | None = None) -> None:
        self.name = name
        self.help = help_text
        self.labels = () if label is None else (label,)
        self._known: dict[tuple[str, ...], PlainCounter] = {}

    def of(self, *values: str) -> PlainCounter:
        """The counter of these label values, which must come from a closed set."""
        known = self._known.get(values)
        if known is None:
            family = self.name.removesuffix("_total")
            key = metric_key(family, self.name, self.labels, values, self.help)
            known = self._known[values] = PlainCounter(key)
        return known
