"""The guide for till developers is served where they are, with the address that their till will call."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.api.framework.markdown import html

BOX = '<span class="api-box" aria-hidden="true">☐</span>'
WIDE = '<div class="api-scroll" tabindex="0" role="group" aria-label="A &amp; B">'


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


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a `<b>` & <b>", "<p>a <code>&lt;b&gt;</code> &amp; &lt;b&gt;</p>"),
        ("`**a**` [b](c.md)", '<p><code>**a**</code> <a href="/c">b</a></p>'),
        ("## Is it *so*?", '<h2 id="is-it-so">Is it <em>so</em>?</h2>'),
        ("- [ ] try a refund", f"<ul>\n<li>{BOX} try a refund</li>\n</ul>"),
        (
            "# A & B\n```sh\ncurl <it>\n```",
            f'<h1 id="a-b">A &amp; B</h1>\n{WIDE}<pre><code>curl &lt;it&gt;\n</code></pre></div>',
        ),
    ],
)
def test_its_pieces(text, drawn):
    assert html(text, links={"c.md": "/c"}).rstrip() == drawn


def test_a_table_says_what_its_columns_are_and_scrolls_by_itself():
    drawn = html("# A & B\n| Code | Status |\n|---|---|\n| `gone` | 410 |", links={})

    assert WIDE + "<table>" in drawn
    assert '<th scope="col">Code</th>' in drawn
    assert "<td><code>gone</code></td>\n<td>410</td>" in drawn
    assert drawn.rstrip().endswith("</table></div>")
