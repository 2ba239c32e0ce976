"""Who reads in `health/` on which hosts Celery's workers run."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from monitoring.health.findings import Finding, Status
from tests.unit.api.identities import IDENTITIES, client_for

NAMES = ["celery@blue", "celery@green"]
PUBLIC = ["celery@…", "celery@…"]


def crew() -> Finding:
    return Finding(Status.HEALTHY, "2 workers answer.", {"workers": NAMES})


@pytest.fixture(autouse=True)
def workers() -> Iterator[None]:
    check = {"crew": f"{__name__}.crew"}
    with override_settings(MONITORING={"HEALTH_CHECKS": check, "HEALTH_READY": ["crew"]}):
        yield


@pytest.mark.parametrize(("identity", "status"), IDENTITIES.items())
def test_admins_see_the_hosts_and_nobody_else_does(
    identity: str, status: int, admin: User, visitor: User
) -> None:
    client, headers = client_for(identity, admin, visitor)
    for path in ("/api/health/?check=crew", "/api/health/ready/"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200
        shown = NAMES if status == 200 else PUBLIC
        assert answer.json()["checks"]["crew"]["workers"] == shown
        assert {"Cookie", "Authorization"} <= {*answer["Vary"].replace(",", " ").split()}
        assert answer["Cache-Control"] == "no-store"


def test_who_has_no_credentials_costs_no_query() -> None:
    # Without a database mark, each query is an error.
    answer = Client().get("/api/health/?check=crew")
    assert answer.json()["checks"]["crew"]["workers"] == PUBLIC


def test_credentials_whose_database_is_out_of_reach_are_answered_as_everybody_s() -> None:
    client = Client()
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/api/health/?check=crew", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 200
    assert answer.json()["checks"]["crew"]["workers"] == PUBLIC


def other() -> Finding:
    return Finding(Status.HEALTHY, "Workers of another kind.", {"workers": 5})


def test_other_details_of_a_project_s_check_stay_as_they_are() -> None:
    with override_settings(MONITORING={"HEALTH_CHECKS": {"other": f"{__name__}.other"}}):
        answer = Client().get("/api/health/?check=other")
    assert answer.json()["checks"]["other"]["workers"] == 5
