"""Which health checks there are, what they need, and what a project's own may say."""

import pytest
from django.test import override_settings

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
    with override_settings(MONITORING={"HEALTH_DATABASES": ["elsewhere"]}):
        checks = checks_named(["database", "migrations", "redis"])
    for check in checks:
        [(part, probe)] = check.parts.items()
        assert (part, probe(SECONDS, None).status) == (check.name, Status.DISABLED)


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"'databse'; known are .*'database'"):
        checks_named(["databse"])


@pytest.mark.parametrize(
    ("name", "status"),
    [("passes", Status.HEALTHY), ("says_no", Status.UNHEALTHY), ("raises", Status.UNHEALTHY)],
)
def test_what_a_projects_check_raises_or_denies_is_unhealthy(name: str, status: Status) -> None:
    finding = found_by(name)
    assert finding.status == status
    assert "not for the public" not in finding.message


@pytest.mark.parametrize("name", ["finds", "raises_its_finding"])
def test_a_projects_check_may_say_more(name: str) -> None:
    assert found_by(name) == IMPAIRED
