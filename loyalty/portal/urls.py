"""Addresses of the portal, under `/m/<merchant_slug>/`."""

from __future__ import annotations

from django.urls import path

from loyalty.portal import activity, card, contact, data, friends, home, joining, me, missing, pledge, rewards, survey

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("card", card.card, name="card"),
    path("activity", activity.activity, name="activity"),
    path("activity/ending", activity.ending, name="activity_ending"),
    path("rewards", rewards.rewards, name="rewards"),
    path("rewards/take", rewards.take, name="take"),
    path("rewards/code", rewards.prove, name="take_code"),
    path("rewards/mine", rewards.mine, name="redemptions"),
    path("rewards/mine/<str:redemption_id>", rewards.redemption, name="redemption"),
    path("rewards/mine/<str:redemption_id>/cancel", rewards.cancel, name="cancel"),
    path("terms", pledge.terms_page, name="terms"),
    path("tiers", pledge.tiers, name="tiers"),
    path("friends", friends.friends, name="friends"),
    path("survey/<str:purchase_id>", survey.survey, name="survey"),
    path("asked/<str:token>", survey.asked, name="asked"),
    path("missing", missing.missing, name="missing"),
    path("join", joining.join, name="join"),
    path("sign-in", joining.sign_in, name="sign_in"),
    path("code", joining.confirm, name="confirm"),
    path("code/again", joining.resend, name="resend"),
    path("sign-out", joining.sign_out, name="sign_out"),
    path("me", me.me, name="me"),
    path("me/details", me.details, name="details"),
    path("me/contact/<slug:kind>", contact.start, name="contact"),
    path("me/contact/<slug:kind>/prove", contact.prove, name="contact_prove"),
    path("me/contact/<slug:kind>/new", contact.new, name="contact_new"),
    path("me/contact/<slug:kind>/confirm", contact.confirm, name="contact_confirm"),
    path("undo/<str:secret>", contact.undo, name="contact_undo"),
    path("me/consents/<slug:purpose>", me.decide, name="consent"),
    path("me/data.json", data.as_json, name="data_json"),
    path("me/data.csv", data.as_csv, name="data_csv"),
    path("me/leave", me.leave, name="leave"),
    path("me/sign-out-everywhere", me.sign_out_everywhere, name="sign_out_everywhere"),
]
