"""Rate limits, one per key, counted in Redis for all processes together; without Redis everybody passes.

A call to Redis for each sale would cost as much as reading the sale. So each process leases a hundredth of the limit at
a time and counts that down itself: never more than the limit passes, and a key may be held back at most one lease early.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings

_log = structlog.stdlib.get_logger(__name__)
_PAUSE_AFTER_FAILURE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may pass, and what to tell the caller about the rest of the window."""

    is_allowed: bool
    limit: int
    window_seconds: int
    remaining: int
    resets_in_seconds: int

    def headers(self) -> dict[str, str]:
        """Write the draft RateLimit fields, and Retry-After on a refusal."""
        found = {
            "RateLimit-Policy": f'"key";q={self.limit};w={self.window_seconds}',
            "RateLimit": f'"key";r={self.remaining};t={self.resets_in_seconds}',
        }
        if not self.is_allowed:
            found["Retry-After"] = str(self.resets_in_seconds)
        return found


@dataclass(slots=True)
class _Lease:
    window: int
    left: int
    taken: int


class Limiter:
    """Counts calls by name in fixed windows, a batch as its items. One per process; threads share it."""

    def __init__(self, url: str, limit: int, window_seconds: int) -> None:
        self.limit = limit
        self.window_seconds = window_seconds
        self._lease_size = max(1, limit // 100)
        self._leases: dict[str, _Lease] = {}
        self._lock = threading.Lock()
        self._asleep_until = 0.0
        self._redis = redis.Redis.from_url(
            url, socket_timeout=0.25, socket_connect_timeout=0.25, health_check_interval=30, retry=None
        )

    def take(self, name: str, *, at: float, count: int = 1) -> Verdict | None:
        """Count one call, or so many items of one, at `at` (Unix seconds); None when nobody can count at the moment.

        A batch counts as half the limit at most, or a small limit would never let it pass.
        """
        if not self.limit:
            return None
        count = max(1, min(count, self.limit // 2))
        window, into = divmod(at, self.window_seconds)
        resets_in = max(1, int(self.window_seconds - into + 0.999))
        with self._lock:
            lease = self._leases.get(name)
            if lease is None or lease.window != window:
                lease = self._leases[name] = _Lease(int(window), 0, 0)
            if lease.left < count and lease.taken < self.limit and not self._renew(name, lease, count):
                return None
            allowed = lease.left >= count
            if allowed:
                lease.left -= count
            remaining = max(0, self.limit - lease.taken) + lease.left
            if len(self._leases) > 10_000:
                self._leases = {key: kept for key, kept in self._leases.items() if kept.window == window}
        return Verdict(allowed, self.limit, self.window_seconds, remaining, resets_in)

    def _renew(self, name: str, lease: _Lease, count: int) -> bool:
        now = time.monotonic()
        if now < self._asleep_until:
            return False
        size = max(self._lease_size, count - lease.left)
        counter = f"api-limit:{name}:{lease.window}"
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.incrby(counter, size)
                pipe.expire(counter, self.window_seconds * 2)
                taken = int(pipe.execute()[0])
        except Exception as error:
            # Whatever the client of a dying server raises: a count that failed is never a reason to refuse a sale.
            self._asleep_until = now + _PAUSE_AFTER_FAILURE_SECONDS
            _log.warning("rate limits are not counted", error=type(error).__name__)
            return False
        before = taken - size
        lease.left += max(0, min(size, self.limit - before))
        lease.taken = min(taken, self.limit)
        return True


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """Make this process's limiter from the settings: `API_RATE_LIMIT`, such as 6000/60 or 0."""
    amount, _slash, seconds = settings.API_RATE_LIMIT.partition("/")
    return Limiter(settings.DJANGO_REDIS_URL, int(amount), int(seconds or 60))
