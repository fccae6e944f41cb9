"""The demo's two shops: invented the same way every time, lived through the verbs, true to the last number."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from analytics import dashboard, verify
from engagement.models import SurveyResponse
from loyalty.demo import seeding, story
from loyalty.demo.shops import BOOKSHOP, CAFE, SHOPS
from members.models import Consent
from merchants import keys, tenancy
from rewards import verify as ledger
from rewards.models.own_rewards import OwnReward
from rewards.models.purchases import Purchase
from rewards.models.redemptions import Redemption
from rewards.models.stamps import StampBook

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.slug)
def test_the_same_dice_tell_the_same_story_and_others_another(shop):
    told = story.tell(shop, today=TODAY, seed=1)
    assert told == story.tell(shop, today=TODAY, seed=1)
    assert told != story.tell(shop, today=TODAY, seed=2)
    assert len(told.joinings) == shop.members
    assert (told.first_day, told.end_day) == (date(2025, 5, 1), TODAY)


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.slug)
def test_the_story_ends_yesterday_and_nobody_buys_before_joining(shop):
    told = story.tell(shop, today=TODAY, seed=1)
    zone = ZoneInfo(shop.zone)
    assert {visit.at.astimezone(zone).date() for visit in told.visits} >= {date(2026, 11, 21), told.first_day}
    assert max(visit.at for visit in told.visits).astimezone(zone).date() == date(2026, 11, 21)
    joined = {joining.person.number: joining.at for joining in told.joinings}
    assert all(visit.at > joined[visit.member] for visit in told.visits if visit.member)
    assert [joining.at for joining in told.joinings] == sorted(joining.at for joining in told.joinings)
    assert all(joining.referred_by is None or joined[joining.referred_by] < joining.at for joining in told.joinings)


def test_december_sells_books_and_mornings_sell_coffee():
    books, coffee = (story.tell(shop, today=TODAY, seed=1) for shop in (BOOKSHOP, CAFE))
    by_month = Counter(visit.at.month for visit in books.visits if visit.at.year == 2025 or visit.at.month < 5)
    assert by_month.most_common(1)[0][0] == 12
    seoul = ZoneInfo(CAFE.zone)
    hours = Counter(visit.at.astimezone(seoul).hour for visit in coffee.visits if visit.at.weekday() < 5)
    assert hours.most_common(1)[0][0] == 8


def test_a_small_shop_lives_eighteen_months_and_everything_adds_up(django_db_setup, django_db_blocker):
    small = dataclasses.replace(CAFE, slug=f"demo-{time.time_ns()}", members=6, guests_a_day=0.1, staff=CAFE.staff[3:])
    small = dataclasses.replace(small, staff=(("cashier", "이준호", f"junho-{time.time_ns()}@cafe.example"),))
    now = datetime(2026, 11, 22, 3, tzinfo=UTC)
    with django_db_blocker.unblock():
        made = seeding.make(small, now=now, seed=1)
        assert (made.members, made.purchases > 100, made.redemptions > 0) == (6, True, True)
        numbers = verify.audit(made.merchant)
        assert (numbers.differences, numbers.unseen) == ((), 0)
        assert ledger.verify(merchant=made.merchant).agrees
        with tenancy.tenant(made.merchant):
            assert Purchase.objects.filter(merchant=made.merchant, points_earned__gt=0).count() > 80
            # Cards fill by what is sold, and some come for what they have brought.
            taken = Redemption.objects.filter(merchant=made.merchant, own_reward__isnull=False, state="captured")
            owned = OwnReward.objects.filter(merchant=made.merchant)
            assert owned.count() >= taken.count() > 0
            assert StampBook.objects.filter(merchant=made.merchant, filled__gt=0).exists()
            assert SurveyResponse.objects.filter(merchant=made.merchant).count() == made.answers
            agreed = Consent.objects.filter(merchant=made.merchant)
            assert agreed.filter(purpose="terms").count() == 6
            assert not [each for each in agreed if each.wording_version > f"{each.at:%Y-%m}"], (
                "no words from the future"
            )
            shown = dashboard.overview(merchant=made.merchant, period="last_90", now=now)
        assert len(shown.tiles) == 6
        assert keys.verify(made.api_key, now=now).merchant == made.merchant
        connections["owner"].close()
