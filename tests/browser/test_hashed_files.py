"""The page works where each static file has only the name that comes from its content."""

import os
import subprocess
import sys
from pathlib import Path

from tests.browser.conftest import OpenPage
from tests.browser.site import serve
from tests.paths import ROOT
from tests.servers.admin import make_users

SETTINGS = "tests.browser.hashed_settings"


def test_the_page_lives_on_files_that_have_only_their_hashed_names(
    tmp_path: Path, shm_directory: Path, open_page: OpenPage
) -> None:
    admin = make_users(tmp_path, 0)["admin"]
    collected = tmp_path / "collected"
    env = {"COLLECTED": str(collected), "SLOW_QUERY_LOG": str(tmp_path / "slow_queries.log")}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, **env, "DJANGO_SETTINGS_MODULE": SETTINGS},
        check=True,
        timeout=120,
    )
    assert not (collected / "multiprocess_exporter/status/status.js").exists()
    with serve(tmp_path, shm_directory, DJANGO_SETTINGS_MODULE=SETTINGS, **env) as server:
        status = open_page(server.address, admin)
        status.open_with_figures()  # no file is missing, and nothing breaks the strict policy
