"""Each page of the console says in one sentence, under its title, what it is for."""

from __future__ import annotations

import re

import pytest
from django.db import connections

from tests.project import matrix
from tests.project.matrix_data import routes, set_up, undone

PAGES = [route for route in routes() if route.name in matrix.CONSOLE]
LEDE = re.compile(r'<p class="page-head__lede">\s*(.*?)\s*</p>', re.DOTALL)


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), undone():
        yield set_up()
    with django_db_blocker.unblock():
        connections.close_all()


def drawn(stage, route):
    """Return the page as an owner sees it; empty for what leads on, answers a file or a part of a page."""
    answer = stage.ask("owner", "GET", stage.path(route))
    is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
    return answer.content.decode() if is_page else ""


def test_each_page_has_a_sentence_of_help(stage):
    pages = {route.name: drawn(stage, route) for route in PAGES}
    with_title = {name: text for name, text in pages.items() if 'class="page-head"' in text}
    assert len(with_title) > 30
    silent = {name for name, text in with_title.items() if not any(LEDE.findall(text))}
    assert silent == set()


def test_each_page_has_one_title(stage):
    pages = {route.name: drawn(stage, route) for route in PAGES}
    wrong = {name: text.count("<h1") for name, text in pages.items() if "<html" in text and text.count("<h1") != 1}
    assert wrong == {}
