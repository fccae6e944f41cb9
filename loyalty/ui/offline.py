"""Which pages a service worker may keep: the portal's one member's card, the counter's those of whoever is signed on; nothing
of anybody after signing out.

The workers (templates/ui/sw.js, templates/ui/counter_sw.js) obey the headers; the views set them.
"""

from __future__ import annotations

from django.http.response import HttpResponseBase

HEADER = "Offline-Card"
COUNTER_HEADER = "Offline-Counter"


def keep_card(response: HttpResponseBase, *, member_id: str) -> None:
    """Mark the answer as this member's card: the worker keeps it and forgets every other."""
    response[HEADER] = member_id


def forget_cards(response: HttpResponseBase) -> None:
    """Mark an answer to somebody who is not signed in: the worker throws away the card it kept."""
    response[HEADER] = "none"


def keep_counter_page(response: HttpResponseBase, *, seat_id: str) -> None:
    """Mark the answer as a page of the counter that this seat may see again without a connection."""
    response[COUNTER_HEADER] = seat_id


def forget_counter_pages(response: HttpResponseBase) -> None:
    """Mark an answer to somebody who is not signed on at the counter: the worker throws away the pages it kept."""
    response[COUNTER_HEADER] = "none"
