"""Two phones, two tills, two presses at once: no more is spent, changed or undone than by one after another."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections
from django.test import Client

from engagement import erasure
from members import claims, contact_changes, leaving, live_codes, registration
from members.codes import Proof
from members.inputs import MemberChanges, NewMember
from members.models import Member
from merchants import contacts, ids, profile, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.errors import LoyaltyError
from rewards import balances, enrolment, portal_redemptions, purchases, redemptions
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from rewards.redemptions import RedemptionRequest
from tests.builders import PROGRAMME, Shop
from tests.people import MANAGER, code_in_last_mail, join, member_browser, open_shop
from tests.races.test_codes_and_pins import at_once

KEY = Actor("key", "key_0123456789abcdef")


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def cafe(committed):
    shop = open_shop("cafe-haneul", step_up_points_above=1000, is_live_code_needed=True)
    Shop(shop).publish({**PROGRAMME, "rewards": [
        {"code": "dinner", "kind": "product", "name": {"en": "Dinner"}, "price_points": 600},
    ]})  # fmt: skip
    return shop


@pytest.fixture
def mina(cafe):
    member = join(cafe, email=f"{ids.mint('mem')[4:]}@example.org")
    sold = purchases.PurchaseInput(
        external_id="much", occurred_at=datetime.now(UTC), currency="KRW", total_minor=600_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)
    return member


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        return balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC)).spendable


def test_two_phones_at_once_do_not_each_stay_below_the_limit(cafe, mina):
    actor, now = Actor("member", mina.public_id), datetime.now(UTC)

    def take(place):
        asked = RedemptionRequest(external_id=f"phone-{place}", member=MemberRef(id=mina.public_id), reward="dinner")
        return tenancy.attempt(
            cafe,
            lambda: portal_redemptions.take(merchant=cafe, member=mina, asked=asked, proof=None, now=now, actor=actor),
        )

    outcomes = at_once(6, take)

    assert sum(isinstance(each, portal_redemptions.FreshCodeNeeded) for each in outcomes) == 5
    assert spendable(cafe, mina) == 6000 - 600


def test_two_tills_at_once_do_not_both_spend_with_one_code(cafe, mina):
    now = datetime.now(UTC)
    code = live_codes.series(merchant=cafe, member=mina, now=now, count=1)[0][1]

    def redeem(place):
        asked = RedemptionRequest(external_id=f"till-{place}", member=MemberRef(code=code), reward="dinner")
        outcome = tenancy.attempt(cafe, lambda: redemptions.redeem(merchant=cafe, asked=asked, now=now, actor=KEY))
        outcome.unless_refused()
        return outcome

    refused = [each for each in at_once(6, redeem) if isinstance(each, LoyaltyError)]

    assert [each.code for each in refused] == ["live_code_used"] * 5
    assert spendable(cafe, mina) == 6000 - 600


def takes_a_new_address(cafe, mina):
    """Mina changes her own address; return when, the secret of the link that undoes it, and the new one."""
    now, secrets = datetime.now(UTC), []
    new = contacts.read_email(f"{ids.mint('mem')[4:]}@example.org")
    by = Proof(cafe.pk, contacts.stored(mina.email), "step_up", now)
    tenancy.attempt(cafe, lambda: contact_changes.change(
        merchant=cafe, member=mina, by=by, to=Proof(cafe.pk, new, "change", now), now=now,
        undo_url=lambda secret: secrets.append(secret) or secret, actor=Actor("member", mina.public_id),
    ))  # fmt: skip
    return now, secrets[-1], new


def test_two_presses_on_the_link_undo_once(cafe, mina):
    now, secret, _new = takes_a_new_address(cafe, mina)

    outcomes = at_once(
        4,
        lambda _place: tenancy.attempt(cafe, lambda: contact_changes.undo(merchant=cafe, secret=secret, now=now)),
    )

    assert sum(isinstance(each, contact_changes.UndoGone) for each in outcomes) == 3
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, pk=mina.pk).email == mina.email


# -- a contact changes under somebody's hands -------------------------------------------------------------------------


def overtaken(shop, work, meanwhile):
    """Do `meanwhile` in a transaction that commits only when `work`, on another connection, waits for it."""
    holds, waiters = threading.Event(), []

    def late():
        holds.wait(10)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(late)
        with tenancy.tenant(shop):
            meanwhile()
            holds.set()
            until = time.monotonic() + 10
            while not waiters and time.monotonic() < until:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                    )
                    waiters = cursor.fetchall()
            assert waiters, "nobody waited: the two never met"
        return waiting.result(10)


def changes_email(cafe, mina, email):
    changes = MemberChanges(email=email)
    registration.update(merchant=cafe, member=mina, changes=changes, actor=MANAGER, now=datetime.now(UTC))


def typed_while_staff_change_the_address(cafe, mina, phone, page):
    """Type the code that was just sent to her, while staff give her another address."""
    code = code_in_last_mail()
    return overtaken(
        cafe,
        lambda: phone.post(page, {"code": code}),
        lambda: changes_email(cafe, mina, f"{ids.mint('mem')[4:]}@example.org"),
    )


def test_a_code_from_an_address_that_staff_change_at_that_moment_takes_nothing(cafe, mina):
    # Without a cool-off only the present address is hers.
    with tenancy.tenant(cafe):
        profile.update(merchant=cafe, changes={"contact_cool_off_hours": 0}, now=datetime.now(UTC), actor=MANAGER)
    Shop(cafe).publish({**PROGRAMME, "rewards": [
        {"code": "feast", "kind": "product", "name": {"en": "Feast"}, "price_points": 1001},
    ]})  # fmt: skip
    phone, rewards = member_browser(cafe, mina), f"/m/{cafe.slug}/rewards"
    phone.post(f"{rewards}/take", {"external_id": ids.mint("rdm"), "reward": "feast"})
    phone.post(f"{rewards}/code", {"to": "email"})

    answer = typed_while_staff_change_the_address(cafe, mina, phone, f"{rewards}/code")

    assert (answer.status_code, answer["Location"]) == (302, f"{rewards}/code")
    assert "Please confirm with a new code that it is you." in phone.get(f"{rewards}/code").content.decode()
    assert spendable(cafe, mina) == 6000
    with tenancy.tenant(cafe):
        assert not Redemption.objects.filter(merchant=cafe, member=mina).exists()


def test_an_address_that_somebody_else_takes_at_that_moment_is_not_brought_back(cafe, mina):
    old = mina.email
    now, secret, new = takes_a_new_address(cafe, mina)
    jisoo = join(cafe, name="Jisoo")

    answer = overtaken(
        cafe,
        lambda: Client().post(f"/m/{cafe.slug}/undo/{secret}"),
        lambda: changes_email(cafe, jisoo, old),
    )

    assert answer.status_code == 409
    assert "Another membership has this contact now. Please ask at the shop." in answer.content.decode()
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, pk=mina.pk).email == new.value
        assert contact_changes.undoable(merchant=cafe, secret=secret, now=now).kind == "email"


def test_signing_in_with_an_address_that_staff_change_at_that_moment_lets_nobody_in(cafe, mina):
    phone, portal = Client(), f"/m/{cafe.slug}"
    phone.post(f"{portal}/sign-in", {"contact": mina.email})

    answer = typed_while_staff_change_the_address(cafe, mina, phone, f"{portal}/code")

    assert (answer.status_code, answer["Location"]) == (302, f"{portal}/sign-in")
    assert "The code was sent to another contact than this member" in phone.get(f"{portal}/sign-in").content.decode()
    assert phone.get(f"{portal}/").status_code == 302


# -- "is this you?" in several browsers at once ---------------------------------------------------------------------------


@pytest.fixture
def reused(cafe):
    """Somebody with a number that she never signed in with, whose birthday the shop knows."""
    hana = join(cafe, name="Hana", phone=f"+82102{time.time_ns() // 100 % 10**7:07d}")
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=hana.pk).update(birth_month=2, birth_day=29)
    return hana


def proof_of(cafe, member):
    return Proof(cafe.pk, contacts.stored(member.phone), "join", datetime.now(UTC))


def says_no(cafe, member, proof):
    details = NewMember(phone=proof.contact.value)
    actor = Actor("member", "joining")
    return tenancy.attempt(
        cafe,
        lambda: enrolment.join(
            merchant=cafe, details=details, proof=proof, is_anew=True, actor=actor, now=datetime.now(UTC)
        ),
    )


def says_yes(cafe, member, proof):
    return tenancy.attempt(
        cafe,
        lambda: claims.answer(merchant=cafe, member=member, proof=proof, told="02-29", now=datetime.now(UTC)),
    )


def test_six_browsers_that_say_no_open_one_membership(cafe, reused):
    proof = proof_of(cafe, reused)

    outcomes = at_once(6, lambda _place: says_no(cafe, reused, proof))

    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert {type(each) for each in outcomes if isinstance(each, Exception)} <= {
        claims.NotYourContact, claims.AlreadyClaimed, registration.ContactTaken,
    }  # fmt: skip
    with tenancy.tenant(cafe):
        (his,) = Member.objects.filter(merchant=cafe, phone=proof.contact.value)
        hers = Member.objects.get(merchant=cafe, pk=reused.pk)
        opened = Member.objects.filter(merchant=cafe, recorded_at__gt=hers.recorded_at).count()
    assert his.pk != reused.pk
    assert (hers.phone, hers.user_id, opened) == (None, None, 1)


def test_of_yes_and_no_at_once_the_first_decides(cafe, reused):
    proof = proof_of(cafe, reused)

    outcomes = at_once(6, lambda place: (says_yes if place % 2 else says_no)(cafe, reused, proof))

    with tenancy.tenant(cafe):
        (owner,) = Member.objects.filter(merchant=cafe, phone=proof.contact.value)
    yes = [each for each in outcomes[1::2] if not isinstance(each, Exception)]
    no = [each for each in outcomes[0::2] if not isinstance(each, Exception)]
    assert (len(yes), len(no)) == ((3, 0) if owner.pk == reused.pk else (0, 1))


def test_who_stays_at_the_last_moment_is_not_erased(cafe, mina):
    week_ago = datetime.now(UTC) - timedelta(days=7)
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(leaves_at=week_ago)
    actor = Actor("member", mina.public_id)

    erased = overtaken(
        cafe,
        lambda: tenancy.attempt(cafe, lambda: erasure.leave_due(merchant=cafe, now=datetime.now(UTC))),
        lambda: leaving.take_back(merchant=cafe, member=mina, now=datetime.now(UTC), actor=actor),
    )

    assert erased == 1, "it was looked at, and found to stay"
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, pk=mina.pk).state == "active"
    assert spendable(cafe, mina) == 6000
