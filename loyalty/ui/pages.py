"""The views of the design system itself: colours, icons and manifest of a merchant, the member's offline card, the
reader's language and light or dark, and the style guide.

None of them shows anything a member owns; all but the style guide are open to everybody.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from loyalty.tenant import merchant_of, outside_tenant
from loyalty.ui import appicon, colour, styleguide, theme
from merchants import logos, photos
from merchants.directory import Merchant

YEAR = 365 * 24 * 3600


@require_GET
@outside_tenant
@cache_control(public=True, max_age=YEAR, immutable=True)
def theme_stylesheet(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """The merchant's palette. Pages name the colour in the address (?v=), so it may be kept for a year."""
    return HttpResponse(theme.stylesheet(merchant_of(request).brand_colour), content_type="text/css; charset=utf-8")


@require_GET
@cache_control(public=True, max_age=YEAR, immutable=True)
def preview(request: HttpRequest) -> HttpResponse:
    """The palette of any colour (?brand=7a1f3d), for a settings form that shows it before it is saved."""
    try:
        text = theme.stylesheet(request.GET.get("brand", ""))
    except colour.NotAColour:
        raise Http404 from None
    return HttpResponse(text, content_type="text/css; charset=utf-8")


@require_GET
def logo(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """The merchant's logo. Pages name its content in the address (?v=), so that one may be kept for a year."""
    merchant = merchant_of(request)
    found = logos.of(merchant) if merchant.logo else None
    if found is None:
        raise Http404
    return _picture(bytes(found.content), found.media_type, is_named=request.GET.get("v") == merchant.logo)


@require_GET
def photo(request: HttpRequest, merchant_slug: str, subject: str, width: int) -> HttpResponse:
    """The photo of a reward, or the cover, in one of its widths; `?v=` names its content as with the logo."""
    merchant = merchant_of(request)
    shown = photos.shown(merchant, subject)
    content = photos.content(merchant, subject, width) if shown is not None and width in shown.widths else None
    if shown is None or content is None:
        raise Http404
    return _picture(content, "image/webp", is_named=request.GET.get("v") == shown.print)


def _picture(content: bytes, media_type: str, *, is_named: bool) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    patch_cache_control(
        response, public=True, **({"max_age": YEAR, "immutable": True} if is_named else {"max_age": 300})
    )
    # Whatever a browser may one day see in these bytes: it is a picture, and it may do nothing. Mail shows it elsewhere.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_GET
@outside_tenant
@cache_control(public=True, max_age=24 * 3600)
def mark(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    return HttpResponse(appicon.svg(merchant_of(request).brand_colour), content_type="image/svg+xml")


@require_GET
@outside_tenant
@cache_control(public=True, max_age=24 * 3600)
def app_icon(request: HttpRequest, merchant_slug: str, size: int) -> HttpResponse:
    if size not in appicon.SIZES:
        raise Http404
    return HttpResponse(appicon.png(merchant_of(request).brand_colour, size), content_type="image/png")


@require_GET
@outside_tenant
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """What a phone needs to put the portal on its home screen."""
    merchant = merchant_of(request)
    body = _app(merchant, _page_url("portal:home", merchant_slug), merchant.name)
    card = _page_url("portal:card", merchant_slug)
    body["shortcuts"] = [{"name": _("Card"), "url": card, "icons": body["icons"][1:2]}]
    return JsonResponse(body, content_type="application/manifest+json")


@require_GET
@outside_tenant
@cache_control(public=True, max_age=3600)
def counter_manifest(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """What a tablet needs to put the counter on its home screen."""
    merchant = merchant_of(request)
    name = _("Counter: %(merchant)s") % {"merchant": merchant.name}
    return JsonResponse(
        _app(merchant, _page_url("console:counter", merchant_slug), name), content_type="application/manifest+json"
    )


def _app(merchant: Merchant, home: str, name: str) -> dict[str, Any]:
    icons = [
        {
            "src": reverse("ui:app_icon", args=[merchant.slug, size]),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": "any maskable",
        }
        for size in appicon.SIZES
    ]
    return {
        "id": home,
        "name": name,
        "short_name": name[:24],
        "lang": merchant.language,
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "background_color": theme.LIGHT.paper,
        "theme_color": theme.LIGHT.paper,
        "icons": icons,
    }


@require_GET
@outside_tenant
@cache_control(no_cache=True)
def service_worker(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """The worker that keeps the member's card for a moment without a net; see templates/ui/sw.js."""
    response = render(
        request,
        "ui/sw.js",
        {"offline_url": reverse("ui:offline", args=[merchant_slug])},
        content_type="text/javascript; charset=utf-8",
    )
    response["Service-Worker-Allowed"] = _page_url("portal:home", merchant_slug)
    return response


@require_GET
@outside_tenant
@cache_control(no_cache=True)
def counter_worker(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """The worker that shows the counter's pages without a connection; see templates/ui/counter_sw.js."""
    home = _page_url("console:counter", merchant_slug)
    response = render(request, "ui/counter_sw.js", {"home": home}, content_type="text/javascript; charset=utf-8")
    response["Service-Worker-Allowed"] = home
    return response


@require_GET
@outside_tenant
def offline(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """What is shown without a net where no card was kept."""
    return render(request, "portal/offline.html")


@require_POST
def scheme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the device; a cookie, so the first byte of the next page already has it."""
    response = HttpResponseRedirect(_next(request))
    chosen = request.POST.get("scheme")
    if chosen in {"light", "dark"}:
        response.set_cookie("theme", chosen, max_age=YEAR, secure=request.is_secure(), samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_POST
def density(request: HttpRequest) -> HttpResponse:
    """How much of the console stands on a wide screen: compact, or as large as on a phone."""
    response = HttpResponseRedirect(_next(request))
    if request.POST.get("density") == "roomy":
        response.set_cookie("density", "roomy", max_age=YEAR, secure=request.is_secure(), samesite="Lax")
    else:
        response.delete_cookie("density", samesite="Lax")
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The language of the screens, in Django's own cookie."""
    response = HttpResponseRedirect(_next(request))
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES) and check_for_language(chosen):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, max_age=YEAR, secure=request.is_secure(), samesite="Lax"
        )
    return response


def style_guide(request: HttpRequest, part: str = "index") -> HttpResponse:
    """Every component in every state, drawn with the tags pages use; for whoever builds the screens."""
    if not (settings.DEBUG or request.user.is_superuser):
        raise Http404
    if part not in styleguide.PARTS:
        raise Http404
    return render(request, f"ui/styleguide/{part}.html", styleguide.context(part, request.POST or None))


def _page_url(name: str, merchant_slug: str) -> str:
    try:
        return reverse(name, kwargs={"merchant_slug": merchant_slug})
    except NoReverseMatch:
        return "/"


def _next(request: HttpRequest) -> str:
    """Where to go after a choice: back, but never to another site."""
    target: Any = request.POST.get("next", "/")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return str(target)
    return "/"
