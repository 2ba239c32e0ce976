"""What a scraper asks for: format, encoding and families.

Accept and Accept-Encoding are read with their q-values (RFC 9110).
"""

import enum
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.samples import Sample

from monitoring.merging.layout import Line

MAX_HEADER_CHARACTERS = 4096


class Format(enum.Enum):
    """The formats that we can answer with; each value is a Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    PROTOBUF = (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited"
    )

    @property
    def content_type(self) -> str:
        return self.value


_PREFERENCE = (Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF)  # from poorest to richest
_SPECIFICITY = {"*/*": 0, "text/*": 1}  # a range without a wildcard has 2


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of an Accept header."""

    media_type: str
    parameters: dict[str, str]
    quality: float


def choose_format(accept: str) -> Format:
    """The format with the highest q; on a tie the richer one; text if nothing fits.

    A range with a wildcard stands for text, unless a more specific range gives text a q. An Accept
    that we cannot satisfy gets text rather than a 406, as from Prometheus's own client libraries.
    """
    qualities: dict[Format, tuple[int, float]] = {}  # the range's specificity, its q
    for item in _ranges(accept):
        chosen = _format_of(item)
        if chosen is not None:
            found = (_SPECIFICITY.get(item.media_type, 2), item.quality)
            qualities[chosen] = max(found, qualities.get(chosen, found))
    wanted = [chosen for chosen, (_, quality) in qualities.items() if quality > 0]
    ranks = {chosen: (qualities[chosen][1], _PREFERENCE.index(chosen)) for chosen in wanted}
    return max(wanted, key=ranks.__getitem__, default=Format.TEXT)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip may be used: named with q > 0, or covered by `*`."""
    qualities = {item.media_type: item.quality for item in _ranges(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _format_of(item: _Range) -> Format | None:
    version = item.parameters.get("version", "")
    match item.media_type:
        case "application/openmetrics-text":
            # 1.x readers understand 1.0.0; 0.0.1 differs only in its name.
            return Format.OPENMETRICS if version in ("", "0.0.1") or version[:2] == "1." else None
        case "application/vnd.google.protobuf":
            wanted = (item.parameters.get("proto"), item.parameters.get("encoding"))
            is_ours = wanted == ("io.prometheus.client.MetricFamily", "delimited")
            return Format.PROTOBUF if is_ours else None
        case "text/plain":
            return Format.TEXT if version in ("", "0.0.4", "1.0.0") else None
        case "text/*" | "*/*":
            return Format.TEXT
    return None


def _ranges(header: str) -> Iterator[_Range]:
    for element in header[:MAX_HEADER_CHARACTERS].split(","):
        media_type, *rest = (part.strip() for part in element.split(";"))
        parameters = {}
        for part in rest:
            name, _, value = part.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        yield _Range(media_type.lower(), parameters, _quality(parameters.get("q", "1")))


def _quality(text: str) -> float:
    """The q-value; 0 if it is invalid, so that nobody gets a format by mistake."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0


def is_wanted(family: str, samples: Iterable[Line | Sample], wanted: Collection[str]) -> bool:
    """Whether `wanted` has the family's or a sample's name; if it is empty, all are wanted."""
    return not wanted or family in wanted or any(sample.name in wanted for sample in samples)
