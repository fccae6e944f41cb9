"""Texts that a merchant wrote, as HTML: paragraphs, headings, lists, emphasis and links, and nothing that acts.

CommonMark by markdown-it with HTML switched off: what looks like a tag is printed. Pictures are left out, since one
from elsewhere would tell its owner who reads; a link leads to the web, to mail or to a telephone, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_LEADS: Final = re.compile(r"(https?://|mailto:|tel:|/)[^\s]*", re.IGNORECASE)


def html(text: str) -> SafeString:
    """Turn Markdown into HTML. The page has a first heading of its own, so those of the text begin one below."""
    # HTML in it is escaped by the parser, and so are the attributes it writes.
    return SafeString(_PARSER.render(text))


def _heading(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    level = min(4, max(2, int(token.tag[1:])))
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"


def _link_open(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    token.attrSet("rel", "noopener nofollow")
    return str(renderer.renderToken(tokens, place, options, env))


_PARSER: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).disable(
    ["image", "html_block", "html_inline"]
)
_PARSER.validateLink = lambda url: _LEADS.fullmatch(url) is not None  # type: ignore[method-assign]
_PARSER.add_render_rule("heading_open", _heading)
_PARSER.add_render_rule("heading_close", _heading)
_PARSER.add_render_rule("link_open", _link_open)
