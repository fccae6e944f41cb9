"""A till with a key: what the API's stories use. Two merchants, so that every story can look over the fence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.test import Client
from django.urls import Resolver404, resolve

from loyalty.api.framework import openapi
from merchants import keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from tests.people import open_shop as open_shop

#: All a key can be allowed but backfilling, which would let old sales in and keep events back.
EVERY_SCOPE = tuple(
    scope for scope in keys.SCOPES if scope not in {"purchases:backfill", "purchases:accept_unknown_time"}
)


def issue_key(merchant: Merchant, *scopes: str, now: datetime | None = None, **fields: Any) -> keys.Issued:
    """Issue a key with these scopes, or with every scope."""
    with tenancy.tenant(merchant):
        return keys.issue(
            merchant=merchant,
            name="Till 1",
            scopes=scopes or EVERY_SCOPE,
            actor=SYSTEM,
            now=now or datetime.now(UTC),
            **fields,
        )


class Till:
    """Speaks HTTP with one key; answers are Django's test responses, `.json()` reads them."""

    def __init__(self, merchant: Merchant, secret: str) -> None:
        self.merchant = merchant
        self.secret = secret
        self.client = Client()

    def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Any:
        sent = raw if raw is not None else (json.dumps(body).encode() if body is not None else b"")
        extra = {
            "Authorization": f"Bearer {self.secret}",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        answer = self.client.generic(method, f"/api/v1/{path}", sent, content_type="application/json", headers=extra)
        check_promised(method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("PATCH", path, body, **options)


@lru_cache(maxsize=1)
def promised() -> dict[str, set[tuple[int, str]]]:
    """What the OpenAPI file says that each operation may refuse: (status, code), by the operation's id."""
    return {
        told["operationId"]: {
            (int(status), code)
            for status, answer in told["responses"].items()
            for content in answer.get("content", {}).values()
            for code in content.get("examples", {})
        }
        for methods in json.loads(openapi.written())["paths"].values()
        for told in methods.values()
    }


def check_promised(method: str, path: str, answer: Any) -> None:
    """Every refusal that any story meets is one which the OpenAPI file promises of that call, with that status."""
    if answer.get("Content-Type") not in {"application/problem+json", "application/json"}:
        return
    try:
        view: Any = getattr(resolve(f"/api/v1/{path.partition('?')[0]}").func, "cls", None)
    except (Resolver404, UnicodeError):
        return
    operation = getattr(getattr(view, method.lower(), None), "operation", None)
    if operation is None:
        return
    if answer["Content-Type"] == "application/problem+json":
        problem = answer.json()
        assert (answer.status_code, problem["code"]) in promised()[operation.id], (operation.id, problem)
    elif operation.one is not None:
        for result in answer.json().get("results", ()):
            if result.get("problem") is not None:
                refused = result["status"], result["problem"]["code"]
                assert refused in promised()[operation.one], (operation.id, result)


def till_at(merchant: Merchant, *scopes: str, **fields: Any) -> Till:
    """Put a till with a new key into a shop."""
    return Till(merchant, issue_key(merchant, *scopes, **fields).secret)


def start_programme(till: Till, **parts: Any) -> None:
    """Publish a programme of one point for each 100 minor units, in force since 2020, and whatever parts are given."""
    document = {
        "name": "Beans",
        "currency": till.merchant.currency,
        "earning": {
            "rules": [{"kind": "per_money", "code": "base", "name": "Base", "points": 1, "per_amount_minor": 100}]
        },
        **parts,
    }
    saved = till.call("PUT", "programme", {"document": document})
    assert saved.status_code == 200, saved.content
    published = till.post("programme/publish", {"effective_from": "2020-01-01T00:00:00Z"})
    assert published.status_code == 201, published.content


def sell(
    till: Till,
    external_id: str,
    total_minor: int,
    *,
    at: datetime | None = None,
    query: str = "",
    **fields: Any,
) -> Any:
    """Post one sale, made now unless said otherwise."""
    body = {
        "external_id": external_id,
        "occurred_at": (at or datetime.now(UTC)).isoformat(),
        "currency": till.merchant.currency,
        "total_minor": total_minor,
        **fields,
    }
    return till.post(f"purchases{query}", body)
