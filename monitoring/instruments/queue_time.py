"""How long a request waited before it reached us, told by the proxy's `X-Request-Start` header.

Its value is the Unix time at which the proxy took the request, with or without `t=`, in seconds
(nginx's `$msec`), milliseconds (Heroku) or microseconds (Apache's `%t`): the size tells which.
"""

import re

HEADER = "HTTP_X_REQUEST_START"
_MOMENT = re.compile(r"(?:t=)?(\d{10,16}(?:\.\d{1,9})?)", re.ASCII)
_LONGEST_SECONDS = 3600.0


def queue_seconds(header: str, now: float) -> float | None:
    """Seconds from the header's moment to `now` (Unix seconds).

    0 for a proxy whose clock is ahead of ours by up to a second; None for what is no such moment,
    lies further ahead, or more than an hour back: no proxy holds a request that long.
    """
    match = _MOMENT.fullmatch(header)
    if match is None:
        return None
    moment = float(match[1])
    if moment >= 1e14:
        moment /= 1e6
    elif moment >= 1e11:
        moment /= 1e3
    seconds = now - moment
    if not -1.0 <= seconds <= _LONGEST_SECONDS:
        return None
    return max(seconds, 0.0)
