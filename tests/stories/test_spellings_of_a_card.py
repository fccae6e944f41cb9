"""Mina's card is HAN-10023, printed and as a barcode: whatever scanners, keyboards and people make of it, it is hers.

JumpMind/openpos-framework#2001, #2103; brarcher/loyalty-card-locker#332; opencloset/opencloset#468;
shaxxx/flutter_barcode_listener#17.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from members import card_keys
from members.models import Card, Member
from merchants import ids, scanned, tenancy, texts
from rewards import balances
from rewards.models.purchases import Purchase
from tests import till as tills
from tests.people import cashier_browser, join, open_shop, staff_browser

pytestmark = pytest.mark.django_db
#: Every one of them is the card HAN-10023.
SPELLINGS = {
    "as printed": "HAN-10023",
    "carriage return": "HAN-10023\r",
    "line feed": "HAN-10023\n",
    "both": "HAN-10023\r\n",
    "tabulator": "HAN-10023\t",
    "start and end of text": "\x02HAN-10023\x03",
    "group separator": "\x1dHAN-10023",
    "record separator at the end": "HAN-10023\x1e\x04",
    "barcode's kind, GS1-128": "]C1HAN-10023",
    "barcode's kind, Code 128": "]C0HAN-10023",
    "barcode's kind, QR code": "]Q3HAN-10023\r",
    "barcode's kind behind start of text": "\x02]A0HAN-10023\x03",
    "Code 39 with start and stop": "*HAN-10023*",
    "magnetic stripe": ";HAN-10023?",
    "lower case": "han-10023",
    "mixed case": "Han-10023",
    "spaces around": "  HAN-10023 ",
    "spaces for dashes": "HAN 10023",
    "by groups": "HAN 100 23",
    "sign by sign": "H A N 1 0 0 2 3",
    "no dash": "HAN10023",
    "many dashes": "HAN-100-23",
    "dots": "HAN.10023",
    "underscore": "HAN_10023",
    "long dash": "HAN\u201310023",
    "minus": "HAN\u221210023",
    "dash that does not break": "HAN\u201110023",
    "space that does not break": "HAN\u00a010023",
    "narrow space": "HAN\u202f10023",
    "zero width": "HAN\u200b-10023",
    "byte order mark": "\ufeffHAN-10023",
    "marks of direction": "\u200eHAN-10023\u200f",
    "soft hyphen": "HAN\u00ad-10023",
    "apostrophe of a spreadsheet": "'HAN-10023",
    "curly apostrophe": "\u2019HAN-10023",
    "quotes": '"HAN-10023"',
    "full width": "ＨＡＮ－１００２３",
    "full-width digits": "HAN-１００２３",
    "full width, lower case": "ｈａｎ－１００２３",
    "Japanese long sign": "HANー10023",
    "Korean keyboard": "ㅗ무-10023",
    "Korean keyboard, sign by sign": "ㅗㅁㅜ-10023",
    "Korean keyboard, decomposed": "\u1169\u1106\u116e-10023",
    "Korean keyboard with return": "ㅗ무-10023\r",
    "Bopomofo keyboard": "ㄘㄇㄙㄦㄅㄢㄢㄉˇ",
    "Arabic digits": "HAN-١٠٠٢٣",
    "O read for zero": "HAN-1OO23",
    "o read for zero, in lower case": "han 1oo23",
    "I read for one": "HAN-I0023",
    "l read for one": "HAN-l0023",
}
#: Not signs of a card, or too few.
UNREADABLE = {"a question": "?", "three signs": "H-A-N", "another alphabet": "НАМ-10023", "accent": "HÄN-10023"}


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul", till_word_points_max=100_000)


@pytest.fixture
def till(cafe):
    till = tills.till_at(cafe)
    tills.start_programme(
        till, transfers={}, pay_with_points={"points": 1, "amount_minor": 1},
        rewards=[{"code": "coffee", "kind": "product", "name": "Coffee", "price_points": 1}],
    )  # fmt: skip
    return till


@pytest.fixture
def mina(cafe, till):
    """She has her card and 1,000 points."""
    member = join(cafe, name="Mina")
    assert till.post(f"members/{member.public_id}/cards", {"number": "HAN-10023"}).status_code == 201
    sold = tills.sell(till, "first", 100_000, member={"id": member.public_id})
    assert sold.json()["now"]["spendable"] == 1_000
    return member


@pytest.fixture
def jun(cafe, till):
    return join(cafe, name="Jun", external_id="jun")


@pytest.fixture
def spellings(pytestconfig, drill_seed):
    """A third of them by the run's dice, all with `--drills`; that all are one card is one test's, every time."""
    if pytestconfig.getoption("--drills"):
        return list(SPELLINGS.values())
    return random.Random(drill_seed).sample(list(SPELLINGS.values()), len(SPELLINGS) // 3)


def guest(till, external_id):
    answer = tills.sell(till, external_id, 1_000)
    assert answer.status_code == 201, answer.content


def entries(till, cafe, mina, jun, spelling):
    """Name the card at every call that takes a reference; each answer by its name."""
    for name, body in ENTRIES.items():
        if name == "list" and not texts.is_plain(spelling):
            continue  # an address holds no control signs
        yield name, entered(till, jun, name, body, spelling)


def entered(till, jun, name, body, spelling):
    """Send one of `ENTRIES` with the card."""
    key = ids.mint("pur")[4:]
    guest(till, f"g-{key}")
    path, sent = body({"card": spelling}, key, jun.public_id)
    return till.get(path) if sent is None else till.post(path, sent)


def _sold(card, key, **fields):
    at = datetime.now(UTC).isoformat()
    return {"external_id": f"s-{key}", "occurred_at": at, "currency": "KRW", "total_minor": 1_000, "location": "main",
            "member": card, **fields}  # fmt: skip


#: Every call that names a member by card: its address and body, from the card, a name for the document, and Jun's id.
ENTRIES = {
    "lookup": lambda card, key, jun: ("members/lookup", card),
    "list": lambda card, key, jun: (f"members?{urlencode(card)}", None),
    "quote": lambda card, key, jun: ("quotes", {"currency": "KRW", "total_minor": 1_000, "member": card}),
    "sale": lambda card, key, jun: ("purchases", _sold(card, key)),
    "sale with points": lambda card, key, jun: ("purchases", _sold(card, key, redemptions=[{"points": 1}])),
    "batch": lambda card, key, jun: ("purchases/batch", {"purchases": [_sold(card, key)]}),
    "claim": lambda card, key, jun: (
        "purchases/claim", {"external_id": f"c-{key}", "purchase": {"external_id": f"g-{key}"}, "member": card}),
    "redemption": lambda card, key, jun: (
        "redemptions", {"external_id": f"r-{key}", "member": card, "reward": "coffee"}),
    "hold": lambda card, key, jun: (
        "redemptions", {"external_id": f"h-{key}", "member": card, "reward": "coffee", "hold": True}),
    "adjustment": lambda card, key, jun: (
        "adjustments", {"external_id": f"a-{key}", "member": card, "points": 5, "reason": "Sorry"}),
    "giver": lambda card, key, jun: (
        "transfers", {"external_id": f"t-{key}", "giver": card, "receiver": {"id": jun}, "points": 1}),
    "receiver": lambda card, key, jun: (
        "transfers", {"external_id": f"u-{key}", "giver": {"id": jun}, "receiver": card, "points": 1}),
}  # fmt: skip


#: Calls that give somebody the card.
GIVING = {
    "enrolment": lambda card, key, jun: ("members", {"external_id": f"crm-{key}", **card}),
    "enrolment of a known one": lambda card, key, jun: ("members", {"external_id": "jun", **card}),
    "many enrolments": lambda card, key, jun: ("members/batch", {"members": [{"external_id": f"crm-{key}", **card}]}),
    "another card": lambda card, key, jun: (f"members/{jun}/cards", {"number": card["card"]}),
}


def member_in(name, answer):
    told = answer.json()
    if name == "lookup":
        return told["id"]
    if name == "list":
        return told["data"][0]["id"]
    if name == "batch":
        told = told["results"][0]
    receipt = told.get("receipt", told)
    return receipt.get({"giver": "giver", "receiver": "receiver"}.get(name, "member"))


def test_the_printed_card_and_its_spellings_are_one_card_in_the_code_and_in_the_database(cafe, mina):
    assert {name: card_keys.card_key(text) for name, text in SPELLINGS.items()} == dict.fromkeys(SPELLINGS, "HAN10023")
    assert len(SPELLINGS) >= 40
    with tenancy.tenant(cafe):
        assert Card.objects.values_list("number", "key").get() == ("HAN-10023", "HAN10023")
    for text in UNREADABLE.values():
        with pytest.raises(card_keys.InvalidCard):
            card_keys.card_key(text)


def test_a_card_is_read_alike_by_every_call_that_names_a_member(till, cafe, mina, jun, spellings):
    # JumpMind/openpos-framework#2001, #2103; brarcher/loyalty-card-locker#332
    for spelling in spellings:
        for name, answer in entries(till, cafe, mina, jun, spelling):
            assert answer.status_code in {200, 201}, (name, spelling, answer.content)
            assert member_in(name, answer) == mina.public_id, (name, spelling, answer.content)


def test_a_card_is_read_alike_at_the_counter_and_in_the_console(cafe, mina, jun, spellings):
    # opencloset/opencloset#468, shaxxx/flutter_barcode_listener#17
    cashier, manager = cashier_browser(cafe), staff_browser(cafe, "manager")
    for spelling in spellings:
        found = cashier.get(f"/console/{cafe.slug}/counter/", {"q": spelling})
        assert (found.status_code, mina.public_id in found.get("Location", "")) == (302, True), spelling
        assert mina.public_id in manager.get(f"/console/{cafe.slug}/members/", {"q": spelling}).content.decode()
        merge = manager.get(f"/console/{cafe.slug}/members/{jun.public_id}/merge", {"q": spelling})
        assert mina.public_id in merge.content.decode(), spelling


def test_a_card_that_reads_like_minas_is_given_to_nobody_else(till, cafe, mina, jun, spellings):
    for spelling in spellings:
        again = till.post(f"members/{mina.public_id}/cards", {"number": spelling})
        assert (again.status_code, again.json()["number"]) == (200, "HAN-10023")
        refused = till.post(f"members/{jun.public_id}/cards", {"number": spelling})
        assert (refused.status_code, refused.json()["code"]) == (409, "contact_taken")
        joining = till.post("members", {"card": spelling})
        assert (joining.status_code, joining.json()["code"]) == (409, "contact_taken")
    with tenancy.tenant(cafe):
        assert Card.objects.count() == 1
    for spelling in spellings:
        blocked = till.post(f"members/{mina.public_id}/cards/block", {"number": spelling})
        assert (blocked.status_code, blocked.json()["is_blocked"]) == (200, True)


@pytest.mark.parametrize("name", [*ENTRIES, *GIVING])
def test_a_blocked_card_is_the_same_409_everywhere_and_nothing_happens(till, cafe, mina, jun, name):
    till.post(f"members/{mina.public_id}/cards/block", {"number": "HAN-10023"})

    answer = entered(till, jun, name, {**ENTRIES, **GIVING}[name], "han 10023")

    (told, *_none) = answer.json().get("results", [{"problem": answer.json()}])
    assert (told["problem"]["status"], told["problem"]["code"]) == (409, "card_blocked"), answer.content
    with tenancy.tenant(cafe):
        assert balances.of_member(merchant=cafe, member_id=mina.pk, now=datetime.now(UTC)).spendable == 1_000
        assert Purchase.objects.filter(member_id=mina.pk).count() == 1
        assert Member.objects.count() == 2


def test_a_blocked_card_is_said_at_the_counter(till, cafe, mina):
    till.post(f"members/{mina.public_id}/cards/block", {"number": "HAN-10023"})
    counter = cashier_browser(cafe).get(f"/console/{cafe.slug}/counter/", {"q": "ㅗ무-10023"})
    assert counter.status_code == 409
    assert "This card is blocked." in counter.content.decode()
    typing = {"HX-Request": "true", "HX-Target": "found"}
    typed = cashier_browser(cafe).get(f"/console/{cafe.slug}/counter/", {"q": "han 10023"}, headers=typing)
    assert (typed.status_code, "This card is blocked." in typed.content.decode()) == (200, True)
    assert "Enrol somebody new" not in typed.content.decode()


def test_a_sale_that_was_recorded_is_answered_again_although_its_card_was_blocked_since(till, mina):
    """The till did not hear the answer; meanwhile Mina lost the card. What was recorded stands."""
    at = datetime.now(UTC)
    sold = tills.sell(till, "s-1", 1_000, member={"card": "HAN-10023"}, at=at)
    till.post(f"members/{mina.public_id}/cards/block", {"number": "HAN-10023"})
    again = tills.sell(till, "s-1", 1_000, member={"card": "HAN-10023"}, at=at)
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["receipt"] == sold.json()["receipt"]


@pytest.mark.parametrize("card", ["HAN-99999", *UNREADABLE.values()])
def test_a_paid_sale_is_kept_though_nobody_has_its_card_and_can_be_claimed(till, cafe, mina, card):
    at = datetime.now(UTC)
    sold = tills.sell(till, "s-1", 30_000, member={"card": card}, at=at)
    assert (sold.status_code, sold.json()["receipt"]["member"]) == (201, None)
    assert sold.json()["receipt"]["points_earned"] == 0
    assert [each["code"] for each in sold.json()["warnings"]] == ["card_unknown"]
    again = tills.sell(till, "s-1", 30_000, member={"card": card}, at=at)
    assert (again["Idempotent-Replayed"], again.json()["receipt"]) == ("true", sold.json()["receipt"])
    assert [each["code"] for each in again.json()["warnings"]] == ["card_unknown"]
    claimed = till.post("purchases/claim", {
        "external_id": "c-1", "purchase": {"external_id": "s-1"}, "member": {"card": "HAN-10023"}})  # fmt: skip
    assert (claimed.status_code, claimed.json()["now"]["spendable"]) == (201, 1_300)


@pytest.mark.parametrize("card", ["HAN-99999", *UNREADABLE.values()])
def test_points_are_not_spent_and_nothing_is_promised_for_an_unknown_card(till, cafe, mina, card):
    expected = {(404, "member_not_found")} if card == "HAN-99999" else {(422, "invalid_card")}
    quoted = till.post("quotes", {"currency": "KRW", "total_minor": 1_000, "member": {"card": card}})
    spent = tills.sell(till, "s-1", 1_000, member={"card": card}, redemptions=[{"points": 1}])
    assert {(answer.status_code, answer.json()["code"]) for answer in (quoted, spent)} == expected
    with tenancy.tenant(cafe):
        assert Purchase.objects.count() == 1


def test_codes_are_read_as_cards_are(till, mina):
    typed = {"as printed": mina.code, "with a dash": ids.grouped(mina.code), "a scanner's": f"]Q3{mina.code}\r\n"}
    for text in typed.values():
        assert till.post("members/lookup", {"code": text}).json()["id"] == mina.public_id
    assert (scanned.plain("ㅣㅑㅍㄷ-ㅊㅁㄹㄷ"), scanned.plain("한글")) == ("live-cafe", "gksrmf")
