"""The one sentence that is worth saying to a member after a sale: what is theirs, what is near, or what comes when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from loyalty.console.access import now_of
from loyalty.console.counter.member_search import in_points
from loyalty.console.member_cards import MemberCard, own_rewards_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.directory import Member
from rewards import redemptions
from rewards.balances import Balance

#: So few stamps are missing, or so small a share of a price, that it is worth coming back soon.
STAMPS_NEAR = 2
PRICE_NEAR = 4


@dataclass(frozen=True, slots=True)
class InReach:
    """A reward with its price and what is missing of it, in points' smallest unit; 0 where it can be had now."""

    name: str
    price: int
    missing: int


@dataclass(frozen=True, slots=True)
class MemberNews:
    """What there is to choose a sentence from."""

    own: Sequence[str] = ()
    cards: Sequence[MemberCard] = ()
    rewards: Sequence[InReach] = ()
    pending: int = 0
    pending_from: datetime | None = None


def sentence_for(request: HttpRequest, member: Member, balance: Balance | None, cards: Sequence[MemberCard]) -> str:
    """Return the sentence, in the cashier's language; empty where there is nothing to say."""
    offers = redemptions.catalogue(
        merchant=merchant_of(request), member_id=member.pk, spendable=balance.spendable if balance else 0,
        tier=balance.tier if balance else "", now=now_of(request), language=get_language() or "en",
    ).offers  # fmt: skip
    activating = balance.activating if balance else ()
    news = MemberNews(
        own=[each.name for each in own_rewards_of(request, member)],
        cards=cards,
        rewards=[InReach(each.name, each.price_points, each.missing_points) for each in offers if not each.refusal],
        pending=activating[0].points if activating else 0,
        pending_from=activating[0].at if activating else None,
    )
    return sentence(news, lambda units: in_points(request, units))


def sentence(news: MemberNews, in_words: Callable[[int], str]) -> str:
    """Choose the sentence: first what can be had now without points, then what is near, then what can be bought."""
    if news.own:
        return _("A reward is theirs: %(reward)s.") % {"reward": news.own[0]}
    near = [card for card in news.cards if 0 < card.size - card.stamps <= STAMPS_NEAR and card.stamps > 0]
    if near:
        card = min(near, key=lambda each: each.size - each.stamps)
        missing = card.size - card.stamps
        said = ngettext(
            "%(count)d more stamp brings the reward: %(reward)s.",
            "%(count)d more stamps bring the reward: %(reward)s.",
            missing,
        )
        return said % {"count": missing, "reward": card.brings}
    had = [each for each in news.rewards if not each.missing]
    if had:
        return _("They have enough for a reward: %(reward)s.") % {"reward": max(had, key=lambda each: each.price).name}
    soon = [each for each in news.rewards if each.missing * PRICE_NEAR <= each.price]
    if soon:
        first = min(soon, key=lambda each: each.missing)
        return _("%(points)s more bring the reward: %(reward)s.") % {
            "points": in_words(first.missing), "reward": first.name,
        }  # fmt: skip
    if news.pending and news.pending_from is not None:
        day = formats.day_and_month(news.pending_from)
        return _("%(points)s can be spent from %(day)s.") % {"points": in_words(news.pending), "day": day}
    return ""
