"""The guide for till developers is served where they are, with the address that their till will call."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from markdown_it import MarkdownIt

from loyalty.api.markdown import html

GUIDE = settings.BASE_DIR / "docs" / "pos-quickstart.md"


def plain(page: str) -> str:
    """A page's tags and texts, whatever blanks lie between tags and however quotes are written."""
    return re.sub(r">\s+", ">", re.sub(r"\s+<", "<", unescape(page)))


def test_its_calls_carry_the_address_at_which_it_is_read(settings):
    settings.ALLOWED_HOSTS = ["points.example.org"]

    page = Client().get("/api/docs/quickstart", headers={"Host": "points.example.org:8443"})

    text = page.content.decode()
    assert page.status_code == 200
    assert "export LOYALTY=http://points.example.org:8443/api/v1" in text
    assert "localhost" not in text
    assert '<h1 id="quickstart-for-till-developers">Quickstart for till developers</h1>' in text
    assert f'<a href="{reverse("api:schema")}"><code>openapi.json</code></a>' in text
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "style=" not in text
    assert "Standard Webhooks (<code>https://www.standardwebhooks.com/</code>)" in text, "named, and no way out"


def test_whoever_reads_the_reference_finds_it():
    assert '<a href="/api/docs/quickstart">Quickstart</a>' in Client().get("/api/docs").content.decode()
    assert '<a href="/api/docs/quickstart">Quickstart</a>' in Client().get("/api/docs/problems/").content.decode()
    assert "[quickstart](/api/docs/quickstart)" in Client().get("/api/schema").json()["info"]["description"]


def test_it_is_drawn_as_a_whole_markdown_parser_draws_it():
    text = GUIDE.read_text(encoding="utf-8")
    ours = re.sub(r'</?div[^>]*>|<span class="api-box".*?</span> | id="[^"]*"| scope="col"', "", html(text, links={}))
    theirs = MarkdownIt("commonmark").enable("table").render(text)
    theirs = re.sub(r'\[ \] | class="language-\w+"', "", theirs)
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a `<b>` & **b**", "<p>a <code>&lt;b&gt;</code> &amp; <strong>b</strong></p>"),
        ("**`a` b**", "<p><strong><code>a</code> b</strong></p>"),
        ("`**a**` [b](c.md)", '<p><code>**a**</code> <a href="/c">b</a></p>'),
        ("3 * 4 *times* 5 * 6", "<p>3 * 4 <em>times</em> 5 * 6</p>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("1. one\n   more\n2. two", "<ol>\n<li>one\nmore</li>\n<li>two</li>\n</ol>"),
    ],
)
def test_its_pieces(text, drawn):
    assert html(text, links={"c.md": "/c"}) == drawn
