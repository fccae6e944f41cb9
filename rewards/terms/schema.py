"""The JSON Schema (2020-12) of the terms document, made from the types themselves."""

from functools import lru_cache
from typing import Any

import msgspec

from rewards.terms.document import Terms
from rewards.terms.shelf import templates

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(ref_template: str = "#/$defs/{name}") -> dict[str, Any]:
    """This function will describe the terms document as JSON Schema 2020-12, with every part under `$defs`."""
    return msgspec.json.decode(_written(ref_template), type=dict)


def components(ref_template: str = "#/components/schemas/{name}") -> dict[str, Any]:
    """This function will give the schemas of all parts by name, for an OpenAPI file's components (root: `Terms`)."""
    _, parts = _parts(ref_template)
    return parts


def _parts(ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (root,), parts = msgspec.json.schema_components((Terms,), ref_template=ref_template)
    # Python's \\Z (the very end, not before a last newline) is $ in the regular expressions of JSON Schema.
    written = msgspec.json.encode([root, parts]).replace(rb'\\Z"', b'$"')
    root, parts = msgspec.json.decode(written)
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
