"""Our quantile and a real Prometheus's `histogram_quantile`, over the same scraped buckets."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitoring.figures.quantile import buckets_of, histogram_quantile
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus
from tests.servers.text_target import TextTarget, run_text_target

QS = (-0.5, 0.0, 1e-9, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0, 1.5, math.nan)
HISTOGRAMS = 100

_bounds = st.lists(
    st.floats(-5, 200, allow_nan=False) | st.sampled_from([-1.0, 0.0, 1.0, math.inf]), max_size=12
)
_count = st.integers(0, 50) | st.floats(0, 1e9, allow_nan=False)


@st.composite
def histograms(draw: st.DrawFn) -> dict[float, float]:
    """Buckets by bound: monotone or not, with +Inf or not, some empty, some of a single bucket."""
    bounds = {*draw(_bounds), *draw(st.sampled_from([(), (math.inf,), (math.inf,)]))}
    counts = draw(st.lists(_count, min_size=len(bounds), max_size=len(bounds)))
    if draw(st.booleans()):
        counts = list(itertools.accumulate(counts))
    return dict(zip(sorted(bounds), map(float, counts), strict=True))


@pytest.fixture(scope="module")
def target() -> Iterator[TextTarget]:
    with run_text_target() as server:
        yield server


@pytest.fixture(scope="module")
def prometheus(
    target: TextTarget, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    with run_prometheus(tmp_path_factory.mktemp("prometheus"), [target.address]) as running:
        yield running


def expose(drawn: list[dict[float, float]], number: int) -> str:
    """The histograms as a scrape; `number` tells one text from the next."""
    lines = ["# TYPE h histogram"]
    for index, buckets in enumerate(drawn):
        for bound, count in buckets.items():
            le = "+Inf" if bound == math.inf else repr(bound)
            lines.append(f'h_bucket{{round="{number}",i="{index}",le="{le}"}} {count!r}')
    return "\n".join([*lines, f"served_round {number}", ""])


def test_quantiles_equal_those_of_a_real_prometheus(
    target: TextTarget, prometheus: Prometheus
) -> None:
    rounds = itertools.count(1)
    finite = []

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(histograms(), min_size=HISTOGRAMS, max_size=HISTOGRAMS))
    def compare(drawn: list[dict[float, float]]) -> None:
        number = next(rounds)
        target.text = expose(drawn, number)
        wait_for("the scrape", lambda: prometheus.value("served_round") == number)
        for q in QS:
            shown = "NaN" if math.isnan(q) else repr(q)
            vector = prometheus.query(f'histogram_quantile({shown}, h_bucket{{round="{number}"}})')
            theirs = {int(item["metric"]["i"]): float(item["value"][1]) for item in vector}
            assert theirs.keys() == {index for index, buckets in enumerate(drawn) if buckets}
            for index, expected in theirs.items():
                ours = histogram_quantile(q, buckets_of(drawn[index].items()))
                assert ours == pytest.approx(expected, rel=1e-9, abs=0, nan_ok=True), (
                    q,
                    drawn[index],
                )
                finite.append(math.isfinite(expected))

    compare()
    assert sum(finite) > 1000
