"""A Histogram with fast look-up of buckets, and with writes that can be combined."""

from bisect import bisect_left
from collections.abc import Mapping

from prometheus_client.utils import floatToGoString

from monitoring.storage.client_internals import OpenHistogram
from monitoring.storage.exemplars import Place, bucket_place
from monitoring.storage.values import SlotValue, add_all


class BisectHistogram(OpenHistogram):
    """Finds its bucket by bisection, because a scan of 338 buckets is slow."""

    def observe(self, amount: float, exemplar: Mapping[str, str] | None = None) -> None:
        self.must_be_observable()
        add_all(self.writes(amount))

    def writes(self, amount: float) -> tuple[tuple[SlotValue, float], tuple[SlotValue, float]]:
        """The writes of `observe(amount)`, for one `add_all` together with other writes."""
        return self.writes_in(bisect_left(self.bounds, amount), amount)

    def writes_in(
        self, number: int, amount: float
    ) -> tuple[tuple[SlotValue, float], tuple[SlotValue, float]]:
        """As `writes`, if the number of the bucket is known."""
        return (self.total, amount), (self.buckets[number], 1.0)

    def exemplar_place(self, amount: float) -> Place:
        """The exemplar record of the bucket of `amount`, computed once for each bucket."""
        number = bisect_left(self.bounds, amount)
        place = self._places.get(number)
        if place is None:
            name, labels = self.name_and_labels()
            bound = floatToGoString(self.bounds[number])
            place = bucket_place(f"{name}_bucket", (*labels, ("le", bound)), number)
            self._places[number] = place
        return place

    def made(self) -> None:
        self._places: dict[int, Place] = {}
