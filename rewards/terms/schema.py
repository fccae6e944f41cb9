"""The JSON Schema (2020-12) of the terms document, made from the types themselves."""

import inspect
from functools import lru_cache
from typing import Any

import msgspec

from rewards.terms.document import Terms
from rewards.terms.programme_templates import templates

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(ref_template: str = "#/$defs/{name}") -> dict[str, Any]:
    """Describe the terms document as JSON Schema 2020-12, with every part under `$defs`."""
    return msgspec.json.decode(_written(ref_template), type=dict)


def components(ref_template: str = "#/components/schemas/{name}") -> dict[str, Any]:
    """Give the schemas of all parts by name, for an OpenAPI file's components (root: `Terms`)."""
    _, parts = _parts(ref_template)
    return parts


def _parts(ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (root,), parts = msgspec.json.schema_components((Terms,), ref_template=ref_template)
    # Python's \\Z (the very end, not before a last newline) is $ in the regular expressions of JSON Schema.
    written = msgspec.json.encode([root, parts]).replace(rb'\\Z"', b'$"')
    root, parts = msgspec.json.decode(written)
    for part in parts.values():
        if "description" in part:
            # A docstring keeps its indentation until Python 3.12 and loses it from 3.13 on.
            part["description"] = inspect.cleandoc(part["description"])
    return root, parts


@lru_cache(maxsize=8)
def _written(ref_template: str) -> bytes:
    # Encoded once and decoded on each call, so that no caller can change another's copy.
    root, parts = _parts(ref_template)
    schema = {
        "$schema": DIALECT,
        "title": "Terms of a loyalty programme",
        **root,
        "examples": [templates()["simple"]],
        "$defs": parts,
    }
    return msgspec.json.encode(schema)
