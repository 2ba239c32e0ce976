"""The scrape endpoint: public unless closed by a token, by networks, or by both."""

from typing import Any

import pytest
from django.test import Client, override_settings

URL = "/api/metrics/prometheus/"
TOKEN = "a-long-enough-token"


@pytest.mark.parametrize(
    ("monitoring", "headers", "address", "status"),
    [
        ({}, {}, "203.0.113.9", 200),
        ({"SCRAPE_TOKEN": TOKEN}, {}, "127.0.0.1", 401),
        ({"SCRAPE_TOKEN": TOKEN}, {"Authorization": "Bearer wrong-wrong-wrong"}, "::1", 403),
        ({"SCRAPE_TOKEN": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, "::1", 403),
        ({"SCRAPE_TOKEN": TOKEN}, {"Authorization": "Bearer \xfftoken"}, "::1", 403),
        ({"SCRAPE_TOKEN": TOKEN}, {"Authorization": f"bearer {TOKEN}"}, "::1", 200),
        ({"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]}, {}, "10.2.3.4", 200),
        ({"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]}, {}, "::ffff:10.2.3.4", 200),
        ({"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]}, {}, "11.2.3.4", 403),
        ({"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]}, {}, "", 403),
        (
            {"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]},
            {"X-Forwarded-For": "10.0.0.1"},
            "11.2.3.4",
            403,
        ),
    ],
)
def test_who_may_scrape(
    monitoring: dict[str, Any], headers: dict[str, str], address: str, status: int
) -> None:
    with override_settings(MONITORING=monitoring):
        response = Client().get(URL, headers=headers, REMOTE_ADDR=address)
    assert response.status_code == status
    assert (b"# TYPE" in response.content) == (status == 200)
