"""One thin task for each line of the schedule: who has something due, and the one verb that does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics import runs
from loyalty.celery import app
from loyalty.worker import rounds, schedule
from loyalty.worker.rounds import Tick
from members import codes, contact_changes, live_codes
from merchants import due, messages
from merchants.webhooks import delivering, pruning, relay
from rewards import expiry, redemptions, tiers, verify


@app.task(base=Tick, name="tick.relay")  # type: ignore[untyped-decorator]
def relay_events(*, now: datetime, **_: Any) -> int:
    """Hand events on to the endpoints that want them."""
    return rounds.each(
        relay.merchants_due(), lambda merchant: relay.relay(merchant_id=merchant.pk, now=rounds.clock()), seconds_max=15
    )


@app.task(base=Tick, name="tick.deliver")  # type: ignore[untyped-decorator]
def deliver_events(*, now: datetime, **_: Any) -> int:
    """Make the deliveries whose time has come."""
    return delivering.deliver(clock=rounds.clock, seconds_max=15)


@app.task(base=Tick, name="tick.messages")  # type: ignore[untyped-decorator]
def send_messages(*, now: datetime, **_: Any) -> int:
    """Send the mails and text messages that the process which wrote them could not."""
    return rounds.each_outside(
        messages.merchants_due(now), lambda merchant: messages.send_due(merchant=merchant, now=rounds.clock())
    )


@app.task(base=Tick, name="tick.holds")  # type: ignore[untyped-decorator]
def expire_holds(*, now: datetime, **_: Any) -> int:
    """Give back the points of holds whose time is over."""
    return rounds.each(
        expiry.merchants_with_holds_due(now), lambda merchant: redemptions.expire_holds(merchant=merchant, now=now)
    )


@app.task(base=Tick, name="tick.lots")  # type: ignore[untyped-decorator]
def settle_lots(*, now: datetime, **_: Any) -> int:
    """Expire points that have ended and activate those whose day has come."""
    return rounds.each(expiry.merchants_due(now), lambda merchant: expiry.settle_due(merchant=merchant, now=now))


@app.task(base=Tick, name="tick.ending")  # type: ignore[untyped-decorator]
def announce_endings(*, now: datetime, **_: Any) -> int:
    """Tell of points that will end soon."""
    return rounds.each(due.open_merchants(), lambda merchant: expiry.announce(merchant=merchant, now=now))


@app.task(base=Tick, name="tick.tiers")  # type: ignore[untyped-decorator]
def requalify_tiers(*, now: datetime, **_: Any) -> int:
    """Judge the tiers whose window has ended, or that stand on terms no longer in force."""
    return rounds.each(due.open_merchants(), lambda merchant: tiers.requalify_due(merchant=merchant, now=now))


@app.task(base=Tick, name="tick.metrics")  # type: ignore[untyped-decorator]
def compute_metrics(*, now: datetime, **_: Any) -> int:
    """Start the night's run at every merchant whose night has begun, or whose night was missed."""
    merchant_ids = runs.due_merchants(now)
    for merchant_id in merchant_ids:
        compute_metrics_of.delay(merchant_id=merchant_id)
    return len(merchant_ids)


@app.task(name="work.metrics")  # type: ignore[untyped-decorator]
def compute_metrics_of(*, merchant_id: int, **_: Any) -> None:
    """Compute one merchant's numbers; a second run at once finds the first at work and leaves."""
    runs.run_by_id(merchant_id, now=rounds.clock())


@app.task(base=Tick, name="tick.verify")  # type: ignore[untyped-decorator]
def verify_ledgers(*, now: datetime, **_: Any) -> int:
    """Start the nightly reconciliation where it has not been done tonight."""
    merchant_ids = rounds.tonight("verify", now=now)
    for merchant_id in merchant_ids:
        verify_ledger_of.delay(merchant_id=merchant_id)
    return len(merchant_ids)


@app.task(name="work.verify")  # type: ignore[untyped-decorator]
def verify_ledger_of(*, merchant_id: int, **_: Any) -> None:
    """Reconcile one merchant's ledger; an account with a fault may not be spent from until somebody looked."""
    rounds.once_a_night("verify", merchant_id, lambda merchant: verify.inspect(merchant=merchant, now=rounds.clock()))


@app.task(base=Tick, name="tick.prune")  # type: ignore[untyped-decorator]
def prune(*, now: datetime, **_: Any) -> int:
    """Forget delivered events, sent messages, spent codes, notices and settled changes of contact that are old enough."""
    everybody = due.open_merchants()
    return (
        rounds.each(everybody, lambda merchant: pruning.prune(merchant=merchant, now=now), seconds_max=120)
        + rounds.each(everybody, lambda merchant: messages.prune(merchant=merchant, now=now), seconds_max=120)
        + rounds.each(everybody, lambda merchant: codes.prune(merchant=merchant, now=now), seconds_max=120)
        + rounds.each(everybody, lambda merchant: expiry.forget_notices(merchant=merchant, now=now), seconds_max=120)
        + rounds.each(everybody, lambda merchant: contact_changes.prune(merchant=merchant, now=now), seconds_max=120)
        + rounds.each(everybody, lambda merchant: live_codes.prune(merchant=merchant, now=now), seconds_max=120)
    )


app.conf.beat_schedule.update(schedule.beat_entries())
