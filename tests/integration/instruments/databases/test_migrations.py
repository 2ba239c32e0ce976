"""The migration figures: one series for each alias and gauge, and true after a migration."""

import subprocess
import sys
from pathlib import Path

from tests.database_site.server import SETTINGS, call
from tests.paths import ROOT
from tests.servers.exposition import Series
from tests.servers.gunicorn import Gunicorn, environment, run_gunicorn
from tests.servers.ports import wait_for

MONITORING = '{"MIGRATIONS_EVERY_SECONDS": 1, "SLOW_QUERY_LOG": ""}'


def figures(server: Gunicorn) -> dict[Series, float]:
    call(server, ["/demo/ok/"] * 8)
    return {key: n for key, n in server.scrape().items() if key[0].startswith("django_migrations")}


def test_unapplied_migrations_are_seen_and_then_gone(tmp_path: Path, shm_directory: Path) -> None:
    extra = {"DJANGO_SETTINGS_MODULE": SETTINGS, "MONITORING": MONITORING}
    with run_gunicorn(tmp_path, directory=shm_directory, workers=4, **extra) as server:
        alias = (("connection", "default"),)
        applied, unapplied = (
            ("django_migrations_applied_total", alias),
            ("django_migrations_unapplied_total", alias),
        )
        before = wait_for("the figures", lambda: figures(server))
        assert set(before) == {applied, unapplied}
        assert before[applied] == 0
        assert before[unapplied] >= 18
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=environment(tmp_path / "metrics-of-migrate", tmp_path, **extra),
            check=True,
        )
        wait_for("the new figures", lambda: figures(server)[unapplied] == 0)
        after = figures(server)
        assert set(after) == {applied, unapplied}
        assert after[applied] == before[unapplied]
        # Ours are no queries of the site.
        assert not [key for key in server.scrape() if key[0].startswith("django_db_execute")]
