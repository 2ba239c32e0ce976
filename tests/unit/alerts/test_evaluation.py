"""One evaluation at a time; each alert is told once when it fires and once when it is over."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from monitoring.alerts.evaluation import (
    EvaluationRunningError,
    evaluate_if_due,
    evaluate_now,
)
from monitoring.alerts.states import AlertOutcome
from monitoring.alerts.thresholds import change_thresholds
from monitoring.models import AlertEvaluation, AlertEvent, AlertNotification

INTERVAL = timedelta(minutes=5)


class Clock:
    """Django's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def tick(self, step: timedelta = INTERVAL) -> None:
        self.now += step


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, admins: list[User]) -> Iterator[Clock]:
    moved = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: moved.now)
    with override_settings(MONITORING={}):
        yield moved


def figures(**given: float | None) -> Mapping[str, Any]:
    """A healthy summary, changed as given."""
    healthy = {
        "request_count": 1000,
        "error_rate": 0.5,
        "server_error_rate": 0.1,
        "avg_response_time": 80.0,
        "p95_response_time": 200.0,
        "slow_requests_count": 0,
        "active_sessions": 3,
    }
    return healthy | given


class Site:
    """What the summary says, and which windows were asked for."""

    def __init__(self, **given: float | None) -> None:
        self.figures = figures(**given)
        self.windows: list[float] = []

    def __call__(self, seconds: float) -> Mapping[str, Any]:
        self.windows.append(seconds)
        return self.figures


def told() -> list[tuple[str, str]]:
    return list(AlertEvent.objects.order_by("pk").values_list("name", "status"))


def last_word() -> str:
    return str(AlertEvent.objects.latest("pk").summary)


def test_a_healthy_site_raises_nothing(clock: Clock) -> None:
    done = evaluate_if_due(Site())
    assert done is not None
    assert {comparison.outcome for comparison in done.comparisons} == {AlertOutcome.UNCHANGED}
    assert told() == []


def test_an_alert_is_told_once_to_each_admin_and_once_when_it_is_over(clock: Clock) -> None:
    site = Site(error_rate=50.0)
    for _ in range(4):
        evaluate_if_due(site)
        clock.tick()
    assert told() == [("error_rate", "firing")]
    event = AlertEvent.objects.get()
    assert (event.value, event.threshold, event.window_seconds) == (50, 10, 300)
    notified = AlertNotification.objects.values_list("user__username", flat=True)
    assert sorted(notified) == ["anna", "ben"]
    site.figures = figures()
    for _ in range(3):
        evaluate_if_due(site)
        clock.tick()
    assert told() == [("error_rate", "firing"), ("error_rate", "resolved")]


def test_a_second_scheduler_and_a_queue_of_missed_runs_change_nothing(clock: Clock) -> None:
    site = Site(error_rate=50.0)
    assert evaluate_if_due(site) is not None
    for _ in range(3):
        clock.tick(timedelta(milliseconds=20))
        assert evaluate_if_due(site) is None
    assert len(site.windows) == 1


def test_a_missed_run_is_caught_up_once_over_what_was_missed(clock: Clock) -> None:
    site = Site()
    evaluate_if_due(site)
    clock.tick(timedelta(minutes=27))
    evaluate_if_due(site)
    clock.tick()
    evaluate_if_due(site)
    assert site.windows == [300, 27 * 60, 300]


def test_a_run_that_is_late_leaves_nothing_out(clock: Clock) -> None:
    """The other beat takes over, say."""
    site = Site()
    evaluate_if_due(site)
    for minutes in (7, 3, 5):
        clock.tick(timedelta(minutes=minutes))
        evaluate_if_due(site)
    assert site.windows == [300, 420, 300, 300]


def test_a_run_taken_for_dead_does_not_end_the_claim_of_another(clock: Clock) -> None:
    site = Site()

    def stuck(seconds: float) -> Mapping[str, Any]:
        clock.tick(timedelta(minutes=3))

        def meanwhile(seconds: float) -> Mapping[str, Any]:
            clock.tick(timedelta(seconds=1))
            return site.figures

        evaluate_now(meanwhile)
        AlertEvaluation.objects.update(running_until=clock.now + timedelta(minutes=1))
        return site.figures

    evaluate_now(stuck)
    with pytest.raises(EvaluationRunningError):
        evaluate_now(site)


def test_no_window_is_longer_than_a_day(clock: Clock) -> None:
    site = Site()
    evaluate_if_due(site)
    clock.tick(timedelta(days=9))
    evaluate_if_due(site)
    assert site.windows[-1] == 86_400


def test_a_run_that_overlaps_another_does_nothing(clock: Clock) -> None:
    site = Site(error_rate=50.0)

    def slow(seconds: float) -> Mapping[str, Any]:
        clock.tick(timedelta(seconds=90))
        with pytest.raises(EvaluationRunningError):
            evaluate_now(site)
        clock.tick(INTERVAL / 2 - timedelta(seconds=90))
        return site.figures

    evaluate_now(slow)
    assert site.windows == []


def test_a_run_that_died_holds_up_the_next_ones_for_two_minutes_only(clock: Clock) -> None:
    AlertEvaluation.objects.create(pk=1, running_until=clock.now + timedelta(minutes=2))
    with pytest.raises(EvaluationRunningError):
        evaluate_now(Site())
    clock.tick(timedelta(minutes=2))
    assert evaluate_now(Site()).window_seconds == 300


def test_a_source_that_is_down_leaves_the_states_and_the_next_run_looks_back(
    clock: Clock,
) -> None:
    site = Site(error_rate=50.0)
    evaluate_if_due(site)

    def down(seconds: float) -> Mapping[str, Any]:
        raise ConnectionError

    clock.tick()
    with pytest.raises(ConnectionError):
        evaluate_if_due(down)
    assert told() == [("error_rate", "firing")]
    clock.tick()
    evaluate_if_due(site)
    assert site.windows == [300, 600]


@pytest.mark.parametrize(("before", "windows"), [(1, [300, 600, 300]), (0, [600, 300])])
def test_the_window_of_a_run_that_was_killed_is_evaluated_by_the_next(
    clock: Clock, before: int, windows: list[float]
) -> None:
    site = Site()
    for _ in range(before):
        evaluate_if_due(site)
        clock.tick()

    class Killed(BaseException):
        """The process is gone: none of its code runs any more."""

    def killed(seconds: float) -> Mapping[str, Any]:
        kept = AlertEvaluation.objects.values().get()
        raise Killed(kept)

    with pytest.raises(Killed) as caught:
        evaluate_if_due(killed)
    AlertEvaluation.objects.update(**caught.value.args[0])  # as the process left it
    clock.tick()
    evaluate_if_due(site)
    clock.tick()
    evaluate_if_due(site)
    assert site.windows == windows


def test_a_run_on_demand_takes_nothing_from_the_next_window(clock: Clock) -> None:
    site = Site()
    evaluate_if_due(site)
    clock.tick(timedelta(minutes=9))
    evaluate_now(site)
    clock.tick(timedelta(minutes=1))
    evaluate_if_due(site)
    assert site.windows == [300, 300, 600]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_was_ahead_once_silences_no_alert(clock: Clock, ahead: timedelta) -> None:
    site = Site(error_rate=50.0)
    clock.tick(ahead)
    evaluate_if_due(site)
    site.figures = figures()
    clock.tick()
    evaluate_if_due(site)
    assert told() == [("error_rate", "firing"), ("error_rate", "resolved")]
    clock.tick(-ahead)
    site.figures = figures(error_rate=60.0)
    assert evaluate_if_due(site) is not None
    clock.tick()
    evaluate_if_due(site)
    assert told()[2:] == [("error_rate", "firing")]
    site.figures = figures()
    clock.tick()
    evaluate_if_due(site)
    assert told()[3:] == [("error_rate", "resolved")]
    assert site.windows == [300] * 5


def test_an_alert_that_began_while_the_clock_was_ahead_ends(clock: Clock) -> None:
    clock.tick(timedelta(days=1))
    evaluate_if_due(Site(error_rate=50.0))
    clock.tick(-timedelta(days=1))
    evaluate_if_due(Site())
    assert told() == [("error_rate", "firing"), ("error_rate", "resolved")]


def test_a_claim_of_a_run_that_died_while_the_clock_was_ahead_is_not_believed(
    clock: Clock,
) -> None:
    AlertEvaluation.objects.create(
        pk=1,
        last_started_at=clock.now + timedelta(days=1),
        running_until=clock.now + timedelta(days=1, minutes=2),
    )
    assert evaluate_if_due(Site()) is not None


def test_clocks_that_differ_by_a_minute_run_no_evaluation_twice(clock: Clock) -> None:
    site = Site()
    clock.tick(timedelta(minutes=1))
    evaluate_if_due(site)
    clock.tick(-timedelta(minutes=1))
    assert evaluate_if_due(site) is None


def test_an_alert_that_comes_back_within_the_cooldown_is_told_when_it_is_over(
    clock: Clock,
) -> None:
    site = Site(error_rate=50.0)
    evaluate_now(site)
    site.figures = figures()
    clock.tick(timedelta(minutes=1))
    evaluate_now(site)
    site.figures = figures(error_rate=60.0)
    clock.tick(timedelta(minutes=1))
    assert evaluate_now(site).names_of(AlertOutcome.HELD_BACK) == ["error_rate"]
    assert len(told()) == 2
    clock.tick(timedelta(minutes=4))
    assert evaluate_now(site).names_of(AlertOutcome.FIRED) == ["error_rate"]
    assert told()[-1] == ("error_rate", "firing")
    assert len(told()) == 3


def test_what_was_held_back_and_is_over_is_not_told_at_all(clock: Clock) -> None:
    for rate in (50.0, 0.0, 50.0, 0.0):
        evaluate_now(Site(error_rate=rate))
        clock.tick(timedelta(seconds=30))
    assert told() == [("error_rate", "firing"), ("error_rate", "resolved")]


def test_a_few_requests_raise_no_rate(clock: Clock) -> None:
    few = Site(request_count=19, error_rate=100.0, avg_response_time=9e9)
    evaluate_now(few)
    assert told() == []


def test_a_figure_that_is_missing_leaves_its_alert_as_it_is(clock: Clock) -> None:
    evaluate_now(Site(active_sessions=5000))
    clock.tick()
    evaluate_now(Site(active_sessions=None))
    assert told() == [("active_sessions", "firing")]


def test_without_traffic_a_rate_is_over(clock: Clock) -> None:
    evaluate_now(Site(error_rate=50.0))
    clock.tick()
    evaluate_now(Site(request_count=0, error_rate=None))
    assert told()[-1] == ("error_rate", "resolved")


def test_a_threshold_that_is_off_raises_nothing_and_ends_its_alert(
    clock: Clock, admins: list[User]
) -> None:
    evaluate_now(Site(error_rate=50.0))
    change_thresholds({"error_rate": None}, admins[0])
    clock.tick()
    evaluate_now(Site(error_rate=50.0))
    assert told() == [("error_rate", "firing"), ("error_rate", "resolved")]
    assert last_word() == (
        "error_rate is no longer watched: its threshold was switched off by anna"
    )


def test_an_alert_says_that_it_ends_because_its_threshold_was_raised(
    clock: Clock, admins: list[User]
) -> None:
    evaluate_now(Site(error_rate=50.0))
    change_thresholds({"error_rate": 20}, admins[0])
    change_thresholds({"error_rate": 60}, admins[1])
    clock.tick()
    evaluate_now(Site(error_rate=50.0))
    assert last_word() == "error_rate: its threshold was raised from 10 to 60 by ben"


def test_a_figure_that_went_down_itself_ends_its_alert_with_its_value(
    clock: Clock, admins: list[User]
) -> None:
    evaluate_now(Site(error_rate=50.0))
    change_thresholds({"error_rate": 60}, admins[0])
    clock.tick()
    evaluate_now(Site(error_rate=3.0))
    assert last_word() == "error_rate is 3 percent, no longer above its threshold of 60"


def test_an_alert_that_ends_for_want_of_requests_does_not_say_that_its_figure_went_down(
    clock: Clock,
) -> None:
    evaluate_now(Site(error_rate=50.0))
    clock.tick()
    evaluate_now(Site(error_rate=100.0, request_count=3))
    assert last_word() == "error_rate is 100 percent, of too few requests to be judged"


def test_a_switch_by_a_user_who_is_gone_has_no_name(clock: Clock, admins: list[User]) -> None:
    evaluate_now(Site(error_rate=50.0))
    change_thresholds({"error_rate": None}, admins[0])
    admins[0].delete()
    evaluate_now(Site(error_rate=50.0))
    assert last_word().endswith("its threshold was switched off")


def test_the_threshold_itself_is_still_allowed(clock: Clock) -> None:
    evaluate_now(Site(error_rate=10.0))
    assert told() == []
