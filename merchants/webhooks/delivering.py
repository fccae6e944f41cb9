"""Deliveries: claimed in one short transaction, sent outside of any, written down many at once in another.

Any number of processes may deliver at the same time: what one has claimed the others pass over (`claiming`).
"""

from __future__ import annotations

import queue
import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from merchants import tenancy
from merchants.models.merchants import Merchant
from merchants.webhooks import addresses, endpoints, sending, settling, signatures
from merchants.webhooks.claiming import (
    CLAIM_MAX,
    FIRST_CLAIM,
    LEASE,
    ClaimedDelivery,
    claim,
    load_trial,
    merchants_due,
    release,
)
from merchants.webhooks.settling import Outcome, settle

__all__ = ["ClaimedDelivery", "claim", "deliver", "merchants_due", "send", "settle", "try_endpoint"]

#: Requests on their way at once, in one process; of these to one endpoint; and to all that have accepted nothing yet.
SIDE_BY_SIDE: Final = 24
PER_ENDPOINT: Final = 4
TO_UNPROVEN: Final = SIDE_BY_SIDE // 2
#: A thread goes on with one endpoint for so long, before it is another's turn.
_TURN_SECONDS: Final = 0.25
#: What was claimed and could not be sent by then is given back: its lease must outlast the request.
_SEND_WITHIN: Final = LEASE.total_seconds() - sending.SECONDS_MAX - addresses.RESOLVE_SECONDS_MAX - 1
_LOOK_EVERY: Final = 0.05
#: How long outcomes gather before they are written down together.
_GATHER_SECONDS: Final = 0.04
#: How long a good endpoint is served beyond the end, while one that hangs is waited for.
_GRACE_SECONDS: Final = sending.SECONDS_MAX
#: Somebody waits for the answer of a trial.
TRIAL_SECONDS_MAX: Final = 5.0

#: What the log of deliveries says when the secret does not open; English, like all of its answers.
CANNOT_SIGN: Final = "not sent: the signing secret does not open with this SECRET_KEY; make a new secret"

_log = structlog.stdlib.get_logger(__name__)


def send(
    parcel: ClaimedDelivery,
    *,
    now: datetime,
    resolver: addresses.Resolver = addresses.resolve,
    kept: sending.KeptConnections | None = None,
) -> sending.ReceiverAnswer:
    """Make one attempt.  It leaves the machine and touches no database: call it outside."""
    if not parcel.secrets:
        return sending.ReceiverAnswer(None, CANNOT_SIGN, duration_ms=0)
    headers = signatures.headers(message_id=parcel.message_id, at=now, body=parcel.body, secrets=parcel.secrets)
    patience = {"seconds_max": TRIAL_SECONDS_MAX} if parcel.is_trial else {}
    return sending.post(parcel.url, body=parcel.body, headers=headers, resolver=resolver, kept=kept, **patience)


def try_endpoint(
    *,
    merchant: Merchant,
    endpoint_id: str,
    clock: Callable[[], datetime],
    resolver: addresses.Resolver = addresses.resolve,
) -> str:
    """Send a trial event to an endpoint at once, also while it rests, and wait at most five seconds for its answer.

    Opens its own tenants, so call it outside of any.  Returns the delivery's public id, under which the log has the
    answer.  One that was accepted ends the endpoint's rest; one that was not is not repeated.

    :raises NoSuchEndpoint: at this merchant.
    :raises EndpointDisabled: nothing is sent there now.
    """
    began = clock()

    def prepare() -> ClaimedDelivery:
        delivery_id = endpoints.ping(merchant=merchant, endpoint_id=endpoint_id, now=began, claimed_until=began + LEASE)
        made.append(delivery_id)
        return load_trial(merchant_id=merchant.pk, delivery_id=delivery_id, now=began, until=began + LEASE)

    made: list[str] = []
    parcel = tenancy.attempt(merchant, prepare)
    answer = send(parcel, now=clock(), resolver=resolver)
    tenancy.attempt(merchant, partial(settle, [(parcel, answer)], now=clock()))
    return made[-1]


def deliver(
    *,
    find: Callable[[datetime], Sequence[int]] = merchants_due,
    clock: Callable[[], datetime],
    seconds_max: float = 20.0,
    resolver: addresses.Resolver = addresses.resolve,
) -> int:
    """Deliver what is due at the merchants `find` names until nothing is left or time is up.

    Opens its own tenants, so call it outside of any.  An endpoint gets one request at the first and four side by side
    once it has accepted one; those that have accepted nothing share half of the places.  After the end only good
    endpoints are served, for as long as a slow request is waited for.  Returns the number of attempts.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="webhook") as pool:
        run = _Run(pool, find, clock, resolver, time.monotonic() + seconds_max)
        try:
            return run.until_done()
        finally:
            run.stop()


class _Lane:
    """What one process has for one endpoint: deliveries that wait, threads at work, connections that are open."""

    def __init__(self, merchant_id: int) -> None:
        self.merchant_id = merchant_id
        self.waiting: deque[tuple[ClaimedDelivery, float]] = deque()
        self.kept = sending.KeptConnections()
        self.at_work = 0
        self.is_proven = False
        self.is_stopped = False
        self.size = FIRST_CLAIM
        self.claimed_at = 0.0

    @property
    def capacity(self) -> int:
        """How many more deliveries it can take; none while half of what it takes is there."""
        return 0 if self.is_stopped or len(self.waiting) * 2 > self.size else self.size - len(self.waiting)

    def take_in(self, parcels: Sequence[ClaimedDelivery], at: float) -> None:
        """Add what was claimed; the faster the last was used up, the more is claimed the next time."""
        since = at - self.claimed_at
        if self.claimed_at and since < 1:
            self.size = min(self.size * 2, CLAIM_MAX)
        elif since > 2:
            self.size = max(self.size // 2, FIRST_CLAIM)
        self.claimed_at = at
        self.waiting.extend((parcel, at) for parcel in parcels)


class _Run:
    """One call of `deliver`.  Threads send; this one claims, writes down, and decides."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        find: Callable[[datetime], Sequence[int]],
        clock: Callable[[], datetime],
        resolver: addresses.Resolver,
        end: float,
    ) -> None:
        self._pool, self._find, self._clock, self._resolver, self._end = pool, find, clock, resolver, end
        self._lanes: dict[int, _Lane] = {}
        self._ended: queue.SimpleQueue[tuple[_Lane, Outcome | BaseException | None]] = queue.SimpleQueue()
        self._next_look = 0.0
        self._nothing_at: dict[int, float] = {}
        self._attempts = 0

    def until_done(self) -> int:
        while True:
            self._claim_more()
            self._put_to_work()
            if not self._at_work():
                return self._attempts
            self._write_down(self._gather())
            self._give_back()

    def stop(self) -> None:
        """End the threads' work and the connections; what is not written down is due again after its lease."""
        for lane in self._lanes.values():
            lane.is_stopped = True
            lane.kept.close()

    def _at_work(self, *, unproven_only: bool = False) -> int:
        return sum(lane.at_work for lane in self._lanes.values() if not (unproven_only and lane.is_proven))

    # -- Claiming

    def _claim_more(self) -> None:
        started = time.monotonic()
        is_idle = not self._at_work()
        late = started - self._end
        if late >= 0 and (late >= _GRACE_SECONDS or not self._at_work(unproven_only=True)):
            return
        if started < self._next_look and not is_idle:
            return
        self._next_look = started + _LOOK_EVERY
        merchant_ids = list(self._find(self._clock()))
        for merchant_id in random.sample(merchant_ids, len(merchant_ids)):
            if not is_idle and started < self._nothing_at.get(merchant_id, 0.0):
                continue
            theirs = {key: lane for key, lane in self._lanes.items() if lane.merchant_id == merchant_id}
            if late >= 0 and not any(lane.is_proven for lane in theirs.values()):
                continue
            free = CLAIM_MAX * 4 - sum(len(lane.waiting) for lane in self._lanes.values())
            if free <= 0:
                break
            now = self._clock()
            capacities = {key: lane.capacity for key, lane in theirs.items()}
            parcels = tenancy.attempt(
                merchant_id, partial(claim, merchant_id=merchant_id, now=now, limit=free, capacities=capacities)
            )
            if not parcels:
                self._nothing_at[merchant_id] = started + _LOOK_EVERY * 4
            self._take_in(merchant_id, parcels)

    def _take_in(self, merchant_id: int, parcels: Sequence[ClaimedDelivery]) -> None:
        by_endpoint: defaultdict[int, list[ClaimedDelivery]] = defaultdict(list)
        for parcel in parcels:
            by_endpoint[parcel.endpoint].append(parcel)
        for endpoint, theirs in by_endpoint.items():
            self._lanes.setdefault(endpoint, _Lane(merchant_id)).take_in(theirs, time.monotonic())

    # -- Sending, on threads

    def _put_to_work(self) -> None:
        free, unproven = SIDE_BY_SIDE - self._at_work(), TO_UNPROVEN - self._at_work(unproven_only=True)
        for lane in random.sample(list(self._lanes.values()), len(self._lanes)):
            wanted = min(len(lane.waiting), PER_ENDPOINT if lane.is_proven else 1) - lane.at_work
            places = min(free, wanted, PER_ENDPOINT if lane.is_proven else unproven)
            for _place in range(0 if lane.is_stopped else places):
                lane.at_work += 1
                free -= 1
                unproven -= not lane.is_proven
                self._pool.submit(self._work, lane)

    def _work(self, lane: _Lane) -> None:
        until = time.monotonic() + _TURN_SECONDS
        failure: BaseException | None = None
        try:
            while not lane.is_stopped and time.monotonic() < until and lane.waiting:
                try:
                    parcel, claimed_at = lane.waiting.popleft()
                except IndexError:  # another thread was quicker
                    break
                if time.monotonic() - claimed_at > _SEND_WITHIN:
                    lane.waiting.appendleft((parcel, claimed_at))
                    lane.is_stopped = True  # too slow for what it has: all of it is given back
                    break
                answer = send(parcel, now=self._clock(), resolver=self._resolver, kept=lane.kept)
                if answer.is_trouble_of_the_endpoint:
                    lane.is_stopped = True
                self._ended.put((lane, (parcel, answer)))
                if not lane.is_proven:
                    break  # let the others in, now that we know
        except BaseException as error:
            failure = error
        self._ended.put((lane, failure))

    # -- Writing down

    def _gather(self) -> list[Outcome]:
        """Wait for something to end, and a little longer for what ends with it."""
        outcomes: list[Outcome] = []
        patience = _LOOK_EVERY * 2
        until = time.monotonic() + patience
        while (remaining := until - time.monotonic()) > 0 and len(outcomes) < CLAIM_MAX:
            try:
                lane, what = self._ended.get(timeout=remaining)
            except queue.Empty:
                break
            if isinstance(what, BaseException):
                raise what
            if what is None:
                lane.at_work -= 1
                if not self._at_work() or not lane.is_proven:
                    break
                continue
            if not outcomes:
                until = min(until, time.monotonic() + _GATHER_SECONDS)
            outcomes.append(what)
            if what[1].is_accepted or what[1].is_refusal_of_the_event:
                lane.is_proven = True
        return outcomes

    def _write_down(self, outcomes: Sequence[Outcome]) -> None:
        by_merchant: defaultdict[int, list[Outcome]] = defaultdict(list)
        for parcel, answer in outcomes:
            by_merchant[parcel.merchant_id].append((parcel, answer))
        for merchant_id, theirs in by_merchant.items():
            tenancy.attempt(merchant_id, partial(settling.settle, theirs, now=self._clock()))
            self._nothing_at.pop(merchant_id, None)
            self._attempts += len(theirs)
            for parcel, answer in theirs:
                if not answer.is_accepted:
                    _log.warning(
                        "webhook_not_accepted",
                        merchant=merchant_id,
                        event_id=parcel.message_id,
                        code=answer.code,
                        attempt=parcel.attempts + 1,
                    )

    def _give_back(self) -> None:
        """Free what a lane will not send, and forget lanes that are done with."""
        is_over = time.monotonic() >= self._end and not self._at_work(unproven_only=True)
        unsent: defaultdict[int, list[ClaimedDelivery]] = defaultdict(list)
        for endpoint, lane in list(self._lanes.items()):
            if is_over:
                lane.is_stopped = True
            if lane.is_stopped and not lane.at_work:
                unsent[lane.merchant_id] += [parcel for parcel, _at in lane.waiting]
                lane.kept.close()
                del self._lanes[endpoint]
        for merchant_id, parcels in unsent.items():
            if parcels:
                tenancy.attempt(merchant_id, partial(release, parcels))
