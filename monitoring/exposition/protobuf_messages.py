"""Encodes the messages inside a MetricFamily; all but the values is prepared once.

Field numbers: github.com/prometheus/client_model, io/prometheus/client/metrics.proto.

    LabelPair   name 1, value 2
    Metric      label 1, gauge 2, counter 3, summary 4, untyped 5, histogram 7
    Gauge, Counter, Untyped   value 1
    Summary     sample_count 1, sample_sum 2, quantile 3 {quantile 1, value 2}
    Histogram   sample_count 1, sample_sum 2, bucket 3, sample_count_float 4, schema 5,
                zero_threshold 6, zero_count 7, positive_span 12 {offset 1, length 2},
                positive_delta 13
    Bucket      cumulative_count 1, upper_bound 2, exemplar 3, cumulative_count_float 4
    Exemplar    label 1, value 2, timestamp 3 {seconds 1, nanos 2}
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from prometheus_client.samples import Exemplar, Timestamp

from monitoring.exposition.protobuf_wire import (
    bytes_field,
    double_field,
    integer_field,
    signed_field,
    text_field,
)
from monitoring.merging.layout import Values
from monitoring.metrics.request_families import HIGHR_BOUNDS, HIGHR_FIRST, HIGHR_SCHEMA

NATIVE_BOUNDS = (*HIGHR_BOUNDS, math.inf)
_MAX_GAP = 2  # this many empty buckets cost no more bytes than a new span
_MAX_WHOLE = 2.0**53  # above, a double does not hold every whole number
_MAX_UINT64 = (1 << 64) - 1
_FIRST_SECOND, _LAST_SECOND = -62135596800, 253402300799  # google.protobuf.Timestamp: years 1-9999

LineExemplars = Mapping[int, Exemplar]  # by the index of the bucket's line
NO_EXEMPLARS: LineExemplars = {}


class MetricType(IntEnum):
    """The schema's enum of the same name."""

    COUNTER = 0
    GAUGE = 1
    SUMMARY = 2
    UNTYPED = 3
    HISTOGRAM = 4


_VALUE_FIELDS = {MetricType.GAUGE: 2, MetricType.COUNTER: 3, MetricType.UNTYPED: 5}


@dataclass(frozen=True, slots=True)
class Single:
    """A counter, a gauge or an untyped metric."""

    type: MetricType
    labels: bytes
    line: int

    @property
    def lines(self) -> tuple[int, ...]:
        return (self.line,)

    def encode(self, values: Sequence[float], _exemplars: LineExemplars = NO_EXEMPLARS) -> bytes:
        """The Metric; `values[i]` is the value of line i."""
        value = double_field(1, values[self.line])
        return self.labels + bytes_field(_VALUE_FIELDS[self.type], value)


@dataclass(frozen=True, slots=True)
class Compound:
    """What summaries and histograms have in common: lines that make one metric."""

    labels: bytes
    points: tuple[tuple[float, int], ...]  # (quantile or upper bound, line), sorted
    sum_line: int | None
    count_line: int | None

    @property
    def lines(self) -> tuple[int, ...]:
        ends = (line for line in (self.sum_line, self.count_line) if line is not None)
        return (*(line for _, line in self.points), *ends)

    def _sum(self, values: Sequence[float]) -> bytes:
        return b"" if self.sum_line is None else double_field(2, values[self.sum_line])


@dataclass(frozen=True, slots=True)
class Summary(Compound):
    def encode(self, values: Sequence[float], _exemplars: LineExemplars = NO_EXEMPLARS) -> bytes:
        """The Metric; its count becomes a whole number, because the schema has only uint64."""
        count = 0 if self.count_line is None else _to_uint64(values[self.count_line])
        parts = [integer_field(1, count), self._sum(values)]
        for quantile, line in self.points:
            pair = double_field(1, quantile) + double_field(2, values[line])
            parts.append(bytes_field(3, pair))
        return self.labels + bytes_field(4, b"".join(parts))


@dataclass(frozen=True, slots=True)
class Histogram(Compound):
    native: bool  # its bounds are NATIVE_BOUNDS: it is a native histogram as well

    def encode(self, values: Sequence[float], exemplars: LineExemplars = NO_EXEMPLARS) -> bytes:
        """The Metric, with the exemplars on their buckets."""
        if self.count_line is not None:
            count = values[self.count_line]
        else:
            count = values[self.points[-1][1]] if self.points else 0.0
        parts = [_count(1, 4, count), self._sum(values)]
        for bound, line in self.points:
            bucket = _count(1, 4, values[line]) + _upper_bound(bound)
            exemplar = exemplars.get(line)
            if exemplar is not None:
                bucket += bytes_field(3, _exemplar(exemplar))
            parts.append(bytes_field(3, bucket))
        if self.native:
            parts.append(native_part(np.array([values[line] for _, line in self.points])))
        return self.labels + bytes_field(7, b"".join(parts))


AnyMetric = Single | Summary | Histogram


def label_fields(labels: Iterable[tuple[str, str]]) -> bytes:
    """Labels as they begin a Metric or an Exemplar."""
    return b"".join(
        bytes_field(1, text_field(1, name) + text_field(2, value)) for name, value in labels
    )


def native_part(cumulative: Values) -> bytes:
    """Fields 5 to 13 of a Histogram, from the cumulative counts of NATIVE_BOUNDS.

    A classic bucket with the upper bound 2^(k/16) is native bucket k. The first, which reaches
    down to zero, becomes the zero bucket; the one up to +Inf becomes the next after the last.
    Empty if the counts are not whole, or decrease: a native histogram must add up, or Prometheus
    refuses the whole scrape.
    """
    if not ((cumulative >= 0) & (cumulative <= _MAX_WHOLE)).all():
        return b""
    counts = np.diff(cumulative, prepend=0.0)
    if not ((counts >= 0) & (counts == np.floor(counts))).all():
        return b""
    whole = counts.astype(np.int64)
    parts = [
        signed_field(5, HIGHR_SCHEMA),
        double_field(6, HIGHR_BOUNDS[0]),
        integer_field(7, int(whole[0])),
    ]
    filled = np.flatnonzero(whole[1:]) + 1
    if len(filled):
        at_gaps = np.flatnonzero(np.diff(filled) > _MAX_GAP + 1) + 1
        stretches = [(int(part[0]), int(part[-1]) + 1) for part in np.split(filled, at_gaps)]
        end = -HIGHR_FIRST  # the first offset counts from index 0, the others from the last end
        for start, stop in stretches:
            span = signed_field(1, start - end) + integer_field(2, stop - start)
            parts.append(bytes_field(12, span))
            end = stop
        in_spans = np.concatenate([whole[start:stop] for start, stop in stretches])
        deltas = np.diff(in_spans, prepend=0).tolist()
        parts.extend(signed_field(13, delta) for delta in deltas)
    return b"".join(parts)


@lru_cache(maxsize=4096)  # all histograms have the same few bounds
def _upper_bound(bound: float) -> bytes:
    return double_field(2, bound)


def _count(field: int, float_field: int, value: float) -> bytes:
    """A count as uint64, followed by a double if the uint64 is not exact."""
    whole = _to_uint64(value)
    encoded = integer_field(field, whole)
    return encoded if whole == value else encoded + double_field(float_field, value)


def _to_uint64(value: float) -> int:
    """The value without its fraction; 0 for a negative one and NaN, the largest for Inf."""
    if not value > 0:
        return 0
    return _MAX_UINT64 if value > _MAX_UINT64 else int(value)


def _exemplar(exemplar: Exemplar) -> bytes:
    """The Exemplar; without a timestamp if google.protobuf.Timestamp cannot hold it."""
    encoded = label_fields(exemplar.labels.items()) + double_field(2, exemplar.value)
    moment = exemplar.timestamp
    if isinstance(moment, Timestamp):
        total = moment.sec * 10**9 + moment.nsec
    elif moment is not None and _FIRST_SECOND <= moment <= _LAST_SECOND:
        total = round(moment * 10**6) * 1000  # a double of today's time is good to 0.2 µs
    else:
        return encoded
    seconds, nanoseconds = divmod(total, 10**9)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return encoded
    return encoded + bytes_field(3, integer_field(1, seconds) + integer_field(2, nanoseconds))
