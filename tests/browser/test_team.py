"""What the team decides and reads together, in a browser: approvals, browsers signed in, briefings, notifications."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import caches

from loyalty.console import shortcuts
from merchants import briefings, ids, seats, seen_notifications, tenancy
from rewards import approvals
from rewards.approvals import AskedLine
from tests import cafe_history
from tests.people import browser_of, join, seat_at

PHONE, DESK = 390, 1280
LOOKS = [
    (PHONE, "light", "ko"), (PHONE, "dark", "zh-Hant"), (DESK, "light", "en"), (DESK, "dark", "ko"),
    (DESK, "light", "zh-Hant"), (320, "light", "en"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cafe(django_db_setup, django_db_blocker):
    """Built once for this file; committed."""
    with django_db_blocker.unblock():
        yield cafe_history.cafe()


@pytest.fixture(scope="module")
def dana(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return seat_at(cafe, "owner", f"dana-{cafe.slug}@example.org", name="Dana Owens")


@pytest.fixture(scope="module")
def max_(cafe, django_db_blocker):
    with django_db_blocker.unblock():
        return seat_at(cafe, "manager", f"max-{cafe.slug}@example.org", name="Max Miller")


@pytest.fixture(scope="module")
def asked(cafe, dana, max_, django_db_blocker):
    """Three requests: one waits, one for three members is approved, one declined."""
    with django_db_blocker.unblock():
        people = [join(cafe, name=name) for name in ("감미자", "王芳", "Joo-won Kim", "Eleanor Whitcombe")]
        now, made = datetime.now(UTC), []
        for reason, points, chosen in (
            ("Ten years a member", 12_000, people[1:]), ("She says the till was wrong", 9_000, people[:1]),
            ("The machine was down all day on Saturday", 5_000, people[:1]), ("A mug broke", -2_500, people[1:2]),
        ):  # fmt: skip
            with tenancy.tenant(cafe):
                made.append(
                    approvals.ask(
                        merchant=cafe, request_id=ids.mint("prq"), reason=reason, now=now, actor=seats.actor_of(max_),
                        lines=[AskedLine(person.public_id, points) for person in chosen],
                    )
                )  # fmt: skip
        common = {"merchant": cafe, "now": now, "actor": seats.actor_of(dana)}
        approvals.approve(request_id=made[0], **common)
        with tenancy.tenant(cafe):
            approvals.decline(request_id=made[1], reason="The receipt says 900", **common)
        return made


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_approvals_are_sound_in_every_look(cafe, dana, asked, open_page, assert_sound, shot, width, scheme, language):
    page = open_page(
        f"/console/{cafe.slug}/approvals", client=browser_of(dana.user), width=width, scheme=scheme, language=language
    )
    assert_sound(page)
    shot(page, f"approvals-{width}-{scheme}-{language}")
    page.locator("[data-dialog^=decline]").first.click()
    shot(page, f"approvals-decline-{width}-{scheme}-{language}")
    assert_sound(page)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_form_offers_to_ask(cafe, max_, open_page, assert_sound, shot, width):
    member = join(cafe, name="Hyun")
    page = open_page(
        f"/console/{cafe.slug}/members/{member.public_id}/adjust", client=browser_of(max_.user), width=width
    )
    page.complaints.meant.append("status of 422")
    page.locator("[name=points]").fill("50000")
    page.locator("[name=reason]").fill("Opening day")
    page.locator("button:has-text('Adjust')").click()
    page.locator("button:has-text('Ask an owner')").wait_for()
    shot(page, f"ask-{width}")
    assert_sound(page)
    page.locator("button:has-text('Ask an owner')").click()
    page.wait_for_url("**/approvals")


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS[:4])
def test_where_one_is_signed_in_is_sound(cafe, dana, max_, open_page, assert_sound, shot, width, scheme, language):
    phone = browser_of(max_.user)
    phone.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (Linux; Android 14) Chrome/120.0 Mobile Safari/537.36"
    phone.get(f"/console/{cafe.slug}/me")
    page = open_page(
        f"/console/{cafe.slug}/me", client=browser_of(max_.user), width=width, scheme=scheme, language=language
    )
    assert_sound(page)
    shot(page, f"me-{width}-{scheme}-{language}")
    page = open_page(
        f"/console/{cafe.slug}/team/{max_.public_id}", client=browser_of(dana.user), width=width, scheme=scheme,
        language=language,
    )  # fmt: skip
    assert_sound(page)
    shot(page, f"seat-{width}-{scheme}-{language}")


@pytest.fixture(scope="module")
def noted(cafe, max_, django_db_blocker):
    """Two notes, one read by the owner."""
    with django_db_blocker.unblock(), tenancy.tenant(cafe):
        now = datetime.now(UTC)
        common = {"merchant": cafe, "places": [], "starts_at": now, "now": now, "actor": seats.actor_of(max_)}
        briefings.write(
            texts_by_language={
                "en": "Oat milk is out until Thursday. Offer soy at the same price.\n\nThe mug is back.",
                "ko": "귀리 우유는 목요일까지 없습니다. 같은 값에 두유를 권하세요.\n\n머그가 다시 들어왔습니다.",
                "zh-hant": "燕麥奶週四前缺貨，請以同價提供豆漿。\n\n馬克杯已到貨。",
            },
            roles=[], ends_at=None, **common,
        )  # fmt: skip
        briefings.write(
            texts_by_language={"en": "Double points this weekend: say so at the till."}, roles=["cashier", "owner"],
            ends_at=now + timedelta(days=3), **common,
        )  # fmt: skip


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_notes_to_the_team_are_sound(cafe, dana, max_, noted, open_page, assert_sound, shot, width, scheme, language):
    for page_name, path, seat in (("briefings", "team/briefings", max_), ("briefing", "briefing", dana)):
        page = open_page(
            f"/console/{cafe.slug}/{path}", client=browser_of(seat.user), width=width, scheme=scheme, language=language
        )
        if page_name == "briefings":
            page.locator("details.disclosure summary").first.click()
        assert_sound(page)
        shot(page, f"{page_name}-{width}-{scheme}-{language}")


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_the_bell_and_its_page_are_sound(
    cafe, dana, asked, noted, open_page, assert_sound, shot, width, scheme, language
):
    page = open_page(
        f"/console/{cafe.slug}/team", client=browser_of(dana.user), width=width, scheme=scheme, language=language
    )
    assert_sound(page)
    shot(page, f"bell-{width}-{scheme}-{language}")
    page.locator(".bell").click()
    page.wait_for_url("**/notifications")
    assert_sound(page)
    shot(page, f"notifications-{width}-{scheme}-{language}")


def test_the_number_comes_when_it_was_not_counted_lately(cafe, dana, asked, open_page):
    caches["redis"].clear()
    with tenancy.tenant(cafe):
        seen_notifications.note(merchant=cafe, seat=dana, keys=[], now=datetime.now(UTC))
    page = open_page(f"/console/{cafe.slug}/team", client=browser_of(dana.user))
    page.locator(".bell__number").wait_for()


@pytest.mark.parametrize(("width", "scheme", "language"), [LOOKS[0], LOOKS[2], LOOKS[4]])
def test_the_list_of_keys_is_sound(cafe, dana, open_page, assert_sound, shot, width, scheme, language):
    page = open_page(
        f"/console/{cafe.slug}/keys", client=browser_of(dana.user), width=width, scheme=scheme, language=language
    )
    assert_sound(page)
    shot(page, f"keys-{width}-{scheme}-{language}")


def test_the_keys_of_the_list_work(cafe, dana, asked, open_page):
    page = open_page(f"/console/{cafe.slug}/team", client=browser_of(dana.user))
    for key, _name, _permission in shortcuts.GO:
        page.keyboard.press("g")
        page.keyboard.press(key)
        path = {"d": "dashboard", "c": "counter/", "m": "members/", "a": "approvals", "p": "programme/", "r": "rewards",
                "t": "team", "s": "settings", "n": "notifications"}[key]  # fmt: skip
        page.wait_for_url(f"**/console/{cafe.slug}/{path}")
        if key == "c":  # the counter has keys of its own
            page.goto(f"/console/{cafe.slug}/team")
    page.keyboard.press("?")
    page.wait_for_url("**/keys")

    page.goto(f"/console/{cafe.slug}/approvals")
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.href")
    page.keyboard.press("j")
    second = page.evaluate("document.activeElement.href")
    page.keyboard.press("k")
    assert "/members/mem_" in first
    assert second != first
    assert page.evaluate("document.activeElement.href") == first


def test_letters_typed_into_a_field_or_turned_off_go_nowhere(cafe, dana, open_page):
    page = open_page(f"/console/{cafe.slug}/team", client=browser_of(dana.user))
    page.locator("#invite [name=name]").press_sequentially("gd?")
    assert page.locator("#invite [name=name]").input_value() == "gd?"
    assert page.url.endswith("/team")

    page.goto(f"/console/{cafe.slug}/keys")
    page.locator("input[data-keys]").uncheck()
    page.reload()
    assert not page.locator("input[data-keys]").is_checked()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_timeout(300)
    assert page.url.endswith("/keys")
