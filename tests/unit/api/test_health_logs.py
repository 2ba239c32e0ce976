"""What a failed probe leaves in the host's logs: nothing for each answer."""

import logging

import pytest
from django.test import Client, override_settings

from monitoring.health.findings import CheckError, Finding, Status


def broken() -> Finding:
    raise CheckError(Finding(Status.UNHEALTHY, "It is broken."))


@pytest.mark.parametrize("accept", ["application/json", "text/plain"])
@pytest.mark.parametrize("path", ["/api/health/", "/api/health/ready/"])
def test_a_503_is_no_record_of_django_request(
    path: str, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Hosts mail or store its errors: one for each probe would come every few seconds."""
    settings = {
        "HEALTH_CHECKS": {"broken": f"{__name__}.broken"},
        "HEALTH_CRITICAL": ["broken"],
        "HEALTH_READY": ["broken"],
    }
    with override_settings(MONITORING=settings), caplog.at_level(logging.DEBUG, "django.request"):
        answer = Client().get(path, {"check": "broken"}, headers={"Accept": accept})
    assert answer.status_code == 503
    assert [record for record in caplog.records if record.name == "django.request"] == []
