"""A message that can be undone: what was done, and the form that undoes it, until the next page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest

_TAG: Final = "undo:"


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes an act: the address of a form sent by POST, and its fields."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


def say(request: HttpRequest, text: str, undo: Undo) -> None:
    """Say on the next page what was done, beside a button that undoes it."""
    kept = json.dumps({"url": undo.url, "fields": dict(undo.fields)})
    messages.success(request, text, extra_tags=_TAG + kept)


def undo_of(message: Message) -> Undo | None:
    """Return what undoes that of which the message tells; None where nothing does."""
    tags = message.extra_tags or ""
    return Undo(**json.loads(tags.removeprefix(_TAG))) if tags.startswith(_TAG) else None
