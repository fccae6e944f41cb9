"""Mina's phone: what she holds, why, when it ends, what she takes for it, and what she takes along when she goes."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from engagement import erasure
from engagement.models import SurveyResponse
from members import leaving, registration
from members.codes import Proof
from members.inputs import MemberChanges, NewMember
from members.models import Consent, Member
from merchants import contacts, ids, tenancy
from merchants.actors import SYSTEM, Actor
from rewards import adjustments, balances, enrolment, purchases, redemptions, terms
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import code_in_last_mail, join, member_browser, open_shop

pytestmark = pytest.mark.django_db

REFERRAL = {"referrer_points": 300, "referee_points": 200, "minimum_amount_minor": 5000}


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish({**PROGRAMME, "referral": REFERRAL, "welcome": {"points": 30}})
    return shop


@pytest.fixture
def mina(cafe):
    return join(cafe, name="Mina")


@pytest.fixture
def phone(cafe, mina):
    return member_browser(cafe, mina)


def m(shop, path=""):
    return f"/m/{shop.slug}/{path}"


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def bought(shop, member, amount=20_000, *, days=0, name="sale-1"):
    now = datetime.now(UTC)
    sold = purchases.PurchaseInput(
        external_id=name, occurred_at=now - timedelta(days=days), currency="KRW", total_minor=amount, location="main",
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(shop):
        outcome = purchases.record(merchant=shop, items=[sold], now=now, actor=SYSTEM)[0]
        assert outcome.error is None
        return outcome.public_id


def spendable(shop, member):
    with tenancy.tenant(shop):
        held = balances.of_member(merchant=shop, member_id=member.pk, now=datetime.now(UTC))
        assert held is not None
        return held.spendable


def minted(answer):
    found = re.search(r'name="external_id" value="([a-z]+_[0-9a-z]{16})"', answer.content.decode())
    assert found
    return found[1]


def taken(shop, phone, reward="coffee"):
    form = {"external_id": minted(phone.get(m(shop, "rewards"))), "reward": reward}
    return phone.post(m(shop, "rewards/take"), form), form


# -- home and activity ------------------------------------------------------------------------------------------------


def test_home_says_what_she_has_and_how_far_it_is(cafe, mina, phone):
    bought(cafe, mina)
    page = text(phone.get(m(cafe)))

    assert "Hello, Mina" in page
    assert " 230 " in page
    assert "₩480,000 to Gold" in phone.get(m(cafe)).content.decode()
    assert "1 for 100: +200 points" in page


def test_signing_in_leads_home(cafe, phone):
    assert phone.get(m(cafe, "sign-in"))["Location"] == m(cafe)


def test_what_ends_soon_is_told_with_its_last_day(cafe, mina, monkeypatch):
    bought(cafe, mina)
    soon = datetime.now(UTC) + timedelta(days=350)
    monkeypatch.setattr("django.utils.timezone.now", lambda: soon)

    page = text(member_browser(cafe, mina).get(m(cafe)))
    assert "230 points end soon" in page
    assert "Use them" in page


def test_activity_is_filtered_by_what_it_was(cafe, mina, phone):
    bought(cafe, mina)
    with tenancy.tenant(cafe):
        asked = adjustments.AdjustmentInput(
            external_id="a-1", member=MemberRef(id=mina.public_id), points=-10, reason="Counted twice"
        )
        adjustments.adjust(merchant=cafe, asked=asked, now=datetime.now(UTC), actor=SYSTEM)
    taken(cafe, phone)

    def titles(show):
        page = phone.get(m(cafe, "activity"), {"show": show}).content.decode()
        return re.findall(r'feed__title">([^<]+)', page)

    assert titles("earned") == ["Purchase", "Welcome"]
    assert titles("spent") == ["Set aside: Coffee"]
    assert titles("adjusted") == ["A correction"]
    assert titles("expired") == []
    assert len(titles("")) == 4
    assert "Counted twice" in text(phone.get(m(cafe, "activity")))


def test_a_cursor_that_was_tampered_with_is_no_page(cafe, phone):
    assert phone.get(m(cafe, "activity"), {"cursor": "1; DROP"}).status_code == 404


def test_long_activity_is_paged_without_loss(cafe, mina, phone):
    for number in range(30):
        bought(cafe, mina, 1000 + number, name=f"sale-{number}")
    seen, url = [], m(cafe, "activity")
    while url:
        page = phone.get(url).content.decode()
        seen += re.findall(r'feed__amount--in">\+(\d+)', page)
        following = re.search(r'href="(\?[^"]*cursor=[^"]*)"', page)
        url = m(cafe, "activity") + following[1].replace("&amp;", "&") if following else None
    assert len(seen) == 31


# -- card -------------------------------------------------------------------------------------------------------------


def test_the_card_is_kept_for_this_member_only(cafe, mina, phone):
    answer = phone.get(m(cafe, "card"))

    assert answer["Offline-Card"] == mina.public_id
    assert ids.grouped(mina.code) in answer.content.decode()
    assert "Balance as of" in text(answer)
    for path in ("join", "sign-in"):
        assert Client().get(m(cafe, path))["Offline-Card"] == "none"


# -- rewards ----------------------------------------------------------------------------------------------------------


def test_a_reward_waits_under_its_code_and_comes_back_at_once(cafe, mina, phone):
    bought(cafe, mina)
    first, form = taken(cafe, phone)
    again = phone.post(m(cafe, "rewards/take"), form)

    assert again["Location"] == first["Location"]
    assert spendable(cafe, mina) == 130
    page = phone.get(first["Location"])
    with tenancy.tenant(cafe):
        held = Redemption.objects.get(merchant=cafe, member=mina)
    assert ids.grouped(held.code) in page.content.decode()
    assert "It waits for you at the counter." in text(page)
    assert "Redeemed" not in text(page), "nothing is redeemed before it is handed over"
    phone.post(f"{first['Location']}/cancel", {"external_id": minted(page)})
    assert spendable(cafe, mina) == 230


def test_the_page_says_when_the_till_has_taken_it(cafe, mina, phone):
    bought(cafe, mina)
    answer, _form = taken(cafe, phone)
    with tenancy.tenant(cafe):
        held = Redemption.objects.get(merchant=cafe, member=mina)
        redemptions.capture(
            merchant=cafe, redemption=held.code, asked=redemptions.CaptureInput(external_id="c-1"),
            now=datetime.now(UTC), actor=SYSTEM,
        )  # fmt: skip

    assert "Used on" in text(phone.get(answer["Location"]))
    # What asks again every five seconds gets only the part that changes.
    part = phone.get(answer["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "Used on" in part
    assert "<html" not in part
    assert "hx-trigger" not in part


def test_her_rewards_show_what_can_be_used_first_then_what_is_over(cafe, mina, phone):
    bought(cafe, mina)
    first, _form = taken(cafe, phone, "coffee")
    phone.post(f"{first['Location']}/cancel", {"external_id": minted(phone.get(first["Location"]))})
    taken(cafe, phone, "mug")

    page = text(phone.get(m(cafe, "rewards/mine")))

    places = [page.index(words) for words in ("Ready to use", "Mug", "Good until", "Used, given back", "Coffee")]
    assert places == sorted(places)
    # The headings are for lists that are there.
    with tenancy.tenant(cafe):
        held = Redemption.objects.get(merchant=cafe, member=mina, reward="mug")
    phone.post(m(cafe, f"rewards/mine/{held.public_id}/cancel"), {"external_id": ids.mint("rel")})
    page = text(phone.get(m(cafe, "rewards/mine")))
    assert ("Ready to use" in page, "Used, given back" in page, "Coffee" in page) == (False, False, True)


def test_what_is_out_of_reach_says_what_is_missing(cafe, mina, phone):
    page = text(phone.get(m(cafe, "rewards")))

    assert "70 points to go" in page
    assert 'strong">70 points to go' not in phone.get(m(cafe, "rewards")).content.decode(), "once is enough"
    assert "This reward is for members on other tiers." in page


def test_a_shop_without_a_programme_promises_nothing_and_leaves_no_half_sentence(db):
    quiet = open_shop("paper-boat")
    rose = member_browser(quiet, join(quiet, name="Rose"))

    page = text(rose.get(m(quiet, "rewards")))

    assert ("No rewards yet" in page, "You have" in page) == (True, False)


def test_a_refused_reward_leaves_the_points(cafe, mina, phone):
    form = {"external_id": ids.mint("rdm"), "reward": "coffee"}
    page = text(phone.post(m(cafe, "rewards/take"), form, follow=True))

    assert "Your points are as they were." in page
    assert spendable(cafe, mina) == 30


def test_a_strangers_redemption_is_nobodys(cafe, mina, phone):
    bought(cafe, mina)
    answer, _form = taken(cafe, phone)
    other = member_browser(cafe, join(cafe, name="Jisoo"))

    assert other.get(answer["Location"]).status_code == 404
    assert other.post(f"{answer['Location']}/cancel", {"external_id": ids.mint("rel")}).status_code == 404


# -- the programme ----------------------------------------------------------------------------------------------------


def test_the_terms_are_for_everybody(cafe):
    page = text(Client().get(m(cafe, "terms")))

    for said in (
        "1 point for every ₩100", "Points end 12 months after they were earned.", "from ₩500,000 spent",
        "You get 300 points. Your friend gets 200 points.", "Coffee", "once a day", "as long as there are any",
    ):  # fmt: skip
        assert said in page


def test_a_part_without_a_place_of_its_own_is_read_under_its_title_and_what_is_not_promised_is_not_read(db):
    shop = open_shop("haneul-two")
    Shop(shop).publish({**PROGRAMME, "pay_with_points": None, "transfers": {"minimum_points": 10}})
    page = text(Client().get(m(shop, "terms")))

    assert "Transfers between members at least 10 points at once" in page
    assert ("Pay with points" in page, "Bring a friend" in page) == (False, False)


def test_without_a_programme_every_page_still_stands(db):
    shop = open_shop("new-shop")
    phone = member_browser(shop, join(shop))

    for path in (
        "",
        "card",
        "activity",
        "activity/ending",
        "rewards",
        "rewards/mine",
        "friends",
        "me",
        "terms",
        "me/leave",
    ):
        assert phone.get(m(shop, path)).status_code == 200, path
    assert phone.get(m(shop, "tiers"))["Location"] == m(shop, "terms")


def test_the_tiers_page_says_where_she_stands(cafe, mina, phone):
    bought(cafe, mina, 600_000)
    page = text(phone.get(m(cafe, "tiers")))

    assert "You are on the highest tier" in page
    assert "You are here" in page


# -- friends ----------------------------------------------------------------------------------------------------------


def test_a_friend_is_counted_and_never_named(cafe, mina, phone):
    with tenancy.tenant(cafe):
        details = NewMember(name="Hana", external_id="hana", referred_by=mina.code)
        now = datetime.now(UTC)
        hana = enrolment.enrol(merchant=cafe, details=details, source="portal", actor=SYSTEM, now=now).member
    assert "waiting for the first purchase" in text(phone.get(m(cafe, "friends")))
    bought(cafe, hana, 9000, name="hana-1")

    page = text(phone.get(m(cafe, "friends")))
    assert f"join?ref={ids.grouped(mina.referral_code)}" in page
    assert "+300" in page
    assert "Hana" not in page


# -- the question -----------------------------------------------------------------------------------------------------


def test_looking_saves_nothing_and_answering_again_the_same_day_changes_the_one_answer(cafe, mina, phone):
    purchase = bought(cafe, mina)
    assert "How was it?" in text(phone.get(m(cafe)))
    assert phone.get(m(cafe, f"survey/{purchase}")).status_code == 200
    assert phone.post(m(cafe, f"survey/{purchase}"), {}).status_code == 422
    for score in ("9", "9", "2"):
        page = text(phone.post(m(cafe, f"survey/{purchase}"), {"score": score, "comment": "Warm"}, follow=True))
        assert "Your answer is kept" in page

    with tenancy.tenant(cafe):
        answer = SurveyResponse.objects.get(merchant=cafe)
    assert (answer.score, answer.comment, answer.purchase_id, answer.channel) == (2, "Warm", purchase, "portal")
    assert "How was it?" not in text(phone.get(m(cafe)))


def test_nobody_answers_about_anothers_purchase(cafe, mina):
    purchase = bought(cafe, mina)
    other = member_browser(cafe, join(cafe, name="Jisoo"))

    assert other.post(m(cafe, f"survey/{purchase}"), {"score": "0"}).status_code == 404


# -- me ---------------------------------------------------------------------------------------------------------------


def test_her_language_follows_at_once(cafe, mina, phone):
    answer = phone.post(m(cafe, "me/details"), {"name": "Mina Park", "month": "2", "day": "29", "language": "ko"})

    assert answer.cookies["django_language"].value == "ko"
    with tenancy.tenant(cafe):
        known = Member.objects.get(merchant=cafe, pk=mina.pk)
    assert (known.name, known.birth_month, known.birth_day, known.language) == ("Mina Park", 2, 29, "ko")


@pytest.mark.parametrize(
    "wrong",
    [{"month": "13", "day": "1"}, {"language": "tlh"}, {"month": "2", "day": "30"}, {"month": "2"}, {"day": "3"}],
)
def test_what_cannot_be_is_asked_again(cafe, mina, phone, wrong):
    answer = phone.post(m(cafe, "me/details"), {"name": "X", "month": "", "day": "", "language": "en", **wrong})

    assert answer.status_code == 422
    with tenancy.tenant(cafe):
        assert Member.objects.get(merchant=cafe, pk=mina.pk).name == "Mina"


def test_a_birthday_is_chosen_and_taken_away_without_typing(cafe, mina, phone):
    with translation.override("en"):
        page = phone.get(m(cafe, "me"), headers={"Accept-Language": "ko"}).content.decode()
    assert '<option value="2">2월</option>' in page
    for month, day, kept in (("2", "29", (2, 29)), ("12", "1", (12, 1)), ("", "", (None, None))):
        phone.post(m(cafe, "me/details"), {"name": "Mina", "month": month, "day": day, "language": "en"})
        with tenancy.tenant(cafe):
            known = Member.objects.get(merchant=cafe, pk=mina.pk)
        assert (known.birth_month, known.birth_day) == kept


def confirms(callbacks, browser, page):
    """Have a code sent to her address and type it."""
    with callbacks(execute=True):
        browser.post(page, {"to": "email"})
    with callbacks(execute=True):
        return browser.post(page, {"code": code_in_last_mail()})


def test_a_signed_in_phone_alone_downloads_nothing(cafe, mina, phone, django_capture_on_commit_callbacks):
    for file in ("me/data.json", "me/data.csv"):
        assert phone.get(m(cafe, file))["Location"] == m(cafe, "me/data")
    assert "All as JSON" not in text(phone.get(m(cafe, "me/data")))
    with django_capture_on_commit_callbacks(execute=True):
        phone.post(m(cafe, "me/data"), {"to": "email"})
    assert "lets you take your data at Cafe Haneul along" in mail.outbox[-1].subject

    wrong = "000000" if code_in_last_mail() != "000000" else "000001"
    said = phone.post(m(cafe, "me/data"), {"code": wrong}).content.decode()
    assert said.count("This is not the code.") == 1, "once, and with the tries that are left"
    assert "4 tries are left" in said
    assert phone.get(m(cafe, "me/data.json")).status_code == 302

    assert phone.post(m(cafe, "me/data"), {"code": code_in_last_mail()})["Location"] == m(cafe, "me/data")
    assert "All as JSON" in text(phone.get(m(cafe, "me/data")))
    assert phone.get(m(cafe, "me/data.json")).status_code == 200
    # The code was for her data and for nothing else.
    assert phone.post(m(cafe, "me/leave/code"), {"code": code_in_last_mail()})["Location"] == m(cafe, "me/leave")


def test_her_data_is_complete(cafe, mina, phone, django_capture_on_commit_callbacks):
    for number in range(210):
        bought(cafe, mina, 1000, name=f"=sale-{number}")
    confirms(django_capture_on_commit_callbacks, phone, m(cafe, "me/data"))
    document = json.loads(phone.get(m(cafe, "me/data.json")).content)
    answer = phone.get(m(cafe, "me/data.csv"))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    assert document["member"]["code"] == ids.grouped(mina.code)
    assert len(document["ledger"]) == len(rows) == 211
    assert len(document["purchases"]) == 210
    assert sum(int(row["balance_change"]) for row in rows) == document["balance"]["spendable"] == 2130
    assert rows[0]["external_id"].startswith("'=")
    assert "attachment" in answer["Content-Disposition"]


def test_her_data_names_what_the_till_named(cafe, mina, phone, django_capture_on_commit_callbacks):
    confirms(django_capture_on_commit_callbacks, phone, m(cafe, "me/data"))
    bought(cafe, mina, 1000, name="R-1001")
    bought(cafe, mina, 1000, name="counter:pur_0000000000000001")
    document = json.loads(phone.get(m(cafe, "me/data.json")).content)
    rows = csv.DictReader(io.StringIO(phone.get(m(cafe, "me/data.csv")).content.decode("utf-8-sig")))

    assert sorted(row["external_id"] for row in rows if row["document_kind"] == "purchase") == ["", "R-1001"]
    assert [each["external_id"] for each in document["purchases"]].count(None) == 1
    assert "counter:" not in json.dumps(document)


def test_leaving_takes_a_tick_a_code_and_a_week(cafe, mina, phone, django_capture_on_commit_callbacks):
    bought(cafe, mina)
    assert "You have 230 points." in text(phone.get(m(cafe, "me/leave")))
    assert phone.post(m(cafe, "me/leave")).status_code == 422
    assert phone.get(m(cafe, "me/leave/code"))["Location"] == m(cafe, "me/leave"), "the tick comes first"
    assert phone.post(m(cafe, "me/leave"), {"sure": "yes"})["Location"] == m(cafe, "me/leave/code")
    assert known(cafe, mina).leaves_at is None, "a signed-in phone alone ends nothing"

    confirms(django_capture_on_commit_callbacks, phone, m(cafe, "me/leave/code"))

    leaves_at = known(cafe, mina).leaves_at
    assert abs(leaves_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    assert "You leave Cafe Haneul on" in mail.outbox[-1].subject
    assert mail.outbox[-1].to == [mina.email]
    for page in ("", "me", "me/leave"):
        assert "You are leaving" in text(phone.get(m(cafe, page)))
    # A week in which everything goes on.
    bought(cafe, mina, 1000, name="meanwhile")
    assert spendable(cafe, mina) == 230 + 10
    assert nightly(cafe, leaves_at - timedelta(seconds=1)) == 0
    assert known(cafe, mina).state == "active"

    assert nightly(cafe, leaves_at) == 1
    assert nightly(cafe, leaves_at) == 0

    assert phone.get(m(cafe)).status_code == 302
    gone = known(cafe, mina)
    assert (gone.state, gone.name, gone.email, gone.leaves_at) == ("erased", "", None, None)
    with tenancy.tenant(cafe):
        assert not Consent.objects.filter(merchant=cafe, member=mina, is_granted=False).exists()
    assert spendable(cafe, mina) == 0


def test_who_takes_it_back_stays_with_everything(cafe, mina, phone, django_capture_on_commit_callbacks):
    bought(cafe, mina)
    phone.post(m(cafe, "me/leave"), {"sure": "yes"})
    confirms(django_capture_on_commit_callbacks, phone, m(cafe, "me/leave/code"))
    leaves_at = known(cafe, mina).leaves_at

    assert phone.post(m(cafe, "me/leave"), {"stay": "yes"})["Location"] == m(cafe, "me")

    assert "You stay. Nothing was lost." in text(phone.get(m(cafe, "me")))
    assert known(cafe, mina).leaves_at is None
    assert nightly(cafe, leaves_at + timedelta(days=30)) == 0
    assert (known(cafe, mina).state, spendable(cafe, mina)) == ("active", 230)


def test_a_code_sent_to_a_contact_of_yesterday_lets_nobody_leave(cafe, mina):
    """Whoever changed the address yesterday, with whatever right, cannot end the membership with it today."""
    now = datetime.now(UTC)
    with tenancy.tenant(cafe):
        registration.update(
            merchant=cafe, member=mina, changes=MemberChanges(email="thief@example.org"), actor=SYSTEM, now=now
        )
        proof = Proof(cafe.pk, contacts.read_email("thief@example.org"), "leave", now)
        with pytest.raises(leaving.NotProved):
            leaving.ask(merchant=cafe, member=mina, proof=proof, now=now, actor=Actor("member", mina.public_id))
    assert known(cafe, mina).leaves_at is None


def known(cafe, member):
    with tenancy.tenant(cafe):
        return Member.objects.get(merchant=cafe, pk=member.pk)


def nightly(cafe, now):
    with tenancy.tenant(cafe):
        return erasure.leave_due(merchant=cafe, now=now)


# -- what comes next, and what has just happened ----------------------------------------------------------------------


def seq_of(page):
    found = re.search(r'data-seq="(\d+)"', page.content.decode())
    assert found
    return int(found.group(1))


def test_a_new_member_reads_which_reward_comes_next_and_no_worth_she_cannot_spend(db):
    shop = open_shop("cafe-haneul")
    pay = {"points": 1, "amount_minor": 10, "minimum_points": 100, "step_points": 10}
    Shop(shop).publish({**PROGRAMME, "welcome": {"points": 30}, "pay_with_points": pay})
    mina = join(shop)
    phone = member_browser(shop, mina)

    page = phone.get(m(shop))

    assert "Next reward" in text(page)
    assert "10 points to go" in text(page), "the nearest: 40 points take 30 % off"
    assert page.context["worth"] is None, "30 points pay nothing: the least is 100"
    bought(shop, mina, 7_500)
    assert (spendable(shop, mina), phone.get(m(shop)).context["worth"].minor) == (105, 1000)


@pytest.mark.parametrize("path", ["", "card"])
def test_an_open_page_hears_of_a_sale_and_of_nothing_else(cafe, mina, phone, path):
    page = phone.get(m(cafe, path))
    news = f"news?seq={seq_of(page)}"
    assert f'data-news="{m(cafe, "news")}"' in page.content.decode()
    assert phone.get(m(cafe, news)).status_code == 204

    bought(cafe, mina, 54_000)

    told = phone.get(m(cafe, news))
    assert "+540 points, now 570 points" in text(told)
    assert told["Cache-Control"] == "private, no-store"
    assert phone.get(m(cafe, f"news?seq={seq_of(told)}")).status_code == 204
    for wrong in ("news", "news?seq=x", "news?seq=-1", "news?seq=" + "9" * 13):
        assert phone.get(m(cafe, wrong)).status_code == 204


def test_a_voucher_that_was_used_cannot_be_cancelled_on_the_page_that_stayed_open(cafe, mina, phone):
    bought(cafe, mina)
    address = taken(cafe, phone)[0]["Location"]
    page = phone.get(address)
    polled = {"HX-Request": "true"}
    assert "Cancel and get the points back" in page.content.decode()
    assert page.content.decode().index('id="voucher"') < page.content.decode().index("Cancel and get")
    assert phone.get(address, headers=polled).status_code == 204, "nothing new: nobody loses the button they stand on"
    with tenancy.tenant(cafe):
        view = redemptions.find(merchant=cafe, name=address.rsplit("/", 1)[1], now=datetime.now(UTC))
        redemptions.capture(
            merchant=cafe, redemption=view.public_id, asked=redemptions.CaptureInput(external_id="R-1"),
            now=datetime.now(UTC), actor=SYSTEM,
        )  # fmt: skip

    used = phone.get(address, headers=polled)

    assert "Enjoy it!" in used.content.decode()
    assert "Cancel" not in used.content.decode()


@pytest.mark.parametrize(
    ("language", "words"), [("en", "coffee and tea"), ("ko", "커피와 차"), ("zh-hant", "咖啡與茶")]
)
def test_members_read_names_of_goods_and_never_the_tills_codes(db, language, words):
    shop = open_shop("cafe-haneul")
    Shop(shop).publish(terms.templates("KRW")["cafe"])
    phone = member_browser(shop, join(shop))

    with translation.override("en"):
        pages = "".join(
            phone.get(m(shop, path), headers={"Accept-Language": language}).content.decode()
            for path in ("terms", "rewards")
        )

    assert words in pages
    for code in ("AMERICANO", "OWN-CUP", "gift_card", "gift card”", "“coffee”"):
        assert code not in pages
