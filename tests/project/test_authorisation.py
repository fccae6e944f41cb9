"""Every address, asked by everybody: the table in `matrix.py` says what each must get."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.db import connections

from tests.project import matrix
from tests.project.matrix_data import Stage, routes, set_up, undone

ROUTES = [route for route in routes() if matrix.row_of(route.name) not in {None, "guarded"}]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def stage(django_db_setup, django_db_blocker):
    """Built once, in a transaction that is taken back after the last question."""
    with django_db_blocker.unblock(), undone():
        yield set_up()
    with django_db_blocker.unblock():
        connections.close_all()


def test_every_route_has_a_row_and_every_row_a_route():
    names = {route.name for route in routes()}
    without_row = sorted(name for name in names if matrix.row_of(name) is None)
    assert without_row == [], f"add these to tests/project/matrix.py: {without_row}"
    tables = (matrix.PUBLIC, matrix.GUARDED, matrix.ACCOUNT, matrix.PORTAL, matrix.CONSOLE, matrix.API, matrix.NO_CALL)
    rows = [name for table in tables for name in table]
    assert sorted(set(rows) - names) == []
    assert [name for name, times in Counter(rows).items() if times > 1] == []


def test_every_scope_of_a_call_is_in_the_table():
    for route in routes():
        if matrix.row_of(route.name) == "api":
            view = route.view.cls
            declared = {method for method in METHODS if hasattr(view, method.lower())}
            assert declared == set(matrix.API[route.name]), route.name
            scopes = {method: getattr(view, method.lower()).operation.scope for method in declared}
            assert scopes == matrix.API[route.name], route.name


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.name}")
def test_everybody_gets_what_the_table_says(stage: Stage, route):
    path = stage.path(route)
    wrong = []
    people = matrix.PEOPLE if matrix.row_of(route.name) != "public" else ("anonymous", "member", "owner", "key")
    for person in people:
        word = matrix.expected(route.name, person)
        for method, scope in _questions(route.name):
            answer = stage.ask(person, method, path, scope=scope)
            got = _word(answer)
            if not _is_right(route, person, word, got, answer):
                wrong.append(f"{person} {method}: {got} ({answer.status_code}) instead of {word}")
    assert not wrong, "\n".join([path, *wrong])


@pytest.mark.parametrize("route", [route for route in ROUTES if route.names_rows], ids=lambda route: f"{route.name}")
def test_another_merchants_thing_looks_like_one_that_does_not_exist(stage: Stage, route):
    kind = matrix.row_of(route.name)
    person = {"console": "owner", "api": "key", "portal": "member"}[kind]
    nobody = {name: re.sub(r"_[0-9a-z]{16}$", "_0000000000000000", value) for name, value in stage.samples.items()}
    for method, scope in _questions(route.name):
        theirs = stage.ask(person, method, stage.path(route, stage.foreign), scope=scope)
        none = stage.ask(person, method, stage.path(route, nobody), scope=scope)
        assert theirs.status_code == none.status_code, f"{method}: {theirs.status_code} is not {none.status_code}"
        assert theirs.status_code in {404, 405, 400, 422, 302}
        assert _without_ids(theirs, stage.foreign) == _without_ids(none, nobody)


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.names_rows and matrix.row_of(route.name) == "portal"],
    ids=lambda route: f"{route.name}",
)
def test_another_members_thing_looks_like_one_that_does_not_exist(stage: Stage, route):
    for method in ("GET", "POST"):
        assert stage.ask("other_member", method, stage.path(route)).status_code in {404, 405}


def _questions(name: str) -> list[tuple[str, str]]:
    kind = matrix.row_of(name)
    if kind == "api":
        return list(matrix.API[name].items())
    # The back office's forms belong to Django; asking for them tells who is let in.
    return [("GET", "")] if kind == "backoffice" else [("GET", ""), ("POST", "")]


def _word(answer) -> str:
    if answer.status_code in {401, 403, 404, 405}:
        return str(answer.status_code)
    if answer.status_code >= 500:
        return "broken"
    where = answer.get("Location", "")
    if answer.status_code in {301, 302}:
        if where.startswith(("/accounts/login/", "/backoffice/login/")):
            return "sign_in"
        if re.match(r"/m/[^/]+/sign-in", where):
            return "join_in"
        if where.endswith("/counter/sign-on"):
            return "sign_on"
    return "open"


def _is_right(route, person: str, word: str, got: str, answer) -> bool:
    if got == "broken" or word == "any":
        return got != "broken"
    if got == "405":
        # Says nothing to anybody; the other method of the address is asked too.
        return True
    if person == "other_key" and word == "open" and route.names_rows:
        return answer.status_code in {404, 400, 422}
    if person == "other_member" and word == "open" and route.names_rows:
        return answer.status_code == 404
    if word == "open":
        return got == "open" or (got in {"sign_in", "join_in"} and route.name in matrix.LEADS_TO_SIGN_IN)
    if matrix.row_of(route.name) == "backoffice" and answer.get("Location", "").startswith("/backoffice/"):
        return True
    return got in {"403", "404", "sign_in"} if word == "closed" else got == word


def _without_ids(answer, ids) -> str:
    text = answer.content.decode(errors="replace")
    for value in ids.values():
        text = text.replace(value, "…")
    text = re.sub(r'"request_id":\s*"[^"]+"', "", text)
    return re.sub(r"\b\w{64}\b", "token", text)
