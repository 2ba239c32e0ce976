"""Which health checks there are, what they need, and what a project's own may say."""

import asyncio

import pytest
from django.test import Client, override_settings

from monitoring.conf import parse_settings
from monitoring.conf.health_table import OWN_HEALTH_CHECKS
from monitoring.errors import SettingsError
from monitoring.health import CheckError, Finding, Status
from monitoring.health.catalogue import checks_named, covered_names, known_names

SECONDS = 2.0
IMPAIRED = Finding(Status.DEGRADED, "The provider is slow.", {"waiting": 7})


def passes() -> None:
    """A project's check that has nothing to say."""


def says_no() -> bool:
    return False


def raises() -> None:
    raise OSError("not for the public")


def finds() -> Finding:
    return IMPAIRED


def raises_its_finding() -> None:
    raise CheckError(IMPAIRED)


async def passes_later() -> None:
    await asyncio.sleep(0)


async def says_no_later() -> bool:
    await asyncio.sleep(0)
    return False


async def raises_later() -> None:
    await asyncio.sleep(0)
    raise OSError("not for the public")


async def finds_later() -> Finding:
    await asyncio.sleep(0)
    return IMPAIRED


async def raises_its_finding_later() -> None:
    await asyncio.sleep(0)
    raise CheckError(IMPAIRED)


async def never_ends() -> None:
    await asyncio.Event().wait()


def found_by(name: str) -> Finding:
    """What the check of the project finds in its one part."""
    with override_settings(MONITORING={"HEALTH_CHECKS": {"own": f"{__name__}.{name}"}}):
        [check] = checks_named(["own"])
    [probe] = check.parts.values()
    try:
        return probe(SECONDS, None)
    except CheckError as error:
        return error.finding


def test_every_check_of_the_table_can_be_made() -> None:
    with override_settings(MONITORING={"REDIS_URL": "redis://127.0.0.1:1"}):
        names = [own.name for own in OWN_HEALTH_CHECKS]
        made = checks_named(names)
    assert [check.name for check in made] == names
    for check in made:
        assert all(part.partition(":")[0] == check.name for part in check.parts)


def test_health_covers_what_is_critical_or_informative_and_the_projects_own() -> None:
    with override_settings(MONITORING={"HEALTH_CHECKS": {"payments": "shop.health.payments"}}):
        assert covered_names() == ["database", "redis", "celery", "payments"]
        assert known_names() == ["database", "redis", "celery", "payments", "migrations"]


def test_the_settings_defaults_are_the_tables_roles() -> None:
    settings, _ = parse_settings({})
    assert settings.HEALTH_CRITICAL == ("database",)
    assert settings.HEALTH_READY == ("migrations", "database")


@pytest.mark.parametrize("name", [own.name for own in OWN_HEALTH_CHECKS])
def test_a_project_cannot_take_the_name_of_one_of_ours(name: str) -> None:
    _, problems = parse_settings({"HEALTH_CHECKS": {name: "shop.health.payments"}})
    assert len(problems) == 1


def test_a_check_that_is_not_configured_is_disabled() -> None:
    with override_settings(MONITORING={}):
        [check] = checks_named(["redis"])
    [(part, probe)] = check.parts.items()
    assert (part, probe(SECONDS, None).status) == (check.name, Status.DISABLED)


@pytest.mark.parametrize("name", ["database", "migrations"])
def test_a_database_that_there_is_not_is_unhealthy(name: str) -> None:
    with override_settings(MONITORING={"HEALTH_DATABASES": ["elsewhere"]}):
        [check] = checks_named([name])
    [(part, probe)] = check.parts.items()
    assert (part, probe(SECONDS, None).status) == (f"{name}:elsewhere", Status.UNHEALTHY)


def test_a_critical_name_that_is_no_check_makes_the_site_unhealthy() -> None:
    with override_settings(MONITORING={"HEALTH_CRITICAL": ["databse"]}):
        answer = Client().get("/api/health/")
    assert answer.status_code == 503
    assert answer.json()["checks"]["databse"]["status"] == "unhealthy"


def test_a_name_in_health_ready_that_is_no_check_is_a_503() -> None:
    with override_settings(MONITORING={"HEALTH_READY": ["databse"]}):
        answer = Client().get("/api/health/ready/")
    assert answer.status_code == 503
    assert answer.json()["checks"]["databse"]["status"] == "unhealthy"


def test_health_covers_whatever_is_critical() -> None:
    with override_settings(MONITORING={"HEALTH_CRITICAL": ["migrations"]}):
        assert covered_names()[-1] == "migrations"


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"'databse'; known are .*'database'"):
        checks_named(["databse"])


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("passes", Status.HEALTHY),
        ("says_no", Status.UNHEALTHY),
        ("raises", Status.UNHEALTHY),
        ("passes_later", Status.HEALTHY),
        ("says_no_later", Status.UNHEALTHY),
        ("raises_later", Status.UNHEALTHY),
    ],
)
def test_what_a_projects_check_raises_or_denies_is_unhealthy(name: str, status: Status) -> None:
    finding = found_by(name)
    assert finding.status == status
    assert "not for the public" not in finding.message


def test_an_async_check_that_does_not_end_is_cancelled_at_its_deadline() -> None:
    with override_settings(MONITORING={"HEALTH_CHECKS": {"own": f"{__name__}.never_ends"}}):
        [check] = checks_named(["own"])
    with pytest.raises(CheckError) as caught:
        check.parts["own"](0.05, None)
    assert caught.value.finding.status == Status.UNHEALTHY


@pytest.mark.parametrize(
    "name", ["finds", "raises_its_finding", "finds_later", "raises_its_finding_later"]
)
def test_a_projects_check_may_say_more(name: str) -> None:
    assert found_by(name) == IMPAIRED
