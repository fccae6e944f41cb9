"""Stamp cards over time: claims, late and early documents, merges, people who leave, new terms, stamps that end.

Café Haneul gives a stamp for each full 1,000 won; five are a coffee.
"""

from __future__ import annotations

from typing import Any

import pytest

from members.models import Member
from merchants.actors import Actor
from merchants.errors import Forbidden, LoyaltyError
from merchants.models.audit import AuditRecord
from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from rewards import (
    documents,
    erasure,
    expiry,
    merging,
    portal_redemptions,
    purchases,
    redemptions,
    stamp_adjustments,
    stamps,
    verify,
)
from rewards.authority import StaticCodeEarnsOnly
from rewards.mechanics.stamps import MECHANIC as STAMPS
from rewards.mechanics.stamps import UnknownStampCard
from rewards.models.accounts import Account
from rewards.models.own_rewards import OwnReward
from rewards.models.redemptions import Redemption
from rewards.models.stamps import StampAdjustment, StampBook, StampEntry
from rewards.parties import MemberRef
from rewards.points.account import InsufficientPoints
from rewards.stamp_adjustments import StampAdjustmentInput
from tests import builders

pytestmark = pytest.mark.django_db

CARD: dict[str, Any] = {
    "code": "beans",
    "name": "Beans",
    "sizes": [5],
    "gives": {"kind": "per_amount", "per_amount_minor": 1_000},
    "reward": "coffee",
}


def open_cafe(**changes: Any) -> builders.Shop:
    return builders.cafe(stamps=[{**CARD, **changes}])


@pytest.fixture(autouse=True)
def agrees(monkeypatch):
    """Whatever a story does, books, entries, rewards and purchases agree in the end."""
    opened: list[builders.Shop] = []
    really = builders.open_shop

    def noted(*given: Any, **named: Any) -> builders.Shop:
        opened.append(really(*given, **named))
        return opened[-1]

    monkeypatch.setattr(builders, "open_shop", noted)
    yield
    for shop in opened:
        assert verify.verify(merchant=shop.merchant).faults == []


def stands(person: builders.Person, card: str = "beans") -> tuple[int, int]:
    """Stamps on the open card as the database has them, and how many rewards can be taken."""
    shop = person.shop

    def look() -> tuple[int, int]:
        book = StampBook.objects.filter(member_id=person.id, card=card).first() or StampBook()
        own = stamps.own_rewards_of(merchant=shop.merchant, member_id=person.id, now=shop.now)
        return book.stamps, len(own)

    return shop.does(look)


def own(person: builders.Person) -> str:
    """The reward that is theirs."""
    (found,) = person.shop.does(
        lambda: stamps.own_rewards_of(merchant=person.shop.merchant, member_id=person.id, now=person.shop.now)
    )
    return found.public_id


def told(shop: builders.Shop, kind: str) -> list[Any]:
    return shop.does(lambda: [each.payload for each in OutboxEvent.objects.filter(kind=kind).order_by("pk")])


def unclaims(shop: builders.Shop, claim: documents.DocumentOutcome) -> None:
    shop.does(
        lambda: purchases.unclaim(
            merchant=shop.merchant, claim=claim.public_id, reason="Jun's", now=shop.now, actor=builders.OWNER
        )
    )


# Sales and what becomes of them


def test_a_guest_earns_nothing_and_whoever_claims_the_receipt_earns_it_once():
    cafe = open_cafe()
    mina, jun = cafe.cast("Mina", "Jun")
    cafe.sells_to_a_guest(6_500, "guest")
    claim = mina.claims("guest")
    assert claim.receipt["stamps"][0]["stamps"] == 6
    assert stands(mina) == (1, 1)

    unclaims(cafe, claim)
    assert stands(mina) == (0, 0)

    jun.claims("guest")
    assert stands(jun) == (1, 1)


def test_of_a_claim_that_is_undone_after_the_reward_was_taken_stamps_are_owed():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    cafe.sells_to_a_guest(6_000, "guest")
    claim = mina.claims("guest")
    mina.redeems(own_reward=own(mina))
    unclaims(cafe, claim)
    assert stands(mina) == (-5, 0)
    mina.buys(7_000)
    assert stands(mina) == (2, 0)


def test_what_a_refund_takes_that_came_first_is_never_given():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.returns("sale", 2_000)
    mina.buys(6_000, external_id="sale")
    assert stands(mina) == (4, 0)
    assert told(cafe, "own_reward.issued") == []
    assert [each["change"] for each in told(cafe, "stamps.changed")] == [4]


def test_a_late_sale_counts_for_the_limit_of_its_own_day():
    cafe = open_cafe(most_per_day=3)
    mina = cafe.member("Mina")
    mina.buys(2_000, at=cafe.instant("2026-03-03", "10:00"))
    mina.buys(4_000)
    # Yesterday has one stamp left, today none.
    mina.buys(4_000, at=cafe.instant("2026-03-03", "18:00"))
    mina.buys(4_000)
    assert stands(mina) == (1, 1)


def test_a_refund_gives_the_day_s_limit_back():
    cafe = open_cafe(most_per_day=3)
    mina = cafe.member("Mina")
    mina.buys(3_000, external_id="sale")
    mina.returns("sale", 2_000)
    mina.buys(4_000)
    assert stands(mina) == (3, 0)


def test_what_is_short_of_a_stamp_is_carried_over():
    cafe = open_cafe(gives={"kind": "per_amount", "per_amount_minor": 1_000, "carries": True})
    mina = cafe.member("Mina")
    mina.buys(1_600, external_id="first")
    mina.buys(1_600)
    assert stands(mina) == (3, 0)
    # 600 and 600 were a stamp and 200 over; without the first sale it is 600 still.
    mina.returns("first")
    mina.buys(400)
    assert stands(mina) == (2, 0)


def test_what_is_carried_over_is_told_when_it_is_a_stamp():
    cafe = open_cafe(gives={"kind": "per_amount", "per_amount_minor": 1_000, "carries": True})
    mina = cafe.member("Mina")
    assert "stamps" not in mina.buys(600).receipt
    assert [card["stamps"] for card in mina.buys(600).receipt["stamps"]] == [1]
    assert [each["change"] for each in told(cafe, "stamps.changed")] == [1]


def test_cards_get_smaller():
    cafe = open_cafe(sizes=[6, 5, 4])
    mina = cafe.member("Mina")
    mina.buys(16_000)
    assert stands(mina) == (1, 3)
    (card,) = cafe.does(
        lambda: stamps.cards_of(merchant=cafe.merchant, member_id=mina.id, now=cafe.now)
    )  # fmt: skip
    assert (card.size, card.filled) == (4, 3)


def test_what_is_more_than_a_card_takes_is_lost_first_and_never_owed():
    cafe = open_cafe(starts_next=False)
    mina = cafe.member("Mina")
    mina.buys(3_000)
    mina.buys(4_000, external_id="sale")
    assert stands(mina) == (0, 1)
    mina.returns("sale", 2_000)
    assert stands(mina) == (0, 1), "five are left: the card stays full"
    mina.returns("sale", 1_000)
    assert stands(mina) == (4, 0)


def test_what_was_lost_covers_no_other_sale():
    cafe = open_cafe(starts_next=False)
    mina = cafe.member("Mina")
    mina.buys(7_000)
    mina.buys(3_000, external_id="later")
    mina.returns("later")
    assert stands(mina) == (0, 1)


def test_new_terms_decide_how_many_stamps_are_full():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(4_000)
    cafe.publish(builders.programme(stamps=[{**CARD, "sizes": [3]}]), since=cafe.forward(days=1))
    mina.buys(1_000)
    assert stands(mina) == (2, 1)


def test_a_reward_keeps_the_terms_it_was_issued_under():
    cafe = open_cafe(reward="spring")
    mina = cafe.member("Mina")
    mina.buys(5_000)
    # The catalogue has no spring tea any more, nor the terms a card.
    cafe.publish(builders.programme(rewards=[builders.PROGRAMME["rewards"][0]]), since=cafe.forward(days=60))
    taken = mina.redeems(own_reward=own(mina))
    assert (taken.receipt["reward"], taken.receipt["terms_version"]) == ("spring", 1)


def test_a_sale_from_before_there_were_cards_can_earn_nothing_of_them():
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.buys(9_000, external_id="old")
    cafe.publish(builders.programme(stamps=[CARD]), since=cafe.forward(days=1))
    mina.returns("old", 2_000)
    assert stands(mina) == (0, 0)
    assert told(cafe, "stamps.changed") == []


def test_a_quote_holds_for_stamps_or_is_refused():
    cafe = open_cafe(most_per_day=4)
    mina = cafe.member("Mina")
    asked = purchases.QuoteInput(currency="KRW", total_minor=3_000, member=mina.ref)

    def sells(external_id: str, token: str) -> purchases.ItemOutcome:
        sold = purchases.PurchaseInput(
            external_id=external_id,
            occurred_at=cafe.now,
            currency="KRW",
            total_minor=3_000,
            member=mina.ref,
            quote=token,
        )
        (outcome,) = cafe.does(
            lambda: purchases.record(merchant=cafe.merchant, items=[sold], now=cafe.now, actor=builders.TILL)
        )
        return outcome

    quoted = cafe.does(lambda: purchases.quote(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))
    assert quoted.evaluation.outcomes["stamps:beans"] == 3
    assert sells("first", quoted.token).error is None
    # One is left of the day's four.
    refused = sells("second", quoted.token).error
    assert refused is not None
    assert (refused.code, refused.pointer) == ("quote_changed", "/quote")
    assert stands(mina) == (3, 0)


# The reward


def test_one_of_counted_goods_is_taken_from_the_stock():
    cafe = open_cafe(reward="mug")
    mina, jun, sora = cafe.cast("Mina", "Jun", "Sora")
    for person in (jun, sora):
        person.is_given(50)
        person.redeems(reward="mug")
    mina.buys(5_000)
    mine = own(mina)
    with pytest.raises(documents.Refused) as refused:
        mina.redeems(own_reward=mine)
    assert refused.value.code == "reward_sold_out"
    assert own(mina) == mine


def test_it_is_no_use_of_the_member_s_limit():
    cafe = open_cafe(reward="cake")
    mina = cafe.member("Mina")
    mina.is_given(100)
    mina.redeems(reward="cake")
    mina.buys(5_000)
    assert mina.redeems(own_reward=own(mina)).receipt["points"] == 0
    with pytest.raises(documents.Refused, match="as often"):
        mina.redeems(reward="cake")


def test_its_last_day_is_over_however_late_the_clock_is():
    cafe = open_cafe(reward_days=30)
    mina = cafe.member("Mina")
    mina.buys(5_000)
    mine = own(mina)
    cafe.at("2026-04-03", "23:59")
    assert stands(mina) == (0, 1)
    cafe.at("2026-04-04", "00:00")
    assert stands(mina) == (0, 0)
    with pytest.raises(documents.Refused) as refused:
        mina.redeems(own_reward=mine)
    assert refused.value.code == "own_reward_gone"
    assert refused.value.context["state"] == "ended"


def test_a_hold_of_it_that_is_over_gives_it_back():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    mine = own(mina)
    mina.holds(own_reward=mine, hold_minutes=10)
    cafe.forward(minutes=11)
    # No clock has come round yet.
    mina.redeems(own_reward=mine)
    assert stands(mina) == (0, 0)
    states = cafe.does(lambda: list(Redemption.objects.order_by("pk").values_list("state", flat=True)))
    assert states == ["expired", "captured"]


def test_a_member_sets_it_aside_on_their_own_phone_without_a_fresh_code():
    """Much is at stake from the first point on: what costs none needs no code."""
    cafe = open_cafe()
    cafe.does(lambda: Merchant.objects.filter(pk=cafe.merchant.pk).update(step_up_points_above=0))
    cafe.merchant.refresh_from_db()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    asked = redemptions.RedemptionRequest(external_id="phone-1", member=mina.ref, own_reward=own(mina))
    held = cafe.does(
        lambda: portal_redemptions.take(
            merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), asked=asked, proof=None, now=cafe.now,
            actor=Actor("member", mina.public_id),
        )
    )  # fmt: skip
    assert (held.receipt["state"], stands(mina)) == ("held", (0, 0))
    # The code on the phone is what the till captures.
    sold = mina.buys(3_000, redeeming=[{"code": held.receipt["code"]}])
    assert [(each["reward"], each["points"]) for each in sold.receipt["redemptions"]] == [("coffee", 0)]
    assert stands(mina) == (3, 0)


def test_a_code_that_only_collects_takes_no_reward():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    code = cafe.does(lambda: Member.objects.get(pk=mina.id).code)
    asked = redemptions.RedemptionRequest(external_id="r-1", member=MemberRef(code=code), own_reward=own(mina))
    with pytest.raises(StaticCodeEarnsOnly):
        cafe.does(lambda: redemptions.redeem(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))
    assert stands(mina) == (0, 1)


def test_who_has_stopped_spending_keeps_it():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    cafe.does(lambda: Member.objects.filter(pk=mina.id).update(spending_stopped_at=cafe.now))
    with pytest.raises(documents.Refused) as refused:
        mina.redeems(own_reward=own(mina))
    assert refused.value.code == "spending_stopped"
    assert stands(mina) == (0, 1)


def test_nobody_takes_one_on_an_account_that_waits_for_an_inspection():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    cafe.does(lambda: Account.objects.filter(member_id=mina.id).update(frozen_at=cafe.now))
    with pytest.raises(LoyaltyError) as refused:
        mina.redeems(own_reward=own(mina))
    assert refused.value.code == "account_frozen"
    assert stands(mina) == (0, 1)


def test_the_clock_ends_holds_of_it():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    mina.holds(own_reward=own(mina), hold_minutes=10)
    cafe.forward(minutes=11)
    assert cafe.does(lambda: redemptions.expire_holds(merchant=cafe.merchant, now=cafe.now)) == 1
    assert stands(mina) == (0, 1)
    assert cafe.does(lambda: redemptions.expire_holds(merchant=cafe.merchant, now=cafe.now)) == 0


# By hand


def corrects(
    person: builders.Person, count: int, *, card: str = "beans", external_id: str = "", by: Any = builders.OWNER
) -> documents.DocumentOutcome:
    asked = StampAdjustmentInput(
        external_id=external_id or builders.fresh("stamps"), stamp_card=card, stamps=count, reason="Forgot the phone"
    )
    shop = person.shop
    return shop.does(
        lambda: stamp_adjustments.adjust(
            merchant=shop.merchant, member=person.public_id, asked=asked, now=shop.now, actor=by
        )
    )


def test_stamps_by_hand_fill_a_card_and_are_taken_off_again():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(3_000)
    given = corrects(mina, 4)
    assert (given.receipt["on_card"], len(given.receipt["issued"]), given.receipt["reason"]) == (
        2, 1, "Forgot the phone",
    )  # fmt: skip
    assert stands(mina) == (2, 1)
    taken = corrects(mina, -3)
    assert (taken.receipt["on_card"], taken.receipt["revoked"]) == (4, given.receipt["issued"])
    assert stands(mina) == (4, 0)
    reasons = cafe.does(lambda: list(StampEntry.objects.filter(kind="by_hand").values_list("stamps", "reason")))
    assert sorted(reasons) == [(-3, "Forgot the phone"), (4, "Forgot the phone")]
    assert cafe.does(lambda: AuditRecord.objects.filter(action="stamps.adjusted").count()) == 2


def test_the_same_correction_twice_is_made_once():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    first, second = (corrects(mina, 2, external_id="desk-1") for _ in range(2))
    assert (first.receipt, second.is_replay) == (second.receipt, True)
    assert stands(mina) == (2, 0)
    with pytest.raises(documents.ExternalIdReused):
        corrects(mina, 3, external_id="desk-1")


def test_a_card_nobody_knows_is_refused_and_nothing_is_kept():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    with pytest.raises(UnknownStampCard) as refused:
        corrects(mina, 1, card="tea")
    assert refused.value.pointer == "/stamp_card"
    assert cafe.does(lambda: (StampAdjustment.objects.count(), StampBook.objects.count())) == (0, 0)


def test_a_cashier_corrects_no_stamps():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    with pytest.raises(Forbidden):
        corrects(mina, 1, by=builders.CASHIER)
    assert stands(mina) == (0, 0)


# Time


def ends(cafe: builders.Shop) -> int:
    return cafe.does(lambda: expiry.settle_members_due(STAMPS, merchant=cafe.merchant, now=cafe.now))


LIVES: dict[str, Any] = {"life": {"count": 30, "unit": "days"}}


def test_stamps_end_so_long_after_the_latest_one():
    cafe = open_cafe(**LIVES)
    mina = cafe.member("Mina")
    mina.buys(3_000)
    cafe.at("2026-04-03", "23:59")
    assert (ends(cafe), stands(mina)) == (0, (3, 0))
    cafe.at("2026-04-04", "00:00")
    assert (ends(cafe), stands(mina)) == (1, (0, 0))
    assert ends(cafe) == 0
    (_earned, ended) = told(cafe, "stamps.changed")
    assert (ended["change"], ended["stamps"], ended["reason"]) == (-3, 0, "ended")


def test_a_new_stamp_keeps_the_others():
    cafe = open_cafe(**LIVES)
    mina = cafe.member("Mina")
    mina.buys(3_000)
    cafe.at("2026-04-01")
    mina.buys(1_000)
    cafe.at("2026-04-20")
    assert (ends(cafe), stands(mina)) == (0, (4, 0))


def test_what_has_ended_fills_no_card_however_late_the_clock_is():
    cafe = open_cafe(**LIVES)
    mina = cafe.member("Mina")
    mina.buys(3_000)
    cafe.at("2026-04-10")
    mina.buys(2_000)
    assert stands(mina) == (2, 0)


def test_stamps_of_a_sale_that_comes_too_late_for_them_end_at_once():
    cafe = open_cafe(life={"count": 5, "unit": "days"})
    mina = cafe.member("Mina")
    mina.buys(3_000, at=cafe.instant("2026-02-20", "10:00"))
    assert stands(mina) == (0, 0)
    assert [each["change"] for each in told(cafe, "stamps.changed")] == [3, -3]


def test_the_clock_ends_rewards_whose_last_day_is_over():
    cafe = open_cafe(reward_days=30)
    mina = cafe.member("Mina")
    mina.buys(5_000)
    cafe.at("2026-04-04")
    assert (ends(cafe), ends(cafe)) == (1, 0)
    assert cafe.does(lambda: OwnReward.objects.get().state) == "ended"
    assert [each["state"] for each in told(cafe, "own_reward.changed")] == ["ended"]


def test_they_end_when_the_terms_have_no_such_card_any_more():
    cafe = open_cafe(**LIVES)
    mina = cafe.member("Mina")
    mina.buys(3_000)
    cafe.publish(builders.programme(), since=cafe.forward(days=1))
    cafe.forward(days=40)
    assert (ends(cafe), ends(cafe), stands(mina)) == (1, 0, (0, 0))


# People


def test_a_merge_adds_both_cards_and_its_undoing_divides_them_again():
    cafe = open_cafe()
    mina, old = cafe.cast("Mina", "Old Mina")
    mina.buys(2_000)
    old.buys(2_000, external_id="old")
    merge = old.is_merged_into(mina)
    assert (stands(mina), stands(old)) == ((4, 0), (0, 0))
    mina.buys(1_000)
    assert stands(mina) == (0, 1)
    unmerges(cafe, merge)
    # Five were a reward that nobody had taken: three are hers, two the other's.
    assert (stands(mina), stands(old)) == ((3, 0), (2, 0))


def unmerges(cafe: builders.Shop, merge: merging.Merged) -> None:
    cafe.does(
        lambda: merging.unmerge(
            merchant=cafe.merchant, merge=merge.public_id, now=cafe.now, actor=builders.OWNER
        )
    )  # fmt: skip


def test_stamps_that_were_spent_meanwhile_stay_spent():
    cafe = open_cafe()
    mina, old = cafe.cast("Mina", "Old Mina")
    mina.buys(3_000)
    old.buys(4_000)
    merge = old.is_merged_into(mina)
    assert stands(mina) == (2, 1)
    mina.redeems(own_reward=own(mina))
    unmerges(cafe, merge)
    assert (stands(mina), stands(old)) == ((0, 0), (2, 0))


def test_own_rewards_move_with_a_merge_and_back():
    cafe = open_cafe()
    mina, old = cafe.cast("Mina", "Old Mina")
    old.buys(5_000)
    theirs = own(old)
    merge = old.is_merged_into(mina)
    assert (own(mina), stands(old)) == (theirs, (0, 0))
    unmerges(cafe, merge)
    assert (own(old), stands(mina)) == (theirs, (0, 0))


def test_what_is_set_aside_of_own_rewards_is_given_back_by_a_merge():
    cafe = open_cafe()
    mina, old = cafe.cast("Mina", "Old Mina")
    old.buys(5_000)
    held = old.holds(own_reward=own(old))
    old.is_merged_into(mina)
    assert old.state_of(held.public_id) == "released"
    mina.redeems(own_reward=own(mina))
    assert stands(mina) == (0, 0)


def test_undone_after_a_merge_a_redemption_gives_the_reward_to_whom_they_live_on_as():
    cafe = open_cafe()
    mina, old = cafe.cast("Mina", "Old Mina")
    old.buys(5_000)
    taken = old.redeems(own_reward=own(old))
    old.is_merged_into(mina)
    mina.reverses(taken.public_id)
    assert stands(mina) == (0, 1)


def test_whoever_leaves_gives_up_stamps_and_rewards():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(12_000)
    held = mina.holds(own_reward=cafe.does(lambda: OwnReward.objects.order_by("pk")[0].public_id))
    assert stands(mina) == (2, 1)
    cafe.does(
        lambda: erasure.leave(
            merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), now=cafe.now, actor=builders.OWNER
        )
    )
    assert stands(mina) == (0, 0)
    assert mina.state_of(held.public_id) == "released"
    assert set(cafe.does(lambda: list(OwnReward.objects.values_list("state", flat=True)))) == {"ended"}


def test_what_comes_back_to_somebody_who_has_left_ends_at_once():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    mina.buys(5_000)
    taken = mina.redeems(own_reward=own(mina))
    cafe.does(
        lambda: erasure.leave(
            merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), now=cafe.now, actor=builders.OWNER
        )
    )
    mina.reverses(taken.public_id)
    assert cafe.does(lambda: OwnReward.objects.get().state) == "ended"


def test_a_refused_sale_changes_no_card():
    cafe = open_cafe()
    mina = cafe.member("Mina")
    with pytest.raises(InsufficientPoints):
        mina.buys(5_000, redeeming=[{"reward": "coffee"}])
    assert stands(mina) == (0, 0)
    assert told(cafe, "stamps.changed") == []
