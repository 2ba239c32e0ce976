"""Reads the figures of all hosts from a server with Prometheus's HTTP API.

The queries follow the rules of the local source: exact differences instead of extrapolated
increases, and new series that count from 0. Quantiles are computed here, from the same buckets and
with the same code as for the local source.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitoring.conf import Settings
from monitoring.figures.intervals import Interval, Intervals, classes_of, step_for
from monitoring.figures.prometheus_http import PrometheusClient, Row
from monitoring.figures.quantile import Buckets, buckets_of
from monitoring.figures.traffic import (
    MOST_ENDPOINTS,
    PROMETHEUS,
    Endpoint,
    SourceUnavailableError,
    Traffic,
    Workers,
)
from monitoring.figures.window import Window
from monitoring.metrics import names

_POINTS = 60  # each has the 338 buckets of the fine histogram
_LEAST_STEP = 15.0
_LEAST_REACH = 60.0  # long enough for several scrapes at the usual intervals
_UNKNOWN_SPAN = 86400.0
_HIGHEST_BOUND = 1e9  # seconds
# One series in every scrape of ours: it tells how often and since when a target is scraped, and
# which targets are ours. Other programs have metrics of the same names, with other labels.
_PROBE = (names.MONITORING_FILES, 'state="ok"')


@dataclass(frozen=True, slots=True)
class _Expressions:
    """PromQL for one window; `matchers` are those of the settings, as PromQL."""

    matchers: tuple[str, ...]
    window: str  # a duration; empty for all time

    def selector(self, name: str, *more: str) -> str:
        return f"{name}{{{','.join((*self.matchers, *more))}}}"

    def now(self, name: str) -> str:
        """Each series of a target of ours, as of now."""
        return f"({self.selector(name)} and on (job, instance) {self.selector(*_PROBE)})"

    def increased(self, name: str, seconds: int) -> str:
        """PromQL's `increase` of each series of a target of ours."""
        counted = f"increase({self.selector(name)}[{seconds}s])"
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


class PrometheusSource:
    """Queries the server PROMETHEUS_URL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._matchers = tuple(
            f"{name}={_quoted(value)}" for name, value in settings.PROMETHEUS_MATCHERS
        )

    def traffic(self, window: Window) -> Traffic:
        with PrometheusClient(self._settings) as client:
            return self._ask_for(client, self._expressions(window), window)

    def intervals(self, window: Window) -> Intervals:
        """Estimates by `increase`, each over a step, or over a minute if steps are shorter."""
        ask = self._expressions(window)
        fine = names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket
        with PrometheusClient(self._settings) as client:
            _check_targets(client, ask)
            covered = self._covered(client, ask, window)
            span = covered if covered is not None else _UNKNOWN_SPAN
            step = step_for(span, _LEAST_STEP, _POINTS)
            reach = max(step, _LEAST_REACH)
            # Rounded to milliseconds, like the times in the answers.
            count = int(span // step) + 1
            times = [round(client.moment - step * place, 3) for place in reversed(range(count))]

            def rows(name: str, label: str) -> list[Row]:
                counted = f"sum by ({label}) ({ask.increased(name, round(reach))})"
                found = client.query_range(counted, times[0], times[-1], step)
                return [(labels, values) for labels, values in found if labels.get(label)]

            by_status, by_bound = rows(names.HTTP_REQUESTS, "status"), rows(fine, "le")
            whole = _fine_buckets(client, ask)
        return Intervals(
            source=PROMETHEUS,
            covered_seconds=covered,
            step_seconds=step,
            intervals=[
                Interval(
                    start=time - reach,
                    end=time,
                    classes=classes_of(_at(by_status, "status", time)),
                    duration=_buckets(_at(by_bound, "le", time)),
                )
                for time in times
            ],
            duration=whole,
        )

    def _expressions(self, window: Window) -> _Expressions:
        return _Expressions(
            self._matchers, "" if window.seconds is None else f"{round(window.seconds * 1000)}ms"
        )

    def _ask_for(self, client: PrometheusClient, ask: _Expressions, window: Window) -> Traffic:
        _check_targets(client, ask)
        requests = _sums(client, ("method", "route", "status"), ask.added(names.HTTP_REQUESTS))
        total = ask.added(names.HTTP_REQUEST_DURATION_SECONDS.sum)
        seconds = {
            (method, route): value
            for (method, route), value in _sums(client, ("method", "route"), total)
        }
        fine = names.HTTP_REQUEST_DURATION_HIGHR_SECONDS
        return Traffic(
            source=PROMETHEUS,
            covered_seconds=self._covered(client, ask, window),
            requests={
                (method, route, status): value for (method, route, status), value in requests
            },
            duration=_fine_buckets(client, ask),
            duration_sum=client.value(f"sum({ask.added(fine.sum)})") or 0.0,
            endpoint_seconds=seconds,
            endpoint_buckets=self._endpoint_buckets(client, ask, seconds),
            slow_count=client.value(f"sum({ask.added(names.HTTP_SLOW_REQUESTS)})") or 0.0,
            in_progress=client.value(f"sum({ask.now(names.HTTP_REQUESTS_IN_PROGRESS)})"),
            workers=_workers(client, ask),
        )

    def _covered(self, client: PrometheusClient, ask: _Expressions, window: Window) -> float | None:
        if window.seconds is None:
            return None
        found = client.value(ask.covered(window.seconds))
        # A server whose clock is behind its samples': never less than nothing.
        return min(max(found, 0.0), window.seconds) if found is not None else 0.0

    def _endpoint_buckets(
        self, client: PrometheusClient, ask: _Expressions, seconds: Mapping[Endpoint, float]
    ) -> dict[Endpoint, Buckets]:
        top = sorted(seconds, key=seconds.__getitem__, reverse=True)[:MOST_ENDPOINTS]
        if not top:
            return {}
        routes = "|".join(sorted({_escaped(route) for _, route in top}))
        name = names.HTTP_REQUEST_DURATION_SECONDS.bucket
        counts = ask.added(name, f"route=~{_quoted(routes)}")
        by_endpoint: dict[Endpoint, list[tuple[str, float]]] = defaultdict(list)
        for (method, route, bound), value in _sums(client, ("method", "route", "le"), counts):
            by_endpoint[method, route].append((bound, value))
        return {key: _buckets(by_endpoint[key]) for key in top if key in by_endpoint}


def _check_targets(client: PrometheusClient, ask: _Expressions) -> None:
    if not client.query(ask.targets()):
        raise SourceUnavailableError(
            "no_data", "Prometheus knows no target of this site; see PROMETHEUS_MATCHERS"
        )


def _sums(
    client: PrometheusClient, by: tuple[str, ...], expression: str
) -> list[tuple[tuple[str, ...], float]]:
    """Sums by labels. Every series of ours has them, so a sample that lacks one is not ours."""
    found = client.query(f"sum by ({', '.join(by)}) ({expression})")
    return [
        (tuple(labels[name] for name in by), value)
        for labels, value in found
        if all(labels.get(name) for name in by)
    ]


def _fine_buckets(client: PrometheusClient, ask: _Expressions) -> Buckets:
    counts = ask.added(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)
    return _buckets((bound, value) for (bound,), value in _sums(client, ("le",), counts))


def _at(rows: Sequence[Row], label: str, time: float) -> list[tuple[str, float]]:
    """Pairs of a label value and its sample at the time."""
    return [(labels[label], values[time]) for labels, values in rows if time in values]


def _workers(client: PrometheusClient, ask: _Expressions) -> Workers:
    """Known from exporters only; None without one."""
    configured = client.value(f"sum({ask.now(names.GUNICORN_WORKERS_CONFIGURED)})")
    workers = client.query(f"sum by (state) ({ask.now(names.GUNICORN_WORKERS)})")
    states = {labels.get("state", ""): round(value) for labels, value in workers}
    return Workers(
        None if configured is None else round(configured),
        sum(states.values()) if states else None,
        states.get("busy") if states else None,
    )


def _buckets(pairs: Iterable[tuple[str, float]]) -> Buckets:
    return buckets_of((_bound(text), value) for text, value in pairs)


def _bound(text: str) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if bound == math.inf or 0 <= bound <= _HIGHEST_BOUND:
        return bound
    raise SourceUnavailableError("bad_answer", "Prometheus has a bucket with a bound of no number")


def _quoted(text: str) -> str:
    """A PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    """A regular expression (RE2) that matches exactly this text."""
    return "".join(f"\\{sign}" if sign in r"\.+*?()|[]{}^$" else sign for sign in text)
