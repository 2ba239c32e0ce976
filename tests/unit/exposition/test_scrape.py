"""Scrapes share merges when there are many, and a part that fails costs only itself."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from monitoring.exposition.claims import ClaimedNames
from monitoring.exposition.negotiation import Format
from monitoring.exposition.scrape import BusyError, Scraper
from monitoring.merging.merge import Merged
from monitoring.metrics.own_families import merges_total
from tests.servers.ports import wait_for
from tests.unit.conftest import RunPython
from tests.unit.exposition.highr_files import HIGHR, write_highr
from tests.unit.storage.files import StockFile

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


def merges() -> float:
    value: float = merges_total()._value.get()
    return value


class Gate:
    """A source that says when a scrape is in it, and holds it there."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.seconds: list[float] = []

    def __call__(self, merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        self.seconds.append(seconds)
        self.entered.set()
        assert self.released.wait(30)
        yield GaugeMetricFamily("gate", "Help.", value=1)


def test_scrapes_one_after_the_other_see_the_counts_of_the_moment(metrics_directory: Path) -> None:
    scraper = Scraper(metrics_directory)
    file = StockFile(metrics_directory, "counter_web-0.db")
    for value in range(50):
        file.write("c", "c_total", {}, float(value))
        assert f"c_total {value}.0\n" in scraper.answer({}).body.decode()
    file.close()


@pytest.mark.needs("owners")
def test_a_file_of_another_user_is_left_out(metrics_directory: Path) -> None:
    scraper = Scraper(metrics_directory)
    for name, owner in (("counter_web-0.db", os.geteuid()), ("counter_web-1.db", 65534)):
        file = StockFile(metrics_directory, name)
        file.write(name[8:13], f"from_{name[12]}_total", {}, 1.0)
        file.close()
        os.chown(metrics_directory / name, owner, -1)
    body = scraper.answer({}).body.decode()
    assert "from_0_total 1.0" in body
    assert "from_1_total" not in body


@pytest.mark.needs("rlimits")
def test_a_scrape_without_descriptors_is_an_error_and_has_no_part_of_the_counts(
    metrics_directory: Path, run_python: RunPython
) -> None:
    for number in range(3):
        file = StockFile(metrics_directory, f"counter_web-{number}.db")
        file.write("c", "c_total", {}, 1.0)
        file.close()
    output = run_python(
        """
import errno, resource
from monitoring.exposition.scrape import Scraper
here = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'
storage.install('web', here.with_name('own'))
Scraper(here).answer({})
scraper = Scraper(here)
for more in range(0, 12):
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) + more, 4096))
    scraper._merger._reader.forget()
    scraper._last = None
    try:
        print('c_total 3.0' in scraper.answer({}).body.decode())
    except OSError as error:
        print(error.errno == errno.EMFILE)
"""
    )
    assert set(output.split()) == {"True"}


def test_those_that_wait_for_a_merge_share_the_next(metrics_directory: Path) -> None:
    gate = Gate()
    scraper = Scraper(metrics_directory, [gate])
    before = merges()
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(scraper.answer({}).body)) for _ in range(8)
    ]
    threads[0].start()
    assert gate.entered.wait(30)
    for thread in threads[1:]:
        thread.start()
    wait_for("all eight", lambda: scraper._present == 8)
    gate.released.set()
    for thread in threads:
        thread.join(30)
    assert len(bodies) == 8
    assert merges() - before == 2  # the first's, and one for those that came while it ran


def test_a_crowd_takes_the_merge_of_the_last_second(metrics_directory: Path) -> None:
    scraper = Scraper(metrics_directory)
    scraper.answer({})
    before = merges()
    for _ in range(100):  # far less than a second
        scraper.answer({}, present=200)
    assert merges() - before <= 1


def test_a_scrape_that_cannot_begin_in_its_time_is_refused(metrics_directory: Path) -> None:
    gate = Gate()
    scraper = Scraper(metrics_directory, [gate])
    thread = threading.Thread(target=scraper.answer, args=({},))
    thread.start()
    assert gate.entered.wait(30)
    with pytest.raises(BusyError):
        scraper.answer({TIMEOUT: "0.05"})
    gate.released.set()
    thread.join(30)


@pytest.mark.parametrize(
    ("header", "most"),
    [
        ("0.5", 0.5),
        ("3", 3),
        ("120", 120),
        ("121", 120),
        ("1e9", 120),
        ("inf", 120),
        ("", 10),
        ("x", 10),
        ("0", 10),
        ("-1", 10),
        ("-inf", 10),
        ("nan", 10),
        ("30, 60", 10),
    ],
)
def test_sources_get_less_than_prometheus_waits(
    header: str, most: float, metrics_directory: Path
) -> None:
    gate = Gate()
    gate.released.set()
    Scraper(metrics_directory, [gate]).answer({TIMEOUT: header})
    assert 0 < gate.seconds[0] < most or (most == 10 and gate.seconds[0] <= most)
    assert most != 120 or gate.seconds[0] > 60


def test_without_the_header_prometheus_s_default_holds(metrics_directory: Path) -> None:
    gate = Gate()
    gate.released.set()
    Scraper(metrics_directory, [gate]).answer({})
    assert 0 < gate.seconds[0] <= 10


def test_a_part_that_fails_costs_only_itself(metrics_directory: Path) -> None:
    def fails(merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        yield GaugeMetricFamily("before_it_failed", "Help.", value=1)
        raise OSError("no /proc")

    gate = Gate()
    gate.released.set()
    text = Scraper(metrics_directory, [fails, gate]).answer({}).body.decode()
    assert "\nbefore_it_failed 1" in text
    assert "\ngate 1" in text
    assert "monitoring_scrape_duration_seconds" in text


def test_a_family_of_the_site_with_a_name_of_ours_is_served_once(metrics_directory: Path) -> None:
    file = StockFile(metrics_directory, "gauge_all_web-0.db")
    file.write("monitoring_files", "monitoring_files", {}, 7.0)
    file.close()
    text = Scraper(metrics_directory).answer({}).body.decode()
    assert text.count("# TYPE monitoring_files") == 1
    assert 'monitoring_files{pid="web-0"} 7.0' in text


def test_names_select_families(metrics_directory: Path) -> None:
    def source(merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        yield CounterMetricFamily("made", "Help.", value=1)

    write_highr(metrics_directory)
    scraper = Scraper(metrics_directory, [source])
    text = scraper.answer({}, frozenset(["made_total", "other_sum"])).body.decode()
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == [
        "other",
        "made_total",
    ]


def test_the_setting_leaves_the_classic_buckets_out_of_text_only(
    metrics_directory: Path,
) -> None:
    write_highr(metrics_directory)
    scraper = Scraper(metrics_directory)
    protobuf = {"Accept": Format.PROTOBUF.content_type}
    full, native = scraper.answer({}).body, scraper.answer(protobuf).body
    assert full.count(f"{HIGHR}_bucket".encode()) == 338
    with override_settings(MONITORING={"HIGHR_CLASSIC_BUCKETS": False}):
        for accept in ("", "application/openmetrics-text"):
            short = scraper.answer({"Accept": accept}).body
            assert short.count(f"{HIGHR}_bucket".encode()) == 1
        assert abs(len(scraper.answer(protobuf).body) - len(native)) < 100


@pytest.mark.parametrize("make", [Path.rmdir, lambda path: (path.rmdir(), path.touch())])
def test_a_directory_that_cannot_be_read_is_told(make: object, metrics_directory: Path) -> None:
    scraper = Scraper(metrics_directory)
    assert scraper.is_readable()
    assert callable(make)
    make(metrics_directory)
    assert not scraper.is_readable()


@pytest.mark.needs("fork")
def test_a_worker_forked_in_the_middle_of_a_scrape_can_answer_one(run_python: RunPython) -> None:
    """The parent holds the scraper's lock at the fork; its child must not wait for it."""
    output = run_python("""
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=['monitoring', 'django.contrib.auth', 'django.contrib.contenttypes']
)
django.setup()
from monitoring.exposition.negotiation import Format
from monitoring.api.scrape_view import scraper
requests = Counter("http_requests_total", "Help.", ["status"])
requests.labels("200").inc()
assert b'http_requests_total{status="200"} 1.0' in scraper().answer({}).body
with scraper()._lock, scraper()._present_lock, scraper()._merger._lock:
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        storage.attach()
        requests.labels("200").inc()
        body = scraper().answer({}).body
        os._exit(0 if b'http_requests_total{status="200"} 2.0' in body else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert output == "0\n"


def test_the_directory_may_vanish_and_come_back(metrics_directory: Path) -> None:
    scraper = Scraper(metrics_directory)
    write_highr(metrics_directory)
    assert HIGHR.encode() in scraper.answer({}).body
    metrics_directory.rename(metrics_directory.with_name("away"))
    assert HIGHR.encode() not in scraper.answer({}).body
    metrics_directory.with_name("away").rename(metrics_directory)
    assert HIGHR.encode() in scraper.answer({}).body
