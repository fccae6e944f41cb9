"""Stamp cards as their member sees them, and the rewards that full ones have brought: the member's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.portal import screens
from loyalty.portal.session import member_of, now_of
from loyalty.tenant import merchant_of
from loyalty.ui import formats
from merchants import ids
from rewards import stamps, terms
from rewards.stamps import CardOutlook
from rewards.terms import AnyReward, TermsWording

#: The picture of each kind of reward.
ICONS = {"product": "cup", "discount": "voucher", "percentage": "voucher", "text": "sparkle"}


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One stamp card: what is on it, drawn and in words; `owed` are stamps that the next ones pay."""

    code: str
    name: str
    stamps: int
    size: int
    owed: int
    brings: str
    to_go: str
    label: str
    gives: str
    last_day: date | None


@dataclass(frozen=True, slots=True)
class RewardToTake:
    """A reward that is the member's own; its confirm sheet carries the id under which it is taken."""

    public_id: str
    name: str
    description: str
    card: str
    code: str
    kind: str
    figure: str
    icon: str
    conditions: Sequence[str]
    last_day: date | None
    can_be_held: bool
    minutes: str
    minted: str

    @property
    def dialog(self) -> str:
        return f"take-{self.public_id}"


def cards_of(request: HttpRequest) -> list[ShownCard]:
    """List the member's cards, those with something on them first."""
    promised = screens.terms_of(request)
    if promised is None or not promised.stamps:
        return []
    say = TermsWording(promised, screens.language())
    found = stamps.cards_of(merchant=merchant_of(request), member_id=member_of(request).pk, now=now_of(request))
    shown = [_card(each, say) for each in found if _is_for(request, each)]
    return sorted(shown, key=lambda card: card.stamps == 0 and not card.owed)


def _is_for(request: HttpRequest, each: CardOutlook) -> bool:
    """A card for other tiers is shown to whoever has something on it."""
    balance = screens.balance_of(request) if each.card.tiers else None
    return bool(each.stamps or not each.card.tiers or (balance is not None and balance.tier in each.card.tiers))


def _card(each: CardOutlook, say: TermsWording) -> ShownCard:
    on_card = max(0, each.stamps)
    missing = each.size - each.stamps
    label = _("%(count)s of %(size)s stamps") % {
        "count": formats.number(on_card), "size": formats.number(each.size),
    }  # fmt: skip
    return ShownCard(
        code=each.card.code,
        name=say.text(each.card.name),
        stamps=on_card,
        size=each.size,
        owed=max(0, -each.stamps),
        brings=say.names("reward", (each.card.reward,)),
        to_go=ngettext("%(count)s stamp to go", "%(count)s stamps to go", missing) % {"count": formats.number(missing)},
        label=label,
        gives=say.sentence(formats.side_by_side(_gives(each, say))),
        last_day=each.last_day,
    )


def _gives(each: CardOutlook, say: TermsWording) -> list[str]:
    said = [each.card.gives.describe(say).says]
    if each.card.only is not None:
        said.append(_("only for %(goods)s") % {"goods": each.card.only.describe(say).says})
    return said


def own_rewards(request: HttpRequest) -> list[RewardToTake]:
    """List the rewards that are the member's own and can be taken, the oldest first."""
    promised, language = screens.terms_of(request), screens.language()
    if promised is None:
        return []
    say = TermsWording(promised, language)
    names = {card.code: say.text(card.name) for card in promised.stamps}
    owned = stamps.own_rewards_of(merchant=merchant_of(request), member_id=member_of(request).pk, now=now_of(request))
    return [
        RewardToTake(
            public_id=each.public_id,
            name=terms.text(each.reward.name, language),
            description=terms.text(each.reward.description, language) if each.reward.description else "",
            card=names.get(each.card, ""),
            code=each.reward.code,
            kind=each.reward.kind,
            figure=each.reward.on_ticket(say),
            icon=ICONS.get(each.reward.kind, "gift"),
            conditions=tuple(_conditions(each.reward, say)),
            last_day=each.last_day,
            can_be_held=each.reward.can_be_held_ahead,
            minutes=minutes(each.reward.hold_minutes, say),
            minted=ids.mint("rdm"),
        )
        for each in owned
    ]


def _conditions(reward: AnyReward, say: TermsWording) -> list[str]:
    """What the reward is worth, and from which order on; its days, tiers and limits bind no reward of one's own."""
    found = [phrase for _field, phrase in reward.benefit(say)]
    if reward.least_total_minor is not None:
        found.append(_("for orders from %(amount)s") % {"amount": say.money(reward.least_total_minor)})
    return found


def own_reward(request: HttpRequest, public_id: str) -> AnyReward | None:
    """Return a reward of the member's own by its id, also once it is taken; None when it was never theirs."""
    return stamps.owned_reward(merchant=merchant_of(request), member_id=member_of(request).pk, public_id=public_id)


def minutes(count: int, say: TermsWording) -> str:
    """Say how long a hold lasts."""
    if count % 1440 == 0:
        return say.time(count // 1440, "days")
    if count % 60 == 0:
        return ngettext("%(count)d hour", "%(count)d hours", count // 60) % {"count": count // 60}
    return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}
