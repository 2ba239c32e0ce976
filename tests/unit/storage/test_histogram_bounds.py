"""A file whose histogram has other bounds than the process declares is set aside."""

from pathlib import Path

import pytest

from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

WAIT = "h = Histogram('wait', 'W.', ['route'], buckets={bounds})\n"
OTHERS = (
    "Histogram('size', 'S.', buckets=(1, 2)).observe(1)\nCounter('done', 'D.').inc()\n"
    "open_first = storage.attach()\n"
)


def written(bounds: tuple[float, ...], value: float, route: str = '"le": "1"') -> str:
    return WAIT.format(bounds=bounds) + f"h.labels({route!r}).observe({value})\n"


def buckets(directory: Path, route: str = '"le": "1"') -> dict[str, float]:
    return {
        dict(labels)["le"]: value
        for (name, labels), value in stock_samples(directory).items()
        if name == "wait_bucket" and dict(labels)["route"] == route
    }


@pytest.mark.parametrize("then", [(0.1, 1, 5), (0.1,), (0.1, 5), (0.2, 2)])
@pytest.mark.parametrize("opened", ["before the histogram is built", "after it"])
def test_changed_bounds_begin_at_zero_and_the_other_counts_go_on(
    then: tuple[float, ...], opened: str, run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(OTHERS + written((0.1, 1), 0.05) + "h.labels('/old/').observe(7)")
    order = (OTHERS, written(then, 0.05))
    run_python("".join(order if opened.startswith("before") else reversed(order)))
    assert buckets(metrics_directory) == {**{str(float(b)): 1.0 for b in then}, "+Inf": 1.0}
    assert not any(buckets(metrics_directory, "/old/").values())
    samples = stock_samples(metrics_directory)
    assert samples["size_count", ()] == 2
    assert samples["done_total", ()] == 2
    assert samples["monitoring_corrupt_files_total", ()] == 1
    assert (metrics_directory / "histogram_web-0.db.damaged").exists()


def test_the_same_bounds_count_on(run_python: RunPython, metrics_directory: Path) -> None:
    for _ in range(2):
        run_python(OTHERS + written((0.1, 1), 0.05))
    assert buckets(metrics_directory) == {"0.1": 2, "1.0": 2, "+Inf": 2}
    assert stock_samples(metrics_directory)["monitoring_corrupt_files_total", ()] == 0


def test_every_bucket_that_the_process_made_is_there_before_it_counts(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(OTHERS + written((0.1, 1), 0.05))
    run_python(OTHERS + WAIT.format(bounds=(0.1, 5)) + "h.labels('/new/')")
    assert buckets(metrics_directory, "/new/") == {"0.1": 0, "5.0": 0, "+Inf": 0}
    assert buckets(metrics_directory) == {}


@pytest.mark.needs("fork")
def test_a_forked_child_sets_aside_what_the_last_owner_of_its_slot_left(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(OTHERS + written((0.1, 1), 0.05))
    run_python(
        WAIT.format(bounds=(0.1, 5))
        + """
storage.install('master')
child = h.labels('/new/')
child.observe(0.05)
if os.fork() == 0:
    storage.install('web')
    child.observe(3)
    os._exit(0)
os.wait()
"""
    )
    assert buckets(metrics_directory, "/new/") == {"0.1": 1, "5.0": 2, "+Inf": 2}
    assert buckets(metrics_directory) == {}


def test_two_histograms_of_one_name_in_two_registries_set_nothing_aside(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        OTHERS
        + written((0.1, 1), 0.05)
        + "from prometheus_client import CollectorRegistry\n"
        + "h = Histogram('wait', 'W.', ['route'], buckets=(2,), registry=CollectorRegistry())\n"
        + "h.labels('/other/').observe(1)\n"
    )
    assert stock_samples(metrics_directory)["monitoring_corrupt_files_total", ()] == 0
