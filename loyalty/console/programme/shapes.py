"""What the forms of the programme's parts are made of: the draft and what stands around it, texts in languages, and the pieces
that many parts share (expiry, pending, caps, goods)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from loyalty.console.access import now_of
from loyalty.tenant import merchant_of
from merchants import locations
from merchants.directory import Merchant
from rewards import programmes, terms
from rewards.programmes import Draft
from rewards.purchases import goods_seen
from rewards.purchases.goods_seen import GoodsSeen
from rewards.terms import Terms

Document = dict[str, Any]
_NOTHING_SEEN = GoodsSeen()


@dataclass(frozen=True, slots=True)
class EditedDraft:
    """The draft as it lies there, and what its forms refer to."""

    merchant: Merchant
    draft: Draft
    terms: Terms
    language: str
    places: Mapping[str, str]
    #: The draft with every default spelled out, however it was written.
    document: Document
    #: What was lately sold, where a form lets one choose goods.
    goods: GoodsSeen = _NOTHING_SEEN

    @property
    def decimals(self) -> int:
        return self.terms.points.decimals

    @property
    def currency(self) -> str:
        return self.terms.currency

    def said(self, text: Any) -> str:
        return terms.text(text, self.language)

    @property
    def tiers(self) -> list[tuple[str, str]]:
        levels = self.terms.tiers.levels if self.terms.tiers else ()
        return [(level.code, self.said(level.name)) for level in levels]

    @property
    def unit(self) -> str:
        """Return what several points are called."""
        return self.said(self.terms.points.plural)

    @property
    def rewards(self) -> list[tuple[str, str]]:
        return [(reward.code, self.said(reward.name)) for reward in self.terms.rewards]

    @property
    def giving_rules(self) -> list[tuple[str, str]]:
        return [(r.code, self.said(r.name)) for r in self.terms.earning.rules if r.compile().factor is None]


def edited_draft(request: HttpRequest, *, with_goods: bool = False) -> EditedDraft:
    """Read the draft and what stands around it; `with_goods` what was lately sold, too."""
    merchant = merchant_of(request)
    draft = programmes.draft(merchant=merchant)
    shops = {place.public_id: place.name for place in locations.open_now(merchant)}
    promised = terms.parse(draft.document)
    language, goods = (
        get_language() or merchant.language,
        goods_seen.seen(merchant, now=now_of(request)) if with_goods else _NOTHING_SEEN,
    )
    return EditedDraft(merchant, draft, promised, language, shops, terms.document(promised), goods)


def spelled(draft: Draft) -> Document:
    """Return the draft's document with every default spelled out: the one that forms show and change."""
    return terms.document(terms.parse(draft.document))
