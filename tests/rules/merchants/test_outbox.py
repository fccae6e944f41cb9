"""Events are written with the fact, described by files, and tell nobody who somebody is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from jsonschema import Draft202012Validator

from merchants import ids, outbox, tenancy
from merchants.models.outbox import OutboxEvent
from merchants.outbox import Event
from tests.people import open_shop

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SCHEMAS = Path(outbox.__file__).parent / "events"
ROOT = Path(__file__).resolve().parents[3]
APPS = ("merchants", "members", "rewards", "engagement", "analytics", "loyalty")

MINA = "mem_0123456789abcdef"
ENROLLED = {"member": MINA, "source": "portal"}


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul", name="Café Haneul", created_at=NOON)


def test_a_kind_is_there_when_its_schema_is():
    assert "purchase.recorded" in outbox.KINDS
    assert len(outbox.KINDS) == len(list(SCHEMAS.iterdir()))


@pytest.mark.parametrize("kind", outbox.KINDS)
def test_a_kind_is_told_by_somebody(kind):
    """A schema without a producer promises what never comes.  Actions of the audit log have names of the same form."""
    told = re.compile(rf'(?<!action=)"{re.escape(kind)}"')
    domain = [path for app in APPS if app != "loyalty" for path in (ROOT / app).rglob("*.py")]
    assert [path for path in domain if told.search(path.read_text())] != []


@pytest.mark.parametrize("kind", outbox.KINDS)
def test_a_schema_is_valid_strict_and_speaks(kind):
    schema = outbox.schema(kind)

    Draft202012Validator.check_schema(schema)
    assert schema["title"] == kind
    assert schema["description"].endswith(".")
    assert schema["additionalProperties"] is False
    assert schema["required"]
    assert all(part.get("description") for part in schema["properties"].values())


@pytest.mark.parametrize("kind", outbox.KINDS)
def test_no_payload_has_a_place_for_personal_data(kind):
    # A stamp card is the programme's: its code is in the terms, and names nobody.
    personal = re.compile(
        r"name|e?mail|phone|birth|address|note|comment|reason_text|(?<!stamp_)card|code$|user|password|secret"
    )
    names = set(outbox.schema(kind)["properties"])
    assert [name for name in names if personal.search(name)] == []


def test_an_event_is_a_row_of_the_open_tenant(cafe):
    with tenancy.tenant(cafe):
        public_id = outbox.record(
            merchant_id=cafe.pk, kind="member.enrolled", payload=ENROLLED, occurred_at=NOON, now=NOON
        )
        row = OutboxEvent.objects.get(public_id=public_id)

        assert (row.kind, row.payload, row.occurred_at, row.recorded_at) == ("member.enrolled", ENROLLED, NOON, NOON)
        assert row.relayed_at is None
        assert ids.is_id(public_id, "evt")


def test_many_events_are_one_statement_and_keep_their_order(cafe, django_assert_num_queries):
    events = [Event("member.erased", {"member": ids.mint("mem")}, NOON) for _ in range(300)]
    with tenancy.tenant(cafe):
        with django_assert_num_queries(1):
            public_ids = outbox.record_many(merchant_id=cafe.pk, events=events, now=NOON)

        rows = OutboxEvent.objects.order_by("pk").values_list("public_id", "payload")
        assert list(rows) == [(made, event.payload) for made, event in zip(public_ids, events, strict=True)]


def test_nothing_happened_when_the_fact_was_undone(cafe):
    with tenancy.tenant(cafe):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            outbox.record(
                merchant_id=cafe.pk, kind="member.erased", payload={"member": MINA}, occurred_at=NOON, now=NOON
            )
            1 / 0  # noqa: B018

        assert OutboxEvent.objects.count() == 0


def test_no_events_are_no_statement(cafe, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert outbox.record_many(merchant_id=cafe.pk, events=[], now=NOON) == []


def test_a_journey_can_write_the_rows_in_its_own_statement(cafe):
    rows = outbox.rows_for([Event("tier.changed", TIER, NOON)])

    assert [(row["kind"], row["payload"], row["occurred_at"]) for row in rows] == [("tier.changed", TIER, NOON)]
    with tenancy.tenant(cafe):
        assert OutboxEvent.objects.count() == 0


TIER = {
    "member": MINA,
    "tier_before": None,
    "tier_after": "gold",
    "reason": "upgrade",
    "held_from": "2026-03-04T03:00:00Z",
    "requalifies_at": None,
    "value": 500,
}


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({}, "'member' is a required property"),
        ({"member": MINA, "name": "Mina"}, "'name' was unexpected"),
        ({"member": 42}, "42 is not of type 'string'"),
        ({"member": "cus_0123456789abcdef"}, "does not match"),
    ],
)
def test_a_payload_that_breaks_its_promise_is_refused_where_we_test(payload, fault):
    with pytest.raises(outbox.BadPayload, match=re.escape(fault)):
        outbox.rows_for([Event("member.erased", payload, NOON)])


def test_in_production_nothing_is_spent_on_checking(settings):
    settings.OUTBOX_CHECKS_PAYLOADS = False
    assert outbox.rows_for([Event("member.erased", {}, NOON)])[0]["payload"] == {}


def test_an_event_nobody_described_is_refused_everywhere(settings):
    settings.OUTBOX_CHECKS_PAYLOADS = False
    with pytest.raises(outbox.UnknownKind, match=r"there is no event 'points\.lost'"):
        outbox.rows_for([Event("points.lost", {}, NOON)])


def test_schema_files_are_written_one_way():
    for path in SCHEMAS.glob("*.json"):
        document = json.loads(path.read_text())
        assert path.read_text() == json.dumps(document, indent=2, ensure_ascii=False) + "\n", path.name


@pytest.mark.parametrize(
    "kind", [kind for kind in outbox.KINDS if kind.startswith(("points.", "purchase.", "referral.", "tier."))]
)
def test_an_event_of_the_ledger_has_one_shape_whoever_tells_it(kind):
    """Every field is in every event of the kind (null where there is nothing): what a producer leaves out is refused."""
    schema = outbox.schema(kind)
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_every_event_of_every_test_is_compared_with_its_schema():
    """There is one way into the outbox, and it compares what it writes wherever OUTBOX_CHECKS_PAYLOADS is on: here."""
    assert settings.OUTBOX_CHECKS_PAYLOADS
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            text = path.read_text()
            if path.name == "outbox.py" or "migrations" in path.parts:
                continue
            assert "INTO merchants_outboxevent" not in text, path
            assert "OutboxEvent.objects.create" not in text, path
            assert "OutboxEvent.objects.bulk_create" not in text, path
