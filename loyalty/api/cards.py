"""A member's cards: what a till can scan."""

from __future__ import annotations

import msgspec

from loyalty.api.framework.operations import ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from loyalty.api.members import CARD, CardOut, card_out, cards_of, member_of
from members import cards
from members.inputs import CardNumber, Input


class CardPage(msgspec.Struct, frozen=True, kw_only=True):
    """A member's cards, newest first."""

    data: list[CardOut]


class CardInput(Input, frozen=True, kw_only=True):
    """A card to give to the member."""

    number: CardNumber


class CardBlock(Input, frozen=True, kw_only=True):
    """A card to block for ever, and why."""

    number: CardNumber
    reason: str = ""


class MemberCards(ApiView):
    @operation(
        id="list_cards",
        tag="Members",
        summary="List a member's cards",
        scope="members:read",
        answers={200: CardPage},
        refusals=("member_not_found",),
        answer_example={"data": [CARD]},
    )
    def get(self, call: Call, member_id: str) -> ApiAnswer:
        return ApiAnswer(CardPage(data=cards_of(member_of(call, member_id))))

    @operation(
        id="give_card",
        tag="Members",
        summary="Give a member a card",
        description="201 for a card that is new, 200 for one the member has already.",
        scope="members:write",
        body=CardInput,
        answers={200: CardOut, 201: CardOut},
        refusals=("member_not_found", "invalid_card", "contact_taken", "card_blocked"),
        examples={"card": {"number": "9000-1234"}},
        answer_example=CARD,
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        card, is_new = cards.issue(
            merchant=call.merchant,
            member=member_of(call, member_id),
            number=call.body.number,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(card_out(card), status=201 if is_new else 200)


class CardBlocks(ApiView):
    @operation(
        id="block_card",
        tag="Members",
        summary="Block a lost card",
        description="For ever: give the member another one. Blocking it again changes nothing.",
        scope="members:write",
        body=CardBlock,
        answers={200: CardOut},
        refusals=("member_not_found", "card_not_found", "invalid_card"),
        examples={"lost": {"number": "9000-1234", "reason": "lost"}},
        answer_example={**CARD, "is_blocked": True},
    )
    def post(self, call: Call, member_id: str) -> ApiAnswer:
        card = cards.block(
            merchant=call.merchant,
            member=member_of(call, member_id),
            number=call.body.number,
            reason=call.body.reason,
            actor=call.actor,
            now=call.now,
        )
        return ApiAnswer(card_out(card))
