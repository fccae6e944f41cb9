"""The webhooks section of the OpenAPI file: what is sent to endpoints, by the schemas its producers are tested against."""

from __future__ import annotations

from typing import Any

from merchants import outbox


def described() -> dict[str, Any]:
    """Describe what is sent to endpoints: one entry a kind of event, by the files its producers are tested against."""
    return {
        kind: {
            "post": {
                "operationId": f"webhook_{kind.replace('.', '_')}",
                "tags": ["Webhooks"],
                "summary": kind,
                "description": f"{outbox.schema(kind)['description']}\n\nSigned as Standard Webhooks has it; at least once, "
                "in no promised order: see [webhooks](/api/docs/webhooks).",
                "security": [],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {
                        "type": "object",
                        "required": ["id", "type", "timestamp", "data"],
                        "properties": {
                            "id": {"type": "string", "description": "Id of the event: drop what you have."},
                            "type": {"const": kind, "description": "The kind."},
                            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
                            "data": {k: v for k, v in outbox.schema(kind).items() if k != "$schema"},
                        },
                    }}},
                },
                "responses": {"2XX": {"description": "Taken; anything else is tried again later."}},
            }
        }
        for kind in outbox.KINDS
    }  # fmt: skip
