"""The OpenAPI 3.1 file: drf-spectacular walks the addresses, msgspec describes the structs, `@operation` says the rest.

It is committed as docs/openapi.json (`manage.py openapi`), so that a change of contract is a visible difference.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from loyalty.api.framework import openapi_components, openapi_webhooks
from loyalty.api.framework.operations import Operation
from loyalty.api.framework.problems import MEDIA_TYPE
from loyalty.problem_catalogue import KINDS, status_of

VERSION = "1.0.0"
_ABOUT = """
Record purchases, spend points and look members up, from a till or any other machine.

- **Start** with the [quickstart](/api/docs/quickstart): the first sale in five minutes, with three curls.
- **Keys**: `Authorization: Bearer lk_live_…` (`lk_test_…` for a sandbox). Each call names the scope it needs.
- **Exactly once**: whatever moves points carries an `external_id` of yours (or the header `Idempotency-Key`). Send it
  again after a time-out: the answer is the same, marked `Idempotent-Replayed: true`, and nothing moves twice. Other
  content under the same id is refused.
- **Units**: money in minor units of the merchant's currency, points in the programme's smallest unit, both as whole
  JSON numbers. Instants are ISO 8601 with an offset.
- **Refusals** are problem documents (RFC 9457) with a `code` from the [catalogue](/api/docs/problems/).
- **Lists** come in pages: send `next_cursor` back as `cursor` until it is null.
- **Events** reach you by [webhooks](/api/docs/webhooks); their payloads are described below.
- **Growth**: fields, codes and values of a field may be added, so ignore what you do not know; nothing here is taken
  away or changes its meaning within v1. A call that will go one day says so at least a year ahead, by the headers
  `Deprecation` and `Sunset` (RFC 9745, RFC 8594) and in the [changelog](/api/docs/quickstart#changes).
- **Browsers**: there is no CORS here, on purpose: a key in a page is everybody's. Call from your own server.
"""
_COMMON = (
    "unknown_host",
    "key_missing",
    "key_invalid",
    "key_revoked",
    "key_expired",
    "merchant_closed",
    "scope_missing",
    "rate_limited",
    "invalid",
    "internal_error",
    "unavailable",
    "busy",
)
_OF_BODIES = (
    "malformed_json",
    "duplicate_key",
    "too_deep",
    "body_missing",
    "body_cut_off",
    "request_timeout",
    "length_required",
    "unsupported_content_encoding",
    "invalid_request",
    "body_too_large",
    "unsupported_media_type",
)


class StructSchema(AutoSchema):
    """Describes one method from its `@operation`."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        declared: Operation | None = getattr(getattr(self.view, method.lower(), None), "operation", None)
        return described(declared, path) if declared else None


def described(operation: Operation, path: str) -> dict[str, Any]:
    """Describe one operation at its path, naming structs by reference."""
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": f"{operation.description}\n\n{_needed(operation)}".strip(),
        "tags": [operation.tag],
        "security": [{"key": [operation.scope] if operation.scope else []}],
    }
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)}", path)]
    parameters += _query_parameters(operation)
    if operation.takes_id:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        content: dict[str, Any] = {"schema": _reference(operation.described_body or operation.body)}
        if operation.examples:
            content["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    told["responses"] = _answers(operation) | _refusals(operation, has_path="{" in path)
    return told


def _needed(operation: Operation) -> str:
    return f"Needs the scope `{operation.scope}`." if operation.scope else "Any key may ask."


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1} if name == "number" else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": PATH_EXAMPLES[name]}


PATH_EXAMPLES: dict[str, Any] = {
    "member_id": "mem_7k2m9x4q8w3t6v1p",
    "merge": "mrg_4m8x2k9q7w3t6v1p",
    "redemption": "rdm_4m8x2k9q7w3t6v1p",
    "purchase": "pur_4m8x2k9q7w3t6v1p",
    "refund": "ref_4m8x2k9q7w3t6v1p",
    "adjustment": "adj_4m8x2k9q7w3t6v1p",
    "transfer": "trf_4m8x2k9q7w3t6v1p",
    "endpoint_id": "whk_4m8x2k9q7w3t6v1p",
    "delivery_id": "dlv_4m8x2k9q7w3t6v1p",
    "event_id": "evt_4m8x2k9q7w3t6v1p",
    "number": 1,
}


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    _root, parts = msgspec.json.schema_components((operation.query,), ref_template=openapi_components.REFERENCE)
    schema = parts[operation.query.__name__]
    found = []
    for name, kind in schema["properties"].items():
        kind = dict(kind)
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in schema.get("required", [])}
        if kind.pop("default", None) is not None:
            kind["default"] = schema["properties"][name]["default"]
        # Absent is how a query says null.
        if {"type": "null"} in (options := kind.get("anyOf", [])):
            options = [option for option in options if option != {"type": "null"}]
            kind = {
                **{k: v for k, v in kind.items() if k != "anyOf"},
                **(options[0] if len(options) == 1 else {"anyOf": options}),
            }
        if "description" in kind:
            parameter["description"] = kind.pop("description")
        if name in operation.query_examples:
            parameter["example"] = operation.query_examples[name]
        found.append({**parameter, "schema": _with_text_told(kind)})
    return found


def _answers(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        answer: dict[str, Any] = {"description": _STATUS_WORDS.get(status, "Done."), "headers": dict(_HEADERS)}
        if operation.takes_id:
            answer["headers"]["Idempotent-Replayed"] = {"$ref": "#/components/headers/Idempotent-Replayed"}
        if kind is not None:
            content: dict[str, Any] = {"schema": _reference(kind)}
            if operation.answer_example is not None:
                content["example"] = operation.answer_example
            answer["content"] = {"application/json": content}
        found[str(status)] = answer
    return found


_STATUS_WORDS = {
    200: "Done.",
    201: "Recorded.",
    202: "Will be done in a moment.",
    204: "Done; there is nothing to say.",
    207: "Each item has its own result.",
}
_HEADERS = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in ("X-Request-Id", "Loyalty-Version", "RateLimit", "RateLimit-Policy")
}


def codes_of(operation: Operation, *, has_path: bool) -> tuple[str, ...]:
    """List the codes a caller of an operation may meet."""
    codes = [*operation.refusals, *_COMMON, "invalid_query"]
    if operation.body is not None:
        codes += _OF_BODIES
    if operation.takes_id and operation.requires_id:
        codes += ["external_id_required"]
    if operation.takes_id:
        codes += ["external_id_mismatch"]
    if "cursor" in operation.query.__struct_fields__:
        codes += ["invalid_cursor"]
    if has_path:
        codes += ["route_not_found"]
    return tuple(dict.fromkeys(codes))


def _refusals(operation: Operation, *, has_path: bool) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes_of(operation, has_path=has_path):
        by_status[status_of(code)].append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {KINDS[code].meaning}" for code in codes),
            "headers": _HEADERS_OF_STATUS.get(status, {}),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
                }
            },
        }
        for status, codes in sorted(by_status.items())
    }


_HEADERS_OF_STATUS = {
    status: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}} for status in (425, 429, 503)
}


def _reference(kind: Any) -> dict[str, Any]:
    (root,), _parts = msgspec.json.schema_components((kind,), ref_template=openapi_components.REFERENCE)
    return root


class Generator(SchemaGenerator):
    """Collects the operations and adds the components they name."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        paths = super().get_schema(request=request, public=public)["paths"]  # type: ignore[no-untyped-call]
        whole: dict[str, Any] = _portable(
            {
                "openapi": "3.1.0",
                "info": {
                    "title": "Loyalty till API",
                    "version": VERSION,
                    "description": _ABOUT.strip(),
                    "license": {"name": "MIT", "identifier": "MIT"},
                },
                "servers": [{"url": "/", "description": "This installation"}],
                "security": [{"key": []}],
                "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
                "paths": dict(sorted(paths.items())),
                "webhooks": openapi_webhooks.described(),
                "components": openapi_components.components(operations()),
            }
        )
        return whole


_TAGS = {
    "Key": "Whose key it is and what it may do.",
    "Members": "Enrol, find and change members; their cards; two made one; erasure.",
    "Balances": "What a member has, lot by lot, and why.",
    "Purchases": "Ask what a purchase would earn, record it, take it back.",
    "Redemptions": "Spend points: at once, or hold, capture, release; and undo.",
    "Adjustments": "Correct a balance by hand.",
    "Transfers": "Points from one member to another, where the terms let them.",
    "Programme": "The terms, as data.",
    "Surveys": "What members say.",
    "Numbers": "What the dashboard shows.",
    "Webhooks": "Where events go, what came of it, and sending again.",
}


#: What a text in a query may hold: no control but tab and line ends, nothing that turns direction (`queries.py`).
_QUERY_TEXT = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffd]*$"
#: Kinds of text that say themselves what they may hold.
_TOLD = frozenset({"pattern", "enum", "const", "format"})


def _with_text_told(value: Any) -> Any:
    """Say of a free text in a query what it may hold, so that a caller knows before the API refuses."""
    if isinstance(value, dict):
        is_free = value.get("type") == "string" and not _TOLD & value.keys()
        told = {"pattern": _QUERY_TEXT} if is_free else {}
        return {name: _with_text_told(each) for name, each in value.items()} | told
    return [_with_text_told(each) for each in value] if isinstance(value, list) else value


def _portable(value: Any) -> Any:
    """Say the same under every Python, in the words of JSON Schema.

    Patterns end with Python's `\\Z` (its `$` lets a newline through), JSON Schema's `$` means just that; docstrings
    keep their indentation until Python 3.12 and lose it from 3.13 on.
    """
    if isinstance(value, dict):
        return {
            name: _PORTABLE[name](each) if name in _PORTABLE and isinstance(each, str) else _portable(each)
            for name, each in value.items()
        }
    return [_portable(each) for each in value] if isinstance(value, list) else value


_PORTABLE: dict[str, Callable[[str], str]] = {
    "pattern": lambda text: text.replace(r"\Z", "$"),
    "description": inspect.cleandoc,
}


def operations() -> list[Operation]:
    """List every declared operation, in the order of the addresses."""
    declared = [getattr(getattr(view, m, None), "operation", None) for _path, view in views() for m in _METHODS]
    return [operation for operation in declared if operation is not None]


_METHODS = ("get", "post", "put", "patch", "delete")


@lru_cache(maxsize=1)
def views() -> tuple[tuple[str, Any], ...]:
    """List the addresses that have a class of the API behind them."""
    return tuple(_views_below(get_resolver().url_patterns, ""))


def _views_below(patterns: list[Any], before: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += _views_below(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and (view := getattr(pattern.callback, "cls", None)):
            found.append((here, view))
    return found


@lru_cache(maxsize=1)
def written() -> str:
    """Write the OpenAPI file, the same from every machine and in every language."""
    with translation.override("en"):
        generator = Generator(patterns=None)  # type: ignore[no-untyped-call]
        schema = generator.get_schema(request=None, public=True)
        return json.dumps(schema, indent=2, ensure_ascii=False, default=str) + "\n"
