"""The components of the OpenAPI file: structs as msgspec describes them, headers, and an example of every refusal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from loyalty.api.framework.operations import Operation
from loyalty.api.framework.problems import Problem
from loyalty.problem_catalogue import KINDS, status_of

REFERENCE = "#/components/schemas/{name}"


def components(operations: Iterable[Operation]) -> dict[str, Any]:
    """Describe the structs that the operations name, and what all of them share."""
    kinds: list[Any] = [Problem]
    for operation in operations:
        kinds += [
            kind
            for kind in (operation.described_body or operation.body, *operation.answers.values())
            if kind is not None
        ]
    _roots, schemas = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    schemas["Problem"]["additionalProperties"] = True
    for name, schema in schemas.items():
        if "quantity" in (fields := schema.get("properties", {})):
            # msgspec writes decimals as texts; a till sends this one as a number.
            # A line sold has a quantity, if only the default; a line refunded may leave it to the amount.
            accepted = ["number", "null"] if name == "RefundLine" else "number"
            described = fields["quantity"].get("description", "")
            fields["quantity"] = {**_QUANTITY, "type": accepted, "description": described}
    schemas["Problem"]["properties"]["code"]["examples"] = ["member_not_found"]
    for name, schema in schemas.items():
        _explain(name, schema)
    return {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "lk_live_… or lk_test_…"}},
        "schemas": dict(sorted(schemas.items())),
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Stands in for external_id when the body has none: 1 to 255 visible ASCII signs. With both, they are the same.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        },
        "headers": {
            "X-Request-Id": _header("Names this call in our log; a short plain one of yours is kept."),
            "Loyalty-Version": _header(
                "The release of this installation, for whoever asks its operator for help; info.version is the API's own."
            ),
            "RateLimit": _header("What is left of the key's share, and when it is whole again (seconds)."),
            "RateLimit-Policy": _header("The key's share: calls per window of seconds."),
            "Retry-After": _header("Seconds to wait before sending the same call again."),
            "Idempotent-Replayed": _header("true when this answers an earlier sending; nothing moved again."),
        },
        "examples": {code: {"value": _example(code)} for code in sorted(KINDS)},
    }


#: What a field of an answer means, by its name or by `Struct.field`; the calls fill it in.
FIELDS: dict[str, str] = {}


def _explain(name: str, schema: dict[str, Any]) -> None:
    """Say what each property means that its struct does not explain; leave out defaults no generator can read."""
    for field, described in schema.get("properties", {}).items():
        told = FIELDS.get(f"{name}.{field}") or FIELDS.get(field)
        if told and "description" not in described:
            described["description"] = told
        if isinstance(described.get("default"), dict) and {"anyOf", "oneOf"} & described.keys():
            # The default of a union is an object of one of its kinds: the description says what holds without it.
            del described["default"]


_QUANTITY = {"minimum": 0.001, "maximum": 10**9, "examples": [1, 0.375]}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _example(code: str) -> dict[str, Any]:
    kind = KINDS[code]
    return {
        "type": f"https://loyalty.example/api/docs/problems/{code}",
        "title": str(kind.title),
        "status": status_of(code),
        "code": code,
        "detail": kind.meaning,
        "request_id": "0f8e4bb0c1f94f0e8b1d5b0f3d1f6a52",
        "errors": [],
    }
