"""Where an exporter runs, gunicorn's processes do without numpy and Django REST framework."""

import json
from pathlib import Path

from tests.load.client import Load
from tests.paths import ROOT
from tests.servers.exporter import run_exporter
from tests.servers.gunicorn import FOR_ADMINS, run_gunicorn

CONFIGURATION = f"""
import json, os, runpy, sys
from pathlib import Path

here = Path(__file__).parent
globals().update(runpy.run_path({str(ROOT / "gunicorn.conf.py")!r}))


def tell(role):
    (here / f"{{role}}-{{os.getpid()}}.json").write_text(json.dumps([*sys.modules]))


def worker_exit(server, worker):
    tell("worker")


def on_exit(server):
    tell("master")
"""


def test_neither_the_master_nor_a_worker_imports_them(tmp_path: Path, shm_directory: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    (told / "conf.py").write_text(CONFIGURATION)
    arguments = ("-c", str(told / "conf.py"))
    with run_exporter(tmp_path / "exporter", directory=shm_directory) as exporter:
        with run_gunicorn(
            tmp_path, *arguments, directory=shm_directory, workers=2, ready="/"
        ) as server:
            result = Load(server.address).start(200).finish()
            assert (result.surprises, result.failed.total()) == ([], 0)
        assert exporter.get().status == 200
    imported = {path.stem: json.loads(path.read_text()) for path in told.glob("*.json")}
    assert sorted(name.split("-")[0] for name in imported) == ["master", "worker", "worker"]
    for name, modules in imported.items():
        assert "monitoring" in modules, name
        assert not set(modules) & set(FOR_ADMINS), name
