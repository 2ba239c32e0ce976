"""A histogram without its classic buckets is still one, and costs no new layout."""

from pathlib import Path

from monitoring.exposition.classic_buckets import BucketFilter
from monitoring.exposition.text import TextRenderer
from monitoring.merging.merge import Merger
from monitoring.metrics.request_families import HIGHR_BOUNDS
from tests.unit.exposition.highr_files import HIGHR, write_highr
from tests.unit.exposition.openmetrics import openmetrics, parsed
from tests.unit.merging.stock_entries import no_damage
from tests.unit.storage.files import StockFile


def test_without_its_classic_buckets_a_histogram_is_still_one(tmp_path: Path) -> None:
    write_highr(tmp_path)
    merger, bucket_filter = Merger(tmp_path, no_damage), BucketFilter(HIGHR)
    families = parsed(openmetrics(bucket_filter.apply(merger.merge())))
    count = 2.0 * (len(HIGHR_BOUNDS) + 1)
    assert {(s.name, s.labels.get("le"), s.value) for s in families[HIGHR].samples} == {
        (f"{HIGHR}_bucket", "+Inf", count),
        (f"{HIGHR}_count", None, count),
        (f"{HIGHR}_sum", None, 5.5),
    }
    assert len(families["other"].samples) == 4


def test_a_filtered_registry_keeps_its_layout_while_values_change(tmp_path: Path) -> None:
    write_highr(tmp_path)
    merger, bucket_filter, renderer = (
        Merger(tmp_path, no_damage),
        BucketFilter(HIGHR),
        TextRenderer(),
    )
    first = bucket_filter.apply(merger.merge())
    renderer.render(first, [])
    file = StockFile(tmp_path, "histogram_web-0.db")
    file.write(HIGHR, f"{HIGHR}_sum", {}, 7.25)
    file.close()
    second = bucket_filter.apply(merger.merge())
    assert second.layout is first.layout
    assert f"{HIGHR}_sum 7.25\n" in renderer.render(second, []).decode()
