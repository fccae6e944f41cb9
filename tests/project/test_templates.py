"""What a template cannot say by itself: a name that one block makes is unknown in the next, and prints as nothing."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from django.conf import settings

TEMPLATES = sorted(path for path in (settings.BASE_DIR / "templates").rglob("*.html"))
_PIECE = re.compile(r"\{% (block|endblock)\b(?: (\w+))?.*?%\}")
_MADE = re.compile(r"\b(?:as|asvar) (\w+) ?%\}")
_OPENED = re.compile(r"\{% (?:with|for|blocktranslate|blocktrans)\b(.*?)%\}")


def strays(source: str) -> list[str]:
    """Names made by `as` in one block and used in another that neither makes them nor stands within it."""
    made: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    pieces: list[tuple[tuple[str, ...], str]] = []
    path: tuple[str, ...] = ()
    begun = 0
    for piece in _PIECE.finditer(source):
        pieces.append((path, source[begun : piece.start()]))
        begun = piece.end()
        path = (*path, piece[2]) if piece[1] == "block" else path[:-1]
    pieces.append((path, source[begun:]))
    for where, text in pieces:
        for name in _MADE.findall(text):
            made[name].add(where)
    found = []
    for where, text in pieces:
        local = " ".join(_OPENED.findall(text))
        for name, makers in made.items():
            is_used = re.search(rf"(?:\{{\{{ ?|=|\|add:|\bif |\bin ){name}\b", text)
            is_known = any(where[: len(maker)] == maker for maker in makers) or re.search(rf"\b{name}\b", local)
            if is_used and not is_known:
                found.append(f"{name} in block {' > '.join(where)}")
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR / "templates")))
def test_a_name_is_used_only_in_the_block_that_makes_it(path):
    assert strays(path.read_text()) == []


def test_a_stray_name_is_found():
    page = """{% block actions %}{% url "x" as change %}<form action="{{ change }}">{% endblock %}
    {% block content %}<form action="{{ change }}">{% endblock %}"""
    assert strays(page) == ["change in block content"]
    assert strays(page.replace("{% block content %}", '{% block content %}{% url "x" as change %}')) == []
