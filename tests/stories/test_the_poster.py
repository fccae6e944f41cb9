"""Members join by themselves: Hana hangs up a poster and stands cards on the tables."""

from __future__ import annotations

import base64
import re
import zlib
from datetime import UTC, datetime
from itertools import groupby

import pytest
import segno

from merchants import logos, tenancy
from merchants.actors import SYSTEM
from rewards import programmes
from tests.builders import PROGRAMME
from tests.drawings import png
from tests.people import open_shop, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return open_shop("cafe-haneul", name="하늘커피", language="ko")


def drawn(content):
    """What a PDF draws, its streams unpacked."""
    streams = re.findall(rb"(?<!end)stream\r?\n(.*?)~>", content, re.S)
    return b"\n".join(zlib.decompress(base64.a85decode(b"<~" + each + b"~>", adobe=True)) for each in streams)


def signs(text):
    """How a Korean text stands in a PDF: each sign in two bytes."""
    return text.encode("utf-16-be")


def written_in(drawing):
    """The bytes between the brackets of every text shown, escapes undone."""
    shown = re.findall(rb"\(((?:[^\\()]|\\.)*)\) Tj", drawing, re.S)
    return [
        re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1], each, flags=re.S)
        for each in shown
    ]


def test_the_poster_is_one_sheet_in_the_shops_language_with_what_joining_brings(shop):
    with tenancy.tenant(shop):
        now = datetime.now(UTC)
        document = {**PROGRAMME, "welcome": {"points": 100}}
        programmes.save_draft(merchant=shop, document=document, revision=None, now=now, actor=SYSTEM)
        programmes.publish(merchant=shop, now=now, actor=SYSTEM)
    hana = staff_browser(shop, "owner")

    answer = hana.get(f"/console/{shop.slug}/members/poster/a4.pdf", headers={"Accept-Language": "en"})

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{shop.slug}-a4.pdf"'
    assert answer.content.count(b"/Type /Page\n") == 1
    assert b"/MediaBox [ 0 0 595.2756 841.8898 ]" in answer.content
    texts = written_in(drawn(answer.content))
    assert texts[0] == signs("하늘커피")
    assert any(b"100" in text for text in texts), "what joining brings, its figures in the Latin font"
    link = f"http://testserver/m/{shop.slug}/join"
    assert link.encode() in texts
    assert link.encode() in answer.content, "on a screen the sheet leads there by a click"


def test_the_code_on_the_poster_is_the_link_to_join(shop):
    drawing = drawn(staff_browser(shop, "owner").get(f"/console/{shop.slug}/members/poster/a4.pdf").content)
    matrix = segno.make_qr(f"http://testserver/m/{shop.slug}/join", error="m").matrix
    runs = [(row, dark) for row, line in enumerate(matrix) for dark, _run in groupby(line) if dark]

    assert drawing.count(b" re f*\n") + drawing.count(b" re f\n") == 1 + len(runs), "the band, and each run of the code"


def test_four_cards_stand_on_a_sheet_and_the_logo_on_each(shop):
    with tenancy.tenant(shop):
        logos.change(merchant=shop, content=png(64, 64), now=datetime.now(UTC), actor=SYSTEM)
    hana = staff_browser(shop, "manager")

    one = drawn(hana.get(f"/console/{shop.slug}/members/poster/a4.pdf").content)
    four = drawn(hana.get(f"/console/{shop.slug}/members/poster/cards.pdf").content)

    assert (one.count(b" Do"), four.count(b" Do")) == (1, 4)
    assert written_in(four).count(signs("하늘커피")) == 8, "in the band and in the line below it"


def test_there_is_no_other_sheet_and_a_cashier_prints_none(shop):
    assert staff_browser(shop, "owner").get(f"/console/{shop.slug}/members/poster/a3.pdf").status_code == 404
    assert staff_browser(shop, "cashier").get(f"/console/{shop.slug}/members/poster/a4.pdf").status_code == 403
