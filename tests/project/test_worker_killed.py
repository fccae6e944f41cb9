"""Every line of the clock's table, killed again and again at the end of each of its transactions, before the commit and
after it; then run to its end.  What is true afterwards is what would be true if nobody had killed anything."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import pytest
from django.core import mail
from django.db import connections

from analytics import verify as numbers
from loyalty.worker import merchant_runs, schedule, tasks
from members.models import Member
from merchants import contacts, messages, outbox, tenancy
from merchants.actors import Actor
from merchants.models.messages import OutgoingMessage
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery
from merchants.webhooks import addresses, delivering, endpoints
from rewards import bulk_acts
from rewards import verify as ledger
from rewards.models.accounts import Account, Inspection, Membership
from rewards.models.ledger import Entry
from rewards.models.stamps import StampBook, StampEntry
from rewards.verify import inspecting
from tests import builders
from tests.builders import Shop
from tests.receiver import receiving

OWNER = Actor("staff", "seat_0123456789abcdef", role="owner")
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """As good as SIGKILL for everything that is kept: nobody catches it, nothing is noted."""


@dataclass
class Clockwork:
    """One shop, the hour its clock shows, and where the next blow falls."""

    shop: Shop
    now: datetime
    strike_at: int = 0
    strikes_before_commit: bool = True
    opened: int = 0
    notes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def merchant(self):
        return self.shop.merchant

    def reads(self, work):
        with tenancy.tenant(self.merchant):
            return work()


@pytest.fixture
def clockwork(django_db_setup, django_db_blocker, monkeypatch, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    settings.MESSAGES_AT_ONCE = "worker"
    with django_db_blocker.unblock():
        shop = builders.cafe()
        made = Clockwork(shop, shop.now)
        really_open, go_round = tenancy.tenant, merchant_runs._go_round

        @contextmanager
        def tenant(merchant, **how):
            made.opened += 1
            is_struck = made.opened == made.strike_at
            with really_open(merchant, **how):
                yield
                if is_struck and made.strikes_before_commit:
                    raise Killed
            if is_struck:
                raise Killed

        def at_this_shop(merchant_ids, seconds_max, turn):
            return go_round([found for found in merchant_ids if found == shop.merchant.pk], seconds_max, turn)

        monkeypatch.setattr(tenancy, "tenant", tenant)
        monkeypatch.setattr(merchant_runs, "_go_round", at_this_shop)
        monkeypatch.setattr(merchant_runs, "clock", lambda: made.now)
        found_at = lambda now: [found for found in delivering.merchants_due(now) if found == shop.merchant.pk]  # noqa: E731
        monkeypatch.setitem(delivering.deliver.__kwdefaults__, "find", found_at)
        monkeypatch.setitem(ledger.inspect.__kwdefaults__, "chunk", 1)
        yield made
        connections.close_all()


def kill_until_it_is_done(clockwork, task):
    """Strike at the first transaction, then at the second, …; a run that nobody struck has come to its end."""
    kills = 0
    for turn in count(1):
        for strikes_before_commit in (True, False):
            clockwork.strikes_before_commit, clockwork.strike_at, clockwork.opened = strikes_before_commit, turn, 0
            try:
                task()
            except Killed:
                kills += 1
            else:
                clockwork.strike_at = 0
                return kills
            finally:
                # Claims are leases: what a killed run had claimed is free again some minutes later.
                clockwork.now += timedelta(minutes=5)
    raise AssertionError("unreachable")


def erased(clockwork, n):
    for number in range(n):
        outbox.record(
            merchant_id=clockwork.merchant.pk, kind="member.erased", payload={"member": f"mem_{number:016d}"},
            occurred_at=clockwork.now, now=clockwork.now,
        )  # fmt: skip


# What lies there, what does it, and what must be true in the end


def events_wait(clockwork):
    target = addresses.check("http://127.0.0.1:9/")
    endpoints.create(
        merchant=clockwork.merchant, target=target, kinds=["member.erased"], actor=OWNER, now=clockwork.now
    )
    erased(clockwork, 3)


def each_event_has_one_delivery(clockwork):
    assert WebhookDelivery.objects.count() == 3
    assert len(set(WebhookDelivery.objects.values_list("event_id", flat=True))) == 3


def letters_wait(clockwork):
    for name in ("mina", "jun", "sora"):
        letter = messages.Letter("account", contacts.read_email(f"{name}@example.org"), "Hello", "Hello")
        messages.queue(merchant=clockwork.merchant, letter=letter, now=clockwork.now)


def each_letter_has_left(clockwork):
    assert set(OutgoingMessage.objects.values_list("state", flat=True)) == {"sent"}
    assert {to for letter in mail.outbox for to in letter.to} == {
        f"{name}@example.org" for name in ("mina", "jun", "sora")
    }


def holds_wait(clockwork):
    for person in clockwork.shop.people.values():
        person.holds(points=100, order_total_minor=10_000, hold_minutes=10)
    clockwork.now += HOUR


def each_hold_is_given_back_once(clockwork):
    assert [account.held for account in Account.objects.all()] == [0, 0, 0]
    assert [kind for kind, _change in moved("Mina")(clockwork)] == ["accrue", "hold", "release"]


def moved(name):
    def read(clockwork):
        account = clockwork.shop.people[name].account_id
        return list(Entry.objects.filter(account_id=account).order_by("seq").values_list("kind", "balance_change"))

    return read


def points_end_and_begin(clockwork):
    for person in clockwork.shop.people.values():
        person.is_given(50, expires="2026-03-06")
        person.is_given(20, active="2026-03-06")
    clockwork.now = clockwork.shop.instant("2026-03-07")


def each_lot_is_settled_once(clockwork):
    assert sorted(account.balance for account in Account.objects.all()) == [520, 520, 520]
    assert sorted(kind for kind, _change in moved("Jun")(clockwork)) == [
        "accrue",
        "accrue",
        "accrue",
        "activate",
        "expire",
    ]


def stamps_end(clockwork):
    """Three stamps each, which end after a week without a new one."""
    card = {
        "code": "visits", "name": "Visits", "sizes": [10], "life": {"count": 7, "unit": "days"}, "reward": "coffee",
    }  # fmt: skip
    clockwork.shop.publish(builders.programme(stamps=[card]))
    for person in clockwork.shop.people.values():
        for _visit in range(3):
            person.buys(1_000)
    clockwork.now = clockwork.shop.instant("2026-03-20")


def each_card_was_emptied_once(clockwork):
    assert list(StampBook.objects.values_list("stamps", "ends_at")) == [(0, None)] * 3
    assert list(StampEntry.objects.filter(kind="ended").values_list("stamps", flat=True)) == [-3] * 3
    assert OutboxEvent.objects.filter(kind="stamps.changed", payload__reason="ended").count() == 3


def points_will_end_soon(clockwork):
    for person in clockwork.shop.people.values():
        person.is_given(50, expires="2026-03-20")


def each_is_told_once(clockwork):
    told = OutboxEvent.objects.filter(kind="points.expiring").values_list("payload__member", flat=True)
    assert sorted(told) == sorted(person.public_id for person in clockwork.shop.people.values())


def they_asked_to_leave(clockwork):
    """Mina and Jun asked to leave a week ago; Sora took it back."""
    week_ago = clockwork.now - timedelta(days=7)
    Member.objects.filter(name__in=["Mina", "Jun"]).update(leaves_at=week_ago + timedelta(days=7))


def they_are_gone_once(clockwork):
    states = {person.name: Member.objects.get(pk=person.id).state for person in clockwork.shop.people.values()}
    assert states == {"Mina": "erased", "Jun": "erased", "Sora": "active"}
    told = OutboxEvent.objects.filter(kind="member.erased").values_list("payload__member", flat=True)
    gone = [person.public_id for person in clockwork.shop.people.values() if person.name != "Sora"]
    assert sorted(told) == sorted(gone)


def points_are_given_to_all(clockwork):
    """Each gets 50: a thousand members would be given them by the same turns."""
    people = clockwork.shop.people.values()
    chosen = bulk_acts.choose(
        merchant=clockwork.merchant, segment="everyone", pages=[[person.id for person in people]], now=clockwork.now,
        actor=OWNER,
    )  # fmt: skip
    with tenancy.tenant(clockwork.merchant):
        bulk_acts.start(
            merchant=clockwork.merchant, public_id=chosen, gift=bulk_acts.BulkGift("Party", points=50),
            now=clockwork.now, actor=OWNER,
        )  # fmt: skip
    clockwork.notes["act"] = [chosen]


def each_has_them_once(clockwork):
    assert sorted(account.balance for account in Account.objects.all()) == [550, 550, 550]
    done = bulk_acts.find(merchant=clockwork.merchant, public_id=clockwork.notes["act"][0])
    assert (done.state, done.given, done.waiting, done.refused) == ("done", 3, 0, 0)


def terms_change(clockwork):
    clockwork.notes["version"] = [str(clockwork.shop.publish(builders.programme()))]


def each_account_stands_on_them(clockwork):
    assert {str(each.rated_version) for each in Membership.objects.all()} == set(clockwork.notes["version"])


def people_buy(clockwork):
    for number, person in enumerate(clockwork.shop.people.values()):
        person.buys(10_000 * (number + 1))
        person.buys(5_000)
    clockwork.now += timedelta(days=2)


def the_numbers_agree(clockwork):
    pass  # audited outside of the tenant, below


def each_account_was_looked_at(clockwork):
    inspection = Inspection.objects.get()
    assert inspection.finished_at is not None
    assert inspection.entries == Entry.objects.count()
    assert inspection.after_account == max(Account.objects.values_list("pk", flat=True))


def all_is_old(clockwork):
    events_wait(clockwork)
    OutboxEvent.objects.update(relayed_at=clockwork.now)
    letters_wait(clockwork)
    OutgoingMessage.objects.update(state="sent", subject="", text="", html="")
    clockwork.now += timedelta(days=60)


def nothing_old_is_left(clockwork):
    assert (OutboxEvent.objects.count(), OutgoingMessage.objects.count()) == (0, 0)


def of_this_shop(task):
    return lambda clockwork: partial(task, merchant_id=clockwork.merchant.pk)


SCENES = {
    "tick.relay": (events_wait, lambda _c: tasks.DUE["relay"], each_event_has_one_delivery),
    "tick.messages": (letters_wait, lambda _c: tasks.DUE["messages"], each_letter_has_left),
    "tick.holds": (holds_wait, lambda _c: tasks.DUE["holds"], each_hold_is_given_back_once),
    "tick.lots": (points_end_and_begin, lambda _c: tasks.DUE["lots"], each_lot_is_settled_once),
    "tick.stamps": (stamps_end, lambda _c: tasks.DUE["stamps"], each_card_was_emptied_once),
    "tick.bulk": (points_are_given_to_all, lambda _c: tasks.DUE["bulk"], each_has_them_once),
    "tick.ending": (points_will_end_soon, lambda _c: tasks.DUE["ending"], each_is_told_once),
    "tick.leaving": (they_asked_to_leave, lambda _c: tasks.DUE["leaving"], they_are_gone_once),
    "tick.tiers": (terms_change, lambda _c: tasks.DUE["tiers"], each_account_stands_on_them),
    "tick.metrics": (people_buy, of_this_shop(tasks.compute_metrics_of), the_numbers_agree),
    "tick.verify": (people_buy, of_this_shop(tasks.verify_ledger_of), each_account_was_looked_at),
    "tick.prune": (all_is_old, lambda _c: tasks.prune, nothing_old_is_left),
}
#: Stages that open tenants of their own.
THEIR_OWN = {
    points_are_given_to_all,
    holds_wait,
    points_end_and_begin,
    stamps_end,
    points_will_end_soon,
    terms_change,
    people_buy,
}


def test_every_line_of_the_table_is_killed_here():
    assert {*SCENES, "tick.deliver"} == {line.task for line in schedule.SCHEDULE}


@pytest.mark.parametrize("line", SCENES)
def test_killed_anywhere_it_is_done_in_the_end_and_done_once(clockwork, line):
    set_up, task_of, in_the_end = SCENES[line]
    for person in clockwork.shop.cast("Mina", "Jun", "Sora"):
        person.is_given(500)
    mail.outbox = []
    set_up(clockwork) if set_up in THEIR_OWN else clockwork.reads(lambda: set_up(clockwork))
    task = task_of(clockwork)

    assert kill_until_it_is_done(clockwork, task) >= 1

    for _again in range(2):
        clockwork.reads(lambda: in_the_end(clockwork))
        task()
    books = ledger.verify(merchant=clockwork.merchant)
    assert books.faults == []
    if line == "tick.metrics":
        audited = numbers.audit(clockwork.merchant)
        assert (audited.differences, audited.unseen) == ((), 0)


def test_deliveries_killed_anywhere_arrive_and_are_written_down(clockwork):
    """Forty events in claims that grow, to one endpoint that takes all and one that refuses them."""
    with receiving() as receiver:
        receiver.answers["/picky"] = [400, 200]
        with tenancy.tenant(clockwork.merchant):
            endpoints.create(
                merchant=clockwork.merchant, target=addresses.check(receiver.url()), actor=OWNER, now=clockwork.now
            )
            endpoints.create(
                merchant=clockwork.merchant,
                target=addresses.check(receiver.url("/picky")),
                actor=OWNER,
                now=clockwork.now,
            )
            erased(clockwork, 40)
        tasks.DUE["relay"]()

        assert kill_until_it_is_done(clockwork, tasks.deliver_events) >= 2

        rows = clockwork.reads(lambda: list(WebhookDelivery.objects.values_list("event__public_id", "state")))
        assert {state for _event, state in rows} == {"delivered"}
        assert len(rows) == 80
        for path in ("/ok", "/picky"):
            assert set(receiver.ids(path)) == {event for event, _state in rows}


def test_the_reconciliation_goes_on_where_it_was_killed_and_what_it_found_stays_frozen(clockwork, monkeypatch):
    """Mina's account is the first: her chunk is committed with its verdict, whatever happens to the rest."""
    mina, jun = clockwork.shop.cast("Mina", "Jun")
    for person in (mina, jun):
        person.is_given(500)
    check, looked_at = inspecting._check_chunk, []

    def tampered(cursor, merchant_id, accounts, report):
        check(cursor, merchant_id, accounts, report)
        looked_at.append(accounts)
        if accounts == [mina.account_id]:
            report.faults.append(ledger.LedgerFault(mina.account_id, mina.public_id, "chain", "not what was written"))

    monkeypatch.setattr(inspecting, "_check_chunk", tampered)
    clockwork.strikes_before_commit, clockwork.strike_at, clockwork.opened = False, 1, 0
    with pytest.raises(Killed):
        tasks.verify_ledger_of(merchant_id=clockwork.merchant.pk)

    frozen = clockwork.reads(lambda: dict(Account.objects.values_list("pk", "frozen_at")))
    assert (frozen[mina.account_id] is None, frozen[jun.account_id] is None) == (False, True)

    tasks.verify_ledger_of(merchant_id=clockwork.merchant.pk)
    assert looked_at == [[mina.account_id], [jun.account_id]]
    tasks.verify_ledger_of(merchant_id=clockwork.merchant.pk)  # the next night's: from the first account again
    assert looked_at[2:] == [[mina.account_id], [jun.account_id]]
