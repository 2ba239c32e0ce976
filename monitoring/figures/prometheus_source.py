"""Reads the figures of all hosts from a server with Prometheus's HTTP API.

The queries follow the rules of the local source: exact differences instead of extrapolated
increases, and new series that count from 0. Quantiles are computed here, from the same buckets and
with the same code as for the local source.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitoring.conf import Settings
from monitoring.figures.intervals import Interval, Intervals, classes_of, step_for
from monitoring.figures.prometheus_http import PrometheusClient, Row, Sample
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

_POINTS = 60  # each has the 290 buckets of the fine histogram
_LEAST_STEP = 15.0
_LEAST_REACH = 60.0  # long enough for several scrapes at the usual intervals
_UNKNOWN_SPAN = 86400.0
# One series in every scrape of ours: it tells how often and since when a target is scraped.
_PROBE = (names.MONITORING_FILES, 'state="ok"')


@dataclass(frozen=True, slots=True)
class _Expressions:
    """PromQL for one window; `matchers` are those of the settings, as PromQL."""

    matchers: tuple[str, ...]
    window: str  # a duration; empty for all time

    def selector(self, name: str, *more: str) -> str:
        return f"{name}{{{','.join((*self.matchers, *more))}}}"

    def added(self, name: str, *more: str) -> str:
        """The increase of each series in the window; for a stopped target, until it stopped.

        A series from before the window: the difference, or `increase` if it was reset. A series
        that appeared later than its target counts from 0. A series that appeared with its target
        may have counted before, so it counts from its first sample.
        """
        series = self.selector(name, *more)
        if not self.window:
            return series
        last = f"last_over_time({series}[{self.window}])"
        resets = f"(resets({series}[{self.window}]) > 0)"
        scrapes = f"count_over_time({self.selector(*_PROBE)}[{self.window}])"
        samples = f"count_over_time({series}[{self.window}])"
        return (
            f"(({last} - ({series} offset {self.window})) unless {resets})"
            f" or (increase({series}[{self.window}]) and {resets})"
            f" or ({last} and ({samples} < on (job, instance) group_left () {scrapes}))"
            f" or ({last} - min_over_time({series}[{self.window}]))"
        )

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
            covered = self._covered(client, ask, window)
            span = covered if covered is not None else _UNKNOWN_SPAN
            step = step_for(span, _LEAST_STEP, _POINTS)
            reach = max(step, _LEAST_REACH)
            # Rounded to milliseconds, like the times in the answers.
            count = int(span // step) + 1
            times = [round(client.moment - step * place, 3) for place in reversed(range(count))]

            def rows(name: str, label: str) -> list[Row]:
                counted = f"increase({ask.selector(name)}[{round(reach)}s])"
                return client.query_range(
                    f"sum by ({label}) ({counted})", times[0], times[-1], step
                )

            by_status, by_bound = rows(names.HTTP_REQUESTS, "status"), rows(fine, "le")
            whole = _buckets(client.query(f"sum by (le) ({ask.added(fine)})"))
        return Intervals(
            source=PROMETHEUS,
            covered_seconds=covered,
            step_seconds=step,
            intervals=[
                Interval(
                    start=time - reach,
                    end=time,
                    classes=classes_of(_at(by_status, "status", time)),
                    duration=buckets_of(
                        (float(bound), value) for bound, value in _at(by_bound, "le", time)
                    ),
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
        if not client.query(ask.targets()):
            raise SourceUnavailableError(
                "no_data", "Prometheus knows no target of this site; see PROMETHEUS_MATCHERS"
            )
        requests = client.query(
            f"sum by (method, route, status) ({ask.added(names.HTTP_REQUESTS)})"
        )
        seconds = _by_endpoint(
            client.query(
                f"sum by (method, route) ({ask.added(names.HTTP_REQUEST_DURATION_SECONDS.sum)})"
            )
        )
        fine = names.HTTP_REQUEST_DURATION_HIGHR_SECONDS
        return Traffic(
            source=PROMETHEUS,
            covered_seconds=self._covered(client, ask, window),
            requests={
                (labels["method"], labels["route"], labels["status"]): value
                for labels, value in requests
            },
            duration=_buckets(client.query(f"sum by (le) ({ask.added(fine.bucket)})")),
            duration_sum=client.value(f"sum({ask.added(fine.sum)})") or 0.0,
            endpoint_seconds=seconds,
            endpoint_buckets=self._endpoint_buckets(client, ask, seconds),
            slow_count=client.value(f"sum({ask.added(names.HTTP_SLOW_REQUESTS)})") or 0.0,
            in_progress=client.value(f"sum({ask.selector(names.HTTP_REQUESTS_IN_PROGRESS)})"),
            workers=_workers(client, ask),
        )

    def _covered(self, client: PrometheusClient, ask: _Expressions, window: Window) -> float | None:
        if window.seconds is None:
            return None
        found = client.value(ask.covered(window.seconds))
        return min(found, window.seconds) if found is not None else 0.0

    def _endpoint_buckets(
        self, client: PrometheusClient, ask: _Expressions, seconds: Mapping[Endpoint, float]
    ) -> dict[Endpoint, Buckets]:
        top = sorted(seconds, key=seconds.__getitem__, reverse=True)[:MOST_ENDPOINTS]
        if not top:
            return {}
        routes = "|".join(sorted({_escaped(route) for _, route in top}))
        name = names.HTTP_REQUEST_DURATION_SECONDS.bucket
        found = client.query(
            f"sum by (method, route, le) ({ask.added(name, f'route=~{_quoted(routes)}')})"
        )
        by_endpoint: dict[Endpoint, list[Sample]] = defaultdict(list)
        for labels, value in found:
            by_endpoint[labels["method"], labels["route"]].append((labels, value))
        return {key: _buckets(by_endpoint[key]) for key in top if key in by_endpoint}


def _at(rows: Sequence[Row], label: str, time: float) -> list[tuple[str, float]]:
    """Pairs of a label value and its sample at the time."""
    return [(labels[label], values[time]) for labels, values in rows if time in values]


def _workers(client: PrometheusClient, ask: _Expressions) -> Workers:
    """Known from exporters only; None without one."""
    configured = client.value(f"sum({ask.selector(names.GUNICORN_WORKERS_CONFIGURED)})")
    workers = client.query(f"sum by (state) ({ask.selector(names.GUNICORN_WORKERS)})")
    states = {labels.get("state", ""): round(value) for labels, value in workers}
    return Workers(
        None if configured is None else round(configured),
        sum(states.values()) if states else None,
        states.get("busy") if states else None,
    )


def _by_endpoint(samples: Sequence[Sample]) -> dict[Endpoint, float]:
    return {(labels["method"], labels["route"]): value for labels, value in samples}


def _buckets(samples: Sequence[Sample]) -> Buckets:
    return buckets_of((float(labels["le"]), value) for labels, value in samples)


def _quoted(text: str) -> str:
    """A PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    """A regular expression (RE2) that matches exactly this text."""
    return "".join(f"\\{sign}" if sign in r"\.+*?()|[]{}^$" else sign for sign in text)
