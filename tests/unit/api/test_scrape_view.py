"""The scrape endpoint of a worker: read only, never cached, of all families or those named."""

import pytest
from django.test import Client

URL = "/api/metrics/prometheus/"


@pytest.mark.parametrize(
    ("method", "status"),
    [("get", 200), ("head", 200), ("post", 405), ("put", 405), ("delete", 405)],
)
def test_a_scrape_is_a_get_or_a_head(method: str, status: int) -> None:
    response = getattr(Client(), method)(URL)
    assert response.status_code == status


def test_a_scrape_is_not_cached() -> None:
    assert Client().get(URL)["Cache-Control"] == "no-store"


def test_names_in_the_query_select_families() -> None:
    body = Client().get(URL, {"name[]": ["monitoring_files"]}).content.decode()
    assert {line.split("{")[0] for line in body.splitlines() if line[0] != "#"} == {
        "monitoring_files"
    }
