"""The options of rules and dashboards that an adopter may want to change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """Durations in seconds, ratios from 0 to 1, rates in requests a second."""

    # Label matchers for every series, such as `job="shop"`. Empty: every job with our families.
    selector: str = ""
    # The page of the alerts' `runbook_url`, with a section for each alert.
    runbook_url: str = "https://example.org/docs/runbook.md"
    availability_target: float = 0.999
    latency_target: float = 0.99
    # Must be one of the bounds in the setting LATENCY_BUCKETS.
    latency_seconds: float = 0.5
    # Below this rate, ratios mean little, and alerts on them do not fire.
    minimum_rate: float = 0.1

    def series(self, name: str, matchers: str = "") -> str:
        """A PromQL selector of `name` with these matchers and the configured ones."""
        inside = ",".join(part for part in (self.selector, matchers) if part)
        return f"{name}{{{inside}}}" if inside else name

    @property
    def availability_budget(self) -> float:
        return round(1 - self.availability_target, 9)

    @property
    def latency_budget(self) -> float:
        return round(1 - self.latency_target, 9)
