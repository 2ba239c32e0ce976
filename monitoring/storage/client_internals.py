"""What we use of prometheus-client beyond its public interface: all of it, and nowhere else.

The next minor may change any of it. `tests/unit/storage/test_client_internals.py` names what has
changed; pyproject.toml allows the minors with which it passes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, metrics, registry, values
from prometheus_client.metrics import MetricWrapperBase

Lock = AbstractContextManager[Any]


def use_value_class(value_class: type) -> None:
    """The class of the values of every metric built from now on."""
    values.ValueClass = value_class


def use_locks(make: Callable[[], Lock], is_made: Callable[[Any], bool]) -> None:
    """The locks of every metric and registry made from now on, and of the default registry."""
    for module in (metrics, registry):
        vars(module)["Lock"] = make
    default = vars(REGISTRY)
    if not is_made(default["_lock"]):
        default["_lock"] = make()


def value_of(metric: Counter | Gauge) -> Any:
    """The value behind a label-less metric or a child."""
    return metric._value


def parts_of(histogram: Histogram) -> tuple[Any, Sequence[Any], Sequence[float]]:
    """Of a label-less histogram or a child: the value of its sum, those of its buckets by upper
    bound, without the lower buckets' counts, and the bounds.
    """
    return histogram._sum, histogram._buckets, histogram._upper_bounds


def set_mode(gauge: Gauge, mode: str) -> None:
    """Change the merge mode of a gauge that has labels and no child yet."""
    gauge._kwargs["multiprocess_mode"] = mode


def values_of_other_classes() -> Iterator[str]:
    """The names of registered metrics whose values are not of the class that is in use."""
    for collector in list(REGISTRY._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            for value in _some_values(collector):
                if not isinstance(value, values.ValueClass):
                    yield collector._name


def _some_values(metric: MetricWrapperBase) -> Iterator[object]:
    """One value of the metric, or of one of its children."""
    children = getattr(metric, "_metrics", None)
    if children:
        metric = next(iter(children.values()))
    for attribute in ("_value", "_sum"):
        if hasattr(metric, attribute):
            yield getattr(metric, attribute)


class OpenHistogram(Histogram):
    """A Histogram that hands its parts to a subclass, once they are made.

    `total` is the value of its sum, `buckets` are its values by upper bound, `bounds` the bounds.
    """

    def _metric_init(self) -> None:
        super()._metric_init()
        self.total, self.buckets, self.bounds = parts_of(self)
        self.made()

    def made(self) -> None:
        """For a subclass: the parts are there."""

    def must_be_observable(self) -> None:
        """Raises ValueError if it has labels, and this is no child."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]

    def name_and_labels(self) -> tuple[str, list[tuple[str, str]]]:
        """The family's name, and the labels of this child sorted by name."""
        return self._name, sorted(zip(self._labelnames, self._labelvalues, strict=True))
