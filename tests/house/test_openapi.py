"""The OpenAPI file says what the API does: committed, complete, its examples true, its codes all explained."""

from __future__ import annotations

import importlib
import json
import pkgutil

import msgspec
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from loyalty.api import openapi
from loyalty.api.catalogue import KINDS
from merchants import shapes
from merchants.errors import LoyaltyError

OPERATIONS = {operation.id: operation for operation in openapi.operations()}
SPOKEN = json.loads(openapi.written())

#: Refusals that only screens can meet; what a till can meet belongs into the catalogue.
SCREENS_ONLY = {
    "above_your_limit", "already_claimed", "already_undone", "asked_before", "bad_picture", "claim_moved", "claim_not_found", "consent_needed",
    "contact_not_reachable", "device_not_yours", "fresh_code_needed", "last_owner", "location_code_taken",
    "location_not_found", "may_not_adjust", "not_proved", "not_your_contact", "not_yours_to_give",
    "sandbox_there", "seat_taken", "slug_taken", "settled_already", "too_many_attempts", "too_many_waiting", "undo_gone", "weak_pin",
}  # fmt: skip


def test_the_committed_file_is_up_to_date():
    call_command("openapi", "--check")


def test_a_file_that_is_out_of_date_is_noticed(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.json").write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "BASE_DIR", tmp_path)
        with pytest.raises(CommandError):
            call_command("openapi", "--check")


def test_every_operation_has_a_name_of_its_own():
    assert len(OPERATIONS) == len(openapi.operations())


def test_every_method_of_every_call_is_declared():
    """A handler without `@operation` would be open to any key and missing from the file."""
    for path, view in openapi.views():
        for method in ("get", "post", "put", "patch", "delete"):
            handler = getattr(view, method, None)
            assert handler is None or hasattr(handler, "operation"), f"{method} {path}"


def test_every_reference_in_the_file_leads_somewhere():
    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(SPOKEN)):
        place = SPOKEN
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_examples_of_a_call_are_true(name):
    operation = OPERATIONS[name]
    if operation.body is not None:
        assert operation.examples, "a call with a body shows one"
    for example in operation.examples.values():
        for kind in {operation.body, operation.described_body} - {None}:
            shapes.read(example, kind)
    for parameter in operation.query_examples:
        assert parameter in operation.query.__struct_fields__
    kinds = [kind for kind in operation.answers.values() if kind is not None]
    if operation.answer_example is not None:
        msgspec.convert(operation.answer_example, kinds[0])


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_refusals_of_a_call_are_explained(name):
    for code in openapi.codes_of(OPERATIONS[name], has_path=True):
        assert KINDS[code].meaning
        assert KINDS[code].remedy
        assert str(KINDS[code].title)


def test_every_refusal_a_till_can_meet_is_in_the_catalogue():
    for app in ("merchants", "members", "rewards", "engagement", "analytics", "loyalty.api"):
        package = importlib.import_module(app)
        for room in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".migrations" not in room.name:
                importlib.import_module(room.name)

    def below(kind):
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    # Tests coin refusals of their own, in whichever order pytest happens to import them.
    codes = {kind.code for kind in below(LoyaltyError) if not kind.__module__.startswith("tests.")}
    assert codes - KINDS.keys() == SCREENS_ONLY & codes


def test_no_pattern_of_the_file_is_pythons_own():
    assert r"\\Z" not in openapi.written()


@pytest.mark.parametrize("code", KINDS)
def test_every_problems_type_leads_to_its_page(code):
    page = Client().get(reverse("api:problem", args=[code]))

    assert page.status_code == 200
    assert code in page.content.decode()


def test_the_file_and_the_reference_are_served(settings):
    client = Client()

    assert client.get("/api/schema").json() == SPOKEN
    assert client.get("/api/docs").status_code == 200
    assert client.get("/api/docs/problems/").status_code == 200
    assert client.get("/api/docs/problems/nothing").status_code == 404


def test_the_reference_needs_no_hole_in_the_policy():
    page = Client().get("/api/docs")

    assert "unsafe" not in page["Content-Security-Policy"]
    assert "<script>" not in page.content.decode()
    assert "style=" not in page.content.decode()
