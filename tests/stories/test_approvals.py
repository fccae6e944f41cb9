"""Four eyes: Mr Manager may move 1,000 points of a member in a day; for more he asks, and Ms Owner answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from merchants import audit, ids, seats, tenancy
from merchants.actors import SYSTEM
from merchants.errors import LoyaltyError
from merchants.models.merchants import Merchant
from merchants.models.people import User
from rewards import approvals
from rewards.approvals import AskedLine
from rewards.models.approvals import PointsRequest
from rewards.models.corrections import Adjustment
from tests import builders
from tests.people import browser_of, seat_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    shop = builders.cafe()
    Merchant.objects.filter(pk=shop.merchant.pk).update(adjustment_points_max=1_000)
    return shop


@pytest.fixture
def dana(cafe):
    return seat_at(cafe.merchant, "owner", "dana@example.org", name="Dana")


@pytest.fixture
def max_(cafe):
    return seat_at(cafe.merchant, "manager", "max@example.org", name="Max")


@pytest.fixture
def owner(dana):
    return browser_of(dana.user)


@pytest.fixture
def manager(max_):
    return browser_of(max_.user)


@pytest.fixture
def mina(cafe):
    return cafe.member("Mina Park")


def url(cafe, page):
    return f"/console/{cafe.merchant.slug}/{page}"


def asks(cafe, manager, member, points, *, reason="The till was down all day", way="give"):
    """Fill the form, be refused, press the button that the refusal offers."""
    address = url(cafe, f"members/{member.public_id}/adjust")
    minted = manager.get(address).context["form"]["external_id"].value()
    form = {"external_id": minted, "way": way, "points": points, "reason": reason}
    refused = manager.post(address, form)
    assert (refused.status_code, refused.context["may_ask"]) == (422, True)
    request_id = refused.context["request_id"]
    answer = manager.post(address, {**form, "act": "ask", "request": request_id})
    assert answer["Location"] == url(cafe, "approvals")
    return request_id


def answers(cafe, browser, request_id, act, **more):
    page = browser.post(url(cafe, f"approvals/{request_id}"), {"act": act, **more}, follow=True)
    return [str(note) for note in page.context["messages"]][-1]


def made(cafe):
    with tenancy.tenant(cafe.merchant):
        rows = Adjustment.objects.filter(merchant=cafe.merchant, refusal="").order_by("id")
        return [(row.points, row.actor.partition(":")[0], row.reason) for row in rows]


def state_of(cafe, browser, request_id):
    page = browser.get(url(cafe, "approvals")).context
    return {row["view"].public_id: row["view"].state for row in [*page["waiting"], *page["answered"]]}.get(request_id)


def test_a_manager_asks_and_an_owner_approves_once(cafe, owner, manager, mina):
    request_id = asks(cafe, manager, mina, 5_000)
    assert mina.points() == (0, 0, 0, 0)
    assert made(cafe) == []
    assert "1 waits for you" in owner.get(url(cafe, "approvals")).content.decode()
    assert "waits for you" not in manager.get(url(cafe, "approvals")).content.decode()

    assert answers(cafe, owner, request_id, "approve") == "Approved: the points of 1 member moved."

    assert answers(cafe, owner, request_id, "approve") == "This request has been answered already."
    assert mina.points() == (5_000, 0, 0, 0)
    assert made(cafe) == [(5_000, "staff", "The till was down all day")]
    assert state_of(cafe, manager, request_id) == "approved"


def test_both_names_stand_in_the_audit_log_and_beside_the_entry(cafe, owner, manager, mina, dana, max_):
    request_id = asks(cafe, manager, mina, 5_000)
    answers(cafe, owner, request_id, "approve")

    with tenancy.tenant(cafe.merchant):
        acts = audit.newest(merchant=cafe.merchant, subject=mina.public_id)
    assert [(act.action, act.actor) for act in acts] == [
        ("points.adjusted", f"staff:{dana.public_id}"),
        ("points.request_approved", f"staff:{dana.public_id}"),
        ("points.requested", f"staff:{max_.public_id}"),
    ]
    assert acts[0].details["asked_by"] == f"staff:{max_.public_id}"
    activity = owner.get(url(cafe, f"members/{mina.public_id}"))
    assert activity.context["moved"][0].why == ["“The till was down all day”", "by Dana", "asked for by Max"]
    log = owner.get(url(cafe, "settings/record")).content.decode()
    assert "asked for by: Max" in log
    assert log.count("reason: The till was down all day") == 3


def test_a_request_is_declined_with_a_reason_that_the_asker_reads(cafe, owner, manager, mina):
    request_id = asks(cafe, manager, mina, 5_000)

    assert answers(cafe, owner, request_id, "decline", reason=" ") == "Say why."
    assert state_of(cafe, manager, request_id) == "waiting"
    assert answers(cafe, owner, request_id, "decline", reason="Give 500 and a coffee") == (
        "Declined. The person who asked sees your reason."
    )

    assert "Give 500 and a coffee" in manager.get(url(cafe, "approvals")).content.decode()
    assert answers(cafe, owner, request_id, "approve") == "This request has been answered already."
    assert (mina.points(), made(cafe)) == ((0, 0, 0, 0), [])


def test_nobody_approves_their_own_request_also_after_becoming_an_owner(cafe, dana, manager, mina, max_):
    request_id = asks(cafe, manager, mina, 5_000)
    assert answers(cafe, manager, request_id, "approve") == "Only an owner answers this."

    with tenancy.tenant(cafe.merchant):
        common = {"merchant": cafe.merchant, "seat_id": max_.public_id, "now": datetime.now(UTC), "actor": SYSTEM}
        seats.change_role(role="owner", **common)

    assert answers(cafe, manager, request_id, "approve") == "Somebody else answers your request."
    assert answers(cafe, manager, request_id, "decline", reason="no") == "Somebody else answers your request."
    assert (state_of(cafe, manager, request_id), made(cafe)) == ("waiting", [])


def test_a_request_lapses_after_fourteen_days(cafe, owner, manager, mina):
    request_id = asks(cafe, manager, mina, 5_000)

    with time_machine.travel(datetime.now(UTC) + timedelta(days=14), tick=False):
        said = answers(cafe, browser_of_again(owner), request_id, "approve")
        assert said == "This request lapsed: it waited for 14 days."
        assert state_of(cafe, browser_of_again(manager), request_id) == "lapsed"
    assert (mina.points(), made(cafe)) == ((0, 0, 0, 0), [])


def browser_of_again(browser):
    """Two weeks on, the second factor is shown anew."""
    session = browser.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": datetime.now(UTC).timestamp(), "type": "totp"}]
    session.save()
    return browser


def test_a_request_is_withdrawn_by_its_asker_only(cafe, owner, manager, mina):
    request_id = asks(cafe, manager, mina, 5_000)
    assert owner.post(url(cafe, f"approvals/{request_id}"), {"act": "withdraw"}).status_code == 404

    assert answers(cafe, manager, request_id, "withdraw") == "Your request is withdrawn."

    assert answers(cafe, owner, request_id, "approve") == "This request has been answered already."
    assert (mina.points(), made(cafe)) == ((0, 0, 0, 0), [])


def test_pressing_twice_asks_once(cafe, owner, manager, mina):
    address = url(cafe, f"members/{mina.public_id}/adjust")
    form = {"external_id": ids.mint("adj"), "way": "give", "points": 5_000, "reason": "Twice"}
    for _twice in range(2):
        manager.post(address, {**form, "act": "ask", "request": "prq_0123456789abcdef"})

    assert owner.get(url(cafe, "approvals")).context["for_me"] == 1


def test_what_is_refused_when_it_is_approved_goes_on_waiting(cafe, owner, manager, mina):
    """2,000 are to be taken of somebody who has 300: nothing moves, and the owner reads why."""
    mina.is_given(300)
    request_id = asks(cafe, manager, mina, 2_000, way="take")

    said = answers(cafe, owner, request_id, "approve")

    assert said == "2000 points were asked for and 300 can be spent."
    assert (state_of(cafe, owner, request_id), mina.points()) == ("waiting", (300, 0, 0, 0))
    mina.is_given(1_700)
    assert answers(cafe, owner, request_id, "approve") == "Approved: the points of 1 member moved."
    assert mina.points() == (0, 0, 0, 0)


def test_points_for_many_are_asked_for_together(cafe, owner, manager, mina):
    jisoo = cafe.member("Jisoo")
    chosen = [mina.public_id, jisoo.public_id]
    first = manager.post(url(cafe, "members/points"), {"member": chosen})
    form = {
        "member": chosen, "bulk": first.context["form"]["bulk"].value(), "points": 1_500, "reason": "Ten years of Haneul",
    }  # fmt: skip
    refused = manager.post(url(cafe, "members/points"), {**form, "act": "preview"})
    assert (refused.status_code, refused.context["may_ask"]) == (422, True)
    request_id = refused.context["request_id"]
    manager.post(url(cafe, "members/points"), {**form, "act": "ask", "request": request_id})
    assert (mina.points(), jisoo.points()) == ((0, 0, 0, 0), (0, 0, 0, 0))

    assert answers(cafe, owner, request_id, "approve") == "Approved: the points of 2 members moved."

    assert (mina.points(), jisoo.points()) == ((1_500, 0, 0, 0), (1_500, 0, 0, 0))
    assert answers(cafe, owner, request_id, "approve") == "This request has been answered already."
    assert len(made(cafe)) == 2


def test_an_adjustment_beyond_the_limit_is_undone_by_two_people(cafe, owner, manager, mina):
    address = url(cafe, f"members/{mina.public_id}/adjust")
    owner.post(address, {"external_id": ids.mint("adj"), "way": "give", "points": 9_000, "reason": "By mistake"})
    with tenancy.tenant(cafe.merchant):
        given = Adjustment.objects.get(merchant=cafe.merchant).public_id

    refused = manager.post(f"{address}/undo", {"adjustment": given})
    assert refused["Location"] == f"{url(cafe, 'approvals/ask')}?adjustment={given}"
    assert mina.points() == (9_000, 0, 0, 0)
    page = manager.get(refused["Location"])
    request_id = page.context["form"]["request"].value()
    manager.post(refused["Location"], {"request": request_id, "reason": "It was 900"})
    assert answers(cafe, owner, request_id, "approve") == "Approved: the points of 1 member moved."

    assert mina.points() == (0, 0, 0, 0)
    assert made(cafe) == [(9_000, "staff", "By mistake"), (-9_000, "staff", "It was 900")]


def test_only_points_for_members_of_this_shop_are_asked_for(cafe, manager):
    elsewhere = builders.cafe().member("Rose")
    address = url(cafe, "members/points")
    manager.post(address, {
        "member": [elsewhere.public_id], "bulk": ids.mint("adj"), "points": 5_000, "reason": "x", "act": "ask",
        "request": "prq_0123456789abcdef",
    })  # fmt: skip
    with tenancy.tenant(cafe.merchant):
        assert not PointsRequest.objects.filter(merchant=cafe.merchant).exists()


def test_an_undoing_of_many_names_each_adjustment_once(cafe, owner, manager, mina):
    jisoo = cafe.member("Jisoo")
    bulk = ids.mint("adj")
    for member in (mina, jisoo):
        form = {"external_id": f"{bulk}:{member.public_id}", "way": "give", "points": 3_000, "reason": "Opening"}
        owner.post(url(cafe, f"members/{member.public_id}/adjust"), form)
    jisoo.redeems(reward="coffee")

    refused = manager.post(url(cafe, f"members/points/{bulk}/undo"))
    request_id = manager.get(refused["Location"]).context["form"]["request"].value()
    manager.post(refused["Location"], {"request": request_id, "reason": "Wrong day"})
    said = answers(cafe, owner, request_id, "approve")

    assert said.startswith("1 member was left out.")
    assert (mina.points(), jisoo.points()) == ((0, 0, 0, 0), (2_900, 0, 0, 0))
    jisoo.is_given(100)
    assert answers(cafe, owner, request_id, "approve") == "Approved: the points of 1 member moved."
    assert jisoo.points() == (0, 0, 0, 0)


def test_a_refused_request_leaves_nothing_behind_that_somebody_could_approve(cafe, max_):
    """A page says the refusal and goes on; what it wrote before would be kept."""
    with tenancy.tenant(cafe.merchant):
        with pytest.raises(LoyaltyError):
            approvals.ask(
                merchant=cafe.merchant, request_id=ids.mint("prq"), lines=[AskedLine("mem_0000000000000000", 5_000)],
                reason="Nobody", now=datetime.now(UTC), actor=seats.actor_of(max_),
            )  # fmt: skip
        assert not PointsRequest.objects.filter(merchant=cafe.merchant).exists()


def test_an_old_request_that_waits_stands_before_newer_ones_that_do_not(cafe, owner, manager, mina):
    waiting = asks(cafe, manager, mina, 5_000)
    for _each in range(3):
        answers(cafe, manager, asks(cafe, manager, mina, 6_000), "withdraw")

    with tenancy.tenant(cafe.merchant):
        dana = seats.held(User.objects.get(email="dana@example.org"))[0]
        first = approvals.listed(merchant=cafe.merchant, now=datetime.now(UTC), actor=seats.actor_of(dana), limit=1)
    assert [each.public_id for each in first] == [waiting]
