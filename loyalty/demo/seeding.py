"""Living a story through the verbs, in its own time: the same calls a till makes, so ledger and tiers are real.

Time goes in steps of a few days.  In each, people join, their purchases are recorded as a backfill batch, things come
back, points are spent, opinions are given; then the clock's own work is done (lapses, tiers).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar

import django
from django.db import connection, connections
from django.utils import translation

from analytics import runs
from engagement import surveys
from loyalty.demo import story
from loyalty.demo.shops import DemoShop
from loyalty.demo.story import Joining, Opinion, Return, Story, Visit
from members import claims, consent, directory, privacy
from members.inputs import NewMember, Reference
from merchants import contacts, ids, keys, periods, privacy_notices, seats, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.database import schema
from merchants.languages import LANGUAGES
from merchants.models.merchants import Location, Merchant
from merchants.webhooks import addresses, endpoints
from rewards import enrolment, expiry, programmes, purchases, redemptions, terms, tiers
from rewards.parties import MemberRef
from rewards.purchases import ItemOutcome, LineInput, PurchaseInput, PurchaseRef, RefundInput, RefundLine, SaleSource
from rewards.purchases import RedemptionInput as Payment
from rewards.redemptions import RedemptionRequest
from rewards.terms import Terms

T = TypeVar("T", Joining, Visit, Return, Opinion)

STEP = timedelta(days=6)
AFTERNOON = timedelta(hours=15)
#: Time does its own work (lapses, activations, tiers) every so many steps.
CLOCK_EVERY = 2
TILL = Actor("key", "demo", label="Demo")
BACKFILL = SaleSource(channel="store", may_backfill=True, is_silent=True)
CASHIER_PIN = "2580"
BATCH = 1000
#: A public address that is never called: the name beside it does not exist.
_NOWHERE = "93.184.215.14"


@dataclass(slots=True)
class Made:
    """A shop that is there now, and what somebody needs to look around in it."""

    merchant: Merchant
    api_key: str
    members: int = 0
    purchases: int = 0
    redemptions: int = 0
    refunds: int = 0
    answers: int = 0


@dataclass(slots=True)
class _Simulation:
    merchant: Merchant
    shop: DemoShop
    told: Story
    promised: Terms
    dice: Random
    #: person's number -> (public id, member code)
    people: dict[int, tuple[str, str]] = field(default_factory=dict)
    #: Rewards that full cards have brought and nobody has asked for yet: (member, own reward), the oldest first.
    owned: list[tuple[str, str]] = field(default_factory=list)


def make_all(shops: Sequence[DemoShop], *, now: datetime, seed: int) -> list[Made]:
    """Make shops side by side, each in a process of its own: they never wait for each other."""
    connections.close_all()
    # Spawned, not forked: a fork would copy open connections and other threads' locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(shops), mp_context=context, initializer=django.setup) as processes:
        return list(processes.map(partial(make, now=now, seed=seed), shops))


def make(shop: DemoShop, *, now: datetime, seed: int) -> Made:
    """Found a shop and live its eighteen months up to yesterday.  Opens its own tenants."""
    merchant = _found(shop, now)
    today = periods.local_day(now, merchant.tzinfo)
    told = story.tell(shop, today=today, seed=seed)
    began = periods.start_of_day(told.first_day, merchant.tzinfo)
    promised = terms.parse(terms.templates(shop.currency)[shop.template])
    simulation = _Simulation(merchant, shop, told, promised, Random(f"spending {shop.slug} {seed}"))  # noqa: S311
    made = Made(merchant, "")
    with tenancy.tenant(merchant):
        _open_shops(merchant, shop)
        document = terms.templates(shop.currency)[shop.template]
        programmes.save_draft(merchant=merchant, document=document, revision=None, now=began, actor=SYSTEM)
        programmes.publish(merchant=merchant, now=began, actor=SYSTEM, effective_from=began, note="Opening")
        _tell_about_data(merchant, shop, began)
    for number, (start, end) in enumerate(_steps(began, periods.start_of_day(today, merchant.tzinfo))):
        tenancy.attempt(merchant, lambda step=(start, end, number): _simulate(simulation, made, *step))  # type: ignore[misc]
        if number.bit_count() == 1:
            _acquaint_planner()
    made.api_key = _fill(merchant, shop, now)
    runs.run(merchant, now=now)
    return made


def _acquaint_planner() -> None:
    """A year and a half in seconds is too fast for autovacuum: without figures the planner takes every table for empty.

    Only the owner may do this; done after the 1st, 2nd, 4th, 8th … step.
    """
    tables = ", ".join(model._meta.db_table for model in schema.tenant_models())
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ANALYZE {tables}")


def _found(shop: DemoShop, now: datetime) -> Merchant:
    return Merchant.objects.create(
        public_id=ids.mint("mer"), slug=shop.slug, name=shop.name, currency=shop.currency, zone=shop.zone,
        language=shop.language, country=shop.country, brand_colour=shop.brand_colour, is_sandbox=True, created_at=now,
        spending_rule_seen_at=now,
    )  # fmt: skip


def _open_shops(merchant: Merchant, shop: DemoShop) -> None:
    Location.objects.bulk_create(
        Location(merchant=merchant, public_id=ids.mint("loc"), code=code, name=name) for code, name in shop.locations
    )


def _tell_about_data(merchant: Merchant, shop: DemoShop, began: datetime) -> None:
    """Publish a privacy notice in all languages, as old as the shop: the standard one, with somebody to ask."""
    written = {}
    for language, _name in LANGUAGES:
        with translation.override(language):
            written[language] = privacy.standard_text(merchant)
    privacy_notices.publish(
        merchant=merchant, texts_by_language=written, legal_contact=f"{shop.name}\n{shop.staff[0][2]}", asks_again=True,
        based_on=0, now=began, actor=SYSTEM,
    )  # fmt: skip


def _fill(merchant: Merchant, shop: DemoShop, now: datetime) -> str:
    """Seats, a key, and a webhook endpoint at a name that never exists: the log shows what happens, nothing leaves."""
    nowhere = addresses.check("https://till.example.invalid/webhooks/loyalty", resolver=lambda _host, _port: [_NOWHERE])
    with tenancy.tenant(merchant):
        for role, name, address in shop.staff:
            pin = CASHIER_PIN if role == "cashier" else ""
            seats.give(
                merchant=merchant, role=role, name=name, contact=contacts.read_email(address), pin=pin, now=now,
                actor=SYSTEM,
            )  # fmt: skip
        # Whoever tries the portal as the person in the welcome text is not asked who they are.
        contact = contacts.read_email(shop.named[1])
        named = directory.find(merchant=merchant, reference=Reference(email=contact.value))
        if named is not None:
            claims.note_proved(merchant=merchant, member=named, contact=contact, now=now)
        location = Location.objects.get(merchant=merchant, code=shop.locations[0][0])
        issued = keys.issue(
            merchant=merchant, name="Demo till", scopes=keys.TILL_SCOPES, location=location, terminal="till-1",
            actor=SYSTEM, now=now,
        )  # fmt: skip
        endpoints.create(
            merchant=merchant, target=nowhere, description="Demo: never delivered",
            kinds=["purchase.recorded", "points.redeemed", "tier.changed"], actor=SYSTEM, now=now,
        )  # fmt: skip
    return issued.secret


# -- simulating ---------------------------------------------------------------------------------------------------


def _steps(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Steps end in the afternoon, so that what happens at their end happens while the shop is open; the last does not."""
    stop = start + AFTERNOON
    while start < end:
        yield start, min(stop, end)
        start, stop = stop, stop + STEP


def _between(items: list[T], start: datetime, end: datetime) -> list[T]:
    return [item for item in items if start <= item.at < end]


def _simulate(simulation: _Simulation, made: Made, start: datetime, end: datetime, number: int) -> None:
    """One step, in one transaction; `now` is its end, as when a till was offline for as long."""
    for joining in _between(simulation.told.joinings, start, end):
        _enrol(simulation, joining)
        made.members += 1
    spendable = _spendable(simulation.merchant)
    visits = _between(simulation.told.visits, start, end)
    sold = [_sold(simulation, visit, spendable) for visit in visits]
    for place in range(0, len(sold), BATCH):
        batch = sold[place : place + BATCH]
        for outcome in purchases.record(
            merchant=simulation.merchant, items=batch, now=end, actor=TILL, source=BACKFILL
        ):
            if outcome.error is not None:
                raise outcome.error
            simulation.owned += _brought(outcome)
    made.purchases += len(sold)
    for back in _between(simulation.told.returns, start, end):
        _bring_back(simulation, back, end)
        made.refunds += 1
    made.redemptions += sum(len(item.redemptions) for item in sold)
    if end < periods.start_of_day(simulation.told.end_day, simulation.merchant.tzinfo):
        made.redemptions += _redeem(simulation, end) + _take_own(simulation, end)
    for opinion in _between(simulation.told.opinions, start, end):
        member, _code = simulation.people[opinion.member]
        answer = surveys.AnswerInput(
            score=opinion.score, member=member, comment=opinion.comment, channel="mail", answered_at=opinion.at,
            external_id=f"survey-{opinion.member}-{opinion.at:%Y%m%d}",
        )  # fmt: skip
        surveys.record_response(merchant=simulation.merchant, answer=answer, now=end, actor=TILL)
        made.answers += 1
    if number % CLOCK_EVERY == 0 or end == periods.start_of_day(simulation.told.end_day, simulation.merchant.tzinfo):
        while expiry.settle_due(merchant=simulation.merchant, now=end):
            pass
        while tiers.requalify_due(merchant=simulation.merchant, now=end):
            pass


def _enrol(simulation: _Simulation, joining: Joining) -> None:
    person = joining.person
    details = NewMember(
        external_id=f"crm-{person.number}",
        name=person.name,
        email=person.email,
        phone=person.phone,
        birthday=person.birthday,
        language=simulation.shop.language,
        card=f"{90000000 + person.number * 37}",
        location=joining.location,
        joined_at=joining.at,
        referred_by=simulation.people[joining.referred_by][1] if joining.referred_by is not None else None,
    )
    # What somebody agreed to is kept in the words they were shown: their own shop's, whoever seeds it.
    with translation.override(simulation.shop.language):
        enrolled = enrolment.enrol(
            merchant=simulation.merchant, details=details, source="counter", actor=TILL, now=joining.at
        )
        # Nobody agrees to words that are written later: the shop's are as old as the shop.
        consent.record_answers(
            merchant=simulation.merchant, member=enrolled.member, source="counter", actor=TILL, now=joining.at,
            granted=("terms", "privacy", *(("marketing_email", "marketing_sms") if person.wants_news else ())),
            documents={"terms": "terms:1", "privacy": "privacy:1"}, version=f"{simulation.told.first_day:%Y-%m}",
        )  # fmt: skip
    simulation.people[person.number] = (enrolled.member.public_id, enrolled.member.referral_code)


def _sold(simulation: _Simulation, visit: Visit, spendable: dict[str, int]) -> PurchaseInput:
    member = simulation.people[visit.member][0] if visit.member is not None else None
    return PurchaseInput(
        external_id=f"receipt-{visit.number}",
        occurred_at=visit.at,
        currency=simulation.merchant.currency,
        total_minor=visit.total_minor,
        tax_minor=sum(line.tax_minor for line in visit.lines),
        member=MemberRef(id=member) if member else None,
        location=visit.location,
        terminal="till-1",
        lines=tuple(
            LineInput(
                sku=line.sku, category=line.category, quantity=line.quantity, amount_minor=line.minor,
                tax_minor=line.tax_minor, cost_minor=line.cost_minor,
            )
            for line in visit.lines
        ),
        redemptions=_payment(simulation, visit, member, spendable),
    )  # fmt: skip


def _payment(
    simulation: _Simulation, visit: Visit, member: str | None, spendable: dict[str, int]
) -> tuple[Payment, ...]:
    """Now and then somebody pays a part with points, at most half of it, never more than they had at the last step."""
    rate = simulation.promised.pay_with_points
    if member is None or rate is None or simulation.dice.random() > 0.15:
        return ()
    most = min(spendable.get(member, 0) // 2, visit.total_minor // 2 * rate.points // rate.amount_minor)
    points = most - most % rate.step_points
    if points < rate.minimum_points:
        return ()
    spendable[member] -= points
    return (Payment(points=points),)


def _redeem(simulation: _Simulation, now: datetime) -> int:
    """A few members with enough points take a reward."""
    everyday = sorted(
        (r for r in simulation.promised.rewards if not r.tiers and r.stock is None),
        key=lambda reward: reward.price_points,
    )
    taken = 0
    for number, (member, points) in enumerate(sorted(_spendable(simulation.merchant).items())):
        within = [reward for reward in everyday if reward.price_points <= points]
        if not within or simulation.dice.random() > 0.04:
            continue
        reward = simulation.dice.choice(within)
        asked = RedemptionRequest(
            external_id=f"coupon-{now:%Y%m%d}-{number}", member=MemberRef(id=member), reward=reward.code,
            order_total_minor=simulation.shop.articles[0].minor * 10,
        )  # fmt: skip
        now += timedelta(minutes=simulation.dice.randint(1, 9))
        taken += not redemptions.redeem(merchant=simulation.merchant, asked=asked, now=now, actor=TILL).is_refused
    return taken


def _brought(outcome: ItemOutcome) -> list[tuple[str, str]]:
    """List the rewards that a sale has brought by filling a card."""
    receipt = outcome.receipt
    return [(receipt["member"], own) for card in receipt.get("stamps", ()) for own in card["issued"]]


def _take_own(simulation: _Simulation, now: datetime) -> int:
    """Some of those whose card is full come for what it brought; what a return has revoked meanwhile is refused."""
    taken, waiting = 0, []
    for member, own in simulation.owned:
        if simulation.dice.random() > 0.6:
            waiting.append((member, own))
            continue
        asked = RedemptionRequest(external_id=f"card-{own}", member=MemberRef(id=member), own_reward=own)
        taken += not redemptions.redeem(merchant=simulation.merchant, asked=asked, now=now, actor=TILL).is_refused
    simulation.owned = waiting
    return taken


def _bring_back(simulation: _Simulation, back: Return, now: datetime) -> None:
    asked = RefundInput(
        external_id=f"return-{back.visit}",
        occurred_at=back.at,
        purchase=PurchaseRef(external_id=f"receipt-{back.visit}"),
        lines=() if back.is_whole else (RefundLine(id="1"),),
        reason="returned",
    )
    purchases.refund(merchant=simulation.merchant, asked=asked, now=now, actor=TILL, source=BACKFILL)


def _spendable(merchant: Merchant) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.public_id, a.balance - a.held FROM reading_accounts a JOIN member_of_today m "
            "ON m.merchant_id = a.merchant_id AND m.id = a.member_id WHERE a.merchant_id = %s AND a.balance > a.held",
            [merchant.pk],
        )
        return dict(cursor.fetchall())
