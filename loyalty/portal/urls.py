"""Addresses of the portal, under `/m/<merchant_slug>/`."""

from __future__ import annotations

from django.urls import path

from loyalty.portal import joining, me

app_name = "portal"
urlpatterns = [
    path("join", joining.join, name="join"),
    path("sign-in", joining.sign_in, name="sign_in"),
    path("code", joining.confirm, name="confirm"),
    path("code/again", joining.resend, name="resend"),
    path("sign-out", joining.sign_out, name="sign_out"),
    path("me", me.me, name="me"),
    path("me/consents/<slug:purpose>", me.decide, name="consent"),
    path("me/sign-out-everywhere", me.sign_out_everywhere, name="sign_out_everywhere"),
]
