"""What a merge brings together, line by line: both memberships as they are, and the one that it would make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from loyalty.console import screens
from loyalty.console.access import actor_of, now_of
from loyalty.console.members import entry_texts
from loyalty.console.members.member_list import tier_names
from loyalty.tenant import merchant_of
from loyalty.ui import filters, formats
from members import cards, claim_states, consent, directory, reveals
from members.consent import ConsentState
from members.directory import Member
from merchants import ids
from merchants.errors import LoyaltyError
from rewards import balances, merging, referrals, stamps, terms
from rewards.balances import Balance

_CARDS_SHOWN = 4
_NOTE_SHOWN = 60


@dataclass(frozen=True, slots=True)
class MergeSide:
    """One membership at one moment, as far as a merge changes it."""

    member: Member
    balance: Balance | None
    cards: tuple[str, ...]
    #: By the card's code: what it is called, and what is on it.
    stamps: Mapping[str, tuple[str, str]]
    own_rewards: int
    #: Who brought them; empty for nobody.
    brought_by: str
    agreed: Mapping[str, ConsentState]


@dataclass(frozen=True, slots=True)
class MergeRow:
    """One thing: what the one that is merged has, what the one that stays has, and what there would be."""

    label: str
    source: str
    target: str
    together: str
    #: What becomes of what is not taken over.
    note: str = ""


@dataclass(frozen=True, slots=True)
class MergePreview:
    """Both memberships, and line by line what a merge makes of them; `refusal` says why it cannot be made."""

    source: Member
    target: Member
    parts: Sequence[tuple[str, Sequence[MergeRow]]]
    refusal: str = ""

    @property
    def source_code(self) -> str:
        return ids.grouped(self.source.code)

    @property
    def target_code(self) -> str:
        return ids.grouped(self.target.code)


def preview(request: HttpRequest, *, source: Member, target: Member) -> MergePreview:
    """Make the merge, read what it made, and roll it back; where it is refused, both stand as they are."""
    merchant, now = merchant_of(request), now_of(request)
    before = _read(request, [source, target])

    def look() -> MergeSide:
        stays = directory.get(merchant=merchant, public_id=target.public_id)
        return _read(request, [stays])[0]

    refusal = ""
    try:
        after: MergeSide | None = merging.try_merge(
            merchant=merchant, source=source.public_id, target=target.public_id, look=look, now=now,
            actor=actor_of(request),
        )  # fmt: skip
    except LoyaltyError as error:
        after, refusal = None, str(error.detail)
    return MergePreview(source, target, _Lines(request, before[0], before[1], after).parts(), refusal)


def _read(request: HttpRequest, members: Sequence[Member]) -> list[MergeSide]:
    merchant, now = merchant_of(request), now_of(request)
    member_ids = [member.pk for member in members]
    held = balances.now(merchant=merchant, member_ids=member_ids, now=now)
    said = consent.standing_of(merchant=merchant, member_ids=member_ids)
    found = []
    for member in members:
        brought = referrals.of_referee(merchant=merchant, member_id=member.pk)
        found.append(
            MergeSide(
                member=member, balance=held.get(member.pk), cards=tuple(card.number for card in cards.of(member)),
                stamps=_stamps(request, member),
                own_rewards=len(stamps.own_rewards_of(merchant=merchant, member_id=member.pk, now=now)),
                brought_by=(brought.referrer_name or brought.referrer) if brought else "",
                agreed=said.get(member.pk, {}),
            )
        )  # fmt: skip
    return found


def _stamps(request: HttpRequest, member: Member) -> dict[str, tuple[str, str]]:
    language = get_language() or "en"
    found = {}
    for each in stamps.cards_of(merchant=merchant_of(request), member_id=member.pk, now=now_of(request)):
        counted = _("%(count)s of %(size)s stamps") % {
            "count": formats.number(each.stamps), "size": formats.number(each.size),
        }  # fmt: skip
        found[each.card.code] = (terms.text(each.card.name, language), counted)
    return found


class _Lines:
    """The lines of a preview; without an `after` the last column stays empty."""

    def __init__(self, request: HttpRequest, source: MergeSide, target: MergeSide, after: MergeSide | None) -> None:
        self.source, self.target, self.after = source, target, after
        self.now, self.tiers, self.decimals = now_of(request), tier_names(request), screens.decimals_of(request)

    def parts(self) -> list[tuple[str, list[MergeRow]]]:
        """Return the lines under their heads; lines about nothing are left out."""
        return [
            (_("Person"), self._person()), (_("Points and tier"), self._points()), (_("Agreed to"), self._agreed()),
        ]  # fmt: skip

    def _line(self, label: str, told: Callable[[MergeSide], str], note: str = "") -> MergeRow:
        return MergeRow(
            label, told(self.source) or "–", told(self.target) or "–",
            (told(self.after) or "–") if self.after else "", note,
        )  # fmt: skip

    def _person(self) -> list[MergeRow]:
        def member(told: Callable[[Member], str | None]) -> Callable[[MergeSide], str]:
            return lambda each: told(each.member) or ""

        rows = [
            self._line(pgettext("person", "Name"), member(lambda each: each.name)),
            self._line(_("Phone"), member(_phone), self._contact("phone", _phone)),
            self._line(_("E-mail"), member(_email), self._contact("email", _email)),
            self._line(_("Birthday"), member(_birthday), self._detail(_birthday)),
            self._line(
                _("Language"), member(lambda each: filters.language_name(each.language) if each.language else "")
            ),
            self._line(_("Your own id"), member(lambda each: each.external_id), self._own_id()),
            self._line(_("Portal"), member(lambda each: str(_PORTAL[claim_states.of(each, now=self.now)]))),
            self._line(_("Cards"), lambda each: _cards(each.cards)),
            self._line(_("Brought by"), lambda each: each.brought_by, self._brought()),
            self._line(_("Note"), member(_note), self._detail(_note)),
            self._line(_("State"), member(_state)),
        ]
        return [row for row in rows if row.source != "–" or row.target != "–"]

    def _contact(self, name: str, shown: Callable[[Member], str]) -> str:
        """What becomes of a contact: added, or kept while the other one only finds the member."""
        if not getattr(self.source.member, name):
            return ""
        if not getattr(self.target.member, name):
            return _("added")
        return _("%(contact)s is not added; tills that know it still find this member.") % {
            "contact": shown(self.source.member)
        }  # fmt: skip

    def _detail(self, shown: Callable[[Member], str]) -> str:
        if not shown(self.source.member) or shown(self.source.member) == shown(self.target.member):
            return ""
        return _("not taken over") if shown(self.target.member) else _("added")

    def _own_id(self) -> str:
        if not self.source.member.external_id:
            return ""
        return _("%(name)s finds this member too.") % {"name": self.source.member.external_id}

    def _brought(self) -> str:
        if not self.source.brought_by or not self.after or self.after.brought_by == self.source.brought_by:
            return ""
        return _("not taken over")

    def _points(self) -> list[MergeRow]:
        def points(told: Callable[[Balance], int]) -> Callable[[MergeSide], str]:
            return lambda each: formats.points(told(each.balance) if each.balance else 0, self.decimals)

        rows = [
            self._line(_("Spendable"), points(lambda each: each.spendable)),
            self._line(_("Pending"), points(lambda each: each.pending)),
            self._line(_("Held"), points(lambda each: each.held)),
            self._line(_("Debt"), points(lambda each: each.debt)),
        ]
        rows = [row for row in rows if {row.source, row.target} != {"0"} or row.label == _("Spendable")]
        rows.append(self._line(_("Tier"), self._tier))
        rows.append(
            self._line(_("Purchases"), lambda each: formats.number(each.balance.purchases_count if each.balance else 0))
        )
        rows += [self._line(name, _on_card(code)) for code, (name, _count) in self.target.stamps.items()]
        if any(each.own_rewards for each in (self.source, self.target, self.after) if each):
            rows.append(self._line(_("Rewards that are theirs"), lambda each: formats.number(each.own_rewards)))
        return [row for row in rows if row.source != "–" or row.target != "–"]

    def _tier(self, each: MergeSide) -> str:
        held = each.balance.tier if each.balance else ""
        return self.tiers.get(held, held)

    def _agreed(self) -> list[MergeRow]:
        asked = [code for code in consent.CODES if code in self.source.agreed or code in self.target.agreed]
        return [self._line(str(entry_texts.CONSENTS[code]), _answers_to(code)) for code in asked]


_PORTAL = {
    "unclaimed": gettext_lazy("nobody has signed in"), "dormant": gettext_lazy("no sign-in for a year"),
    "claimed": gettext_lazy("signs in"),
}  # fmt: skip


def _phone(member: Member) -> str:
    return reveals.masked(member).phone


def _email(member: Member) -> str:
    return reveals.masked(member).email


def _birthday(member: Member) -> str:
    # A leap year: everybody's day is in it.
    return formats.day_and_month(date(2000, member.birth_month, member.birth_day or 1)) if member.birth_month else ""


def _note(member: Member) -> str:
    return Truncator(member.note).chars(_NOTE_SHOWN)


def _cards(numbers: Sequence[str]) -> str:
    shown = list(numbers[:_CARDS_SHOWN])
    more = len(numbers) - len(shown)
    if more:
        shown.append(ngettext("%(count)d more", "%(count)d more", more) % {"count": more})
    return formats.listed(shown) if shown else ""


def _state(member: Member) -> str:
    said = [_("blocked")] if member.state == Member.State.BLOCKED else []
    if member.spending_stopped_at is not None:
        said.append(_("spending stopped"))
    return formats.listed(said) if said else ""


def _answers_to(code: str) -> Callable[[MergeSide], str]:
    return lambda each: _answer(each.agreed.get(code))


def _on_card(code: str) -> Callable[[MergeSide], str]:
    return lambda each: each.stamps[code][1]


def _answer(said: ConsentState | None) -> str:
    if said is None:
        return ""
    return f"{pgettext('consent', 'yes') if said.is_granted else pgettext('consent', 'no')} · {formats.day(said.at)}"
