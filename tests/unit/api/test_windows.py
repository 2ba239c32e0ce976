"""A window is as long as the source of the endpoint's figures holds."""

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests.servers.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["", "series/", "database/", "cache/"]
TRAFFIC = PATHS[:2]


def refused(admin: User, path: str, window: str, **monitoring: object) -> bool:
    client = Client()
    client.force_login(admin)
    with override_settings(MONITORING=monitoring):
        answer = client.get(f"/api/metrics/{path}?window={window}")
    if answer.status_code == 400:
        assert "24h" in answer.json()["error"]["fields"]["window"][0]
    return answer.status_code == 400


@pytest.mark.parametrize("path", PATHS)
def test_this_host_s_figures_reach_back_a_day(admin: User, path: str) -> None:
    assert refused(admin, path, "30d")
    assert not refused(admin, path, "24h")


@pytest.mark.parametrize("path", PATHS)
def test_a_prometheus_lengthens_the_window_of_what_comes_from_it_only(
    admin: User, path: str
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert refused(admin, path, "30d", PROMETHEUS_URL=url) is (path not in TRAFFIC)
