"""Writes the PromQL that counts as the local source does: see prometheus_source."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.metrics import names

# One series in every scrape of ours: it tells how often and since when a target is scraped, and
# which targets are ours. Other programs have metrics of the same names, with other labels.
_PROBE = (names.MONITORING_FILES, 'state="ok"')


@dataclass(frozen=True, slots=True)
class Expressions:
    """PromQL for one window; `matchers` are those of the settings, as PromQL."""

    matchers: tuple[str, ...]
    window: str  # a duration; empty for all time

    def selector(self, name: str, *more: str) -> str:
        return f"{name}{{{','.join((*self.matchers, *more))}}}"

    def now(self, name: str) -> str:
        """Each series of a target of ours, as of now."""
        return f"({self.selector(name)} and on (job, instance) {self.selector(*_PROBE)})"

    def increased(self, name: str, seconds: int, *more: str) -> str:
        """PromQL's `increase` of each series of a target of ours."""
        counted = f"increase({self.selector(name, *more)}[{seconds}s])"
        return f"({counted} and {self._ours(f'{seconds}s')})"

    def added(self, name: str, *more: str) -> str:
        """The increase of each series of a target of ours; until it stopped, if it did.

        A series from before the window: the difference, or `increase` if it was reset. A series
        that appeared later than its target counts from 0. A series that appeared with its target
        may have counted before, so it counts from its first sample.
        """
        series = self.selector(name, *more)
        if not self.window:
            return f"{series} and on (job, instance) {self.selector(*_PROBE)}"
        last = f"last_over_time({series}[{self.window}])"
        resets = f"(resets({series}[{self.window}]) > 0)"
        scrapes = f"count_over_time({self.selector(*_PROBE)}[{self.window}])"
        samples = f"count_over_time({series}[{self.window}])"
        whole = (
            f"(({last} - ({series} offset {self.window})) unless {resets})"
            f" or (increase({series}[{self.window}]) and {resets})"
            f" or ({last} and ({samples} < on (job, instance) group_left () {scrapes}))"
            f" or ({last} - min_over_time({series}[{self.window}]))"
        )
        return f"({whole}) and {self._ours(self.window)}"

    def targets(self) -> str:
        """The number of targets in the window."""
        probe = self.selector(*_PROBE)
        return (
            f"count(last_over_time({probe}[{self.window}]))" if self.window else f"count({probe})"
        )

    def covered(self, seconds: float) -> str:
        """The age of the window's oldest sample in seconds."""
        probe = f"timestamp({self.selector(*_PROBE)})"
        step = max(1, round(seconds / 300))
        oldest = f"min(min_over_time({probe}[{self.window}:{step}s]))"
        return f"time() - {oldest}"

    def _ours(self, duration: str) -> str:
        return f"on (job, instance) last_over_time({self.selector(*_PROBE)}[{duration}])"


def matchers(labels: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Of series that have these labels."""
    return tuple(f"{name}={quoted(value)}" for name, value in labels)


def quoted(text: str) -> str:
    """A PromQL string."""
    written = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{written}"'


def escaped(text: str) -> str:
    """A regular expression (RE2) that matches exactly this text."""
    return "".join(f"\\{sign}" if sign in r"\.+*?()|[]{}^$" else sign for sign in text)
