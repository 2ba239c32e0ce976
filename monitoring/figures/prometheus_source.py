"""Reads the figures of all hosts from a server with Prometheus's HTTP API.

The queries follow the rules of the local source: exact differences instead of extrapolated
increases, and new series that count from 0. Quantiles are computed here, from the same buckets and
with the same code as for the local source.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from monitoring.conf import Settings
from monitoring.figures.intervals import Interval, Intervals, classes_of, step_for
from monitoring.figures.prometheus_http import PrometheusClient, Row
from monitoring.figures.promql import Expressions, escaped, matchers, quoted
from monitoring.figures.quantile import Buckets, buckets_of
from monitoring.figures.ranking import EVERY, Endpoint, Ranking, Selection
from monitoring.figures.traffic import (
    NOT_TOLD,
    PROMETHEUS,
    SPENT_IN_ALL,
    SPENT_IN_REQUESTS,
    EndpointTimes,
    EndpointTraffic,
    SourceUnavailableError,
    Spent,
    Traffic,
    Workers,
)
from monitoring.figures.window import Window
from monitoring.metrics import names

_POINTS = 60  # each has the 338 buckets of the fine histogram
_LEAST_STEP = 15.0
_LEAST_REACH = 60.0  # long enough for several scrapes at the usual intervals
_MOST_NAMED = 100  # routes that a query names; above, it asks for all
_UNKNOWN_SPAN = 86400.0
_HIGHEST_BOUND = 1e9  # seconds


class PrometheusSource:
    """Queries the server PROMETHEUS_URL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._matchers = matchers(settings.PROMETHEUS_MATCHERS)

    def traffic(self, window: Window, ranking: Ranking | None = None) -> Traffic:
        with PrometheusClient(self._settings) as client:
            return self._ask_for(client, self._expressions(window), window, ranking)

    def intervals(self, window: Window, selection: Selection | None = None) -> Intervals:
        """Estimates by `increase`, each over a step, or over a minute if steps are shorter.

        Of endpoints, not every Prometheus stores more than the classic buckets.
        """
        ask = self._expressions(window)
        chosen = matchers((selection or EVERY).labels())
        times_of = (
            names.HTTP_REQUEST_DURATION_HIGHR_SECONDS
            if selection is None
            else names.HTTP_REQUEST_DURATION_SECONDS
        )
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
                counted = f"sum by ({label}) ({ask.increased(name, round(reach), *chosen)})"
                found = client.query_range(counted, times[0], times[-1], step)
                return [(labels, values) for labels, values in found if labels.get(label)]

            by_status = rows(names.HTTP_REQUESTS, "status")
            by_bound = rows(times_of.bucket, "le")
            whole = _summed_buckets(client, ask.added(times_of.bucket, *chosen))
        is_known = selection is None or bool(by_status or by_bound or whole.total)
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
                for time in (times if is_known else ())
            ],
            duration=whole,
            is_fine=selection is None,
            is_known=is_known,
        )

    def _expressions(self, window: Window) -> Expressions:
        return Expressions(
            self._matchers, "" if window.seconds is None else f"{round(window.seconds * 1000)}ms"
        )

    def _ask_for(
        self,
        client: PrometheusClient,
        ask: Expressions,
        window: Window,
        ranking: Ranking | None,
    ) -> Traffic:
        _check_targets(client, ask)
        counted = _sums(client, ("method", "route", "status"), ask.added(names.HTTP_REQUESTS))
        requests = {(method, route, status): value for (method, route, status), value in counted}
        covered = self._covered(client, ask, window)
        fine = names.HTTP_REQUEST_DURATION_HIGHR_SECONDS
        return Traffic(
            source=PROMETHEUS,
            covered_seconds=covered,
            requests=requests,
            duration=_summed_buckets(client, ask.added(fine.bucket)),
            duration_sum=client.value(f"sum({ask.added(fine.sum)})") or 0.0,
            slow_count=client.value(f"sum({ask.added(names.HTTP_SLOW_REQUESTS)})") or 0.0,
            in_progress=client.value(f"sum({ask.now(names.HTTP_REQUESTS_IN_PROGRESS)})"),
            workers=_workers(client, ask),
            endpoints=(
                EndpointTraffic()
                if ranking is None
                else _endpoints(
                    client,
                    ask,
                    ranking,
                    requests,
                    covered,
                    knows_outgoing=self._settings.OUTGOING_HTTP,
                )
            ),
        )

    def _covered(self, client: PrometheusClient, ask: Expressions, window: Window) -> float | None:
        if window.seconds is None:
            return None
        found = client.value(ask.covered(window.seconds))
        # A server whose clock is behind its samples': never less than nothing.
        return min(max(found, 0.0), window.seconds) if found is not None else 0.0


def _endpoints(
    client: PrometheusClient,
    ask: Expressions,
    ranking: Ranking,
    requests: Mapping[tuple[str, str, str], float],
    covered: float | None,
    *,
    knows_outgoing: bool,
) -> EndpointTraffic:
    """With the classic buckets, because not every Prometheus stores native histograms."""
    total = ask.added(names.HTTP_REQUEST_DURATION_SECONDS.sum)
    seconds = _by_endpoint(client, f"sum by (method, route) ({total})")
    bucket = names.HTTP_REQUEST_DURATION_SECONDS.bucket

    def p95() -> dict[Endpoint, float]:
        summed = f"sum by (method, route, le) ({ask.added(bucket)})"
        # The comparison leaves out NaN.
        return _by_endpoint(client, f"histogram_quantile(0.95, {summed}) >= 0")

    spent, in_all = _spent(client, ask)
    first = ranking.first(requests, seconds, p95, lambda: spent["db"])
    buckets = _endpoint_buckets(client, ask, first)
    times = []
    for endpoint in first:
        found = buckets.get(endpoint, Buckets((), ()))
        of_endpoint = Spent(**{subject: each.get(endpoint, 0.0) for subject, each in spent.items()})
        whole = seconds.get(endpoint, 0.0)
        times.append(EndpointTimes(endpoint, whole, found.total, found, of_endpoint))
    return EndpointTraffic(
        times,
        is_fine=False,
        covered_seconds=covered,
        spent=Spent(**{subject: sum(each.values()) for subject, each in spent.items()}),
        spent_in_all=in_all,
        knows_outgoing=knows_outgoing,
    )


def _spent(
    client: PrometheusClient, ask: Expressions
) -> tuple[dict[str, dict[Endpoint, float]], Spent]:
    """By field of Spent and endpoint, and in all. One query: its label `spent` tells them apart."""
    parts = [
        f'label_replace(sum by ({by}) ({ask.added(name)}), "spent", "{subject}", "", "")'
        for by, found in (("method, route", SPENT_IN_REQUESTS), ("", SPENT_IN_ALL))
        for subject, name in found.items()
    ]
    spent: dict[str, dict[Endpoint, float]] = {subject: {} for subject in SPENT_IN_REQUESTS}
    in_all = {}
    for labels, value in client.query(" or ".join(parts)):
        subject = labels.get("spent", "")
        if labels.get("method") and labels.get("route") and subject in spent:
            spent[subject][labels["method"], labels["route"]] = value
        elif subject in SPENT_IN_ALL:
            in_all[subject] = value
    return spent, Spent(**in_all)


def _endpoint_buckets(
    client: PrometheusClient, ask: Expressions, endpoints: Sequence[Endpoint]
) -> dict[Endpoint, Buckets]:
    if not endpoints:
        return {}
    name = names.HTTP_REQUEST_DURATION_SECONDS.bucket
    if len(endpoints) <= _MOST_NAMED:
        routes = "|".join(sorted({escaped(route) for _, route in endpoints}))
        counts = ask.added(name, f"route=~{quoted(routes)}")
    else:
        counts = ask.added(name)
    by_endpoint: dict[Endpoint, list[tuple[str, float]]] = defaultdict(list)
    for (method, route, bound), value in _sums(client, ("method", "route", "le"), counts):
        by_endpoint[method, route].append((bound, value))
    return {key: _buckets(by_endpoint[key]) for key in endpoints if key in by_endpoint}


def _by_endpoint(client: PrometheusClient, expression: str) -> dict[Endpoint, float]:
    """Every series of ours has both labels, so a sample that lacks one is not ours."""
    return {
        (labels["method"], labels["route"]): value
        for labels, value in client.query(expression)
        if labels.get("method") and labels.get("route")
    }


def _check_targets(client: PrometheusClient, ask: Expressions) -> None:
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


def _summed_buckets(client: PrometheusClient, counts: str) -> Buckets:
    return _buckets((bound, value) for (bound,), value in _sums(client, ("le",), counts))


def _at(rows: Sequence[Row], label: str, time: float) -> list[tuple[str, float]]:
    """Pairs of a label value and its sample at the time."""
    return [(labels[label], values[time]) for labels, values in rows if time in values]


def _workers(client: PrometheusClient, ask: Expressions) -> Workers:
    """Known from exporters only; None without one."""
    configured = client.value(f"sum({ask.now(names.GUNICORN_WORKERS_CONFIGURED)})")
    workers = client.query(f"sum by (state) ({ask.now(names.GUNICORN_WORKERS)})")
    states = {labels.get("state", ""): round(value) for labels, value in workers}
    return Workers(
        None if configured is None else round(configured),
        sum(states.values()) if states else None,
        states.get("busy") if states else None,
        NOT_TOLD if states else "Prometheus scrapes no exporter",
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
