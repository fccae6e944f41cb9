"""Addresses of the console, under `/console/`."""

from __future__ import annotations

from django.urls import include, path

from loyalty.console import people

app_name = "console"

_of_merchant = [
    path("", people.start, name="start"),
    path("me", people.me, name="me"),
    path("team", people.team, name="team"),
    path("team/give", people.give_seat, name="seat_give"),
    path("team/<str:seat_id>", people.seat, name="seat"),
    path("devices/open", people.open_device, name="device_open"),
    path("devices/<str:device_id>/close", people.close_device, name="device_close"),
    path("counter/sign-on", people.counter_sign_on, name="counter_sign_on"),
    path("counter/sign-off", people.counter_sign_off, name="counter_sign_off"),
]

urlpatterns = [
    path("", people.workplaces, name="workplaces"),
    path("<slug:merchant_slug>/", include(_of_merchant)),
]
