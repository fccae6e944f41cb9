"""Addresses of the design system: a merchant's colours and app, the reader's choices, the style guide."""

from __future__ import annotations

from django.urls import path

from loyalty.ui import pages

app_name = "ui"

urlpatterns = [
    path("theme-preview.css", pages.preview, name="preview"),
    path("theme/<slug:merchant_slug>.css", pages.theme_stylesheet, name="theme"),
    path("theme/<slug:merchant_slug>/logo", pages.logo, name="logo"),
    path("theme/<slug:merchant_slug>/photos/<str:subject>/<int:width>.webp", pages.photo, name="photo"),
    path("theme/<slug:merchant_slug>/mark.svg", pages.mark, name="mark"),
    path("theme/<slug:merchant_slug>/icon-<int:size>.png", pages.app_icon, name="app_icon"),
    path("theme/<slug:merchant_slug>/manifest.webmanifest", pages.manifest, name="manifest"),
    path("theme/<slug:merchant_slug>/sw.js", pages.service_worker, name="service_worker"),
    path("theme/<slug:merchant_slug>/counter.webmanifest", pages.counter_manifest, name="counter_manifest"),
    path("theme/<slug:merchant_slug>/counter-sw.js", pages.counter_worker, name="counter_worker"),
    path("theme/<slug:merchant_slug>/offline", pages.offline, name="offline"),
    path("scheme", pages.scheme, name="scheme"),
    path("density", pages.density, name="density"),
    path("language", pages.language, name="language"),
    path("styleguide", pages.style_guide, name="styleguide"),
    path("styleguide/<slug:part>", pages.style_guide, name="styleguide_part"),
]
