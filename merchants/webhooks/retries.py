"""When to try again, when to let an endpoint rest, and when to give up.  Pure: no clock, no database."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

#: Seconds after the 1st, 2nd … failed try.  Eight tries within three days; then the delivery is given up.
WAITS: Final = (5, 60, 10 * 60, 3600, 5 * 3600, 18 * 3600, 48 * 3600)
ATTEMPTS_MAX: Final = len(WAITS) + 1
#: What a receiver may ask for in `Retry-After`.
RETRY_AFTER_SECONDS_MAX: Final = 3600

#: The breaker: an endpoint that failed so often in a row rests, and then gets one delivery as a probe.
FAILURES_BEFORE_REST: Final = 3
REST_SECONDS_MIN: Final = 5
REST_SECONDS_MAX: Final = 300

#: An endpoint that answered nothing well for so long is disabled.
FAILING_DAYS_MAX: Final = 5


def wait(*, attempts: int, jitter: float, retry_after_seconds: int | None) -> timedelta | None:
    """State how long to wait after the `attempts`-th try failed; None when it was the last.

    `jitter` from 0 to 1 spreads the tries by a tenth, so that what failed together is not tried together.
    """
    if attempts >= ATTEMPTS_MAX:
        return None
    seconds = WAITS[attempts - 1] * (1 + 0.1 * jitter)
    if retry_after_seconds is not None:
        seconds = max(seconds, min(retry_after_seconds, RETRY_AFTER_SECONDS_MAX))
    return timedelta(seconds=seconds)


def rest(*, failures_in_row: int, was_slow: bool) -> timedelta | None:
    """State how long an endpoint rests after a failure; None when the others may go on.

    One that made us wait rests at once: it costs a place that other endpoints need.
    """
    beyond = failures_in_row - (1 if was_slow else FAILURES_BEFORE_REST)
    if beyond < 0:
        return None
    return timedelta(seconds=min(REST_SECONDS_MIN * 2 ** min(beyond, 10), REST_SECONDS_MAX))
