"""What kinds of documents there are comes from the models; whatever lists them by hand is held against those."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps

from loyalty.api import glossary
from merchants import ids
from rewards.models.documents import Document, moving_points

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [model for model in apps.get_models() if issubclass(model, Document)]
#: What entries name besides documents: somebody who joined or left, and what the clock did to a lot.
NO_DOCUMENTS = {"member", "lot"}
#: Documents that move the points of another, which entries name instead, and whose `xid` changes with them.
#: Documents that move stamps.
MOVE_STAMPS = {"stampadjustment"}
OF_ANOTHER = {"claim": "purchase", "capture": "redemption", "release": "redemption", "reversal": "redemption"}


def kinds() -> set[str]:
    return {model._meta.model_name for model in moving_points()}


def causes() -> set[str]:
    """The kinds that the code writes into entries."""
    return {
        call.args[0].value
        for path in (ROOT / "rewards").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Cause" and call.args
        if isinstance(call.args[0], ast.Constant)
    }


def test_entries_name_what_moves_points_and_nothing_else():
    assert causes() == kinds() | NO_DOCUMENTS


def test_the_api_tells_of_each_kind():
    told = re.findall(r"\w+", glossary.FIELDS["document_kind"].replace(" or ", ", "))
    assert sorted(told) == sorted(kinds() | NO_DOCUMENTS)


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_document_moves_points_or_is_of_one_that_does(model):
    name = model._meta.model_name
    assert [name in kinds(), name in OF_ANOTHER, name in MOVE_STAMPS].count(True) == 1
    assert OF_ANOTHER.get(name, "purchase") in kinds()


@pytest.mark.parametrize("model", moving_points(), ids=lambda model: model.__name__)
def test_what_moves_points_has_a_public_id_and_says_when_it_changed(model):
    names = {field.name for field in model._meta.concrete_fields}
    assert model in ids.prefixes().values()
    assert "public_id" in names
    # A referral is told of by the sale that qualified it.
    assert ("xid" in names) == (model._meta.model_name != "referral")


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_document_is_kept_for_ever_with_its_external_id(model):
    """A replay is answered for ever: see "Exactly once" in docs/architecture.md."""
    unique = [tuple(each.fields) for each in model._meta.constraints if each.name.endswith("_external_id_unique")]
    assert unique == [("merchant", "external_id")]
    assert not model.deletable
