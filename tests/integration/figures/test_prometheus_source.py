"""`source = prometheus`: the union of all hosts, by the rules of the local source."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from monitoring.conf import DEFAULT_LATENCY_BUCKETS, Settings, parse_settings
from monitoring.figures.intervals import latency_histogram, points
from monitoring.figures.prometheus_source import PrometheusSource
from monitoring.figures.ranking import Ranking, Selection
from monitoring.figures.request_figures import request_figures
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.figures.window import Window
from tests.load.client import Load, Result
from tests.servers.admin import User, ask, make_users
from tests.servers.gunicorn import Gunicorn, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus
from tests.servers.text_target import run_text_target

# What differs by nature: who answers, when, and how far back it reaches.
APART = {"source", "window", "timestamp", "requests_per_second", "workers", "time_spent"}


def settings_for(prometheus: Prometheus, **more: Any) -> Settings:
    settings, problems = parse_settings({"PROMETHEUS_URL": prometheus.url, **more})
    assert problems == []
    return settings


def figures_from(prometheus: Prometheus, window: float | None = 300.0, **more: Any) -> Any:
    return request_figures(
        PrometheusSource(settings_for(prometheus, **more)).traffic(Window(window), Ranking())
    )


def same_bucket(*milliseconds: float | None) -> bool:
    """None stands for the lowest bucket."""
    bounds = [1000 * bound for bound in DEFAULT_LATENCY_BUCKETS]
    return len({bisect_left(bounds, 0.0 if ms is None else ms) for ms in milliseconds}) == 1


@pytest.fixture
def hosts(tmp_path: Path, shm_directory: Path) -> Iterator[tuple[list[Gunicorn], User]]:
    """Two servers with a database in common, each with a metrics directory of its own."""
    admin = make_users(tmp_path)["admin"]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                run_gunicorn(
                    tmp_path, directory=shm_directory.with_name(f"host{number}"), workers=2
                )
            )
            for number in range(2)
        ]
        yield servers, admin


def wait_for_counts(prometheus: Prometheus, results: list[Result]) -> None:
    total = sum(result.total for result in results)
    wait_for(
        "all counts in Prometheus",
        lambda: (
            prometheus.value("sum(http_request_duration_highr_seconds_count)") == total
            and prometheus.value("sum(http_requests_total)") == total
        ),
    )


def test_prometheus_answers_the_union_and_local_its_own(
    hosts: tuple[list[Gunicorn], User], tmp_path: Path, shm_directory: Path
) -> None:
    servers, admin = hosts
    with run_prometheus(tmp_path / "p", [server.address for server in servers]) as prometheus:
        wait_for("both", lambda: prometheus.value("sum(up)") == 2)
        results = [
            Load(servers[0].address, seed=1).start(600).finish(),
            Load(servers[1].address, seed=2).start(250).finish(),
        ]
        wait_for_counts(prometheus, results)
        with run_gunicorn(
            tmp_path / "asker",
            directory=shm_directory.with_name("asker"),
            workers=1,
            DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
            PROMETHEUS_URL=prometheus.url,
        ) as asker:
            union = ask(asker, admin, "/api/metrics/?window=5m")
        assert union["source"] == "prometheus"
        assert union["request_count"] == 850
        statuses = results[0].answered + results[1].answered
        by_code: dict[str, int] = {}
        for (_, _, status), count in statuses.items():
            by_code[status] = by_code.get(status, 0) + count
        assert union["status_codes"] == by_code
        assert 0 < union["window"]["covered_seconds"] < 120
        for server, result in zip(servers, results, strict=True):
            local = ask(server, admin, "/api/metrics/?window=5m")
            assert (local["source"], local["request_count"]) == ("local", result.total)
            assert local["unavailable"].pop("active_sessions") == "REDIS_URL is not set"
            matchers = {"instance": server.address}
            remote = figures_from(prometheus, PROMETHEUS_MATCHERS=matchers)
            for name in ("configured", "alive", "busy"):
                reason = remote["unavailable"].pop(f"workers.{name}")
                assert reason == "Prometheus scrapes no exporter"
            for name in remote.keys() - APART - {"endpoints"}:
                assert remote[name] == pytest.approx(local[name]), name
            for subject, spent in remote["time_spent"].items():
                for name in ("share", "in_requests_ms"):
                    assert spent[name] == pytest.approx(local["time_spent"][subject][name]), subject
            assert {(e["route"], e["method"]): e["request_count"] for e in remote["endpoints"]} == {
                (e["route"], e["method"]): e["request_count"] for e in local["endpoints"]
            }
            for ours, theirs in zip(
                sorted(local["endpoints"], key=str),
                sorted(remote["endpoints"], key=str),
                strict=True,
            ):
                exact = ("request_count", "error_rate", "avg_response_time", "db_share")
                assert [theirs[name] for name in exact] == pytest.approx(
                    [ours[name] for name in exact]
                )
                # Prometheus has the classic buckets only.
                assert theirs["min_response_time"] is None
                assert "min_response_time" in theirs["unavailable"]
                assert same_bucket(theirs["p95_response_time"], ours["p95_response_time"])


def exposition(number: int, requests: dict[str, float]) -> str:
    """A target's text: a counter by route, and its histogram: each answer in 0.1 s to 1 s."""
    total = sum(requests.values())
    lines = [f"served_round {number}", 'monitoring_files{state="ok"} 1']
    for route, count in requests.items():
        lines.append(f'http_requests_total{{method="GET",route="{route}",status="200"}} {count}')
        for bound, below in (("0.1", 0.0), ("0.5", count), ("+Inf", count)):
            labels = f'method="GET",route="{route}",le="{bound}"'
            lines.append(f"http_request_duration_seconds_bucket{{{labels}}} {below}")
    fine = "http_request_duration_highr_seconds"
    lines += [
        f'{fine}_bucket{{le="0.1"}} 0',
        f'{fine}_bucket{{le="1.0"}} {total}',
        f'{fine}_bucket{{le="+Inf"}} {total}',
        f"{fine}_count {total}",
        f"{fine}_sum {total / 10}",
    ]
    return "\n".join([*lines, ""])


def test_series_old_new_reset_and_stopped_are_counted_as_the_local_source_does(
    tmp_path: Path,
) -> None:
    with run_text_target() as target, run_prometheus(tmp_path, [target.address]) as prometheus:

        def serve(number: int, requests: dict[str, float]) -> None:
            target.text = exposition(number, requests)
            wait_for("the scrape", lambda: prometheus.value("served_round") == number)

        serve(1, {"/old/": 1000})
        serve(2, {"/old/": 1010})
        assert figures_from(prometheus)["request_count"] == 10  # not what was before
        serve(3, {"/old/": 1010, "/new/": 7})
        found = figures_from(prometheus)
        assert found["request_count"] == 17  # a new series counts from 0
        assert {e["route"]: e["request_count"] for e in found["endpoints"]} == {
            "/old/": 10,
            "/new/": 7,
        }
        assert figures_from(prometheus, None)["request_count"] == 1017
        target.text = ""
        wait_for("no series", lambda: not prometheus.query("http_requests_total"))
        assert figures_from(prometheus)["request_count"] == 17  # until it stopped
        serve(4, {"/old/": 5, "/new/": 7})
        # The reset of /old/ adds 5; `increase` extrapolates its 15 somewhat. Not -995, not 1022.
        assert 17 <= figures_from(prometheus)["request_count"] <= 35


def test_time_is_split_by_route_and_from_that_outside_requests(tmp_path: Path) -> None:
    with run_text_target() as target, run_prometheus(tmp_path, [target.address]) as prometheus:

        def serve(number: int, factor: float) -> None:
            a, b = '{method="GET",route="/a/"}', '{method="GET",route="/b/"}'
            lines = [
                f"http_request_duration_seconds_sum{a} {10 * factor}",
                f"http_request_duration_seconds_sum{b} {20 * factor}",
                f"http_request_db_seconds_total{a} {5 * factor}",
                f"http_request_db_queries_total{a} {400 * factor}",
                f"http_request_cache_seconds_total{b} {2 * factor}",
                f"db_query_duration_highr_seconds_sum {8 * factor}",
                f'cache_operation_seconds_total{{alias="default"}} {1.5 * factor}',
                f'cache_operation_seconds_total{{alias="other"}} {0.5 * factor}',
            ]
            requests = {"/a/": 200 * factor, "/b/": 100 * factor}
            target.text = "\n".join([exposition(number, requests), *lines, ""])
            wait_for("the scrape", lambda: prometheus.value("served_round") == number)

        serve(1, 1)
        serve(2, 3)
        found = request_figures(
            PrometheusSource(settings_for(prometheus)).traffic(Window(300.0), Ranking("db", 2))
        )
        shares = [
            (one["route"], one["db_share"], one["cache_share"], one["queries_per_request"])
            for one in found["endpoints"]
        ]
        assert shares == [("/a/", 0.5, 0, 2), ("/b/", 0, 0.1, 0)]
        assert found["time_spent"]["db"] == {
            "share": pytest.approx(10 / 60),
            "in_requests_ms": 10_000,
            "outside_requests_ms": 6_000,
        }
        assert found["time_spent"]["cache"]["outside_requests_ms"] == 0


def test_a_window_in_points(tmp_path: Path) -> None:
    with run_text_target() as target, run_prometheus(tmp_path, [target.address]) as prometheus:

        def serve(number: int, requests: dict[str, float]) -> None:
            target.text = exposition(number, requests)
            wait_for("the scrape", lambda: prometheus.value("served_round") == number)

        source = PrometheusSource(settings_for(prometheus))
        serve(1, {"/old/": 1000})
        serve(2, {"/old/": 1010})
        found = source.intervals(Window(300))
        assert found.source == "prometheus"
        assert latency_histogram(found.duration)[-1]["count"] == 10  # as exact as the summary
        last = points(found.intervals)[-1]
        # `increase` extrapolates to the ends of its range.
        assert 10 <= last["status_classes"]["2xx"] <= 25
        assert 100 < last["median_response_time"] <= 1000
        for seconds in (1.0, 3600.0, 30 * 86400.0, None):
            assert 1 <= len(source.intervals(Window(seconds)).intervals) <= 61

        route = '/new\\"x/{id}/'
        escaped = route.replace("\\", "\\\\").replace('"', '\\"')
        serve(3, {"/old/": 1010, escaped: 0})
        serve(4, {"/old/": 1030, escaped: 5})
        new = Selection("GET", route)
        of_new = source.intervals(Window(300), new)
        assert latency_histogram(of_new.duration) == [{"from_ms": 100, "to_ms": 500, "count": 5}]
        last = points(of_new.intervals, is_fine=of_new.is_fine)[-1]
        assert 5 <= last["status_classes"]["2xx"] <= 10
        assert last["median_response_time"] == pytest.approx(300)
        unknown = source.intervals(Window(300), Selection("GET", "/none/"))
        assert (unknown.is_known, unknown.intervals) == (False, [])


def test_without_a_target_there_is_an_error_and_not_a_zero(tmp_path: Path) -> None:
    with run_text_target() as target, run_prometheus(tmp_path, [target.address]) as prometheus:
        wait_for("a target", lambda: prometheus.query("up"))
        source = PrometheusSource(
            settings_for(prometheus, PROMETHEUS_MATCHERS={"job": 'no"such\\job'})
        )
        with pytest.raises(SourceUnavailableError, match="no target") as caught:
            source.traffic(Window())
        assert caught.value.code == "no_data"
        with pytest.raises(SourceUnavailableError, match="no target") as caught:
            source.intervals(Window())
        assert caught.value.code == "no_data"


FOREIGN = """http_requests_total{handler="/",code="200"} 5000
http_requests_total{method="GET",route="/theirs/",status="500"} 5000
http_request_duration_seconds_bucket{handler="/",le="+Inf"} 5000
http_request_duration_seconds_sum{handler="/"} 5000
http_requests_in_progress{handler="/"} 70
gunicorn_workers{state="busy"} 9
"""


@pytest.mark.parametrize("window", [300.0, None])
def test_another_services_metrics_of_the_same_names_are_not_counted(
    tmp_path: Path, window: float | None
) -> None:
    with (
        run_text_target() as ours,
        run_text_target() as theirs,
        run_prometheus(tmp_path, [ours.address, theirs.address]) as prometheus,
    ):
        theirs.text = FOREIGN
        # A part of the same target may be another library's, too.
        more = 'http_requests_total{handler="/x",code="200"} 9\n'
        ours.text = exposition(1, {"/old/": 0}) + more
        wait_for("the first scrapes", lambda: prometheus.value("count(gunicorn_workers)") == 1)
        wait_for("the first scrape", lambda: prometheus.value("served_round") == 1)
        ours.text = exposition(2, {"/old/": 10}) + more
        theirs.text = FOREIGN.replace("5000", "6000")
        wait_for("the second scrape", lambda: prometheus.value("served_round") == 2)
        wait_for("theirs", lambda: prometheus.query("http_requests_total == 6000"))
        found = figures_from(prometheus, window)
        assert found["request_count"] == 10
        assert found["status_codes"] == {"200": 10}
        assert [endpoint["route"] for endpoint in found["endpoints"]] == ["/old/"]
        assert (found["in_progress"], found["workers"]["busy"]) == (None, None)
        source = PrometheusSource(settings_for(prometheus))
        for point in points(source.intervals(Window(window)).intervals):
            assert point["server_error_rate"] in (None, 0)
