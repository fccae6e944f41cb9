"""Plain words: code and docs use the terms of the field and of Django, and nothing that has to be decoded first."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
#: What the code was once called as if it were a building, and the prefix that every docstring once had.
_DECODED = {
    "docstring prefix": r"This (?:function|method|property|class) will",
    "house": r"\b(?:the|our own|every|each|own) (?:house|rooms?|doors?|floors?)\b|\b(?:cupboard|bookkeeper|postm[ae]n)\b",
    "floors": r"\b(?:ground|first|second|third|fourth|upper|lower) floors?\b",
    "rooms": r"\b(?:this|one|another|other) room\b",
}
#: A device at the counter may well stand by the door, and a hold makes room for another.
_LITERAL = re.compile(r"by the door|next door|no room|makes? room")

#: What no module, function, class, parameter or variable is called: a word for what a thing is like, not for what it is.
_NOT_IN_NAMES = frozenset(
    [
        "bookkeeper",
        "cupboard",
        "cupboards",
        "deed",
        "deeds",
        "desk",
        "door",
        "doors",
        "dressed",
        "fate",
        "fates",
        "floors",
        "grounds",
        "hands",
        "house",
        "houses",
        "ladder",
        "living",
        "pledge",
        "postman",
        "postmen",
        "room",
        "rooms",
        "rung",
        "rungs",
        "shelf",
        "shelves",
        "stranger",
        "twin",
        "twins",
        "voice",
        "walk",
        "walked",
        "warden",
        "worn",
    ]
)
#: Of tests, whose sentences say what people do, only those that DESIGN and CONTRIBUTING name.
_NOT_IN_TESTS = frozenset(
    [
        "bookkeeper",
        "cupboard",
        "deed",
        "deeds",
        "door",
        "doors",
        "house",
        "houses",
        "rooms",
        "shelf",
        "shelves",
        "walk",
        "walked",
    ]
)
_NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

#: Every one of Django's commands is called so.
_MAY_REPEAT = {"Command"}
_PRODUCT = ("analytics", "engagement", "loyalty", "members", "merchants", "rewards")


def _classes() -> dict[str, list[str]]:
    """Return where each public class of the product is declared."""
    found = defaultdict(list)
    for app in _PRODUCT:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(path.relative_to(ROOT)))
    return found


def _glossary() -> list[tuple[str, list[str]]]:
    """Return each word of the README's glossary with the classes that it names."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("| word | meaning | class |\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[1:]]
    return [(row[0], re.findall(r"`(\w+)`", row[-1])) for row in rows]


def test_no_two_public_classes_share_a_name():
    twice = {name: places for name, places in _classes().items() if len(places) > 1 and name not in _MAY_REPEAT}
    assert twice == {}


def test_the_glossary_names_classes_that_exist():
    classes, glossary = _classes(), _glossary()
    assert {word for word, names in glossary if not set(names) <= set(classes)} == set()
    assert len([names for _word, names in glossary if names]) > 10
    assert [word for word, _names in glossary] == sorted((word for word, _names in glossary), key=str.lower)


def _texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n") if not listed.returncode else []
    paths = [ROOT / name for name in names if name] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return [
        path for path in paths if path.suffix in {".py", ".md", ".toml", ".yml"} and path != Path(__file__).resolve()
    ]


def _names(path: Path) -> set[str]:
    """Return what a module declares, with its own name."""
    found = {path.stem}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


def _is_metaphor(name: str, words: frozenset[str]) -> bool:
    return any(part.lower() in words for part in _NAME_PARTS.findall(name))


def test_names_say_what_a_thing_is():
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in _texts()
        if path.suffix == ".py" and "migrations" not in path.parts
        for name in _names(path)
        if _is_metaphor(name, _NOT_IN_NAMES if path.relative_to(ROOT).parts[0] in _PRODUCT else _NOT_IN_TESTS)
    }
    assert found == set()


@pytest.mark.parametrize("name", ["ways_and_doors", "TwinPurchase", "_walk", "DEEDS", "HTTPHouse"])
def test_metaphors_are_recognised_in_names(name):
    assert _is_metaphor(name, _NOT_IN_NAMES)
    assert not _is_metaphor("outdoors_housekeeping_roomy", _NOT_IN_NAMES)


@pytest.mark.parametrize("what", _DECODED)
def test_no_text_needs_decoding(what):
    pattern, found = re.compile(_DECODED[what]), []
    for path in _texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line) and not _LITERAL.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("docstring prefix", '"""This function will return the draft."""'),
        ("house", "the house keeps it"),
        ("house", "asked by every door"),
        ("floors", "The second floor: what we owe."),
        ("rooms", "this room reads the sums"),
    ],
)
def test_the_words_are_recognised(what, line):
    assert re.search(_DECODED[what], line)
