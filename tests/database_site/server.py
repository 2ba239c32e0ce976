"""gunicorn serving the site of databases and caches, on a migrated database."""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.paths import ROOT
from tests.servers.gunicorn import Gunicorn, environment, run_gunicorn
from tests.servers.json_requests import answer_of

UVICORN = ("-k", "uvicorn_worker.UvicornWorker", "project.asgi:application")
SETTINGS = "tests.database_site.settings"
_PASSWORD = "for-tests-only-1"


@contextlib.contextmanager
def run_site(
    work: Path,
    directory: Path,
    database_url: str,
    *arguments: str,
    workers: int = 4,
    database: Mapping[str, Any] | None = None,
    monitoring: Mapping[str, Any] | None = None,
    **extra: str,
) -> Iterator[Gunicorn]:
    """4 workers. `database` are more keys of DATABASES["default"]; the log is work/slow.log."""
    given = {
        "DATABASE_URL": database_url,
        "DATABASE_MORE": json.dumps(database or {}),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "MONITORING": json.dumps({"SLOW_QUERY_LOG": str(work / "slow.log"), **(monitoring or {})}),
        **extra,
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        # A directory of its own: the queries of the migrations are none of the site's.
        env=environment(work / "metrics-of-migrate", work, **given),
        check=True,
    )
    with run_gunicorn(work, *arguments, directory=directory, workers=workers, **given) as server:
        yield server


def sign_in(server: Gunicorn, work: Path, database_url: str) -> str:
    """Make an admin; their bearer token."""
    subprocess.run(
        [sys.executable, "manage.py", "createsuperuser", "--noinput", "--email=a@example.org"],
        cwd=ROOT,
        env=environment(
            work / "metrics-of-migrate",
            work,
            DATABASE_URL=database_url,
            DJANGO_SETTINGS_MODULE=SETTINGS,
            DJANGO_SUPERUSER_USERNAME="admin",
            DJANGO_SUPERUSER_PASSWORD=_PASSWORD,
        ),
        check=True,
        capture_output=True,
    )
    body = json.dumps({"username": "admin", "password": _PASSWORD}).encode()
    request = urllib.request.Request(
        f"http://{server.address}/api/token/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["access"])


def get_json(server: Gunicorn, path: str, token: str = "") -> tuple[int, dict[str, Any]]:
    """Status and body of a GET with the bearer token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://{server.address}{path}", headers=headers)
    return answer_of(request)


def call(server: Gunicorn, paths: list[str]) -> None:
    """Get each of the paths, eight at a time; all answer 200."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.get, paths))
    problems = [(path, a) for path, a in zip(paths, answers, strict=True) if a[0] != 200]
    assert problems == []


def log_lines(work: Path) -> list[dict[str, Any]]:
    """The slow query log."""
    log = work / "slow.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
