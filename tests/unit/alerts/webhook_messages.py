"""Messages as Alertmanager posts them to a webhook."""

import copy
from typing import Any

# As Alertmanager 0.25 sends it.
MESSAGE: dict[str, Any] = {
    "receiver": "django",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighLatency", "severity": "critical", "instance": "a:8000"},
            "annotations": {"summary": "p99 is 4 s"},
            "startsAt": "2026-11-23T20:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus/graph",
            "fingerprint": "c0ffee1234567890",
        }
    ],
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
}


def message(**changes: Any) -> dict[str, Any]:
    """The message with these fields of its alert changed."""
    changed = copy.deepcopy(MESSAGE)
    changed["alerts"][0].update(changes)
    return changed
