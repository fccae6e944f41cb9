"""The API keeps its own contract: schemathesis reads the OpenAPI file and tries every operation with good and bad data.

It runs as a program of its own against a server in this process, at a merchant where the file's examples come true, so
that every operation is reached with success at least once.  Its dice are the run's: each run combs another sixth of the
operations for the edges of every parameter; `--drills` combs all, and throws the dice oftener.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.wsgi import get_wsgi_application

from loyalty.api.framework import openapi
from members.models import Card, Member
from merchants import tenancy
from merchants.actors import SYSTEM
from merchants.keys import SCOPES
from merchants.models.outbox import OutboxEvent
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.webhooks import addresses, endpoints
from rewards.models.corrections import Adjustment, Merge, Transfer
from rewards.models.purchases import Purchase, Refund
from rewards.models.redemptions import Redemption
from tests.serving import serving
from tests.till import Till, issue_key, open_shop, sell, start_programme

COFFEE = {"kind": "product", "code": "free-coffee", "name": "Free coffee", "price_points": 500}
STAMPS = {"code": "coffee", "name": "Coffee card", "sizes": [10], "reward": "free-coffee"}
PAY = {"points": 100, "amount_minor": 100, "minimum_points": 100, "step_points": 100}
#: Each of these ends a redemption, so each has one of its own.
ENDINGS = {"capture": "rdm_000000000000000c", "release": "rdm_000000000000000r", "reverse": "rdm_000000000000000v"}
#: JSON Schema calls 5.0 an integer; the API does not (a till that sends 5.0 computes money in floats).
HOOKS = """
import schemathesis

# Idempotency-Key may stand in for a body's external_id (that breaks the letter of the schema and is rightly taken), and
# beside another one it is rightly refused (tests/stories/test_api_once.py): no schema can say either.
@schemathesis.hook
def filter_case(context, case):
    keys = [value for name, value in (case.headers or {}).items() if name.lower() == "idempotency-key"]
    return not keys or not isinstance(case.body, dict) or case.body.get("external_id") in keys

def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(each) for name, each in value.items()}
    return [whole(each) for each in value] if isinstance(value, list) else value

@schemathesis.hook
def map_body(context, body):
    return whole(body)
"""


@pytest.fixture
def address() -> Iterator[str]:
    with serving(get_wsgi_application()) as url:
        yield url


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Till:
    """A merchant where the ids, codes, cards and rewards of the examples exist."""
    monkeypatch.setitem(addresses.check.__kwdefaults__, "resolver", lambda host, port: ["93.184.215.14"])
    merchant = open_shop("examples")
    # The examples are a year old, and their receipts can be claimed.
    merchant.claim_days_max = 9_999
    merchant.save(update_fields=["claim_days_max"])
    till = Till(merchant, issue_key(merchant, *SCOPES).secret)
    start_programme(till, rewards=[COFFEE], stamps=[STAMPS], pay_with_points=PAY, transfers={})
    mina = till.post(
        "members", {"name": "Mina", "phone": "010-1234-5678", "card": "9000-1234", "external_id": "crm-1024"}
    )
    with tenancy.tenant(merchant):
        member = Member.objects.get(merchant=merchant)
        Member.objects.filter(pk=member.pk).update(
            public_id=openapi.PATH_EXAMPLES["member_id"], code="M4K792QX", referral_code="JOIN7K4M92A"
        )
        Card.objects.filter(merchant=merchant).update(number="9000-1234")
    assert mina.status_code == 201
    sold = sell(till, "the-one-of-the-examples", 10**9, member={"code": "M4K7-92QX"})
    assert sold.status_code == 201, sold.content
    with tenancy.tenant(merchant):
        Purchase.objects.filter(merchant=merchant).update(public_id=openapi.PATH_EXAMPLES["purchase"])
    for name, public_id in {"read": openapi.PATH_EXAMPLES["redemption"], **ENDINGS}.items():
        asked = {"member": {"card": "9000-1234"}, "reward": "free-coffee", "hold": name != "reverse"}
        answer = till.post("redemptions", {"external_id": f"hold-{name}", "hold_minutes": 600, **asked})
        assert answer.status_code == 201, answer.content
        with tenancy.tenant(merchant):
            Redemption.objects.filter(merchant=merchant, external_id=f"hold-{name}").update(public_id=public_id)
    _others(till)
    _webhooks(till)
    return till


def _others(till: Till) -> None:
    """Who is given points, who is merged into Mina, and a merge that can be undone."""
    for name in ("crm-2048", "old-1", "old-2"):
        assert till.post("members", {"external_id": name}).status_code == 201
    given = {"external_id": "gift", "member": {"external_id": "crm-2048"}, "points": 10**6, "reason": "To give away"}
    assert till.post("adjustments", given).status_code == 201
    people = {"giver": {"external_id": "crm-2048"}, "receiver": {"external_id": "crm-1024"}}
    assert till.post("transfers", {"external_id": "given", **people, "points": 1}).status_code == 201
    waiting = {"purchase": {"external_id": "never-came"}, "occurred_at": datetime.now(UTC).isoformat()}
    assert till.post("refunds", {"external_id": "waiting", **waiting}).status_code == 201
    with tenancy.tenant(till.merchant):
        for table, name in ((Adjustment, "adjustment"), (Transfer, "transfer"), (Refund, "refund")):
            newest = table.objects.filter(merchant=till.merchant).order_by("-pk").first()
            table.objects.filter(pk=newest.pk).update(public_id=openapi.PATH_EXAMPLES[name])
    with tenancy.tenant(till.merchant):
        people = Member.objects.filter(merchant=till.merchant)
        people.filter(external_id="old-1").update(public_id="mem_2c5x8b1n4z7m0k3j")
        old = people.get(external_id="old-2").public_id
    made = till.post("merges", {"source": old, "target": openapi.PATH_EXAMPLES["member_id"]})
    assert made.status_code == 201, made.content
    with tenancy.tenant(till.merchant):
        Merge.objects.filter(public_id=made.json()["id"]).update(public_id=openapi.PATH_EXAMPLES["merge"])


def _webhooks(till: Till) -> None:
    now = datetime.now(UTC)
    target = addresses.check("https://pos.example/x")
    with tenancy.tenant(till.merchant):
        made = endpoints.create(merchant=till.merchant, target=target, actor=SYSTEM, now=now)
        endpoints.ping(merchant=till.merchant, endpoint_id=made.endpoint.id, now=now)
        for table, name in (
            (WebhookEndpoint, "endpoint_id"),
            (WebhookDelivery, "delivery_id"),
            (OutboxEvent, "event_id"),
        ):
            newest = table.objects.filter(merchant=till.merchant).order_by("-pk").first()
            table.objects.filter(pk=newest.pk).update(public_id=openapi.PATH_EXAMPLES[name])


@pytest.mark.django_db
def test_every_operation_succeeds_by_its_own_examples(shop):
    """What developers copy from the reference works: no example is malformed, and each call is reached with a 2xx."""
    never, malformed = [], []
    for method, path, operation in _in_order():
        query = urlencode({name: str(value).lower() for name, value in operation.query_examples.items()})
        bodies = list(operation.examples.values()) or [None]
        answers = [shop.call(method, f"{path}?{query}" if query else path, body) for body in bodies]
        statuses = [answer.status_code for answer in answers]
        if not any(200 <= status < 300 for status in statuses):
            never.append((method, path, statuses, answers[0].content))
        malformed += [(method, path, status) for status in statuses if status == 400 or status >= 500]

    assert (never, malformed) == ([], [])


def _in_order() -> list[tuple[str, str, Any]]:
    """All operations with the addresses of their examples; what takes something away comes last."""
    declared = {operation.id: operation for operation in openapi.operations()}
    found = []
    for path, methods in json.loads(openapi.written())["paths"].items():
        ending = ENDINGS.get(path.rsplit("/", 1)[-1], openapi.PATH_EXAMPLES["redemption"])
        shown = path.removeprefix("/api/v1/").format(**{**openapi.PATH_EXAMPLES, "redemption": ending})
        found += [(method.upper(), shown, declared[told["operationId"]]) for method, told in methods.items()]
    return sorted(
        found,
        key=lambda call: (
            call[1].endswith("/erase"),
            call[1].endswith("/code"),
            call[1].endswith("/spending/allow"),
            call[1].endswith("/spending/stop"),
            call[1].endswith("/block"),
            call[1].endswith("/unblock"),
            call[0] == "DELETE",
            "cards/block" in call[1],
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_every_operation_does_what_the_file_says(shop, address, tmp_path, pytestconfig, drill_seed):
    drills = pytestconfig.getoption("--drills")
    config = tmp_path / "schemathesis.toml"
    config.write_text(_config(shop, combed=_combed(drill_seed, everything=drills)))
    (tmp_path / "hooks.py").write_text(HOOKS)
    outcome = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            f"--config-file={config}",
            "run",
            f"{address}/api/schema",
            f"--url={address}",
            "--checks=all",
            # Every address is an example's: who is asked for is not who was made a moment ago, and may be erased by now.
            "--exclude-checks=ensure_resource_availability",
            f"--max-examples={100 if drills else 2}",
            f"--seed={drill_seed}",
            "--continue-on-failure",
            "--no-color",
            "--warnings=off",
            "--request-timeout=30",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)},
    )

    assert outcome.returncode == 0, outcome.stdout[-20_000:] + outcome.stderr[-2_000:]


def _combed(seed: int, *, everything: bool) -> set[str]:
    """The operations whose every parameter is put at its edges: a sixth of them by the run's dice, else all.

    The others have their examples and the dice. `try_programme` is combed by a drill alone: its body holds a whole
    programme, and two of three cases would be its own; tests/rules/rewards/test_terms.py puts faults in each place of one.
    """
    names = sorted(operation.id for operation in openapi.operations())
    if everything:
        return set(names)
    return set(random.Random(seed).sample(names, len(names) // 6)) - {"try_programme"}


def _config(shop: Till, *, combed: set[str]) -> str:
    # What is well-formed may be at odds with the state of things, or with itself.
    allowed = '{ expected-statuses = ["2xx", 404, 409, 422] }'
    lines = [f"checks = {{ positive_data_acceptance = {allowed} }}"]
    # PostgreSQL cannot keep a NUL, so every text refuses it (tests/stories/test_api_refusals.py); to say so of each text
    # in the schema would treble the cases.
    lines += ["generation = { allow-x00 = false }"]
    lines += [f'headers = {{ Authorization = "Bearer {shop.secret}" }}', "[parameters]"]
    lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in openapi.PATH_EXAMPLES.items()]
    for operation in openapi.operations():
        if "cursor" in operation.query.__struct_fields__:
            # A cursor of one's own making has the form of one, and is refused.
            lines += [
                "[[operations]]",
                f'include-operation-id = "{operation.id}"',
                f"checks = {{ positive_data_acceptance = {allowed.replace('404', '400, 404')} }}",
            ]
    for operation in openapi.operations():
        if operation.id not in combed:
            lines += [
                "[[operations]]",
                f'include-operation-id = "{operation.id}"',
                "phases = { coverage = { enabled = false } }",
            ]
    # A bad item of a batch is refused in its own result, among good ones.
    lines += [
        "[[operations]]",
        'include-operation-id = "record_purchases"',
        'checks = { negative_data_rejection = { expected-statuses = [200, "4xx"] } }',
        "[[operations]]",
        'include-operation-id = "enrol_members"',
        'checks = { negative_data_rejection = { expected-statuses = [200, "4xx"] } }',
    ]
    for ending, public_id in ENDINGS.items():
        lines += [
            "[[operations]]",
            f'include-path = "/api/v1/redemptions/{{redemption}}/{ending}"',
            f'parameters = {{ "path.redemption" = "{public_id}" }}',
        ]
    return "\n".join(lines)
