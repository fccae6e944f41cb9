"""Enrolling, finding and changing members through the API."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from members.models import Member
from merchants import audit, tenancy
from merchants.models.merchants import Location
from merchants.models.outbox import OutboxEvent
from rewards.models.accounts import Account
from rewards.models.referrals import Referral
from tests.till import open_shop, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return open_shop("cafe")


@pytest.fixture
def till(cafe):
    return till_at(cafe)


_numbers = itertools.count(1)


def enrolled(till, **fields):
    """Somebody who joined; known by a number of the caller's where nothing else is given."""
    if not {"phone", "email", "card", "external_id"} & fields.keys():
        fields["external_id"] = f"crm-{next(_numbers)}"
    answer = till.post("members", fields)
    assert answer.status_code == 201, answer.content
    # What joining brought is said once, of the member it says what every answer says.
    return {name: value for name, value in answer.json().items() if name not in {"points_given", "referral"}}


def code_of(answer, status):
    assert answer.status_code == status, answer.content
    return answer.json()["code"]


def test_a_cashier_enrols_mina_by_her_phone_number(till):
    mina = enrolled(till, phone="010-1234-5678", name="Mina Park")

    assert mina["phone"] == "+821012345678"
    assert mina["state"] == "active"
    assert till.get(f"members/{mina['id']}").json() == mina


def test_a_member_may_be_a_card_and_nothing_else(till):
    nobody = enrolled(till, card="9000 1234")

    assert nobody["cards"][0]["number"] == "90001234"
    assert till.post("members/lookup", {"card": "90001234"}).json()["id"] == nobody["id"]


def test_joining_opens_an_account_and_tells_others(cafe, till):
    mina = enrolled(till, name="Mina Park")

    with tenancy.tenant(cafe):
        assert Account.objects.get(merchant=cafe).member.public_id == mina["id"]
        event = OutboxEvent.objects.get(merchant=cafe)
        (record,) = audit.newest(merchant=cafe, subject=mina["id"])
    assert (event.kind, event.payload["member"], event.payload["source"]) == ("member.enrolled", mina["id"], "api")
    assert "Mina" not in str(event.payload)
    assert record.action == "member.enrolled"


def test_the_same_external_id_is_the_same_person_brought_up_to_date(cafe, till):
    mina = enrolled(till, external_id="crm-7", name="Mina", email="Mina@Example.org")

    again = till.post("members", {"external_id": "crm-7", "name": "Mina Park", "card": "9000-1"})

    assert again.status_code == 200
    assert again.json()["id"] == mina["id"]
    assert again.json()["name"] == "Mina Park"
    assert again.json()["email"] == "mina@example.org"
    assert [card["number"] for card in again.json()["cards"]] == ["9000-1"]
    with tenancy.tenant(cafe):
        assert Member.objects.filter(merchant=cafe).count() == Account.objects.filter(merchant=cafe).count() == 1


def test_sending_an_enrolment_again_changes_and_tells_nothing(cafe, till):
    sent = {"external_id": "crm-7", "name": "Mina", "phone": "010-1234-5678", "card": "9000-1", "birthday": "02-29"}
    first = till.post("members", sent)
    second = till.post("members", sent)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    with tenancy.tenant(cafe):
        assert OutboxEvent.objects.filter(merchant=cafe).count() == 1


@pytest.mark.parametrize(
    ("field", "mine", "theirs"),
    [
        ("phone", "010-1234-5678", "+82 10 1234 5678"),
        ("email", "mina@example.org", "MINA@example.org"),
        ("card", "9000-1234", "9000-1234"),
    ],
)
def test_a_contact_belongs_to_one_member_and_whose_it_is_stays_untold(cafe, till, field, mine, theirs):
    """F61: however it is typed."""
    mina = enrolled(till, name="Mina", **{field: mine})

    answer = till.post("members", {"name": "Jun", field: theirs})

    assert code_of(answer, 409) == "contact_taken"
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    assert mina["id"] not in answer.content.decode()
    assert "Mina" not in answer.content.decode()
    with tenancy.tenant(cafe):
        assert Member.objects.filter(merchant=cafe).count() == 1


@pytest.mark.parametrize("typed", ["02-29", "0229", "2.29", "2/29", "2-29", "02.29"])
def test_a_birthday_is_read_however_a_till_or_a_phone_writes_it(till, typed):
    assert enrolled(till, name="Mina", birthday=typed)["birthday"] == "02-29"


@pytest.mark.parametrize("typed", ["2902", "29.2", "13-01", "00-10", "229", "2.30"])
def test_what_is_no_day_of_a_year_is_no_birthday(cafe, till, typed):
    answer = till.post("members", {"external_id": "crm-1", "birthday": typed})
    assert answer.status_code in {400, 422}
    assert answer.json()["errors"][0]["pointer"] == "/birthday"
    with tenancy.tenant(cafe):
        assert not Member.objects.filter(merchant=cafe).exists()


def test_two_merchants_may_know_the_same_person(till):
    enrolled(till, phone="010-1234-5678", external_id="crm-7")
    enrolled(till_at(open_shop("bookshop")), phone="010-1234-5678", external_id="crm-7")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("phone", "12", "invalid_request"),
        ("phone", "12345", "contact_unreadable"),
        ("phone", "010-1234-5678 ext 3", "contact_unreadable"),
        ("email", "mina", "contact_unreadable"),
        ("email", "mina@localhost@example.org", "contact_unreadable"),
        ("birthday", "02-30", "invalid_birthday"),
        ("card", "9000/1", "invalid_card"),
        ("location", "the moon", "unknown_location"),
        ("referred_by", "AAAA-AAAA", "unknown_referrer"),
        ("language", "de", "invalid_request"),
        ("consents", ["everything"], "invalid_request"),
    ],
)
def test_what_cannot_be_meant_enrols_nobody(cafe, till, field, value, code):
    answer = till.post("members", {"name": "Mina", "external_id": "crm-1", field: value})

    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")
    with tenancy.tenant(cafe):
        assert not Member.objects.filter(merchant=cafe).exists()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Mina   Park ", "Mina Park"),
        ("Mi\u202ena\u202c", "Mina"),
        ("Mina\u0007\ufeff", "Mina"),
        ("Jose\u0301", "Jos\u00e9"),
        ("박\u1106\u1175나", "박미나"),
        ("👩🏽‍🍳 Ana", "👩🏽‍🍳 Ana"),
        ("Mi\nna", "Mi na"),
    ],
)
def test_a_name_is_tidied_to_what_a_screen_can_show(till, typed, kept):
    """F60: and emoji keep their joiners."""
    assert enrolled(till, name=typed)["name"] == kept


def test_jun_comes_on_minas_word(cafe, till):
    mina = enrolled(till, name="Mina")
    jun = enrolled(till, name="Jun", referred_by=mina["code"].lower())

    with tenancy.tenant(cafe):
        referral = Referral.objects.select_related("referrer", "referee").get(merchant=cafe)
    assert referral.referrer.public_id == mina["id"]
    assert referral.referee.public_id == jun["id"]
    assert referral.state == "open"


def test_everything_printed_on_the_card_finds_mina(till):
    mina = enrolled(till, phone="010-1234-5678", email="mina@example.org", card="9000-1234", external_id="crm-7")

    for reference in (
        {"phone": "01012345678"},
        {"phone": "+82-10-1234-5678"},
        {"email": "MINA@EXAMPLE.ORG"},
        {"card": "9000-1234"},
        {"code": mina["code"]},
        {"code": mina["code"].replace("-", " ").lower()},
        {"external_id": "crm-7"},
        {"id": mina["id"]},
    ):
        assert till.post("members/lookup", reference).json()["id"] == mina["id"], reference
    for query in ("phone=010-1234-5678", "email=mina@example.org", "card=9000-1234", f"code={mina['code']}"):
        assert [member["id"] for member in till.get(f"members?{query}").json()["data"]] == [mina["id"]]


def test_nobody_is_found_by_a_stranger_and_two_references_are_refused(till):
    assert code_of(till.post("members/lookup", {"phone": "010-9999-9999"}), 404) == "member_not_found"
    assert till.get("members?phone=010-9999-9999").json() == {"data": [], "next_cursor": None}
    assert code_of(till.post("members/lookup", {}), 422) == "ambiguous_reference"
    assert code_of(till.post("members/lookup", {"card": "9000-1", "code": "AAAA-AAAA"}), 422) == "ambiguous_reference"


def test_pages_show_everybody_once_while_others_join(till):
    early = [enrolled(till, name=f"Guest {number}")["id"] for number in range(7)]

    seen, cursor = [], ""
    while cursor is not None:
        page = till.get(f"members?limit=3{cursor and '&cursor=' + cursor}").json()
        seen += [member["id"] for member in page["data"]]
        cursor = page["next_cursor"]
        enrolled(till, name="Latecomer")

    assert seen == early[::-1]


def test_changing_a_member_leaves_what_is_not_sent(cafe, till):
    mina = enrolled(till, name="Mina", phone="010-1234-5678", birthday="02-29", attributes={"vegan": True})

    changed = till.patch(f"members/{mina['id']}", {"phone": "010-9876-5432", "birthday": None}).json()

    assert changed == {**mina, "phone": "+821098765432", "birthday": None, "changed_at": changed["changed_at"]}
    assert changed["changed_at"] > mina["changed_at"]
    with tenancy.tenant(cafe):
        event = OutboxEvent.objects.get(merchant=cafe, kind="member.updated")
    assert event.payload == {"member": mina["id"], "changed": ["birthday", "phone"]}


def test_a_change_to_another_members_contact_is_refused_whole(till):
    enrolled(till, phone="010-1234-5678")
    jun = enrolled(till, name="Jun")

    answer = till.patch(f"members/{jun['id']}", {"name": "June", "phone": "010-1234-5678"})

    assert code_of(answer, 409) == "contact_taken"
    assert till.get(f"members/{jun['id']}").json()["name"] == "Jun"


def test_a_lost_card_is_blocked_and_finds_nobody_any_more(till):
    mina = enrolled(till, card="9000-1")

    blocked = till.post(f"members/{mina['id']}/cards/block", {"number": "9000-1", "reason": "lost"})

    assert blocked.json()["is_blocked"] is True
    assert code_of(till.post("members/lookup", {"card": "9000-1"}), 409) == "card_blocked"
    assert code_of(till.post(f"members/{mina['id']}/cards", {"number": "9000-1"}), 409) == "card_blocked"
    given = till.post(f"members/{mina['id']}/cards", {"number": "9000-2"})
    again = till.post(f"members/{mina['id']}/cards", {"number": "9000-2"})
    assert (given.status_code, again.status_code) == (201, 200)
    cards = till.get(f"members/{mina['id']}/cards").json()["data"]
    assert {card["number"]: card["is_blocked"] for card in cards} == {"9000-1": True, "9000-2": False}


def test_the_old_id_of_a_merged_member_leads_to_the_other(cafe, till):
    old, new = enrolled(till, name="Mina", card="9000-1"), enrolled(till, name="Mina Park")
    with tenancy.tenant(cafe):
        kept = Member.objects.get(merchant=cafe, public_id=new["id"])
        Member.objects.filter(merchant=cafe, public_id=old["id"]).update(state="merged", merged_into=kept)

    assert till.get(f"members/{old['id']}").json()["id"] == new["id"]
    assert till.post("members/lookup", {"card": "9000-1"}).json()["id"] == new["id"]
    assert [member["id"] for member in till.get("members").json()["data"]] == [new["id"]]


def test_an_erased_member_is_nobody(cafe, till):
    mina = enrolled(till, external_id="crm-7")
    with tenancy.tenant(cafe):
        Member.objects.filter(merchant=cafe).update(state="erased")

    assert till.get(f"members/{mina['id']}").status_code == 404
    assert till.get("members").json()["data"] == []


def test_a_keys_location_is_where_they_joined(cafe):
    with tenancy.tenant(cafe):
        main = Location.objects.get(merchant=cafe, code="main")
    counter = till_at(cafe, location=main)

    enrolled(counter, name="Mina")

    with tenancy.tenant(cafe):
        assert Member.objects.select_related("location").get(merchant=cafe).location.code == "main"


def test_a_member_of_two_years_joined_two_years_ago(till):
    mina = enrolled(till, joined_at="2024-11-21T18:04:00+09:00")

    assert datetime.fromisoformat(mina["joined_at"]) == datetime(2024, 11, 21, 9, 4, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_two_tills_enrol_the_same_person_at_the_same_instant():
    """One member comes of it, whoever was first; both tills hear the same id."""
    cafe = open_shop("cafe")
    tills = [till_at(cafe) for _till in range(8)]
    ready = threading.Barrier(len(tills))
    answers = []

    def enrol(till):
        ready.wait()
        try:
            answers.append(till.post("members", {"external_id": "crm-7", "name": "Mina", "phone": "010-1234-5678"}))
        finally:
            connection.close()

    threads = [threading.Thread(target=enrol, args=(till,)) for till in tills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_nobody_is_enrolled_who_could_not_be_found_again(till):
    """A client's loop that forgets to send anything makes no members, and gives no welcome points."""
    empty = [{}, {"name": "Mina"}, {"phone": None, "email": None, "language": "ko"}, {"consents": ["terms"]}]

    for body in empty:
        assert code_of(till.post("members", body), 422) == "identifier_missing"

    assert till.get("members").json()["data"] == []
    for body in ({"phone": "010-1234-5678"}, {"email": "a@example.org"}, {"card": "9000-1"}, {"external_id": "crm-1"}):
        assert till.post("members", body).status_code == 201


def test_a_crm_brings_its_members_in_one_call_and_again_when_the_line_breaks(cafe, till):
    """Each by itself: one whose phone is taken and one who cannot be read spoil nobody else's."""
    enrolled(till, phone="010-1234-5678", external_id="old")
    people = [{"external_id": f"crm-b{n}", "name": f"Guest {n}"} for n in range(70)]
    people[3]["phone"] = "010-1234-5678"
    people[5]["birthday"] = "02-30"
    people[6]["nmae"] = "x"
    people.append({"name": "Nobody"})

    answer = till.post("members/batch", {"members": people}).json()

    assert (answer["enrolled"], answer["updated"], answer["refused"]) == (67, 0, 4)
    assert [result["position"] for result in answer["results"]] == list(range(71))
    refused = {result["position"]: result["problem"]["code"] for result in answer["results"] if result["problem"]}
    assert refused == {3: "contact_taken", 5: "invalid_birthday", 6: "invalid_request", 70: "identifier_missing"}
    with tenancy.tenant(cafe):
        assert Member.objects.filter(merchant=cafe).count() == Account.objects.filter(merchant=cafe).count() == 68
        assert OutboxEvent.objects.filter(merchant=cafe, kind="member.enrolled").count() == 68

    again = till.post("members/batch", {"members": people}).json()

    assert (again["enrolled"], again["updated"], again["refused"]) == (0, 67, 4)
    assert [each["id"] for each in again["results"]] == [each["id"] for each in answer["results"]]
    assert code_of(till.post("members/batch", {"members": []}), 400) == "invalid_request"
    too_many = {"members": [{"external_id": f"x{n}"} for n in range(1001)]}
    assert code_of(till.post("members/batch", too_many), 400) == "invalid_request"
