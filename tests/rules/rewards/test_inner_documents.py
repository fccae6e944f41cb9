"""Documents that others made: they name their parent by columns, and nothing of the database leaves with them."""

from __future__ import annotations

import ast
import base64
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection

from merchants import cursors, keys, tenancy
from merchants.errors import Invalid
from merchants.models.outbox import OutboxEvent
from rewards import adjustments, purchases, redemptions, verify
from rewards.models.corrections import Adjustment
from rewards.models.purchases import Purchase, Unclaim
from rewards.models.redemptions import Capture, Redemption
from tests import builders
from tests.till import sell, till_at


@pytest.fixture
def cafe(db):
    cafe = builders.cafe()
    yield cafe
    assert verify.verify(merchant=cafe.merchant).faults == []


@pytest.fixture
def mina(cafe):
    mina = cafe.member("Mina")
    mina.is_given(1_000)
    return mina


def undo(cafe, adjustment, *, by=builders.OWNER):
    return cafe.does(
        lambda: adjustments.undo(
            merchant=cafe.merchant, adjustment=adjustment, reason="Wrong member", now=cafe.now, actor=by
        )
    )


# -- adjustments ------------------------------------------------------------------------------------------------------


def test_an_undoing_names_what_it_undoes_and_nothing_outside(cafe, mina):
    gift = mina.is_adjusted(100, external_id="desk-1")
    undone = undo(cafe, gift.public_id)
    assert (undone.receipt["external_id"], undone.receipt["undoes"]) == (None, gift.public_id)
    rows = cafe.does(lambda: list(Adjustment.objects.order_by("id").values_list("external_id", "undoes__public_id")))
    assert rows == [("desk-1", None), (None, gift.public_id)]
    assert cafe.does(lambda: [a.public_id for a in adjustments.standing(merchant=cafe.merchant)]) == [undone.public_id]
    told = cafe.does(lambda: OutboxEvent.objects.filter(kind="points.adjusted").latest("id").payload)
    assert (told["external_id"], told["undoes"], told["debt"]) == (None, gift.public_id, 0)


def test_a_gift_that_has_ended_is_answered_again_as_it_was(cafe, mina):
    """The answer was lost, and the till asks again when the points have ended: they were given, and that is said."""
    gift = {"external_id": "desk-1", "expires_at": cafe.now + timedelta(days=1)}
    first = mina.is_adjusted(100, **gift)
    cafe.forward(days=2)

    again = mina.is_adjusted(100, **gift)
    assert (again.is_replay, again.receipt) == (True, first.receipt)
    with pytest.raises(Invalid):
        mina.is_adjusted(100, external_id="desk-2", expires_at=gift["expires_at"])
    assert cafe.does(lambda: list(Adjustment.objects.values_list("external_id", flat=True))) == ["desk-1"]


def test_an_adjustment_a_till_calls_undo_undoes_nothing(cafe, mina):
    gift = mina.is_adjusted(100)
    mina.is_adjusted(-1, external_id=f"undo:{gift.public_id}:0", by=builders.TILL)
    assert gift.public_id in cafe.does(lambda: {a.public_id for a in adjustments.standing(merchant=cafe.merchant)})
    undo(cafe, gift.public_id)
    assert mina.points()[0] == 999


def test_the_database_lets_nothing_be_undone_twice(cafe, mina):
    gift = mina.is_adjusted(100)
    undo(cafe, gift.public_id)
    with pytest.raises(adjustments.AlreadyUndone):
        undo(cafe, gift.public_id)

    def write_once_more():
        row = Adjustment.objects.exclude(undoes=None).get()
        row.pk, row.public_id = None, "adj_0000000000000000"
        row.save(force_insert=True)

    with pytest.raises(DatabaseError, match="an_adjustment_is_undone_once"):
        cafe.does(write_once_more)
    assert mina.points()[0] == 1_000


def test_an_undoing_that_was_refused_can_be_tried_again(cafe, mina):
    gift = mina.is_adjusted(500)
    mina.is_adjusted(-1_500)
    assert undo(cafe, gift.public_id).is_refused
    assert undo(cafe, gift.public_id).is_refused
    mina.is_given(500)
    assert undo(cafe, gift.public_id).receipt["state"] == "applied"
    assert cafe.does(lambda: Adjustment.objects.exclude(undoes=None).count()) == 3


# -- corrections that make debt ---------------------------------------------------------------------------------------


def test_a_correction_beyond_the_balance_is_refused_and_may_be_owed_when_an_owner_says_so(cafe, mina):
    with pytest.raises(Exception) as refused:
        mina.is_adjusted(-1_200)
    assert refused.value.code == "insufficient_points"
    assert mina.points() == (1_000, 0, 0, 0)

    outcome = mina.is_adjusted(-1_200, allow_debt=True)
    assert (outcome.receipt["debt_made"], outcome.receipt["debt_after"]) == (200, 200)
    assert mina.points() == (0, 0, 0, 200)
    assert mina.entries()[-1] == ("adjust", -1_000)
    told = cafe.does(lambda: OutboxEvent.objects.filter(kind="points.adjusted").latest("id").payload)
    assert (told["points"], told["balance"], told["debt"]) == (-1_200, 0, 200)
    # What comes next pays it first.
    mina.is_given(250)
    assert mina.points() == (50, 0, 0, 0)


def test_a_correction_that_makes_debt_leaves_held_points_alone_and_can_be_undone(cafe, mina):
    mina.holds(points=300, order_total_minor=100_000)
    outcome = mina.is_adjusted(-1_000, allow_debt=True)
    assert mina.points() == (0, 300, 0, 300)
    undo(cafe, outcome.public_id)
    assert mina.points() == (700, 300, 0, 0)


@pytest.mark.parametrize("by", [builders.MANAGER, builders.TILL])
def test_only_owners_and_keys_that_may_make_debt(cafe, mina, by):
    with pytest.raises(adjustments.MayNotMakeDebt):
        mina.is_adjusted(-1, allow_debt=True, by=by)
    assert mina.points() == (1_000, 0, 0, 0)
    assert cafe.does(lambda: Adjustment.objects.count()) == 0


def test_a_key_makes_debt_with_the_scope_for_it(db):
    shop = builders.cafe()
    without, with_it = (till_at(shop.merchant, "adjustments:write", *more) for more in ((), ("adjustments:debt",)))
    mina = shop.member("Mina")
    body = {
        "external_id": "a-1",
        "member": {"id": mina.public_id},
        "points": -40,
        "reason": "Fraud",
        "allow_debt": True,
    }
    refused = without.post("adjustments", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "may_not_make_debt")
    done = with_it.post("adjustments", body)
    assert (done.status_code, done.json()["receipt"]["debt_made"], done.json()["now"]["debt"]) == (201, 40, 40)
    assert with_it.post("adjustments", body).json()["receipt"] == done.json()["receipt"]
    wrong = with_it.post("adjustments", {**body, "external_id": "a-2", "points": 40})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/allow_debt")


# -- redemptions inside a purchase ------------------------------------------------------------------------------------


def test_a_redemption_inside_a_purchase_names_the_purchase_and_its_place(cafe, mina):
    hold = mina.holds(reward="coffee").public_id
    sale = mina.buys(10_000, external_id="sale", redeeming=[{"points": 50}, {"id": hold}, {"reward": "mug"}])
    purchase = cafe.does(lambda: Purchase.objects.get(public_id=sale.public_id))
    made = cafe.does(
        lambda: list(Redemption.objects.order_by("id").values_list("external_id", "purchase", "purchase_position"))
    )
    assert sorted(made[1:], key=str) == [(None, purchase.pk, 0), (None, purchase.pk, 2)]
    assert made[0][0] is not None
    capture = cafe.does(lambda: Capture.objects.get())
    assert (capture.external_id, capture.purchase_id, capture.purchase_position) == (None, purchase.pk, 1)
    seen = cafe.does(lambda: redemptions.listed(merchant=cafe.merchant, member_id=mina.id, now=cafe.now))
    assert [(view.external_id is None, view.purchase) for view in seen] == [
        (True, sale.public_id), (True, sale.public_id), (False, sale.public_id),
    ]  # fmt: skip
    told = cafe.does(
        lambda: list(
            OutboxEvent.objects.filter(kind__in=["points.redeemed", "points.captured"])
            .order_by("id").values_list("payload__external_id", "payload__purchase")
        )
    )  # fmt: skip
    assert told == [(None, sale.public_id)] * 3
    replay = mina.buys(10_000, external_id="sale", redeeming=[{"points": 50}, {"id": hold}, {"reward": "mug"}])
    assert replay.is_replay


def test_the_database_refuses_a_redemption_nobody_named(cafe, mina):
    def write():
        row = Redemption.objects.get()
        row.pk, row.public_id, row.code, row.external_id = None, "rdm_0000000000000000", None, None
        row.save(force_insert=True)

    mina.redeems(reward="coffee")
    with pytest.raises(DatabaseError, match="a_redemption_is_named_or_of_a_purchase"):
        cafe.does(write)


def test_an_unclaim_is_named_by_its_claim(cafe, mina):
    cafe.sells_to_a_guest(10_000, "guest-1")
    claim = mina.claims("guest-1").public_id
    undone = cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claim, reason="Not hers", now=cafe.now, actor=builders.OWNER
        )
    )
    assert (undone.receipt["external_id"], undone.receipt["claim"]) == (None, claim)
    assert cafe.does(lambda: Unclaim.objects.get().external_id) is None


# -- nothing of the database leaves -----------------------------------------------------------------------------------

_TABLES = (
    "rewards_purchase", "rewards_redemption", "rewards_capture", "rewards_refund", "rewards_adjustment",
    "rewards_entry", "rewards_lot", "rewards_account", "rewards_claim", "members_member", "merchants_outboxevent",
)  # fmt: skip


def _far_ahead() -> None:
    """Bring the numbers of new rows where no amount, point or year is."""
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"SELECT nextval('{table}_id_seq')")
            behind = 710_000 - cursor.fetchone()[0]
            if behind > 0:
                cursor.execute(f"SELECT max(nextval('{table}_id_seq')) FROM generate_series(1, %s)", [behind])


def test_no_number_of_the_database_leaves_in_an_answer_or_an_event(db):
    _far_ahead()
    shop = builders.open_shop(document=builders.programme(tiers=None, rewards=None))
    till = till_at(shop.merchant)
    said = []

    def calls(method, path, body=None):
        answer = till.call(method, path, body)
        assert answer.status_code < 300, answer.content
        said.append(answer.content.decode())
        return answer.json()

    person = {"external_id": "m-1", "name": "Mina"}
    member = calls("POST", "members", person)["id"]
    calls("POST", "adjustments", {"external_id": "a-1", "member": {"id": member}, "points": 500, "reason": "Hello"})
    hold = calls("POST", "redemptions", {"external_id": "h-1", "member": {"id": member}, "points": 100, "hold": True,
                                         "order_total_minor": 9_000})["receipt"]["id"]  # fmt: skip
    sale = sell(till, "s-1", 9_000, member={"id": member}, redemptions=[{"points": 50}, {"id": hold}])
    assert sale.status_code == 201, sale.content
    said.append(sale.content.decode())
    purchase = sale.json()["receipt"]["id"]
    for one in sale.json()["receipt"]["redemptions"]:
        calls("GET", f"redemptions/{one['id']}")
    refund = {"external_id": "r-1", "occurred_at": sale.json()["receipt"]["recorded_at"], "purchase": {"id": purchase},
              "amount_minor": 4_500}  # fmt: skip
    calls("POST", "refunds", refund)
    for path in ("balance", "lots?open=false", "ledger"):
        calls("GET", f"members/{member}/{path}")
    for _page in range(2):
        calls(
            "POST",
            "adjustments",
            {"external_id": f"a-{len(said)}", "member": {"id": member}, "points": 5, "reason": "Hi"},
        )
    calls("POST", "members", {"external_id": "m-2"})
    for path in ("members", "purchases", "redemptions", "adjustments", f"members/{member}/ledger", "events"):
        page = calls("GET", f"{path}?limit=1")
        # Where a list goes on is sealed: what it rests on counts the rows, or the transactions, of all merchants.
        for text in filter(None, (page["next_cursor"], page.get("mark"))):
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            assert len(raw) > 28
            assert not re.fullmatch(rb'[0-9"\[\]{}:,.TZa-z_+-]+', raw), raw
            assert cursors.read(text, Any) is not None
    with tenancy.tenant(shop.merchant):
        said += [json.dumps(payload) for payload in OutboxEvent.objects.values_list("payload", flat=True)]
    found = [text for text in said for number in re.findall(r"(?<![0-9a-z.])7[1-9][0-9]{4}(?![0-9a-z])", text)]
    assert found == []
    assert not any("purchase 7" in text for text in said)


def test_no_document_is_named_after_another():
    """What is put before a minted id says who minted it; a parent is named by columns, never within an external_id."""
    root = Path(keys.__file__).resolve().parents[1]
    named = {
        (str(path.relative_to(root)), ast.unparse(word.value))
        for app in ("merchants", "members", "rewards", "engagement", "analytics", "loyalty")
        for path in (root / app).rglob("*.py")
        if "demo" not in path.parts
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "external_id" and isinstance(word.value, ast.JoinedStr)
    }
    assert len(named) > 5
    assert {(path, name) for path, name in named if "public_id" in name or "row" in name} == set()
    before = {re.match(r"f['\"](?:(\w+):|\{_OURS\})", name) for _path, name in named}
    assert None not in before
    assert {match[1] for match in before if match[1]} <= keys.RESERVED_NAMESPACES
