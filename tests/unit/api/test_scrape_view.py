"""The scrape endpoint of a worker: who may scrape; read only, never cached, families by name."""

import os
from typing import Any

import pytest
from django.test import Client, override_settings

from monitoring.storage.directory import configured_directory

URL = "/api/metrics/prometheus/"
TOKEN = "a-long-enough-token"


@pytest.mark.parametrize(
    ("method", "status"),
    [("get", 200), ("head", 200), ("post", 405), ("put", 405), ("delete", 405)],
)
def test_a_scrape_is_a_get_or_a_head(method: str, status: int) -> None:
    response = getattr(Client(), method)(URL)
    assert response.status_code == status
    assert response["Cache-Control"] == "no-store"


def test_a_scrape_is_not_cached() -> None:
    assert Client().get(URL)["Cache-Control"] == "no-store"


@pytest.mark.needs("owners")
def test_a_directory_that_another_user_made_anew_is_a_503_without_figures() -> None:
    directory = configured_directory()
    os.chown(directory, 65534, 65534)
    try:
        response = Client().get(URL)
    finally:
        os.chown(directory, os.geteuid(), os.getegid())
    assert (response.status_code, response.content) == (
        503,
        b"the metrics directory cannot be read\n",
    )
    assert response["Cache-Control"] == "no-store"
    assert Client().get(URL).status_code == 200


def test_names_in_the_query_select_families() -> None:
    body = Client().get(URL, {"name[]": ["monitoring_files"]}).content.decode()
    assert {line.split("{")[0] for line in body.splitlines() if line[0] != "#"} == {
        "monitoring_files"
    }


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
    assert response["Cache-Control"] == "no-store"
    assert (b"# TYPE" in response.content) == (status == 200)
