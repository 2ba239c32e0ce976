"""Reads io.prometheus.client.MetricFamily messages, written from the schema alone.

Strict: a field that the schema does not have, or that has another wire type there, is an error.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client.utils import floatToGoString

from tests.unit.stock import Samples

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_WIRE_TYPES = {"uint": _VARINT, "int": _VARINT, "sint": _VARINT, "double": _FIXED64}


@dataclass(frozen=True)
class Field:
    name: str
    type: str  # uint, int, sint, double, string or the name of a message
    repeated: bool = False


SCHEMA: dict[str, dict[int, Field]] = {
    "MetricFamily": {
        1: Field("name", "string"),
        2: Field("help", "string"),
        3: Field("type", "uint"),
        4: Field("metric", "Metric", repeated=True),
        5: Field("unit", "string"),
    },
    "Metric": {
        1: Field("label", "LabelPair", repeated=True),
        2: Field("gauge", "Value"),
        3: Field("counter", "Value"),
        4: Field("summary", "Summary"),
        5: Field("untyped", "Value"),
        7: Field("histogram", "Histogram"),
    },
    "LabelPair": {1: Field("name", "string"), 2: Field("value", "string")},
    "Value": {1: Field("value", "double")},
    "Summary": {
        1: Field("sample_count", "uint"),
        2: Field("sample_sum", "double"),
        3: Field("quantile", "Quantile", repeated=True),
    },
    "Quantile": {1: Field("quantile", "double"), 2: Field("value", "double")},
    "Histogram": {
        1: Field("sample_count", "uint"),
        2: Field("sample_sum", "double"),
        3: Field("bucket", "Bucket", repeated=True),
        4: Field("sample_count_float", "double"),
        5: Field("schema", "sint"),
        6: Field("zero_threshold", "double"),
        7: Field("zero_count", "uint"),
        12: Field("positive_span", "BucketSpan", repeated=True),
        13: Field("positive_delta", "sint", repeated=True),
    },
    "Bucket": {
        1: Field("cumulative_count", "uint"),
        2: Field("upper_bound", "double"),
        3: Field("exemplar", "Exemplar"),
        4: Field("cumulative_count_float", "double"),
    },
    "BucketSpan": {1: Field("offset", "sint"), 2: Field("length", "uint")},
    "Exemplar": {
        1: Field("label", "LabelPair", repeated=True),
        2: Field("value", "double"),
        3: Field("timestamp", "Timestamp"),
    },
    "Timestamp": {1: Field("seconds", "int"), 2: Field("nanos", "int")},
}

TYPES = ("counter", "gauge", "summary", "untyped", "histogram")

Message = dict[str, Any]


def decode(data: bytes) -> list[Message]:
    """The MetricFamily messages of a body."""
    families = []
    position = 0
    while position < len(data):
        length, position = _varint(data, position)
        assert position + length <= len(data), "cut off"
        families.append(_message(data[position : position + length], "MetricFamily"))
        position += length
    return families


def labels_of(message: Message) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in message.get("label", ())}


def samples_in(families: list[Message]) -> Samples:
    """Every sample as a Prometheus that reads float counts stores it, native parts left out."""
    return {
        (name, tuple(sorted(labels.items()))): value
        for family in families
        for metric in family.get("metric", ())
        for name, labels, value in _samples(family["name"], TYPES[family["type"]], metric)
    }


def _samples(name: str, kind: str, metric: Message) -> Iterator[tuple[str, dict[str, str], float]]:
    labels = labels_of(metric)
    content = metric[kind]
    if kind not in ("summary", "histogram"):
        yield name, labels, content["value"]
        return
    yield f"{name}_count", labels, _count(content, "sample_count")
    if "sample_sum" in content:
        yield f"{name}_sum", labels, content["sample_sum"]
    for quantile in content.get("quantile", ()):
        yield name, labels | {"quantile": str(quantile["quantile"])}, quantile["value"]
    for bucket in content.get("bucket", ()):
        bound = floatToGoString(bucket["upper_bound"])
        yield f"{name}_bucket", labels | {"le": bound}, _count(bucket, "cumulative_count")


def _count(message: Message, name: str) -> float:
    return float(message.get(f"{name}_float") or message[name])


def _message(data: bytes, kind: str) -> Message:
    message: Message = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        field = SCHEMA[kind][tag >> 3]
        assert tag & 7 == _WIRE_TYPES.get(field.type, _BYTES), f"{kind}.{field.name}"
        value: Any
        if tag & 7 == _VARINT:
            value, position = _varint(data, position)
            if field.type == "sint":
                value = value >> 1 ^ -(value & 1)
            elif field.type == "int" and value >= 1 << 63:
                value -= 1 << 64
        elif tag & 7 == _FIXED64:
            (value,) = struct.unpack_from("<d", data, position)
            position += 8
        else:
            length, position = _varint(data, position)
            assert position + length <= len(data), "cut off"
            raw = data[position : position + length]
            position += length
            value = raw.decode() if field.type == "string" else _message(raw, field.type)
        if field.repeated:
            message.setdefault(field.name, []).append(value)
        else:
            assert field.name not in message, f"{kind}.{field.name} twice"
            message[field.name] = value
    return message


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            assert number < 1 << 64, "more than 64 bits"
            return number, position
