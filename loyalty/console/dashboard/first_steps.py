"""The way from an empty shop to the first numbers: a list that stays on the dashboard until the tenth sale."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty.console import screens
from loyalty.tenant import merchant_of
from members import directory
from merchants.permissions import Permission
from rewards import programmes

#: Until so many sales the steps stand on the dashboard.
SALES_TO_BEGIN_WITH: Final = 10


def steps(request: HttpRequest, *, sales: int) -> dict[str, Any]:
    """Return the steps, which of them is next, and how many are left; each has its own button where the role may do it."""
    merchant = merchant_of(request)
    has_programme = screens.version_of(request) is not None or bool(programmes.published(merchant=merchant, limit=1))
    has_draft = has_programme or programmes.draft(merchant=merchant).revision > 0
    has_member = bool(directory.page(merchant=merchant, limit=1))

    def way(name: str, permission: Permission) -> str:
        return screens.url(request, name) if screens.may_do(request, permission) else ""

    listed = [
        {
            "title": _("Choose what members get"),
            "text": _("Start from a template of your trade and change what you like."),
            "is_done": has_draft,
            "href": way("programme_templates", Permission.EDIT_PROGRAMME),
            "action": _("Choose a template"),
        },
        {
            "title": _("Publish it"),
            "text": _("Read it once more, with what usual sales would earn. Members earn from then on."),
            "is_done": has_programme,
            "href": way("programme_review", Permission.PUBLISH_PROGRAMME),
            "action": _("Review and publish"),
        },
        {
            "title": _("Put up a poster"),
            "text": _("Customers scan it and join by themselves. Print it, or save it as PDF."),
            "is_done": has_member,
            "href": way("poster", Permission.EDIT_MEMBERS),
            "action": _("Print the poster"),
        },
        {
            "title": _("Enrol the first member"),
            "text": _("Yourself, to see what members see. A name and a phone number are enough."),
            "is_done": has_member,
            "href": way("member_enrol", Permission.EDIT_MEMBERS),
            "action": _("Enrol a member"),
        },
        {
            "title": _("Record the first sale"),
            "text": _("Open the counter here, or scan its code with the phone or tablet at your till."),
            "is_done": sales > 0,
            "href": way("counter", Permission.USE_COUNTER),
            "action": _("Open the counter"),
            "scan": request.build_absolute_uri(screens.url(request, "counter")),
        },
        {
            "title": _("Sell ten times"),
            "text": _("%(sales)d of %(needed)d so far. Weeks, shares and who comes back are computed every night.")
            % {"sales": min(sales, SALES_TO_BEGIN_WITH), "needed": SALES_TO_BEGIN_WITH},
            "is_done": sales >= SALES_TO_BEGIN_WITH,
            "href": "",
            "action": "",
        },
    ]
    following = next((place for place, step in enumerate(listed) if not step["is_done"]), 0)
    return {
        "steps": listed,
        "following": following,
        "left": sum(not step["is_done"] for step in listed),
        "portal": request.build_absolute_uri(reverse("portal:join", kwargs={"merchant_slug": merchant.slug})),
    }
