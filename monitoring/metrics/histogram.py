"""A Histogram with fast look-up of buckets, and with writes that can be combined."""

from bisect import bisect_left
from collections.abc import Mapping

from prometheus_client import Histogram
from prometheus_client.utils import floatToGoString

from monitoring.storage.exemplars import Place, bucket_place
from monitoring.storage.values import SlotValue, add_all


class BisectHistogram(Histogram):
    """Finds its bucket by bisection, because a scan of 338 buckets is slow."""

    def observe(self, amount: float, exemplar: Mapping[str, str] | None = None) -> None:
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]
        add_all(self.writes(amount))

    def writes(self, amount: float) -> tuple[tuple[SlotValue, float], tuple[SlotValue, float]]:
        """The writes of `observe(amount)`, for one `add_all` together with other writes."""
        return (self._sum, amount), (self._buckets[bisect_left(self._upper_bounds, amount)], 1.0)

    def writes_in(
        self, number: int, amount: float
    ) -> tuple[tuple[SlotValue, float], tuple[SlotValue, float]]:
        """As `writes`, if the number of the bucket is known."""
        return (self._sum, amount), (self._buckets[number], 1.0)

    def exemplar_place(self, amount: float) -> Place:
        """The exemplar record of the bucket of `amount`, computed once for each bucket."""
        number = bisect_left(self._upper_bounds, amount)
        place = self._places.get(number)
        if place is None:
            labels = sorted(zip(self._labelnames, self._labelvalues, strict=True))
            bound = floatToGoString(self._upper_bounds[number])
            place = bucket_place(f"{self._name}_bucket", (*labels, ("le", bound)), number)
            self._places[number] = place
        return place

    def _metric_init(self) -> None:
        super()._metric_init()
        self._places: dict[int, Place] = {}
