"""What every mechanic is asked, and when; how few texts the database has to remember for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection

from merchants.database import statements
from merchants.errors import Conflict
from rewards import enrolment, purchases, versions
from rewards.mechanics import MECHANICS
from rewards.purchases import claiming, finding, refunding, selling, unclaiming
from rewards.sales.protocol import Read, State
from tests import builders

pytestmark = pytest.mark.django_db

COFFEE = builders.PROGRAMME["rewards"][0]
CAPPED = {**builders.PROGRAMME["earning"]["rules"][0], "caps": [{"points": 500, "per": "day"}]}


class Listening(State):
    """A mechanic that does nothing and notes what it is asked."""

    def __init__(self, heard: list[str]) -> None:
        for name in vars(State):
            if not name.startswith("_") and callable(getattr(State, name)):
                setattr(self, name, self._noting(heard, name))

    def _noting(self, heard: list[str], name: str) -> Callable[..., Any]:
        empty = getattr(super(), name)

        def noted(*asked: Any) -> Any:
            heard.append(name)
            return empty(*asked)

        return noted


class Heard:
    """The mechanic in whose place `Listening` is begun."""

    key = "heard"
    read = Read()
    for_guests = False

    def __init__(self) -> None:
        self.heard: list[str] = []

    def is_used(self, version: Any) -> bool:
        return True

    def begin(self, batch: Any) -> State:
        return Listening(self.heard)

    def said(self) -> str:
        """What was asked since the last time."""
        heard, self.heard[:] = " ".join(self.heard), []
        return heard


@pytest.fixture
def mechanic(monkeypatch):
    heard = Heard()
    for journey in (selling, claiming, refunding, unclaiming, enrolment):
        monkeypatch.setattr(journey, "MECHANICS", (*journey.MECHANICS, heard))
    return heard


def test_a_mechanic_is_asked_in_the_order_of_a_sale(mechanic):
    cafe = builders.cafe()
    mina = cafe.joins("Mina")
    assert mechanic.said() == "counters values load joined add_to"

    mina.buys(10_000, external_id="sale")
    assert mechanic.said() == "counters values load is_asked before facts apply receipt add_to"

    mina.returns("sale", 1_000)
    assert mechanic.said() == "accounts counters values load settle_time undo add_to"

    cafe.sells_to_a_guest(5_000, "receipt")
    assert mechanic.said() == "is_asked before apply receipt add_to"

    claim = mina.claims("receipt")
    assert mechanic.said() == "counters values load facts apply receipt add_to"

    cafe.does(
        lambda: purchases.unclaim(
            merchant=cafe.merchant, claim=claim.public_id, reason="not hers", now=cafe.now, actor=builders.OWNER
        )
    )
    assert mechanic.said() == "accounts counters values load settle_time undo add_to"


def test_a_refund_that_came_first_is_undone_in_the_sale_and_the_rest_applied_once(mechanic):
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.returns("sale", 1_000)
    mechanic.said()

    mina.buys(10_000, external_id="sale")

    assert mechanic.said() == "counters values load is_asked before facts undo apply receipt add_to"
    # ₩9,000 are left: 90 points.
    assert mina.points() == (90, 0, 0, 0)


def test_a_process_that_has_just_started_refunds_what_another_one_sold():
    """It learns the terms by the read itself, and reads once more: the day's limit is free again, to the point."""
    cafe = builders.cafe(earning={"rules": [{**CAPPED, "caps": [{"points": 60, "per": "day"}]}]})
    mina = cafe.member("Mina")
    mina.buys(10_000, external_id="sale")
    assert mina.points() == (60, 0, 0, 0)

    versions._known.clear()
    mina.returns("sale")

    assert mina.points() == (0, 0, 0, 0)
    mina.buys(10_000)
    assert mina.points() == (60, 0, 0, 0)


def test_what_was_taken_first_goes_back_when_the_sale_is_refused(mechanic, monkeypatch):
    """A mechanic takes, then the next one refuses: Mina has her points, and nothing of her sale is left."""
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.is_given(300)

    class Refusing(State):
        def before(self, sale, buyer, sold):
            raise Conflict("no")

    heard = Heard()
    heard.begin = lambda batch: Refusing()
    monkeypatch.setattr(selling, "MECHANICS", (*selling.MECHANICS, heard))
    with pytest.raises(Conflict):
        mina.buys(10_000, external_id="sale", redeeming=[{"reward": "coffee"}])

    assert mina.points() == (300, 0, 0, 0)
    assert cafe.does(lambda: finding.by_external_id(merchant=cafe.merchant, external_id="sale")) is None


def test_what_a_refused_sale_had_taken_is_on_no_other_receipt():
    """A refund keeps a place for the sale, so that a refused one and the next with its number are one row's."""
    cafe = builders.cafe()
    mina = cafe.member("Mina")
    mina.is_given(300)
    mina.returns("sale", 1_000)
    asked = purchases.QuoteInput(currency="KRW", total_minor=7_000, member=mina.ref)
    quoted = cafe.does(lambda: purchases.quote(merchant=cafe.merchant, asked=asked, now=cafe.now, actor=builders.TILL))
    plain = purchases.PurchaseInput(
        external_id="sale", occurred_at=cafe.now, currency="KRW", total_minor=10_000, member=mina.ref
    )
    of_another = msgspec.structs.replace(
        plain, redemptions=(purchases.RedemptionInput(reward="coffee"),), quote=quoted.token
    )
    refused, sold = cafe.does(
        lambda: purchases.record(merchant=cafe.merchant, items=[of_another, plain], now=cafe.now, actor=builders.TILL)
    )

    assert refused.error is not None
    assert refused.error.pointer == "/quote"
    assert "redemptions" not in sold.receipt
    # 300 points, and 90 for the ₩9,000 that are left.
    assert mina.points() == (390, 0, 0, 0)


# What the database has to remember


def texts(beginning: str) -> set[str]:
    """The statements that this connection remembers."""
    return {text for text in statements._names.get(connection.connection, ()) if text.lstrip().startswith(beginning)}


def test_the_read_has_one_text_for_guests_and_two_for_each_set_of_mechanics(monkeypatch):
    monkeypatch.setattr(statements, "_names", type(statements._names)())
    plain = builders.cafe(tiers=None, rewards=[COFFEE])
    everything = builders.cafe(
        earning={"rules": [CAPPED]}, referral={"referrer_points": 200, "referee_points": 100},
        stamps=[{"code": "visits", "name": "Visits", "sizes": [2], "reward": "coffee"}],
    )  # fmt: skip
    for cafe in (plain, everything):
        ara = cafe.joins("Ara")
        mina = cafe.joins("Mina", by=ara if cafe is everything else None)
        cafe.sells_to_a_guest(5_000, "guest")
        mina.buys(10_000, external_id="first")
        mina.buys(10_000, external_id="second", at=cafe.instant("2026-03-03"))
        mina.is_adjusted(300)
        mina.buys(20_000, external_id="third", redeeming=[{"reward": "coffee"}])
        mina.returns("second", 1_000)
        mina.returns("first")
        mina.returns("early")
        ara.buys(10_000, external_id="early")
        cafe.sells_to_a_guest(5_000, "receipt")
        mina.claims("receipt")
        ara.is_merged_into(mina)

    read = texts("SELECT (SELECT max(v.number)")
    # Guests of both; members of the plain café, and of the other one, each with the lots that are due and with all.
    assert len(read) == 1 + 2 + 2
    # A sale of a guest, of a member that earns, that moves points, both with and without caps and cards; refunds with and
    # without a number given back; claims; and what is no sale: corrections, joining, merging.
    assert len(texts("WITH")) <= 16


# A mechanic is its own business

ROOT = Path(__file__).resolve().parents[3]
#: Whoever changes sales and members without knowing what a programme may do besides points.
JOURNEYS = ["rewards/sales", "rewards/purchases", "rewards/merging", "rewards/erasure.py", "rewards/enrolment.py"]
#: Modules and tables that only the mechanic itself, its terms, its screens and its tests may name.
OWN = {
    "redemptions": {"rewards.redemptions", "rewards.models.redemptions", "rewards_redemption", "rewards_capture",
                    "rewards_release", "rewards_reversal"},
    "limits": {"rewards.models.counters", "rewards_counter"},
    "stamps": {"rewards.stamps", "rewards.models.stamps", "rewards_stampbook", "rewards_stampentry"},
    "referrals": {"rewards.referrals", "rewards.models.referrals", "rewards_referral"},
    "tiers": {"rewards.tiers", "rewards.tiers.rating", "rewards_tierperiod", "rewards_qualifyinggrant"},
}  # fmt: skip
#: Who joins is brought by somebody: the code comes with what is known of the new member.
KNOWN = {("rewards/enrolment.py", "referrals")}


def named_in(source: str) -> set[str]:
    """The mechanics that a module imports, or whose tables its statements name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        said: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            said = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        elif isinstance(node, ast.Import):
            said = [name.name for name in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said = re.findall(r"\brewards_\w+", node.value)
        for key, names in OWN.items():
            own = {*names, f"rewards.mechanics.{key}"}
            if any(each in own or any(each.startswith(f"{name}.") for name in own) for each in said):
                found.add(key)
    return found


def test_the_journeys_name_no_mechanic():
    files = [
        path
        for place in JOURNEYS
        for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).glob("*.py"))
    ]
    found = {(str(path.relative_to(ROOT)), key) for path in files for key in named_in(path.read_text())}
    assert found == KNOWN


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("from rewards import tiers", "tiers"),
        ("from rewards.mechanics import limits", "limits"),
        ("import rewards.redemptions.folding", "redemptions"),
        ("cursor.execute('UPDATE rewards_referral SET state = 1')", "referrals"),
    ],
)
def test_a_journey_that_names_one_is_noticed(source, key):
    assert named_in(source) == {key}


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports, each with what it takes from it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_who_imports_a_mechanic_stands_in_the_list_of_what_one_touches():
    """The list says `<name>` where each has its own; stamp cards are the one with a part of everything."""
    chapter = (ROOT / "CONTRIBUTING.md").read_text().partition("### A mechanic")[2].partition("\n#")[0]
    listed = {place.replace("<name>", "stamps") for place in re.findall(r"`((?:rewards|loyalty)/[\w/<>.]*)`", chapter)}
    assert {place for place in listed if not (ROOT / place).exists()} == set()
    own = {
        "rewards.stamps", "rewards.stamp_adjustments",
        *(f"rewards.{layer}.stamps" for layer in ("models", "terms", "earning", "mechanics")),
    }  # fmt: skip
    importers = {
        str(path.relative_to(ROOT))
        for app in ("rewards", "loyalty", "engagement", "analytics")
        for path in (ROOT / app).rglob("*.py")
        if any(name in own or name.startswith("rewards.stamps.") for name in imported_by(path))
    }
    assert {path for path in importers if not any(path.startswith(place) for place in listed)} == set()
    assert len(importers) > 20


def test_each_mechanic_has_a_name_of_its_own_and_reads_under_it():
    assert [mechanic.key for mechanic in MECHANICS] == list(OWN)
    for mechanic in MECHANICS:
        for name in (*mechanic.read.parts, *mechanic.read.types):
            assert name.split("_")[0] == mechanic.key, name
