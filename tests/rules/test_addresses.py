"""Which address a request is counted by: never one that the client chose, and nobody together with everybody."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from loyalty.accounts import addresses


def client(**headers):
    return addresses.client_ip(RequestFactory().get("/", **{"REMOTE_ADDR": "10.0.0.1", **headers}))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.7", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.7, 203.0.113.9", "203.0.113.9"),  # the first was sent by the client itself
        (1, "203.0.113.9:51234", "203.0.113.9"),  # Azure's gateway
        (1, "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::"),
        (1, "2001:db8:1:2:3::4", "2001:db8:1:2::"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (2, "203.0.113.9, 192.0.2.80", "203.0.113.9"),  # a CDN, then nginx
        (2, "198.51.100.7, 203.0.113.9, 192.0.2.80", "203.0.113.9"),
        (2, "192.0.2.80", None),  # somebody came past the CDN
        (1, "", None),
        (1, "unknown", None),
        (1, "_hidden", None),
    ],
)
def test_the_entry_our_outermost_proxy_wrote(settings, proxies, forwarded, expected):
    settings.TRUSTED_PROXIES = proxies

    assert client(HTTP_X_FORWARDED_FOR=forwarded) == expected


def test_a_missing_header_is_logged_once_a_minute(settings, monkeypatch, caplog):
    settings.TRUSTED_PROXIES = 1
    monkeypatch.setattr(addresses, "_logged_at", -1e9)

    assert [client() for _request in range(3)] == [None] * 3

    said = [record for record in caplog.records if "TRUSTED_PROXIES" in record.getMessage()]
    assert len(said) == 1
