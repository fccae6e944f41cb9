"""Mina gets a new address; and a stranger who found her phone signed in gets neither her account nor her points."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client

from engagement import erasure
from members import contact_changes, registration
from members.inputs import MemberChanges
from members.models import ContactChange, Member
from merchants import code_requests, tenancy
from merchants.actors import SYSTEM
from rewards import purchases
from rewards.models.redemptions import Redemption
from rewards.parties import MemberRef
from tests.builders import PROGRAMME, Shop
from tests.people import MANAGER, code_in_last_mail, join, member_browser, open_shop

pytestmark = pytest.mark.django_db

OLD, NEW = "mina@example.org", "mina.park@example.org"


@pytest.fixture
def cafe(db):
    shop = open_shop("cafe-haneul", step_up_points_above=1000)
    Shop(shop).publish({**PROGRAMME, "rewards": [
        {"code": "coffee", "kind": "product", "name": {"en": "Coffee"}, "price_points": 100},
        {"code": "dinner", "kind": "product", "name": {"en": "Dinner"}, "price_points": 901},
        {"code": "feast", "kind": "product", "name": {"en": "Feast"}, "price_points": 1001},
    ]})  # fmt: skip
    return shop


@pytest.fixture
def mina(cafe):
    member = join(cafe, email=OLD)
    sold = purchases.PurchaseInput(
        external_id="much", occurred_at=datetime.now(UTC), currency="KRW", total_minor=500_000,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        assert purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)[0].error is None
    mail.outbox.clear()
    return member


@pytest.fixture
def phone(cafe, mina):
    return member_browser(cafe, mina)


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    def step(client, shop, path, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(f"/m/{shop.slug}/{path}", fields)

    return step


def contacts_of(shop, member):
    with tenancy.tenant(shop):
        row = Member.objects.get(merchant=shop, pk=member.pk)
        return row.email, row.phone


def changes_address(step, shop, phone, new=NEW):
    step(phone, shop, "me/contact/email", to="email")
    step(phone, shop, "me/contact/email/prove", code=code_in_last_mail())
    step(phone, shop, "me/contact/email/new", contact=new)
    return step(phone, shop, "me/contact/email/confirm", code=code_in_last_mail())


def undo_link():
    found = re.search(r"(/m/\S+/undo/\S+)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def takes(step, shop, phone, reward):
    page = phone.get(f"/m/{shop.slug}/rewards").content.decode()
    minted = re.search(rf'value="(rdm_[0-9a-z]+)"><input type="hidden" name="reward" value="{reward}"', page)[1]
    return step(phone, shop, "rewards/take", external_id=minted, reward=reward)


def taken(shop, member):
    with tenancy.tenant(shop):
        return sorted(
            Redemption.objects.filter(merchant=shop, member=member, state="held").values_list("reward", flat=True)
        )


# -- the journey ------------------------------------------------------------------------------------------------------


def test_a_code_to_the_old_address_a_code_to_the_new_one_and_it_is_changed(cafe, mina, phone, step):
    answer = step(phone, cafe, "me/contact/email", to="email")
    assert answer["Location"].endswith("/me/contact/email/prove")
    assert mail.outbox[-1].to == [OLD]
    assert "confirms that you change your contact" in mail.outbox[-1].subject

    answer = step(phone, cafe, "me/contact/email/prove", code=code_in_last_mail())
    assert answer["Location"].endswith("/me/contact/email/new")
    answer = step(phone, cafe, "me/contact/email/new", contact=" Mina.Park@Example.org ")
    assert answer["Location"].endswith("/me/contact/email/confirm")
    assert mail.outbox[-1].to == [NEW]
    assert contacts_of(cafe, mina) == (OLD, None)

    answer = step(phone, cafe, "me/contact/email/confirm", code=code_in_last_mail())

    assert answer["Location"] == f"/m/{cafe.slug}/me"
    assert contacts_of(cafe, mina) == (NEW, None)
    assert mail.outbox[-1].to == [OLD]
    assert "from m…@example.org to m…@example.org" in mail.outbox[-1].body
    assert phone.get(f"/m/{cafe.slug}/me").status_code == 200


def test_her_other_devices_are_signed_out(cafe, mina, phone, step):
    tablet = member_browser(cafe, mina)
    changes_address(step, cafe, phone)

    assert tablet.get(f"/m/{cafe.slug}/me").status_code == 302
    assert phone.get(f"/m/{cafe.slug}/me").status_code == 200


def test_the_old_address_takes_it_back_once_and_everybody_is_signed_out(cafe, mina, phone, step):
    changes_address(step, cafe, phone)
    link, stranger = undo_link(), Client()

    page = stranger.get(link)
    assert "Was it not you?" in page.content.decode()
    assert OLD not in page.content.decode()
    assert contacts_of(cafe, mina) == (NEW, None), "only a press undoes, a mail scanner's look does not"
    assert "It is undone" in stranger.post(link).content.decode()
    with tenancy.tenant(cafe):
        new_code = Member.objects.get(pk=mina.pk).code
    assert new_code != mina.code, "who changed it may hold a phone with an hour of the old code's moving ones"

    assert contacts_of(cafe, mina) == (OLD, None)
    assert phone.get(f"/m/{cafe.slug}/me").status_code == 302
    again = stranger.post(link)
    assert again.status_code == 409
    assert "too old or was used already" in again.content.decode()


def test_undoing_the_first_change_undoes_the_second_as_well(cafe, mina, phone, step):
    changes_address(step, cafe, phone)
    first = undo_link()
    changes_address(step, cafe, phone, new="thief@example.org")
    second = undo_link()
    assert first != second

    Client().post(first)

    assert contacts_of(cafe, mina) == (OLD, None)
    assert Client().post(second).status_code == 409


def test_after_three_days_the_link_is_dead(cafe, mina, phone, step, monkeypatch):
    changes_address(step, cafe, phone)
    later = datetime.now(UTC) + timedelta(hours=72, minutes=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    assert Client().post(undo_link()).status_code == 409
    assert contacts_of(cafe, mina) == (NEW, None)


def test_a_link_that_is_none_of_ours_says_so(cafe):
    answer = Client().get(f"/m/{cafe.slug}/undo/guessed")
    assert answer.status_code == 409
    assert "This cannot be undone here" in answer.content.decode()


# -- what does not work -----------------------------------------------------------------------------------------------


def test_without_the_first_code_no_step_leads_on(cafe, mina, phone, step):
    for path, fields in (("prove", {"code": "123456"}), ("new", {"contact": NEW}), ("confirm", {"code": "123456"})):
        answer = step(phone, cafe, f"me/contact/email/{path}", **fields)
        assert answer["Location"] == f"/m/{cafe.slug}/me/contact/email"

    assert mail.outbox == []
    assert contacts_of(cafe, mina) == (OLD, None)


def test_a_wrong_code_and_one_too_old_are_refused_in_words(cafe, mina, phone, step, monkeypatch):
    step(phone, cafe, "me/contact/email", to="email")
    right = code_in_last_mail()
    wrong = f"{(int(right) + 1) % 1_000_000:06}"

    answer = step(phone, cafe, "me/contact/email/prove", code=wrong)
    assert (answer.status_code, "This is not the code" in answer.content.decode()) == (422, True)
    later = datetime.now(UTC) + timedelta(minutes=11)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    answer = step(phone, cafe, "me/contact/email/prove", code=right)
    assert (answer.status_code, "used up or too old" in answer.content.decode()) == (422, True)


def test_a_code_works_once(cafe, mina, phone, step):
    step(phone, cafe, "me/contact/email", to="email")
    code = code_in_last_mail()
    step(phone, cafe, "me/contact/email/prove", code=code)

    step(phone, cafe, "me/contact/email/new", contact=NEW)
    answer = step(phone, cafe, "me/contact/email/confirm", code=code)
    assert answer.status_code == 422
    assert contacts_of(cafe, mina) == (OLD, None)


def test_who_asks_for_another_code_is_told_that_it_is_on_its_way(cafe, mina, phone, step, monkeypatch):
    monkeypatch.setattr(code_requests, "RESEND_AFTER_SECONDS", 0)
    said, said_so = "A new code is on its way. Only the newest one counts.", []
    for path, fields, shown in (
        ("me/contact/email", {"to": "email"}, "me/contact/email/prove"),
        ("me/contact/email/new", {"contact": NEW}, "me/contact/email/confirm"),
    ):
        for _press in range(2):
            step(phone, cafe, path, **fields)
            said_so.append(said in phone.get(f"/m/{cafe.slug}/{shown}").content.decode())
        step(phone, cafe, "me/contact/email/prove", code=code_in_last_mail())

    assert said_so == [False, True, False, True]


def test_a_sign_in_code_is_no_code_to_change_with(cafe, mina, phone, step):
    step(phone, cafe, "me/contact/email", to="email")
    step(Client(), cafe, "sign-in", contact=OLD)

    answer = step(phone, cafe, "me/contact/email/prove", code=code_in_last_mail())
    assert answer.status_code == 422


def test_an_address_that_is_taken_looks_like_any_other_until_it_is_proved(cafe, mina, phone, step):
    jisoo = join(cafe, name="Jisoo", email="jisoo@example.org")
    step(phone, cafe, "me/contact/email", to="email")
    step(phone, cafe, "me/contact/email/prove", code=code_in_last_mail())

    answer = step(phone, cafe, "me/contact/email/new", contact="jisoo@example.org")
    assert answer["Location"].endswith("/me/contact/email/confirm")
    assert mail.outbox[-1].to == ["jisoo@example.org"]
    wrong = step(phone, cafe, "me/contact/email/confirm", code="000000")
    assert "Another membership" not in wrong.content.decode()

    answer = step(phone, cafe, "me/contact/email/confirm", code=code_in_last_mail())
    assert answer["Location"].endswith("/me/contact/email/new")
    assert "Another membership here has this contact" in phone.get(answer["Location"]).content.decode()
    assert (contacts_of(cafe, mina), contacts_of(cafe, jisoo)) == ((OLD, None), ("jisoo@example.org", None))


def test_her_own_address_is_no_new_one(cafe, mina, phone, step):
    step(phone, cafe, "me/contact/email", to="email")
    step(phone, cafe, "me/contact/email/prove", code=code_in_last_mail())
    answer = step(phone, cafe, "me/contact/email/new", contact=OLD)
    assert (answer.status_code, "This is the one we have already." in answer.content.decode()) == (422, True)


def test_staff_change_it_for_her_and_the_old_address_hears_of_it_without_a_link(
    cafe, mina, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), tenancy.tenant(cafe):
        registration.update(
            merchant=cafe, member=mina, changes=MemberChanges(email=NEW), actor=MANAGER, now=datetime.now(UTC)
        )
    assert mail.outbox[-1].to == [OLD]
    assert "please tell Cafe Haneul" in mail.outbox[-1].body
    assert "/undo/" not in mail.outbox[-1].body


def test_erasing_her_forgets_what_her_addresses_were(cafe, mina, phone, step):
    changes_address(step, cafe, phone)
    with tenancy.tenant(cafe):
        erasure.leave(merchant=cafe, member=mina, now=datetime.now(UTC), actor=SYSTEM)
        assert not ContactChange.objects.filter(merchant=cafe, member=mina).exists()


# -- points -----------------------------------------------------------------------------------------------------------


def test_a_small_reward_asks_for_nothing_and_a_big_one_for_a_code(cafe, mina, phone, step):
    assert "/rewards/mine/rdm_" in takes(step, cafe, phone, "coffee")["Location"]

    page = takes(step, cafe, phone, "feast")
    assert "Over 1,000 points in a day" in page.content.decode()
    assert taken(cafe, mina) == ["coffee"]
    step(phone, cafe, "rewards/code", to="email")
    assert "confirms that you spend points" in mail.outbox[-1].subject
    answer = step(phone, cafe, "rewards/code", code=code_in_last_mail())

    assert "/rewards/mine/rdm_" in answer["Location"]
    assert taken(cafe, mina) == ["coffee", "feast"]


def test_many_small_ones_are_a_big_one(cafe, mina, phone, step):
    takes(step, cafe, phone, "dinner")
    page = takes(step, cafe, phone, "coffee")

    assert "Over 1,000 points in a day" in page.content.decode()
    assert taken(cafe, mina) == ["dinner"]


def test_a_code_is_good_for_the_reward_it_was_asked_for_and_no_other(cafe, mina, phone, step):
    takes(step, cafe, phone, "feast")
    step(phone, cafe, "rewards/code", to="email")
    step(phone, cafe, "rewards/code", code=code_in_last_mail())

    page = takes(step, cafe, phone, "coffee")
    assert "Over 1,000 points in a day" in page.content.decode()
    assert taken(cafe, mina) == ["feast"]


def test_a_wrong_code_takes_nothing(cafe, mina, phone, step):
    takes(step, cafe, phone, "feast")
    step(phone, cafe, "rewards/code", to="email")
    wrong = f"{(int(code_in_last_mail()) + 1) % 1_000_000:06}"

    assert step(phone, cafe, "rewards/code", code=wrong).status_code == 422
    assert taken(cafe, mina) == []


def test_after_a_new_address_even_a_coffee_asks_and_the_code_goes_to_the_old_one(cafe, mina, phone, step):
    changes_address(step, cafe, phone)

    page = takes(step, cafe, phone, "coffee").content.decode()
    assert "A contact changed lately" in page
    step(phone, cafe, "rewards/code", to="email")
    assert mail.outbox[-1].to == [OLD]
    assert taken(cafe, mina) == []
    step(phone, cafe, "rewards/code", code=code_in_last_mail())
    assert taken(cafe, mina) == ["coffee"]


def test_when_the_cool_off_is_over_a_coffee_is_a_coffee(cafe, mina, phone, step, monkeypatch):
    changes_address(step, cafe, phone)
    later = datetime.now(UTC) + timedelta(hours=72, minutes=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    assert "/rewards/mine/rdm_" in takes(step, cafe, phone, "coffee")["Location"]


def test_an_undone_change_leaves_no_cool_off(cafe, mina, phone, step):
    changes_address(step, cafe, phone)
    Client().post(undo_link())
    with tenancy.tenant(cafe):
        assert contact_changes.cool_off_until(merchant=cafe, member=mina, now=datetime.now(UTC)) is None
        assert [str(each) for each in contact_changes.trusted(merchant=cafe, member=Member.objects.get(pk=mina.pk),
                                                              now=datetime.now(UTC))] == [OLD]  # fmt: skip


def test_a_contact_where_there_was_none_before_asks_for_nothing(cafe, mina, phone, step):
    with tenancy.tenant(cafe):
        registration.update(
            merchant=cafe,
            member=mina,
            changes=MemberChanges(phone="010-1234-5678"),
            actor=MANAGER,
            now=datetime.now(UTC),
        )
    assert "/rewards/mine/rdm_" in takes(step, cafe, phone, "coffee")["Location"]
