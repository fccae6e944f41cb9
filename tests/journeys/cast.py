"""Who is in a story, and how what they ask is done and noted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from members import live_codes
from members.models import Member
from merchants.actors import Actor
from merchants.errors import LoyaltyError
from rewards import balances
from rewards.documents import DocumentOutcome
from rewards.parties import MemberRef
from rewards.purchases import ItemOutcome, PurchaseInput, Quoted
from tests import builders
from tests.journeys.dice import Dice
from tests.journeys.plain import plain


class Cast:
    """One café with Ara, Bo, whom she brought, and Cho, whom Bo brought; every step is thrown by the same dice.

    `calls` holds what was asked since the last step began, each with its answer or refusal, as plain data.
    """

    def __init__(self, seed: int, document: dict[str, Any], *, singly: bool = False) -> None:
        self.dice = Dice(seed)
        self.singly = singly
        self.cafe = builders.open_shop(document=document)
        self.cafe.merchant.till_word_points_max = 10**9
        ara = self.cafe.joins("Ara")
        bo = self.cafe.joins("Bo", by=ara)
        self.people = [ara, bo, self.cafe.joins("Cho", by=bo)]
        #: Who was merged, left or is blocked: asked for now and then all the same.
        self.gone: list[builders.Person] = []
        self.sold: list[tuple[str, int]] = []
        self.recorded: list[tuple[PurchaseInput, str]] = []
        #: Numbers of sales that refunds named before they came.
        self.announced: list[str] = []
        self.spent: list[tuple[builders.Person, str, str]] = []
        self.held: list[tuple[builders.Person, str, str]] = []
        self.merges: list[str] = []
        self.claimed: list[str] = []
        self.cards: dict[str, str] = {}
        self.corrected: list[str] = []
        self.number = 0
        self.calls: list[dict[str, Any]] = []

    def named(self, kind: str) -> str:
        """Number a document as a till would."""
        self.number += 1
        return f"{kind}{self.number}"

    def names(self) -> dict[int, str]:
        return {person.id: person.name for person in self.people}

    def somebody(self) -> builders.Person:
        """Somebody who is here still, or now and then whoever comes."""
        here = [person for person in self.people if person not in self.gone]
        return self.dice.choice(here if here and self.dice.chance(0.93) else self.people)

    def ref(self, who: builders.Person) -> MemberRef:
        """Name somebody by our id, the till's, a card, or the code of their phone, moving or not."""
        way = self.dice.below(100)
        if way < 15:
            return MemberRef(external_id=who.name)
        if way < 30 and who.name in self.cards:
            return MemberRef(card=self.cards[who.name])
        if 30 <= way < 42:
            member = self.member(who)
            if way < 35:
                return MemberRef(code=member.code)
            at = self.cafe.now - timedelta(minutes=self.dice.choice([0, 0, 3, 9]))
            ((_since, code),) = self.cafe.does(
                lambda: live_codes.series(merchant=self.cafe.merchant, member=member, now=at, count=1)
            )
            return MemberRef(code=code)
        return who.ref

    def member(self, who: builders.Person) -> Member:
        return self.cafe.does(lambda: Member.objects.get(pk=who.id))

    def two(self) -> tuple[builders.Person, builders.Person]:
        one = self.somebody()
        return one, self.dice.choice([person for person in self.people if person is not one])

    def ask(self, verb: Callable[..., Any], *, actor: Actor = builders.TILL, **asked: Any) -> Any:
        """Call a verb in a tenant of its own and note what came of it; None when it was refused."""
        merchant, now = self.cafe.merchant, self.cafe.now
        call: dict[str, Any] = {"asked": [verb.__name__, {name: _told(value) for name, value in asked.items()}]}
        self.calls.append(call)
        try:
            answer = self.cafe.does(lambda: verb(merchant=merchant, now=now, actor=actor, **asked))
        except LoyaltyError as refusal:
            call["refused"] = plain(refusal)
            return None
        call["answer"] = self.told(answer)
        return answer

    def told(self, answer: Any) -> Any:
        """Say what an answer holds that a caller is told."""
        if isinstance(answer, list):
            return [self.told(each) for each in answer]
        if isinstance(answer, ItemOutcome):
            account = balances.of_account(answer.account, now=self.cafe.now) if answer.account is not None else None
            now = [account.spendable, account.held, account.pending, account.debt, account.tier] if account else None
            return {"id": answer.public_id, "external_id": answer.external_id, "receipt": plain(answer.receipt),
                    "replay": answer.is_replay, "refused": plain(answer.error), "now": now}  # fmt: skip
        if isinstance(answer, DocumentOutcome):
            return {"id": answer.public_id, "http": answer.http, "receipt": plain(answer.receipt),
                    "replay": answer.is_replay, "whose": self.names().get(answer.member_id or 0)}  # fmt: skip
        if isinstance(answer, Quoted):
            stands = answer.account
            return {
                "evaluation": _beside_nothing(plain(answer.evaluation)), "version": answer.version.number if answer.version else None,
                "paid": answer.points_paid_minor, "until": plain(answer.expires_at),
                "buyer": answer.buyer.public_id if answer.buyer else None,
                "after": [stands.spendable, stands.debt] if stands else None,
            }  # fmt: skip
        return plain(answer)


def _told(value: Any) -> Any:
    """What was asked, without fields that were not sent; a quote's token is another each time."""
    if isinstance(value, msgspec.Struct):
        sent = {name: _told(getattr(value, name)) for name in value.__struct_fields__}
        defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
        if sent.get("quote"):
            sent["quote"] = "<token>"
        return {name: each for name, each in sent.items() if each != defaults[name] and each not in (None, [], "")}
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return plain(value)


def _beside_nothing(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is earned beside points where that is nothing: recorded code did not say so."""
    return {name: value for name, value in evaluation.items() if name != "outcomes" or value}
