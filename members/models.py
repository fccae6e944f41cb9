"""Members, their cards, their consents, and the one-time codes sent to their contacts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.constraints import TenantForeignKey
from merchants.models.merchants import LANGUAGES, Location, TenantModel
from merchants.models.people import User


class Member(TenantModel):
    """A person as one merchant knows them.  May have a user once they claimed the membership, or none."""

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        BLOCKED = "blocked", _("blocked")
        MERGED = "merged", _("merged")
        ERASED = "erased", _("erased")

    public_id = models.CharField(max_length=40)
    external_id = models.CharField(max_length=255, null=True, blank=True)
    code = models.CharField(max_length=12, help_text="Short, to be said aloud: M4K7-92QX, kept without the dash")
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, null=True, blank=True, help_text="Normalised to lower case")
    phone = models.CharField(max_length=20, null=True, blank=True, help_text="E.164")
    birth_month = models.PositiveSmallIntegerField(null=True, blank=True)
    birth_day = models.PositiveSmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=10, choices=LANGUAGES, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    attributes = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, blank=True)
    seat_id_of_staff = models.CharField(max_length=40, blank=True, help_text="Set when the member is also staff here")
    location = models.ForeignKey(
        Location,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
    )
    joined_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    portal_sessions_since = models.DateTimeField(
        null=True, blank=True, help_text="Portal sessions begun before are over: signed out everywhere"
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="member_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "external_id"], name="member_external_id_unique"),
            models.UniqueConstraint(fields=["merchant", "code"], name="member_code_unique"),
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
            TenantForeignKey(field="merged_into", name="member_merged_into_own_member"),
            TenantForeignKey(field="location", name="member_joined_at_own_location"),
        ]
        indexes = [
            models.Index(fields=["merchant", "-joined_at", "-id"], name="member_newest_first"),
            models.Index(fields=["merchant", "name", "id"], name="member_by_name"),
        ]

    def __str__(self) -> str:
        return self.name or self.public_id


class Card(TenantModel):
    """A number a till can scan: a plastic card, a wallet pass, or the portal's own."""

    number = models.CharField(max_length=64)
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    issued_at = models.DateTimeField()
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "number"], name="card_number_unique"),
            TenantForeignKey(field="member", name="card_of_own_member"),
        ]
        indexes = [models.Index(fields=["merchant", "member"], name="card_by_member")]


class Consent(TenantModel):
    """One event of granting or withdrawing; the newest per purpose and channel counts."""

    append_only = True

    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    purpose = models.CharField(max_length=30, help_text="terms, marketing, night_marketing, profiling")
    channel = models.CharField(max_length=20, blank=True, help_text="email, sms, push or empty for all")
    is_granted = models.BooleanField()
    wording = models.CharField(max_length=2000)
    wording_version = models.CharField(max_length=40)
    language = models.CharField(max_length=10)
    source = models.CharField(max_length=40, help_text="portal, counter, api, import")
    actor = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            TenantForeignKey(field="member", name="consent_of_own_member"),
        ]
        indexes = [models.Index(fields=["merchant", "member", "purpose", "-id"], name="consent_newest_first")]


class ContactCode(TenantModel):
    """A one-time code sent to a contact: bound to the session that asked, five tries, ten minutes, used once."""

    deletable = True

    contact = models.CharField(max_length=254)
    purpose = models.CharField(max_length=20, help_text="sign_in, join, link, step_up, change, redeem")
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

    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
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
            TenantForeignKey(field="member", name="contact_change_of_own_member"),
        ]
        indexes = [models.Index(fields=["merchant", "member", "-id"], name="contact_change_by_member")]


class UsedLiveCode(TenantModel):
    """A moving code that a member's points were spent with: it is good for one document and no other."""

    deletable = True

    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    minute = models.BigIntegerField(help_text="Minutes since 1970 at which the code was the current one")
    used_for = models.CharField(max_length=320, help_text="External id of the document, behind its kind")
    used_at = models.DateTimeField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "member", "minute"], name="live_code_is_used_once"),
            TenantForeignKey(field="member", name="live_code_of_own_member"),
        ]
