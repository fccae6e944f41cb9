"""Mina joined twice. Hana sees what a merge would make of both memberships, line by line, before she makes it.

Nothing is shown that merging does not do: each line is compared with the member after the merge.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from members import cards, consent, directory
from members.inputs import Reference
from members.models import Member
from merchants import audit, tenancy
from merchants.actors import SYSTEM
from rewards import balances
from tests import builders
from tests.people import join, open_shop, staff_browser
from tests.stamp_history import drinks, publish, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


@pytest.fixture
def hana(cafe):
    return staff_browser(cafe.merchant, "owner")


def at(cafe, page=""):
    return f"/console/{cafe.merchant.slug}/members/{page}"


def lines(page):
    """Label to (merged, stays, together, note), as the page shows them."""
    return {
        row.label: (row.source, row.target, row.together, row.note)
        for _title, rows in page.context["preview"].parts
        for row in rows
    }


def kept(cafe, person):
    with tenancy.tenant(cafe.merchant):
        return Member.objects.get(merchant=cafe.merchant, pk=person.id)


@pytest.fixture
def double(cafe):
    """The old membership: a phone, an e-mail and a birthday, 60 points, and a yes to text messages."""
    old = cafe.member(
        "Mina P.", phone="+821011112222", email="old@example.org", birth_month=4, birth_day=5, external_id="CRM-7"
    )
    old.is_given(60)
    old.buys(12_300)
    with tenancy.tenant(cafe.merchant):
        member = Member.objects.get(merchant=cafe.merchant, pk=old.id)
        common = {"merchant": cafe.merchant, "member": member, "now": cafe.now, "actor": SYSTEM}
        consent.decide(code="marketing_sms", is_granted=True, source="console", **common)
        cards.issue(number="CARD-1", **common)
    return old


@pytest.fixture
def mina(cafe):
    """The membership that stays: another phone, no e-mail, 40 points, and a no to text messages."""
    member = cafe.member("Mina Park", phone="+821023456789")
    member.is_given(40)
    with tenancy.tenant(cafe.merchant):
        row = Member.objects.get(merchant=cafe.merchant, pk=member.id)
        common = {"merchant": cafe.merchant, "member": row, "now": cafe.now, "actor": SYSTEM}
        consent.decide(code="marketing_sms", is_granted=False, source="console", **common)
        cards.issue(number="CARD-2", **common)
    return member


def test_every_line_is_what_the_merge_makes(cafe, hana, mina, double):
    page = hana.get(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id})
    told = lines(page)

    assert told["Name"] == ("Mina P.", "Mina Park", "Mina Park", "")
    assert told["Phone"][:3] == ("+82…22", "+82…89", "+82…89")
    assert told["Phone"][3] == "+82…22 is not added; tills that know it still find this member."
    assert told["E-mail"] == ("o…@example.org", "–", "o…@example.org", "added")
    assert told["Birthday"] == ("Apr 5", "–", "Apr 5", "added")
    assert told["Your own id"] == ("CRM-7", "–", "–", "CRM-7 finds this member too.")
    assert told["Cards"][:3] == ("CARD-1", "CARD-2", "CARD-1 and CARD-2")
    assert told["Spendable"][:3] == ("183", "40", "223")
    assert told["Purchases"][:3] == ("1", "0", "1")
    assert told["Tier"][:3] == ("Green", "Green", "Green")
    assert [each[:3] for each in told["Offers by text message"][:3]] == ["yes", "no ", "no "]
    text = page.content.decode()
    assert all(code in text for code in (page.context["preview"].source_code, page.context["preview"].target_code))

    hana.post(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id})

    now = kept(cafe, mina)
    assert (now.name, now.phone, now.email) == ("Mina Park", "+821023456789", "old@example.org")
    assert (now.birth_month, now.birth_day, now.external_id) == (4, 5, None)
    with tenancy.tenant(cafe.merchant):
        assert sorted(card.number for card in cards.of(now)) == ["CARD-1", "CARD-2"]
        assert not consent.standing(merchant=cafe.merchant, member=now)["marketing_sms"].is_granted
        for reference in (Reference(external_id="CRM-7"), Reference(phone="+821011112222")):
            assert directory.find(merchant=cafe.merchant, reference=reference).pk == mina.id
        balance = balances.of_member(merchant=cafe.merchant, member_id=mina.id, now=cafe.now)
    assert (balance.spendable, balance.purchases_count, balance.tier) == (223, 1, "green")


def test_looking_changes_nothing(cafe, hana, mina, double):
    for _twice in range(2):
        hana.get(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id})
    assert (mina.points()[0], double.points()[0]) == (40, 183)
    assert (kept(cafe, double).state, kept(cafe, mina).email) == ("active", None)
    with tenancy.tenant(cafe.merchant):
        assert "member.merged" not in [record.action for record in audit.newest(merchant=cafe.merchant)]


def test_a_tier_that_both_reach_together_is_told_before(cafe, hana):
    """Gold is 500,000 won in a year: 300,000 and 200,000 are not, together they are."""
    mina, double = cafe.member("Mina Park"), cafe.member("Mina P.")
    mina.buys(300_000)
    double.buys(200_000)
    told = lines(hana.get(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id}))
    assert told["Tier"][:3] == ("Green", "Green", "Gold")
    hana.post(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id})
    assert hana.get(at(cafe, mina.public_id)).context["standing"]["name"] == "Gold"


def test_points_that_are_set_aside_keep_a_member_from_being_merged(cafe, hana, mina):
    cafe.now = datetime.now(UTC)
    double = cafe.member("Mina P.")
    double.is_given(200)
    double.holds(reward="coffee")
    page = hana.get(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id})
    assert "Points of this member are set aside." in page.context["preview"].refusal
    assert hana.post(at(cafe, f"{mina.public_id}/merge"), {"other": double.public_id}).status_code == 422
    assert (kept(cafe, double).state, mina.points()[0]) == ("active", 40)


def test_stamps_come_together_as_told(db):
    """7 and 5 lattes of ten: a full card, and 2 on the next."""
    shop = open_shop("cafe-haneul")
    publish(shop)
    hana = staff_browser(shop, "owner")
    mina, double = join(shop, name="Mina Park"), join(shop, name="Mina P.")
    drinks(shop, mina, 5)
    drinks(shop, double, 7)
    path = f"/console/{shop.slug}/members/{mina.public_id}/merge"
    told = lines(hana.get(path, {"other": double.public_id}))
    assert ("7 of 10 stamps", "5 of 10 stamps", "2 of 10 stamps", "") in told.values()
    assert told["Rewards that are theirs"][:3] == ("0", "0", "1")
    hana.post(path, {"other": double.public_id})
    assert stands(shop, mina) == (2, 1)


def test_who_is_called_the_same_is_offered_before_anything_is_typed(cafe, hana):
    mina, double, jun = cafe.member("Mina Park"), cafe.member("Mina Park"), cafe.member("Jun")
    page = hana.get(at(cafe, f"{mina.public_id}/merge"))
    assert [each["member"].pk for each in page.context["found"]] == [double.id]
    assert "Called the same" in page.content.decode()
    typed = hana.get(at(cafe, f"{mina.public_id}/merge"), {"q": "Jun"})
    assert [each["member"].pk for each in typed.context["found"]] == [jun.id]
