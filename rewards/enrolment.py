"""Somebody joins: a member, an account, the first tier, points for joining, and who brought them, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext as _
from msgspec import UNSET, structs

from members import cards, consent, directory
from members.inputs import MemberChanges, NewMember, Reference
from members.models import Member
from merchants import audit, ids, outbox, periods
from merchants.actors import Actor
from merchants.errors import Invalid
from merchants.models.merchants import Merchant
from rewards import earning, tiers, versions
from rewards.models.accounts import Account, TierPeriod
from rewards.models.referrals import Referral
from rewards.points import Book, Cause
from rewards.versions import Version


class UnknownReferrer(Invalid):
    code: ClassVar[str] = "unknown_referrer"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who joined, whether it was just now, and the points given for joining (0 when they were a member already)."""

    member: Member
    is_new: bool
    points_given: int = 0


def enrol(*, merchant: Merchant, details: NewMember, source: str, actor: Actor, now: datetime) -> Enrolled:
    """This function will make somebody a member, or bring the member with this `external_id` up to date.

    `source` is the door: api, counter, portal, import. A member who is there already keeps what was not sent, gets no
    second welcome, and is not referred any more. Locks the member found, or the account made.

    :raises ContactTaken: e-mail, phone or card is another member's; `pointer` names the field, nobody is named.
    :raises UnknownReferrer: `referred_by` is nobody's code.
    :raises Again: a twin with the same external_id appeared meanwhile: run the whole verb again.
    """
    if details.external_id is not None:
        known = directory.by_external_id(merchant=merchant, external_id=details.external_id)
        if known is not None:
            return _brought_up_to_date(merchant, known, details, actor=actor, now=now)
    referrer = _referrer(merchant, details.referred_by)
    member = directory.register(merchant=merchant, details=details, now=now)
    if details.card is not None:
        cards.issue(merchant=merchant, member=member, number=details.card, actor=actor, now=now)
    if details.consents:
        consent.record_answers(
            merchant=merchant, member=member, granted=details.consents, source=source, now=now, actor=actor
        )
    version = versions.timeline(merchant.pk).at(now)
    account = _open_account(member, version, now=now)
    if referrer is not None:
        _refer(member, referrer=referrer, referee=account, now=now)
    points, risen = _welcome(merchant, member, version, now=now, actor=actor)
    audit.record(merchant=merchant, action="member.enrolled", actor=actor, now=now, subject=member.public_id)
    outbox.record(
        merchant_id=merchant.pk,
        kind="member.enrolled",
        payload={
            "member": member.public_id,
            "location": member.location.code if member.location else None,
            "source": source,
            "referred_by": referrer.public_id if referrer else None,
            "tier": risen.tier if risen else account.tier or None,
            "joined_at": member.joined_at,
        },
        occurred_at=member.joined_at,
        now=now,
    )
    if risen is not None:
        outbox.record_many(merchant_id=merchant.pk, events=[risen.event(member.public_id)], now=now)
    return Enrolled(member, True, points)


def _brought_up_to_date(
    merchant: Merchant, member: Member, details: NewMember, *, actor: Actor, now: datetime
) -> Enrolled:
    sent = {
        name: value
        for name in MemberChanges.__struct_fields__
        if name != "external_id" and (value := getattr(details, name)) is not UNSET
    }
    changes = structs.replace(MemberChanges(), **sent)
    member = directory.update(merchant=merchant, member=member, changes=changes, actor=actor, now=now)
    if details.card is not None:
        cards.issue(merchant=merchant, member=member, number=details.card, actor=actor, now=now)
    return Enrolled(member, False)


def _referrer(merchant: Merchant, code: str | None) -> Member | None:
    if code is None:
        return None
    referrer = directory.find(merchant=merchant, reference=Reference(code=code))
    if referrer is None or referrer.state != Member.State.ACTIVE:
        raise UnknownReferrer(_("Nobody has this code."), pointer="/referred_by")
    return referrer


def _open_account(member: Member, version: Version | None, *, now: datetime) -> Account:
    """The account and the tier everybody starts with, held since joining so that older sales find it."""
    ladder = version.terms.tiers if version else None
    account = Account.objects.create(
        merchant_id=member.merchant_id,
        member=member,
        tier=ladder.levels[0].code if ladder else "",
        tier_since=member.joined_at if ladder else None,
        # Rated, as far as anybody can be who has bought nothing: the first sale need not look back.
        rated_version=version.number if ladder and version else 0,
    )
    if ladder and version:
        TierPeriod.objects.create(
            merchant_id=member.merchant_id,
            account=account,
            tier=account.tier,
            held_from=member.joined_at,
            reason="entry",
            terms_version=version.number,
            recorded_at=now,
        )
    return account


def _refer(member: Member, *, referrer: Member, referee: Account, now: datetime) -> None:
    account_id = Account.objects.values_list("pk", flat=True).get(merchant_id=member.merchant_id, member=referrer)
    Referral.objects.create(
        merchant_id=member.merchant_id,
        public_id=ids.mint("rfl"),
        referrer_id=account_id,
        referee=referee,
        created_at=now,
    )


def _welcome(
    merchant: Merchant, member: Member, version: Version | None, *, now: datetime, actor: Actor
) -> tuple[int, tiers.Change | None]:
    """Give the points for joining; where the terms let them count towards the tier, say how it changed."""
    promised = version.terms.welcome if version else None
    if promised is None or version is None:
        return 0, None
    book = Book.open(merchant.pk, member_ids=[member.pk], now=now, actor=actor, for_spending=False)
    account = book.of_member(member.pk)
    grant = earning.award(
        version.terms, promised.points, at=now, zone=merchant.tzinfo, rule="welcome", tier=account.tier or None,
        pending=promised.pending, expiry=promised.expiry,
    )  # fmt: skip
    account.accrue(
        Cause(
            "member",
            member.pk,
            now,
            rules=grant.rules,
            terms_version=version.number,
            location_id=member.location_id,
            public_id=member.public_id,
        ),
        points=grant.points,
        active_at=grant.active_at,
        expires_at=grant.expires_at,
        is_sliding=grant.sliding,
        now=now,
        actor=str(actor),
    )
    change = None
    if promised.qualifying:
        today, joined_on = (periods.local_day(at, merchant.tzinfo) for at in (now, member.joined_at))
        tiers.add(merchant.pk, [tiers.Extra(member.pk, today, grant.points, "member", member.pk)])
        change = tiers.rate(
            account, version, {}, joined_on=joined_on, changed_on=None, reread=tiers.Reread(merchant.pk), now=now,
            zone=merchant.tzinfo,
        )  # fmt: skip
        tiers.write(merchant.pk, [change] if change else [], now=now)
    book.write()
    return grant.points, change
