"""The shared log file: eight processes write, and no line is lost or torn by a rotation."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from monitoring.instruments.databases.log_file import SharedLogFile
from tests.paths import ROOT
from tests.servers.prometheus import program

PROCESSES = 8
LINES = 1500


def start_writers(path: Path, max_bytes: int) -> "list[subprocess.Popen[bytes]]":
    script = str(Path(__file__).with_name("appending.py"))
    return [
        subprocess.Popen(
            [sys.executable, script, str(path), str(max_bytes), f"w{number}", str(LINES)],
            env={"PYTHONPATH": str(ROOT)},
        )
        for number in range(PROCESSES)
    ]


def assert_whole(directory: Path) -> None:
    """Each line of each process is there once, whole, and in order within its file."""
    seen: Counter[tuple[str, int]] = Counter()
    for file in directory.glob("slow.log*"):
        if file.suffix == ".lock":
            continue
        for line in file.read_text().splitlines():
            name, number, dots = line.split(" ")
            assert dots == f"{'.' * (int(number) % 300)}|"
            seen[name, int(number)] += 1
    assert seen == Counter((f"w{n}", line) for n in range(PROCESSES) for line in range(LINES))


@pytest.mark.needs("fork")
def test_rotation_by_size_under_eight_processes_keeps_every_line(tmp_path: Path) -> None:
    path = tmp_path / "slow.log"
    writers = start_writers(path, 20_000)
    assert [writer.wait(120) for writer in writers] == [0] * PROCESSES
    files = [file for file in tmp_path.glob("slow.log*") if file.suffix != ".lock"]
    assert len(files) > 50
    assert all(file.stat().st_size <= 20_000 for file in files)
    assert_whole(tmp_path)


@pytest.mark.parametrize("compression", ["nocompress", "compress\n delaycompress"])
def test_rotation_by_logrotate_under_eight_processes_keeps_every_line(
    tmp_path: Path, compression: str
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o700)
    path = logs / "slow.log"
    configuration = tmp_path / "logrotate.conf"
    configuration.write_text(
        f"{path} {{\n rotate 1000\n missingok\n nocreate\n {compression}\n}}\n"
    )
    configuration.chmod(0o600)
    writers = start_writers(path, 0)
    rotations = 0
    while any(writer.poll() is None for writer in writers):
        subprocess.run(
            [program("logrotate"), "-f", "-s", str(tmp_path / "state"), str(configuration)],
            check=True,
        )
        rotations += 1
    assert [writer.wait(0) for writer in writers] == [0] * PROCESSES
    for packed in logs.glob("*.gz"):
        subprocess.run(["gunzip", str(packed)], check=True)
    assert rotations >= 3
    assert len(list(logs.glob("slow.log.*"))) >= 3
    assert_whole(logs)


def test_only_so_many_older_files_are_kept(tmp_path: Path) -> None:
    log = SharedLogFile(tmp_path / "slow.log", max_bytes=10, backups=2)
    for number in range(6):
        log.append(f"line {number}".encode())
    contents = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert contents == {
        "slow.log": "line 5\n",
        "slow.log.1": "line 4\n",
        "slow.log.2": "line 3\n",
        "slow.log.lock": "",
    }


def test_a_line_that_a_crash_left_unfinished_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "slow.log"
    path.write_text("half a li")
    SharedLogFile(path, 0, 1).append(b"next")
    assert path.read_text() == "half a li\nnext\n"


@pytest.mark.needs("rlimits")
def test_a_full_disk_is_an_error_and_leaves_whole_lines(tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: it takes a part of the second line."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from monitoring.instruments.databases.log_file import SharedLogFile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "log = SharedLogFile(Path(sys.argv[1]), 0, 1)\n"
        "log.append(b'x' * 60)\n"
        "try:\n"
        "    log.append(b'y' * 60)\n"
        "except OSError:\n"
        "    print('refused')\n"
        "log.append(b'z' * 20)\n"
    )
    path = tmp_path / "slow.log"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "refused\n"
    assert path.read_text() == "x" * 60 + "\n" + "z" * 20 + "\n"
