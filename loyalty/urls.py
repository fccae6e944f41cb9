"""Every address of the installation.  `tests/project` asks each of them as everybody: a route without a row fails."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from loyalty.accounts import backoffice

urlpatterns: list[URLPattern | URLResolver] = [
    # First, since tills are many and hurried: patterns are tried in order.
    path("api/", include("loyalty.api.urls")),
    path("", include("loyalty.operations.urls")),
    path("", include("loyalty.accounts.urls")),
    path("", include("loyalty.ui.urls")),
    path("backoffice/", backoffice.site.urls),
    path("console/", include("loyalty.console.urls")),
    path("m/<slug:merchant_slug>/", include("loyalty.portal.urls")),
]
