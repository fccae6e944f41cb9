"""Members, their cards, their consents, and the one-time codes sent to their contacts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.card_keys import CardKey
from members.mailboxes import Mailbox
from merchants import ids
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from merchants.languages import LANGUAGES
from merchants.models.merchants import Location
from merchants.models.people import User


class Member(TenantModel):
    """A person as one merchant knows them.  May have a user once they claimed the membership, or none."""

    id_prefix: ClassVar[str] = "mem"

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        MERGED = "merged", _("merged")
        ERASED = "erased", _("erased")

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=255, null=True, blank=True)
    code = models.CharField(max_length=12, help_text="Short, to be said aloud: M4K7-92QX, kept without the dash")
    referral_code = models.CharField(
        max_length=12,
        default=ids.mint_referral_code,
        help_text="For inviting friends: JOIN7K4M92A; names nobody elsewhere",
    )
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, null=True, blank=True, help_text="Normalised to lower case")
    phone = models.CharField(max_length=20, null=True, blank=True, help_text="E.164")
    mailbox = models.GeneratedField(
        expression=Mailbox(models.F("email")), output_field=models.CharField(max_length=254, null=True), db_persist=True,
        help_text="Where the e-mail arrives: without its plus-part, and without the dots that Gmail passes over",
    )  # fmt: skip
    birth_month = models.PositiveSmallIntegerField(null=True, blank=True)
    birth_day = models.PositiveSmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=10, choices=LANGUAGES, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    attributes = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    merged_into = TenantKey("self", constraint="member_merged_into_own_member", null=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, blank=True)
    seat_id_of_staff = models.CharField(max_length=40, blank=True, help_text="Set when the member is also staff here")
    location = TenantKey(Location, constraint="member_joined_at_own_location", null=True)
    joined_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    changed_at = models.DateTimeField(
        db_default=Now(), help_text="When anything others are shown of the member changed last"
    )
    portal_sessions_since = models.DateTimeField(
        null=True, blank=True, help_text="Portal sessions begun before are over: signed out everywhere"
    )
    email_proved_at = models.DateTimeField(
        null=True, blank=True, help_text="When this member last signed in by a code to the address"
    )
    phone_proved_at = models.DateTimeField(
        null=True, blank=True, help_text="When this member last signed in by a code to the number"
    )
    leaves_at = models.DateTimeField(
        null=True, blank=True, help_text="They asked to leave: erased from then on, unless they take it back"
    )

    spending_stopped_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nothing is spent, until member or staff allow it again"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="member_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "external_id"], name="member_external_id_unique"),
            models.UniqueConstraint(fields=["merchant", "code"], name="member_code_unique"),
            models.UniqueConstraint(fields=["merchant", "referral_code"], name="member_referral_code_unique"),
            models.UniqueConstraint(fields=["merchant", "email"], name="member_email_unique"),
            models.UniqueConstraint(fields=["merchant", "phone"], name="member_phone_unique"),
            models.UniqueConstraint(fields=["merchant", "user"], name="one_membership_per_user_and_merchant"),
            models.CheckConstraint(
                name="member_birthday_is_whole",
                condition=models.Q(birth_month__isnull=True, birth_day__isnull=True)
                | models.Q(birth_month__range=(1, 12), birth_day__range=(1, 31)),
            ),
            models.CheckConstraint(
                name="a_merged_member_names_the_other",
                condition=models.Q(merged_into__isnull=True) | models.Q(state__in=["merged", "erased"]),
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-joined_at", "-id"], name="member_newest_first"),
            models.Index(fields=["merchant", "name", "id"], name="member_by_name"),
            models.Index(fields=["merchant", "changed_at", "id"], name="member_by_change"),
            models.Index(
                fields=["merchant", "mailbox"], name="member_by_mailbox", condition=models.Q(email__isnull=False)
            ),
            models.Index(
                fields=["merchant", "leaves_at"], name="member_leaving", condition=models.Q(leaves_at__isnull=False)
            ),
            models.Index(
                fields=["merchant", "merged_into"],
                name="member_by_successor",
                condition=models.Q(merged_into__isnull=False),
            ),
            models.Index(
                fields=["merchant", "birth_month", "birth_day", "id"],
                name="member_by_birthday",
                condition=models.Q(birth_month__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.public_id


class SearchKey(TenantModel):
    """One end of what a member is searched by, such as `n지` for 민지: see `members.search_keys`."""

    deletable = True

    member = TenantKey(Member, constraint="search_key_of_own_member")
    key = models.CharField(max_length=20)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "key", "member"], name="search_key_unique"),
        ]
        indexes = [models.Index(fields=["merchant", "member"], name="search_key_by_member")]


class FormerCode(TenantModel):
    """A member's code that was replaced: it names nobody any more, but a friend may still join by an old link with it."""

    deletable = True

    code = models.CharField(max_length=12)
    member = TenantKey(Member, constraint="former_code_of_own_member")
    replaced_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "code"], name="former_code_unique"),
        ]
        indexes = [models.Index(fields=["merchant", "member"], name="former_code_by_member")]


class Card(TenantModel):
    """A number a till can scan: a plastic card, a wallet pass, or the portal's own."""

    id_prefix: ClassVar[str] = "crd"

    number = models.CharField(max_length=64)
    key = models.GeneratedField(
        expression=CardKey(models.F("number")), output_field=models.CharField(max_length=64), db_persist=True,
        help_text="What the number is looked up by: one for all that read alike",
    )  # fmt: skip
    member = TenantKey(Member, constraint="card_of_own_member")
    issued_at = models.DateTimeField()
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "key"], name="card_reads_like_no_other"),
        ]
        indexes = [models.Index(fields=["merchant", "member"], name="card_by_member")]


class Consent(TenantModel):
    """One event of granting or withdrawing; the newest per purpose and channel counts."""

    append_only = True

    member = TenantKey(Member, constraint="consent_of_own_member")
    purpose = models.CharField(max_length=30, help_text="terms, privacy, marketing, night_marketing, profiling")
    channel = models.CharField(
        max_length=20, blank=True, help_text="email, sms, push; empty for a purpose without channels"
    )
    is_granted = models.BooleanField()
    wording = models.CharField(max_length=2000)
    wording_version = models.CharField(max_length=40)
    document = models.CharField(max_length=60, blank=True, help_text="What was read before: terms:4, privacy:2")
    language = models.CharField(max_length=10)
    source = models.CharField(max_length=40, help_text="portal, counter, api, import")
    actor = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
        ]
        indexes = [models.Index(fields=["merchant", "member", "purpose", "-id"], name="consent_newest_first")]


class ContactCode(TenantModel):
    """A one-time code sent to a contact: bound to the session that asked, five tries, ten minutes, used once."""

    deletable = True

    contact = models.CharField(max_length=254)
    purpose = models.CharField(max_length=20, help_text="sign_in, join, link, step_up, change, redeem, leave, export")
    session = models.CharField(max_length=64)
    code_hash = models.CharField(max_length=64)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(name="a_code_is_tried_at_most_five_times", condition=models.Q(attempts__lte=5)),
        ]
        indexes = [models.Index(fields=["merchant", "contact", "-created_at"], name="contact_code_newest_first")]


class ContactChange(TenantModel):
    """A member's e-mail or number that became another one: for the old contact to take back, and for the cool-off."""

    deletable = True

    member = TenantKey(Member, constraint="contact_change_of_own_member")
    kind = models.CharField(max_length=5, help_text="email, phone")
    old = models.CharField(max_length=254, blank=True, help_text="Empty: there was none before")
    new = models.CharField(max_length=254, blank=True, help_text="Empty: it was taken away")
    actor = models.CharField(max_length=120)
    changed_at = models.DateTimeField()
    undo_hash = models.CharField(max_length=64, help_text="Of the secret in the link that the old contact got")
    undo_until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "undo_hash"], name="contact_change_undo_unique"),
        ]
        indexes = [models.Index(fields=["merchant", "member", "-id"], name="contact_change_by_member")]


class UsedLiveCode(TenantModel):
    """A moving code that a member's points were spent with: it is good for one document and no other."""

    deletable = True

    member = TenantKey(Member, constraint="live_code_of_own_member")
    minute = models.BigIntegerField(help_text="Minutes since 1970 at which the code was the current one")
    used_for = models.CharField(max_length=320, help_text="External id of the document, behind its kind")
    used_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member", "minute"], name="live_code_is_used_once"),
        ]
