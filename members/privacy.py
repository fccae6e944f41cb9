"""The privacy notice as members read it: the merchant's own, or, until there is one, facts about this installation.

No page ever refers to a notice that does not exist: the standard one is always there, and names its own version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from members import contact_changes, leaving
from merchants import privacy_notices
from merchants.models.merchants import Merchant

#: Changes with the meaning of `standard_text`, so that what somebody agreed to stays known.
STANDARD_VERSION = "2026-11"
STANDARD_SINCE = date(2026, 11, 30)


@dataclass(frozen=True, slots=True)
class NoticeToRead:
    """A notice in one language.  `number` is 0 for the standard one; `document` names the exact version."""

    number: int
    text: str
    language: str
    legal_contact: str
    published_at: datetime | None

    @property
    def document(self) -> str:
        return document_of(self.number)

    @property
    def version(self) -> str:
        return str(self.number) if self.number else STANDARD_VERSION


def document_of(number: int) -> str:
    """Name the version of the notice as consents keep it."""
    return f"privacy:{number}" if number else f"privacy:standard-{STANDARD_VERSION}"


def number_of(document: str) -> int:
    """Return the number in `privacy:3`; 0 for the standard notice and for none at all."""
    tail = document.removeprefix("privacy:")
    return int(tail) if tail.isascii() and tail.isdecimal() else 0


def notice(*, merchant: Merchant, language: str = "", number: int | None = None) -> NoticeToRead | None:
    """Return the notice in force, or the one numbered so, in a language or else the merchant's own.

    Number 0 is the standard notice.  None when there is no such version.
    """
    wanted = language or get_language() or merchant.language
    found = None
    if number is None:
        found = privacy_notices.newest(merchant)
    elif number > 0:
        found = privacy_notices.numbered(merchant, number)
        if found is None:
            return None
    if found is None:
        with override(wanted):
            return NoticeToRead(0, standard_text(merchant), wanted, "", None)
    text, written_in = found.text(wanted, merchant.language)
    return NoticeToRead(found.number, text, written_in, found.legal_contact, found.published_at)


def standard_text(merchant: Merchant) -> str:
    """Say in the active language, as Markdown, what this installation keeps, why, how long, and who answers."""
    named = {
        "merchant": escaped(merchant.name),
        "leave_days": leaving.DAYS,
        "undo_days": contact_changes.DAYS_KEPT,
        "event_days": merchant.outbox_days_kept,
    }
    parts = [
        (_("Who keeps it"), [
            _("%(merchant)s runs this membership programme and decides about the data. Ask the staff about anything on this page."),
        ]),
        (_("What is kept, and why"), [
            _("Your phone number or e-mail address: to know you again, to send you codes, and to tell you about your membership."),
            _("Name, birthday and language, if you give them: to greet you, for birthday rewards, and to write in your language."),
            _("Your purchases with date, shop, goods and amounts: to count points, to give them back after a refund, and to see how the programme is used."),
            _("Your points, tiers, rewards and cards: that is the programme itself."),
            _("What you tell us: answers to surveys, questions about missing points, and what you agreed to, with the words and the time."),
            _("Who of the staff looked at your contacts or changed something: so that it can be checked."),
        ]),
        (_("How long"), [
            _("Until you leave the programme. %(leave_days)d days after you asked for it, in which you can change your mind, your name, contacts, birthday, cards and comments are erased; purchases stay in the books without your name."),
            _("A code that we send is good for 10 minutes. The words of a message are wiped when it has been sent."),
            _("A former phone number or e-mail address is kept for %(undo_days)d days, so that a change by somebody else can be undone."),
            _("A member code that you replaced is kept until you leave: a friend's old link may have it. It does nothing else any more."),
            _("Notices to the shop's own systems are kept for %(event_days)d days; they hold no name and no contact."),
        ]),
        (_("Who else sees it"), [
            _("Nobody, unless you agree. Messages go through a mail or text message service, which gets your address and the message."),
            _("This site sets only the cookies that it needs: to keep you signed in, for language and colours, and for 13 months a mark that you have signed in in this browser, so that nobody else can keep codes from you. The mark holds no name. There is no advertising and no tracking."),
        ]),
        (_("What you can do"), [
            _("See, correct and take along everything that is kept about you: under Me."),
            _("Withdraw what you agreed to, at any time, under Me: that changes nothing about your points."),
            _("Leave, under Me. You can also ask the staff to do any of this for you, or complain to the data protection authority."),
        ]),
    ]  # fmt: skip
    said = []
    for heading, lines in parts:
        said += [f"## {heading}", "\n".join(f"- {line % named}" for line in lines)]
    return "\n\n".join(said)


def escaped(text: str) -> str:
    """Return a name as Markdown that prints it as it is."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|<>~&" else sign for sign in text)
