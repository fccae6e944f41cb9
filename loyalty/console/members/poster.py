"""The way for members to join by themselves: a link, and a poster to be printed."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from loyalty.console import screens
from loyalty.console.access import seat_required
from loyalty.console.members import poster_pdf
from loyalty.console.members.poster_pdf import Poster
from loyalty.tenant import merchant_of
from loyalty.ui import theme
from merchants import logos
from merchants.permissions import Permission
from rewards.terms import TermsWording


@require_GET
@seat_required(Permission.EDIT_MEMBERS)
def poster(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the link to join, the poster in the shop's language, and the PDFs of it."""
    page: dict[str, Any] = {"link": _link(request), "pdfs": [
        {"label": label, "href": screens.url(request, "poster_pdf", sheet=sheet)}
        for sheet, label in (("a4", _("Poster, A4 (PDF)")), ("cards", _("Four table cards (PDF)")))
    ]}  # fmt: skip
    with translation.override(merchant_of(request).language):
        page |= _texts(request)
    return screens.show(request, "console/members/poster.html", page)


@require_GET
@seat_required(Permission.EDIT_MEMBERS)
def pdf(request: HttpRequest, merchant_slug: str, sheet: str) -> HttpResponse:
    """Send the poster as a PDF, in the shop's language; `sheet` is one of `poster_pdf.SHEETS`."""
    if sheet not in poster_pdf.SHEETS:
        raise Http404
    merchant = merchant_of(request)
    colours = theme.palette(merchant.brand_colour, dark=False)
    logo = logos.of(merchant) if merchant.logo else None
    with translation.override(merchant.language):
        texts = _texts(request)
    content = poster_pdf.written(
        Poster(
            name=merchant.name, link=_link(request), brand=colours["brand"], on_brand=colours["on-brand"],
            language=merchant.language, logo=bytes(logo.content) if logo else None, **texts,
        ),
        sheet,
    )  # fmt: skip
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{merchant.slug}-{sheet}.pdf"'},
    )


def _link(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("portal:join", kwargs={"merchant_slug": merchant_of(request).slug}))


def _texts(request: HttpRequest) -> dict[str, str]:
    """What the poster says, in the language that is on."""
    merchant, version = merchant_of(request), screens.version_of(request)
    gift = ""
    if version is not None and version.terms.welcome is not None:
        said = TermsWording(version.terms, translation.get_language() or "en").points(version.terms.welcome.points)
        gift = _("%(points)s for joining") % {"points": said}
    return {
        "title": _("Collect points at %(name)s") % {"name": merchant.name},
        "gift": gift,
        "how": _("Scan with your phone’s camera and join in a minute"),
    }
