"""Every address of the installation.  `tests/house` asks each of them as everybody: a route without a row fails."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("loyalty.operations.urls")),
]
