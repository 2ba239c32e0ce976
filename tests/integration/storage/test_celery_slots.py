"""A real Celery worker's children have slots of their own role, beside the web's, in one scrape."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from monitoring.exposition.scrape import Scraper
from tests.paths import ROOT
from tests.servers.gunicorn import children
from tests.servers.ports import wait_for

APP = """
from pathlib import Path
from celery import Celery
from monitoring import storage
storage.install()
from prometheus_client import Counter
here = Path(__file__).parent
app = Celery("counting", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(here / "queue"),
    "data_folder_out": str(here / "queue"),
    "polling_interval": 0.05,
}
app.conf.broker_connection_retry_on_startup = True
counted = Counter("counted", "Tasks.")
@app.task
def count():
    counted.inc()
"""


@dataclass
class Site:
    """A folder with the app, and the metrics directory."""

    folder: Path
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": f"{self.folder}:{ROOT}",
            "PROMETHEUS_MULTIPROC_DIR": str(self.directory),
        }

    @contextlib.contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A Celery worker with two children, each replaced after three tasks."""
        program = str(Path(sys.executable).with_name("celery"))
        options = ("-c", "2", "--max-tasks-per-child", "3", "--without-gossip")
        with (self.folder / "celery.log").open("ab") as output:
            parent = subprocess.Popen(
                [program, "-A", "counting", "worker", *options],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for("the children", lambda: len(children(parent.pid)) == 2, 60)
            yield parent
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
            parent.wait(20)

    def send(self, tasks: int) -> None:
        script = f"from counting import count\nfor _ in range({tasks}): count.delay()"
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=60,
        )

    def counted(self) -> float:
        text = Scraper(self.directory).answer({}).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "counted_total"
        )


def test_every_task_is_counted_over_recycled_children_and_a_killed_worker(
    tmp_path: Path, shm_directory: Path
) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "counting.py").write_text(APP)
    site = Site(tmp_path, shm_directory)
    for total in (10, 20):
        with site.worker():  # killed at its end, with its children
            site.send(10)
            wait_for(f"{total} tasks", partial(lambda n: site.counted() == n, total), 60)
    slots = {path.stem for path in shm_directory.glob("celery-*.lock")}
    assert "celery-0" in slots
    # Two children, one that overlaps with its successor, and the parent.
    assert len(slots) <= 4
