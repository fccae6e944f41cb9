"""A body that is too large is refused before anybody reads it, whoever sends it."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.people import open_shop, staff_browser

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024


@pytest.mark.parametrize("path", ["/accounts/login/", "/console/cafe/settings", "/m/cafe/join", "/nothing/here"])
@pytest.mark.parametrize("length", [str(5 * MIB + 1), "9" * 40, "-1", "much"])
def test_a_stranger_sends_too_much_and_is_told_so(path, length):
    answer = Client().generic(
        "POST", path, b"a", "multipart/form-data; boundary=b", CONTENT_LENGTH=length, HTTP_ACCEPT_LANGUAGE="en"
    )

    assert answer.status_code == 413
    assert "What was sent may have 5.0\xa0MB." in answer.content.decode()
    assert answer.wsgi_request.environ["wsgi.input"].read_started is False


def test_five_megabytes_are_read_and_answered_by_the_page():
    shop = open_shop("cafe-haneul")
    much = SimpleUploadedFile("logo.png", b"x" * (5 * MIB - 1_000), "image/png")
    answer = staff_browser(shop, "owner").post(f"/console/{shop.slug}/settings/logo", {"logo": much}, follow=True)
    assert "The picture is larger than 512 KB. Save it smaller." in answer.content.decode()
