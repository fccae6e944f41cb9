"""The merchant's privacy notice: written by the merchant, published in numbered versions that never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext as _

from merchants import audit, texts
from merchants.actors import Actor
from merchants.errors import Conflict, Invalid
from merchants.languages import LANGUAGES
from merchants.models.merchants import Merchant
from merchants.models.notices import PrivacyNotice

TEXT_MAX = 20_000
CONTACT_MAX = 500


class NoticeMoved(Conflict):
    """Somebody else published a version since the form was opened."""

    code: ClassVar[str] = "notice_moved"


@dataclass(frozen=True, slots=True)
class PublishedNotice:
    """One published version: its texts by language, who answers for the data, and whether members are asked again."""

    number: int
    texts: Mapping[str, str]
    legal_contact: str
    asks_again: bool
    published_at: datetime
    actor: str

    def text(self, language: str, fallback: str) -> tuple[str, str]:
        """Return the text for a reader of `language` and the language it is in."""
        for wanted in (language, fallback, *self.texts):
            if wanted in self.texts:
                return self.texts[wanted], wanted
        return "", fallback


def publish(
    *,
    merchant: Merchant,
    texts_by_language: Mapping[str, str],
    legal_contact: str,
    asks_again: bool,
    based_on: int,
    now: datetime,
    actor: Actor,
) -> int:
    """Publish the next version and return its number; the same words again are no new version.

    `based_on` is the number the writer began with, 0 for none.  Locks the merchant's row.

    :raises NoticeMoved: another version was published meanwhile.
    :raises Invalid: the merchant's own language is missing, or a text is too long; `pointer` names the language.
    """
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    before = newest(merchant)
    if (before.number if before else 0) != based_on:
        raise NoticeMoved(_("Somebody else published a notice meanwhile. Read it, then publish yours again."))
    read = {language: texts.document(text) for language, text in texts_by_language.items() if text.strip()}
    _check(merchant, read)
    contact = texts.paragraph(legal_contact)
    if not 0 < len(contact) <= CONTACT_MAX:
        raise Invalid(_("Say in 1 to 500 characters who answers for the data."), pointer="/legal_contact")
    if before and (before.texts, before.legal_contact) == (read, contact):
        return before.number
    row = PrivacyNotice.objects.create(
        merchant=merchant,
        number=based_on + 1,
        texts=read,
        legal_contact=contact,
        asks_again=asks_again,
        published_at=now,
        actor=str(actor),
    )
    details = {"number": row.number, "languages": sorted(read), "asks_again": asks_again}
    audit.record(
        merchant=merchant, action="privacy_notice.published", actor=actor, now=now, subject=merchant.public_id,
        details=details,
    )  # fmt: skip
    return row.number


def newest(merchant: Merchant) -> PublishedNotice | None:
    """Return the version in force; None where the merchant has written none yet."""
    return _read(PrivacyNotice.objects.filter(merchant=merchant).order_by("-number").first())


def numbered(merchant: Merchant, number: int) -> PublishedNotice | None:
    """Return one version, however old."""
    return _read(PrivacyNotice.objects.filter(merchant=merchant, number=number).first())


def listed(merchant: Merchant, *, limit: int = 100) -> list[PublishedNotice]:
    """List the versions, newest first."""
    rows = PrivacyNotice.objects.filter(merchant=merchant).order_by("-number")[:limit]
    return [found for row in rows if (found := _read(row))]


def asks_again_since(merchant: Merchant, number: int) -> bool:
    """State whether a version published after `number` asks members to agree again."""
    return PrivacyNotice.objects.filter(merchant=merchant, number__gt=number, asks_again=True).exists()


def _check(merchant: Merchant, read: Mapping[str, str]) -> None:
    for language, text in read.items():
        if language not in dict(LANGUAGES):
            raise Invalid(_("The screens do not speak this language."), pointer=f"/texts/{language}")
        if len(text) > TEXT_MAX:
            raise Invalid(_("A notice has at most 20,000 characters."), pointer=f"/texts/{language}")
    if merchant.language not in read:
        raise Invalid(
            _("Write it in your own language at least: members without a translation read that."),
            pointer=f"/texts/{merchant.language}",
        )


def _read(row: PrivacyNotice | None) -> PublishedNotice | None:
    if row is None:
        return None
    return PublishedNotice(row.number, row.texts, row.legal_contact, row.asks_again, row.published_at, row.actor)
