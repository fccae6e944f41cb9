"""What all pages of the console share: the frame around them, cursors of their lists, and the way on after an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from loyalty.console import bell
from loyalty.console.access import actor_of, now_of, seat_of, workplaces_of
from loyalty.tenant import merchant_of
from loyalty.ui.list_cursors import read_cursor as read_cursor
from loyalty.ui.undo import Undo as Undo
from loyalty.ui.undo import say
from merchants import cursors
from merchants.permissions import Permission, Role, may
from rewards import terms, versions
from rewards.versions import Timeline, Version

T = TypeVar("T")
PAGE = 25


def show(request: HttpRequest, template: str, page: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw a page in the console's frame; a form that failed answers 422."""
    return render(request, template, {**frame(request), **page}, status=status)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Who is here, at which of their merchants, and what they may do (`can.publish_programme`)."""
    merchant, role = merchant_of(request), actor_of(request).role
    workplaces = [
        {
            "merchant": place.merchant,
            "name": place.merchant.name,
            "href": reverse("console:start", kwargs={"merchant_slug": place.merchant.slug}),
            "role": Role(place.role).label,
            "is_current": place.merchant.pk == merchant.pk,
        }
        for place in workplaces_of(request)
    ]
    return {
        "seats": workplaces,
        "seat": seat_of(request),
        "bell": bell.known(seat_of(request)),
        "role_name": Role(role).label,
        "now": now_of(request),
        "can": {permission.value: may(role, permission) for permission in Permission},
        "decimals": decimals_of(request),
    }


def reward_names(request: HttpRequest) -> dict[str, str]:
    """Return what rewards are called, those that are gone too, by the newest terms that knew each."""
    language = get_language() or "en"
    return {
        each.code: terms.text(each.name, language)
        for version in timeline_of(request).versions
        for each in version.terms.rewards
    }


def timeline_of(request: HttpRequest) -> Timeline:
    """Return all versions of the terms, looked up once a request."""
    if not hasattr(request, "terms_timeline"):
        request.terms_timeline = versions.timeline(merchant_of(request).pk)  # type: ignore[attr-defined]
    return request.terms_timeline  # type: ignore[attr-defined, no-any-return]


def version_of(request: HttpRequest) -> Version | None:
    """Return the terms in force now, looked up once a request."""
    return timeline_of(request).at(now_of(request))


def decimals_of(request: HttpRequest) -> int:
    """Return how many decimals points are printed with."""
    version = version_of(request)
    return version.terms.points.decimals if version else 0


def points_word(request: HttpRequest) -> str:
    """Return what this programme calls its points, in the reader's language."""
    version = version_of(request)
    return terms.text(version.terms.points.plural, get_language() or "en") if version else _("points")


def may_do(request: HttpRequest, permission: Permission) -> bool:
    return may(actor_of(request).role, permission)


def url(request: HttpRequest, name: str, **kwargs: Any) -> str:
    """Return the address of a page of this merchant."""
    return reverse(f"console:{name}", kwargs={"merchant_slug": merchant_of(request).slug, **kwargs})


def to(request: HttpRequest, name: str, *, said: str = "", undo: Undo | None = None, **kwargs: Any) -> HttpResponse:
    """Go on to a page of this merchant, and say what was done, beside a button that undoes it where one is given."""
    if said and undo is not None:
        say(request, said, undo)
    elif said:
        notes.success(request, said)
    answer: HttpResponse = redirect(f"console:{name}", merchant_slug=merchant_of(request).slug, **kwargs)
    return answer


# -- lists ------------------------------------------------------------------------------------------------------------


def cut(rows: Sequence[T], key: Callable[[T], Any], limit: int = PAGE) -> tuple[Sequence[T], str | None]:
    """Cut the `limit + 1` rows read to a page, and make the cursor of the next one if there is one."""
    return cursors.cut(rows, limit, key)
