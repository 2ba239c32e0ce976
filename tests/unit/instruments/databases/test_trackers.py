"""Queries are counted in the block or request that they run in, whatever was left open before."""

import pytest
from django.db import connection
from django.http import HttpRequest

from monitoring.instruments.databases.trackers import begin_request, current, end_request
from monitoring.tracking import track_queries

pytestmark = pytest.mark.django_db


def test_a_request_that_never_ended_is_left_behind_by_the_next() -> None:
    with track_queries("around") as around:
        for _ in range(3):
            begin_request(HttpRequest(), 10)
        last = begin_request(HttpRequest(), 10)
        assert last.parent is around
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        end_request(last)
        assert current.get() is around
    assert (last.count, around.count) == (1, 1)
