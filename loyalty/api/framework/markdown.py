"""Our own guides as HTML: CommonMark with tables, drawn so that a phone and a screen reader get along with it."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

#: A wide part scrolls by itself, also for who has no mouse.
_WIDE: Final = '<div class="api-scroll" tabindex="0" role="group" aria-label="{}">'
_BOX: Final = '<span class="api-box" aria-hidden="true">☐</span> '
_TO_DO: Final = "[ ] "


def html(text: str, *, links: Mapping[str, str]) -> SafeString:
    """Turn a guide into HTML; `links` says where its links to other files lead on the web."""
    # Of our own file, and HTML in it is escaped.
    return SafeString(_PARSER.render(text, {"links": links}))


def _prepared(state: Any) -> None:
    """Name headings, parts that scroll and the columns of tables, mark what is to do, lead links where they belong."""
    heading = ""
    for place, token in enumerate(state.tokens):
        if token.type == "heading_open":
            heading = state.tokens[place + 1].content
            token.attrSet("id", re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-"))
        elif token.type in {"fence", "table_open"}:
            token.meta["heading"] = heading
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        for child in token.children or ():
            if child.type == "link_open":
                href = str(child.attrGet("href"))
                child.attrSet("href", state.env["links"].get(href, href))
            elif child is token.children[0] and child.content.startswith(_TO_DO):
                child.meta["to_do"], child.content = True, child.content.removeprefix(_TO_DO)


def _text(renderer: RendererHTML, tokens: Sequence[Token], place: int, *_more: Any) -> str:
    return (_BOX if tokens[place].meta.get("to_do") else "") + escape(tokens[place].content, quote=False)


def _fence(renderer: RendererHTML, tokens: Sequence[Token], place: int, *_more: Any) -> str:
    code = escape(tokens[place].content, quote=False)
    return f"{_WIDE.format(escape(tokens[place].meta['heading']))}<pre><code>{code}</code></pre></div>\n"


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], place: int, *_more: Any) -> str:
    return f"{_WIDE.format(escape(tokens[place].meta['heading']))}<table>\n"


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], place: int, *_more: Any) -> str:
    return "</table></div>\n"


_PARSER: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_PARSER.core.ruler.push("prepared", _prepared)
for _rule in (_text, _fence, _table_open, _table_close):
    _PARSER.add_render_rule(_rule.__name__.removeprefix("_"), _rule)
