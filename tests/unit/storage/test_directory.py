"""The metrics directory: of one user and project, safe to use, handed to the workers."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.errors import MetricsDirectoryError
from monitoring.storage.directory import (
    default_directory,
    ensure,
    give_to,
)
from tests.paths import MEMORY, ROOT
from tests.unit.conftest import run_script
from tests.unit.stock import stock_samples

NOBODY = 65534


@pytest.fixture
def open_parent() -> Iterator[Path]:
    """A directory that every user can pass through."""
    path = Path(tempfile.mkdtemp(dir=MEMORY))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.mark.needs("owners")
def test_the_default_tells_projects_and_users_apart(tmp_path: Path) -> None:
    here, there = default_directory(tmp_path / "a"), default_directory(tmp_path / "b")
    assert here != there
    assert here == default_directory(tmp_path / "a")
    assert f"-{os.geteuid()}-" in here.name


def test_a_test_run_does_not_count_in_the_directory_that_the_environment_names(
    tmp_path: Path,
) -> None:
    script = """
import os, sys, subprocess
sys.argv = ['manage.py', 'test']
live = os.environ['PROMETHEUS_MULTIPROC_DIR']
from monitoring import storage
storage.install()
from prometheus_client import Counter
Counter('c', 'C.').inc()
own = os.environ['PROMETHEUS_MULTIPROC_DIR']
again = '''
import os, sys
sys.argv = ["manage.py", "test"]
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[0]  # as settings may
from monitoring import storage
storage.install()
print(os.environ["PROMETHEUS_MULTIPROC_DIR"])
'''
worker = subprocess.run([sys.executable, '-c', again], stdout=-1, text=True, check=True)
print(own != live, worker.stdout.strip() == own, os.path.isdir(own), os.listdir(live))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "True", "True", "[]"]


@pytest.mark.needs("fork")
def test_a_test_run_has_its_own_and_leaves_nothing_behind() -> None:
    script = """
import os, sys
sys.argv = ['manage.py', 'test']
from monitoring import storage
storage.install()
from prometheus_client import Counter
Counter('c', 'C.').inc()
if os.fork() == 0:
    sys.exit()
os.wait()
directory = os.environ['PROMETHEUS_MULTIPROC_DIR']
print(directory, *sorted(os.listdir(directory)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    directory, *files = done.stdout.split()
    assert directory != str(default_directory())
    assert files == ["counter_test-0.db", "test-0.lock"]
    assert not Path(directory).exists()


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    ensure(tmp_path / "a" / "b")
    ensure(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.needs("owners")
def test_a_directory_of_another_user_is_refused(open_parent: Path) -> None:
    directory = open_parent / "metrics"
    output = run_script(
        f"""
from monitoring.storage.directory import ensure
ensure(Path({str(directory)!r}))
os.setuid({NOBODY})
try:
    ensure(Path({str(directory)!r}))
except Exception as error:
    print(error)
""",
        directory,
    )
    assert "is owned by uid 0, this process runs as uid 65534" in output
    assert "name a directory of its own" in output


@pytest.mark.needs("owners")
def test_root_refuses_a_directory_that_another_user_made(open_parent: Path) -> None:
    """It may hold its files open, or cut them short; root neither works in it nor takes it over."""
    directory = open_parent / "metrics"
    directory.mkdir(mode=0o700)
    (directory / "given-by-root").write_text("forged")
    for path in (directory / "given-by-root", directory):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(MetricsDirectoryError, match="is owned by uid 65534"):
        ensure(directory)
    give_to(directory, 1, 1)
    assert directory.stat().st_uid == NOBODY


@pytest.mark.needs("owners")
def test_root_s_note_of_another_directory_is_none(open_parent: Path) -> None:
    ours, theirs = open_parent / "ours", open_parent / "theirs"
    for path in (ours, theirs):
        path.mkdir(mode=0o700)
    give_to(ours, NOBODY, NOBODY)
    ensure(ours)
    os.chown(theirs, NOBODY, NOBODY)
    (ours / "given-by-root").rename(theirs / "given-by-root")
    with pytest.raises(MetricsDirectoryError):
        ensure(theirs)


def test_a_check_makes_no_directory(tmp_path: Path) -> None:
    ensure(tmp_path / "a" / "b", create=False)
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with pytest.raises(MetricsDirectoryError, match="cannot be created"):
        ensure(tmp_path / "file" / "b", create=False)


@pytest.mark.needs("owners")
def test_a_shared_directory_is_not_to_be_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(MetricsDirectoryError, match=r"name a directory of its own$"):
        ensure(tmp_path)


@pytest.mark.needs("owners")
def test_a_root_master_hands_it_to_the_user_of_its_workers(open_parent: Path) -> None:
    """As gunicorn does with `user` and `group`: prepare as root, fork, drop privileges, serve."""
    directory = open_parent / "metrics"
    output = run_script(
        f"""
from types import SimpleNamespace
from monitoring.gunicorn_hooks import *
server = SimpleNamespace(cfg=SimpleNamespace(uid={NOBODY}, gid={NOBODY}))
prepare()
on_starting(server)
c = Counter('c', 'C.')
pre_fork(server, None)
if os.fork() == 0:
    post_fork(server, None)
    os.setgid({NOBODY})
    os.setuid({NOBODY})
    post_worker_init(None)
    c.inc()
    print(storage.attach().name, flush=True)
    os._exit(0)
os.wait()
prepare()  # as the next start does, as root, on what is the workers' now
pre_fork(server, None)
print(storage.attach().name)
""",
        directory,
    )
    assert output.split() == ["web-0", "master-0"]
    owners = {path.name: path.stat().st_uid for path in directory.iterdir()}
    assert owners.pop("given-by-root") == 0  # who made it: its owner cannot write that
    assert set(owners.values()) == {NOBODY}
    assert stock_samples(directory)["gunicorn_worker_boots_total", ()] == 2


@pytest.mark.needs("fork")
def test_a_master_prepares_once_however_often_its_configuration_is_read(
    open_parent: Path,
) -> None:
    """gunicorn reads it again at every reload, while workers write."""
    output = run_script(
        """
from monitoring.gunicorn_hooks import *
prepare()
c = Counter('c', 'C.')
if os.fork() == 0:
    post_fork(None, None)
    c.inc()
    os._exit(0)
os.wait()
prepare()
print(*sorted(path.name for path in Path(os.environ['PROMETHEUS_MULTIPROC_DIR']).glob('*.db')))
""",
        open_parent / "metrics",
    )
    assert output.split() == ["counter_web-0.db"]
