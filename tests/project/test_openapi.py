"""The OpenAPI file says what the API does: committed, complete, its examples true, its codes all explained."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

import msgspec
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from loyalty.api.framework import openapi
from loyalty.problem_catalogue import KINDS
from merchants import outbox, shapes
from merchants.errors import LoyaltyError
from rewards import earning, terms

OPERATIONS = {operation.id: operation for operation in openapi.operations()}
SPOKEN = json.loads(openapi.written())

#: Refusals that only screens can meet; what a till can meet belongs into the catalogue.
SCREENS_ONLY = {
    "refused", "forbidden", "conflict", "unknown_scope", "key_not_found", "key_already_ended",
    "above_your_limit", "already_claimed", "already_undone", "asked_before", "backup_not_found", "bad_picture", "bulk_act_elsewhere", "bulk_act_not_found", "briefing_not_found", "browser_not_found", "may_not_brief", "claim_moved", "claim_not_found", "consent_needed",
    "contact_in_use", "contact_not_reachable", "device_not_yours", "fresh_code_needed", "last_owner", "location_code_taken",
    "location_not_found", "may_not_adjust", "may_not_approve", "own_points_request", "points_request_decided", "points_request_lapsed",
    "points_request_not_found", "not_proved", "not_your_contact", "not_yours_to_give", "notice_moved",
    "perhaps_somebody_else", "referral_not_waiting",
    "sandbox_there", "seat_taken", "too_many_photos", "slug_taken", "settled_already", "reason_missing", "account_not_frozen", "account_still_faulty", "too_many_attempts", "too_many_waiting", "undo_gone", "weak_pin",
}  # fmt: skip


def test_the_committed_file_is_up_to_date():
    call_command("openapi", "--check")


def test_no_description_depends_on_how_this_python_keeps_docstrings():
    """Docstrings are indented until Python 3.12: the file served would be another one than the file committed."""

    def descriptions(value):
        if isinstance(value, dict):
            for name, each in value.items():
                if name == "description" and isinstance(each, str):
                    yield each
                yield from descriptions(each)
        elif isinstance(value, list):
            for each in value:
                yield from descriptions(each)

    found = [*descriptions(SPOKEN), *descriptions(terms.json_schema())]
    assert len(found) > 1000
    assert [text for text in found if text != inspect.cleandoc(text)] == []


def test_a_file_that_is_out_of_date_is_noticed(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.json").write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "BASE_DIR", tmp_path)
        with pytest.raises(CommandError):
            call_command("openapi", "--check")


def test_every_operation_has_a_name_of_its_own():
    assert len(OPERATIONS) == len(openapi.operations())


def test_what_answers_pages_is_called_a_list_of_several():
    """A generated client has one kind of name for lists: `list_` and a plural."""
    lists = [
        name for name, operation in OPERATIONS.items()
        if "cursor" in getattr(operation.query, "__struct_fields__", ())
    ]  # fmt: skip
    assert len(lists) > 5
    assert [name for name in lists if not (name.startswith(("list_", "get_")) and name.endswith(("s", "ledger")))] == []


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


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_call_that_names_a_card_says_that_it_may_be_blocked(name):
    """R18: whatever takes a member's card, or gives somebody one; only blocking a card cannot find it blocked."""
    operation = OPERATIONS[name]
    kinds = [kind for kind in (operation.body, operation.query) if kind is not None]
    _schemas, parts = msgspec.json.schema_components(kinds)
    # Of stamps, a card is one of the programme's.
    naming = (part.get("properties", {}) for part in parts.values())
    if "CardInput" in parts or any("card" in each and "stamps" not in each for each in naming):
        assert "card_blocked" in operation.refusals


def test_every_refusal_a_till_can_meet_is_in_the_catalogue():
    for app in ("merchants", "members", "rewards", "engagement", "analytics", "loyalty.api"):
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)

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


def test_the_file_and_the_reference_are_served():
    client = Client()

    served = client.get("/api/schema").json()
    # Clients made of the file (Postman's baseUrl) begin their calls with the installation's own address.
    assert served["servers"][0]["url"] == settings.PUBLIC_URL
    assert {**served, "servers": SPOKEN["servers"]} == SPOKEN
    assert "Standard Webhooks" in client.get("/api/docs/webhooks").content.decode()
    assert client.get("/api/docs").status_code == 200
    assert client.get("/api/docs/problems/").status_code == 200
    assert client.get("/api/docs/problems/nothing").status_code == 404


def test_the_reference_needs_no_hole_in_the_policy():
    page = Client().get("/api/docs")

    assert "unsafe" not in page["Content-Security-Policy"]
    assert "<script>" not in page.content.decode()
    assert "style=" not in page.content.decode()


def _answers():
    """The schemas that answers are made of, by name."""
    found, waiting = {}, []

    def look(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str) and "/schemas/" in value["$ref"]:
                waiting.append(value["$ref"].rsplit("/", 1)[1])
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    for methods in SPOKEN["paths"].values():
        for told in methods.values():
            for status, answer in told["responses"].items():
                look(answer.get("content", {}).get("application/json", {}) if status.startswith("2") else {})
    while waiting:
        name = waiting.pop()
        # What a programme may hold is tests/project/test_terms_fields.py's.
        if name not in found and name != "Terms":
            found[name] = SPOKEN["components"]["schemas"][name]
            look(found[name])
    return found


def test_every_property_of_every_answer_says_what_it_means():
    bare = [
        f"{name}.{field}"
        for name, schema in _answers().items()
        for field, described in schema.get("properties", {}).items()
        if "description" not in described and "$ref" not in described and "const" not in described
    ]
    assert bare == [], "say it on the struct, or in loyalty/api/glossary.py"


def test_no_default_stands_where_generators_cannot_read_it():
    """openapi-python-client dropped whole types because a union of objects had an object as its default."""

    def look(value, place):
        if isinstance(value, dict):
            if isinstance(value.get("default"), dict):
                assert not {"anyOf", "oneOf"} & value.keys(), place
            for name, each in value.items():
                look(each, f"{place}/{name}")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                look(each, f"{place}/{number}")

    look(SPOKEN["components"]["schemas"], "schemas")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_codes_in_an_example_are_codes_there_are(name):
    """An example with a reason that does not exist is believed and programmed against."""

    def look(value):
        if isinstance(value, dict):
            for step in value.get("trace", ()):
                assert step["code"] in earning.CODES, step
            if isinstance(value.get("problem"), dict):
                assert value["problem"]["code"] in KINDS
            if value.get("refusal") is not None:
                assert value["refusal"] in KINDS
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(OPERATIONS[name].answer_example)
    look(list(OPERATIONS[name].examples.values()))


def test_what_is_sent_to_endpoints_is_described_kind_by_kind():
    assert list(SPOKEN["webhooks"]) == list(outbox.KINDS)
    for kind, told in SPOKEN["webhooks"].items():
        schema = told["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["properties"]["type"]["const"] == kind
        assert schema["properties"]["data"]["properties"] == outbox.schema(kind)["properties"]
