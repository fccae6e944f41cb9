"""Which page the portal's service worker may keep: one member's card, and nothing of anybody after signing out.

The worker (templates/ui/sw.js) obeys the header; the portal's views set it.
"""

from __future__ import annotations

from django.http.response import HttpResponseBase

HEADER = "Offline-Card"


def keep_card(response: HttpResponseBase, *, member_id: str) -> None:
    """Mark the answer as this member's card: the worker keeps it and forgets every other."""
    response[HEADER] = member_id


def forget_cards(response: HttpResponseBase) -> None:
    """Mark an answer to somebody who is not signed in: the worker throws away the card it kept."""
    response[HEADER] = "none"
