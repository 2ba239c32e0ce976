"""schemathesis plays the client that knows nothing but the OpenAPI schema."""

import subprocess
import sys
from pathlib import Path

from tests.servers.admin import make_users
from tests.servers.gunicorn import run_gunicorn


def test_no_5xx_and_no_undocumented_answer(tmp_path: Path, shm_directory: Path) -> None:
    admin = make_users(tmp_path)["admin"]
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2, DEMO_VIEWS="0") as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"http://{server.address}/api/schema/",
                *("--header", f"Authorization: {admin.bearer['Authorization']}"),
                # One worker: Python 3.11 may not parse code in two threads, as its workers do
                # (SystemError: AST constructor recursion depth mismatch).
                *("--checks", "all", "--max-examples", "6", "--seed", "1", "--workers", "1"),
                *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        log = server.log.read_text()
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Test cases" in done.stdout
    assert "Traceback" not in log
