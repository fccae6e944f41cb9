"""A member's stamp cards and own rewards as staff see them, at the counter and on the member's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from loyalty.console import screens
from loyalty.console.access import now_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from members.directory import Member
from merchants import ids
from rewards import stamps, terms
from rewards.balances import Balance
from rewards.stamps import CardOutlook
from rewards.terms import AnyReward

ICONS = {"product": "cup", "discount": "voucher", "percentage": "voucher", "text": "sparkle"}


@dataclass(frozen=True, slots=True)
class MemberCard:
    """One card: what is on it, what fills it, and whether it can be stamped without an amount (`choices`, how many)."""

    code: str
    name: str
    stamps: int
    size: int
    owed: int
    filled: int
    label: str
    brings: str
    last_day: date | None
    choices: tuple[int, ...]
    minted: str

    @property
    def dialog(self) -> str:
        return f"stamp-{self.code}"


@dataclass(frozen=True, slots=True)
class MemberReward:
    """A reward of the member's own; `least` is the smallest order it is good for, where there is one."""

    public_id: str
    name: str
    icon: str
    card: str
    last_day: date | None
    needs_total: bool
    least: int | None
    minted: str

    @property
    def dialog(self) -> str:
        return f"take-{self.public_id}"


class _Profile(NamedTuple):
    """What an audience asks of a member."""

    tier: str | None


def cards_of(request: HttpRequest, member: Member, balance: Balance | None) -> list[MemberCard]:
    """List the cards of the terms in force, as they stand for the member."""
    names = screens.reward_names(request)
    found = stamps.cards_of(merchant=merchant_of(request), member_id=member.pk, now=now_of(request))
    profile = _Profile(balance.tier if balance is not None else None)
    return [_card(each, names.get(each.card.reward, each.card.reward), profile) for each in found]


def _card(each: CardOutlook, brings: str, profile: _Profile) -> MemberCard:
    held = max(0, each.stamps)
    return MemberCard(
        code=each.card.code,
        name=terms.text(each.card.name, get_language() or "en"),
        stamps=held,
        size=each.size,
        owed=max(0, -each.stamps),
        filled=each.filled,
        label=_("%(count)s of %(size)s stamps") % {"count": formats.number(held), "size": formats.number(each.size)},
        brings=brings,
        last_day=each.last_day,
        choices=tuple(range(1, each.card.most_at_counter + 1)) if each.card.refusal(profile) is None else (),
        minted=ids.mint("sta"),
    )


def own_rewards_of(request: HttpRequest, member: Member) -> list[MemberReward]:
    """List the rewards that are the member's own and can be handed over, the oldest first."""
    version, language = screens.version_of(request), get_language() or "en"
    names = {card.code: terms.text(card.name, language) for card in version.terms.stamps} if version else {}
    owned = stamps.own_rewards_of(merchant=merchant_of(request), member_id=member.pk, now=now_of(request))
    return [_reward(each.public_id, each.reward, names.get(each.card, ""), each.last_day, language) for each in owned]


def _reward(public_id: str, reward: AnyReward, card: str, last_day: date | None, language: str) -> MemberReward:
    return MemberReward(
        public_id=public_id,
        name=terms.text(reward.name, language),
        icon=ICONS.get(reward.kind, "gift"),
        card=card,
        last_day=last_day,
        needs_total=reward.depends_on_order,
        least=reward.least_total_minor,
        minted=ids.mint("rdm"),
    )
