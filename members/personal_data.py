"""What is kept of a person beside their record, for the person themselves: consents, contacts, messages, who looked.

Actors are told by their kind (staff, key, member, system): a member learns that somebody looked, not which employee.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from members import consent
from members.models import ContactChange, FormerCode, Member, UsedLiveCode
from merchants.models.audit import AuditRecord
from merchants.models.merchants import Merchant
from merchants.models.messages import OutgoingMessage
from merchants.models.people import Passport

Rows = Sequence[Mapping[str, Any]]


def of_member(*, merchant: Merchant, member: Member) -> Mapping[str, Any]:
    """Collect the member's rows of this layer, of memberships merged into theirs as well, newest first."""
    people = everybody(merchant, member)
    ids = [person.pk for person in people]
    return {
        "consents": [_consent(each) for each in consent.history(merchant=merchant, member=member)],
        "contact_changes": [
            {"kind": row.kind, "old": row.old, "new": row.new, "by": _kind(row.actor), "at": row.changed_at,
             "undone_at": row.undone_at}
            for row in ContactChange.objects.filter(merchant=merchant, member_id__in=ids).order_by("-pk")
        ],
        "moving_codes_used": [
            {"used_for": row.used_for.partition(":")[0].partition(" ")[0], "at": row.used_at}
            for row in UsedLiveCode.objects.filter(merchant=merchant, member_id__in=ids).order_by("-pk")
        ],
        "former_codes": [
            {"code": row.code, "replaced_at": row.replaced_at}
            for row in FormerCode.objects.filter(merchant=merchant, member_id__in=ids).order_by("-pk")
        ],
        "sign_in": _sign_in(merchant, member),
        "messages": _messages(merchant, member),
        "looked_at_or_changed": [
            {"what": row.action, "by": _kind(row.actor), "at": row.at}
            for row in AuditRecord.objects.filter(
                merchant=merchant, subject__in=[person.public_id for person in people]
            ).order_by("-pk")
        ],
    }  # fmt: skip


def everybody(merchant: Merchant, member: Member) -> list[Member]:
    """List the member and those who were merged into them."""
    return list(Member.objects.filter(Q(pk=member.pk) | Q(merged_into=member), merchant=merchant).order_by("pk"))


def _consent(past: consent.PastConsent) -> Mapping[str, Any]:
    return {
        "consent": past.code, "is_granted": past.is_granted, "at": past.at, "wording": past.wording,
        "wording_version": past.wording_version, "document": past.document, "language": past.language,
        "source": past.source, "by": _kind(past.actor),
    }  # fmt: skip


def _sign_in(merchant: Merchant, member: Member) -> Mapping[str, Any] | None:
    """What this installation knows of the person's sign-in; that they have others elsewhere is told to nobody."""
    user = member.user
    if user is None:
        return None
    passport = Passport.objects.filter(user=user, merchant=merchant).first()
    return {
        "email": user.email,
        "email_verified_at": user.email_verified_at,
        "phone": user.phone,
        "phone_verified_at": user.phone_verified_at,
        "since": user.date_joined,
        "last_sign_in": user.last_login,
        "at_this_shop_since": passport.created_at if passport else None,
        "signed_out_everywhere_at": member.portal_sessions_since,
    }


def _messages(merchant: Merchant, member: Member) -> Rows:
    """Messages to the contacts the member has, since they have them: before that they were somebody else's."""
    found: list[OutgoingMessage] = []
    for contact in (member.email, member.phone):
        if contact:
            since = _since(merchant, member, contact)
            found += OutgoingMessage.objects.filter(merchant=merchant, recipient=contact, created_at__gte=since)
    return [
        {"kind": row.kind, "channel": row.channel, "to": row.recipient, "at": row.created_at, "sent_at": row.sent_at}
        for row in sorted(found, key=lambda row: row.pk, reverse=True)
    ]


def _since(merchant: Merchant, member: Member, contact: str) -> datetime:
    change = ContactChange.objects.filter(merchant=merchant, member=member, new=contact).order_by("-pk").first()
    return change.changed_at if change else member.recorded_at


def _kind(actor: str) -> str:
    return actor.partition(":")[0]
