"""Markdown as our own guides are written in it, as HTML: headings, paragraphs, lists, tables, fences, links.

It reads files of this repository and nothing that anybody sends; a test holds it equal to a whole Markdown parser on
them. What a guide does not use is not known here.
"""

import re
from collections.abc import Callable, Mapping
from html import escape

from django.utils.safestring import SafeString, mark_safe

_FENCE = re.compile(r"```(\w*)")
_HEADING = re.compile(r"(#{1,4}) (.+)")
_ITEM = re.compile(r"(-|\d+\.) (\[ \] )?(.*)")
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_STRESSED = re.compile(r"\*(\w[^*]*)\*")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_KEPT = re.compile("\x00(\\d+)\x00")
#: A wide part scrolls by itself, also for who has no mouse.
_WIDE = '<div class="api-scroll" tabindex="0" role="group" aria-label="{label}">{inner}</div>'


def html(text: str, *, links: Mapping[str, str]) -> SafeString:
    """This function will turn a guide into HTML; `links` says where its links to other files lead on the web."""
    lines = text.splitlines()
    blocks: list[str] = []
    heading = ""
    while lines:
        line = lines[0]
        if not line.strip():
            del lines[0]
        elif _FENCE.match(line):
            blocks.append(_fence(lines, heading))
        elif found := _HEADING.fullmatch(line):
            del lines[0]
            size, heading = len(found[1]), found[2]
            blocks.append(f'<h{size} id="{_anchor(heading)}">{_inline(heading, links)}</h{size}>')
        elif line.startswith("|"):
            blocks.append(_table(lines, heading, links))
        elif _ITEM.match(line):
            blocks.append(_list(lines, links))
        else:
            blocks.append(f"<p>{_inline(_taken(lines, _goes_on), links)}</p>")
    return mark_safe("\n".join(blocks))  # noqa: S308 - of our own file, every text in it escaped


def _goes_on(line: str) -> bool:
    """Whether a line belongs to the paragraph above it."""
    return bool(line.strip()) and not (_FENCE.match(line) or _HEADING.fullmatch(line) or line.startswith("|"))


def _taken(lines: list[str], goes_on: Callable[[str], bool]) -> str:
    """The first line and those that go on with it, taken off the rest."""
    taken = [lines.pop(0)]
    while lines and goes_on(lines[0]):
        taken.append(lines.pop(0).strip())
    return "\n".join(taken)


def _fence(lines: list[str], heading: str) -> str:
    del lines[0]
    end = lines.index("```")
    code = "\n".join(lines[:end])
    del lines[: end + 1]
    return _WIDE.format(label=escape(heading), inner=f"<pre><code>{escape(code)}\n</code></pre>")


def _table(lines: list[str], heading: str, links: Mapping[str, str]) -> str:
    rows: list[list[str]] = []
    while lines and lines[0].startswith("|"):
        rows.append([_inline(cell.strip(), links) for cell in lines.pop(0).strip("|").split("|")])
    head = "".join(f'<th scope="col">{cell}</th>' for cell in rows[0])
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows[2:])
    inner = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _WIDE.format(label=escape(heading), inner=inner)


def _list(lines: list[str], links: Mapping[str, str]) -> str:
    kind = "ul" if lines[0].startswith("-") else "ol"
    items = []
    while lines and (found := _ITEM.match(lines[0])):
        lines[0] = found[3]
        box = '<span class="api-box" aria-hidden="true">☐</span> ' if found[2] else ""
        text = _taken(lines, lambda line: _goes_on(line) and not _ITEM.match(line))
        items.append(f"<li>{box}{_inline(text, links)}</li>")
    return f"<{kind}>\n" + "\n".join(items) + f"\n</{kind}>"


def _inline(text: str, links: Mapping[str, str]) -> str:
    codes: list[str] = []

    def keep(found: re.Match[str]) -> str:
        codes.append(f"<code>{escape(found[1])}</code>")
        return f"\x00{len(codes) - 1}\x00"

    marked = _CODE.sub(keep, text)
    marked = _STRESSED.sub(r"<em>\1</em>", _STRONG.sub(r"<strong>\1</strong>", escape(marked)))
    marked = _LINK.sub(lambda found: f'<a href="{links.get(found[2], found[2])}">{found[1]}</a>', marked)
    return _KEPT.sub(lambda found: codes[int(found[1])], marked)


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
