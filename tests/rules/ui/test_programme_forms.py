"""The forms of the programme are made of what the terms say of their fields: none is forgotten, and no edit loses anything."""

from __future__ import annotations

import copy
import json
import re
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
import pytest
from django import forms
from django.http import QueryDict
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.console.programme.fields import ChosenNames
from loyalty.console.programme.forms.part import DocumentForm, PartForm, phrases_of
from loyalty.console.programme.items import LISTS
from loyalty.console.programme.shapes import EditedDraft
from rewards import terms
from rewards.purchases.goods_seen import GoodsSeen
from rewards.terms.editing.document import PAGES
from rewards.terms.editing.expiry import OWN_EXPIRY
from rewards.terms.editing.kinds import part_fields
from rewards.terms.editing.vocabulary import Edit, Editor, FieldGroup, editor_of, edits_of, not_edited
from rewards.terms.fields import Code, PointsAmount, Text

GOODS = GoodsSeen(categories=(("coffee", 12), ("tea", 3)), skus=(("LATTE", 9),), labels=(("organic", 2),))
MERCHANT: Any = SimpleNamespace(language="en", currency="KRW")


def kinds(kind: type[msgspec.Struct] = terms.Terms) -> dict[str, type[msgspec.Struct]]:
    """Every kind of part the document may hold."""
    found = {kind.__name__: kind}
    for field in part_fields(kind):
        for each in field.parts:
            if each.__name__ not in found:
                found |= kinds(each)
    return found


KINDS = kinds()


# -- nothing is forgotten ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_every_field_is_edited_or_says_why_it_is_not(name):
    kind = KINDS[name]
    edited, left_out = edits_of(kind), not_edited(kind)
    names = {field.name for field in part_fields(kind)}

    assert names - set(edited) - set(left_out) == set(), "edit them, or say in `not_edited` why no form shows them"
    assert (set(edited) & set(left_out), set(left_out) - names) == (set(), set())
    assert all(left_out.values())


@pytest.mark.parametrize("name", KINDS)
def test_an_editor_names_fields_there_are_and_leaves_none_out(name):
    kind = KINDS[name]
    editor, edited = editor_of(kind), set(edits_of(kind))
    in_sentence = set(re.findall(r"%\((\w+)\)s", str(editor.sentence))) - {"unit"}
    grouped = {each.partition(".")[0] for group in editor.groups for each in group.fields}

    assert in_sentence <= edited
    assert set(editor.begins) <= edited
    if editor.groups or editor.sentence:
        assert edited - in_sentence - grouped - {"name"} == set(), "no group nor the sentence shows them"


@pytest.mark.parametrize("name", KINDS)
def test_every_choice_has_words(name):
    for field in part_fields(KINDS[name]):
        if field.name in edits_of(KINDS[name]) and field.kind in ("choice", "choices") and field.edit.of != "weekday":
            assert set(field.edit.words) == set(field.values), field.name


def test_a_field_that_a_form_forgets_is_noticed():
    class Raffle(terms.Part, frozen=True, kw_only=True):
        prizes: int

    with pytest.raises(AssertionError, match="prizes"):
        KINDS["Raffle"] = Raffle
        try:
            test_every_field_is_edited_or_says_why_it_is_not("Raffle")
        finally:
            del KINDS["Raffle"]


class Ticket(terms.Part, frozen=True, kw_only=True):
    """A part that some next mechanic may bring."""

    names = "ticket"
    code: Code
    name: Text
    price_points: PointsAmount
    seats: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    expiry: terms.Expiry | None = None
    edits = {
        "name": Edit("Name"), "price_points": Edit("Price"), "seats": Edit("Seats"), "expiry": OWN_EXPIRY,
    }  # fmt: skip
    not_edited = {"code": "made of the name once"}
    editor = Editor(
        sentence="A seat for %(price_points)s %(unit)s",
        groups=(FieldGroup("seats", ("seats",)), FieldGroup("expiry", ("expiry",))),
    )


def test_a_next_mechanic_has_its_form_by_saying_how_it_is_edited():
    draft = edited(terms.document(terms.parse(terms.templates("KRW")["cafe"])))
    typed = QueryDict("name=Concert&name__ko=콘서트&price_points=300&seats=40&expiry-kind=fixed&expiry-last_days=12-31")
    form = PartForm(draft, Ticket, None, typed, taken=["concert"])

    assert form.is_valid(), form.errors
    assert form.written() == {
        "code": "concert-2", "name": {"en": "Concert", "ko": "콘서트"}, "price_points": 300, "seats": 40,
        "expiry": {"kind": "fixed", "last_days": ["12-31"], "at_least_days": 0},
    }  # fmt: skip
    assert [piece.words or piece.bound.html_name for piece in form.drawn.pieces] == [
        "A seat for ", "price_points", " ", "beans",
    ]  # fmt: skip
    assert [(token.title, token.says) for token in form.tokens] == [
        ("seats", "40"),
        ("expiry", "on fixed days · 12-31"),
    ]
    wrong = PartForm(
        draft, Ticket, None, QueryDict("name=Concert&price_points=x&seats=200&expiry-kind=rolling&expiry-unit=days")
    )
    assert set(wrong.errors) == {"price_points", "seats", "expiry-count"}


def test_the_pages_show_every_part_of_the_document_once():
    shown = [name.partition(".")[0] for page in PAGES.values() for group in page.groups for name in group.fields]
    assert set(shown) == set(edits_of(terms.Terms))
    places = [name for page in PAGES.values() for group in page.groups for name in group.fields]
    assert len(places) == len(set(places))


# -- any document -----------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(["Coffee", " 커피 ", "咖啡, 茶", "one\ntwo", "7", "-", "a" * 300])
_TAGS = st.sampled_from(["en", "ko", "zh-Hant", "ja", "fr-CA"])
_TEXT = st.one_of(_WORDS, st.dictionaries(_TAGS, _WORDS, min_size=1, max_size=4))
_NAMES = st.lists(st.sampled_from(["coffee", "tea", "LATTE", "organic", "a, b", "차"]), max_size=4, unique=True)
_DAY = st.sampled_from(["2026-12-31", "2027-01-01", "2027-06-30"])


def _ordered(least: int | None, most: int | None) -> Any:
    least, most = least or 0, most if most is not None else 10**6
    return st.one_of(st.integers(least, min(most, least + 20)), st.integers(least, most))


def _value(data: Any, field: Any, document: dict[str, Any]) -> Any:
    """A value for a field; some are refused by what stands around it."""
    draw = data.draw
    if field.is_optional and draw(st.booleans()):
        return None
    codes = {
        "tier": [level["code"] for level in (document["tiers"] or {"levels": []})["levels"]],
        "rule": [rule["code"] for rule in document["earning"]["rules"]],
        "reward": [reward["code"] for reward in document["rewards"]],
        "place": ["loc_1", "loc_2"],
    }.get(field.edit.of, [])
    if field.kind == "part":
        return _part(data, field.parts[0], document)
    if field.kind == "ways":
        return _part(data, draw(st.sampled_from(field.parts)), document)
    if field.kind in ("rows", "hours"):
        count = draw(st.integers(field.least or 0, min(field.most or 3, 3)))
        return [_part(data, field.parts[0], document) for _each in range(count)]
    made = {
        "points": _ordered(1, 10**6), "money": _ordered(1, 10**6), "quantity": _ordered(1, 10**6),
        "number": _ordered(field.least, field.most),
        "ratio": st.sampled_from([1, 2, "1.20", "3/2", "4/2", "0.5", 10]),
        "rate": st.sampled_from([1, 2, "1.20", "3/2", "4/2", "0.5", 10]),
        "text": _TEXT, "lines": _TEXT, "texts": st.lists(_TEXT, max_size=3), "names": _NAMES, "day": _DAY,
        "numbers": st.lists(st.integers(1, 12), min_size=1, max_size=3), "switch": st.booleans(),
        "choice": st.sampled_from([*field.values] or [0]),
        "choices": st.lists(st.sampled_from([*field.values] or [0]), min_size=field.least or 0, unique=True),
        "codes": st.lists(st.sampled_from(codes or ["none"]), unique=True, max_size=len(codes)),
        "code": st.sampled_from(codes) if codes else st.from_regex(r"[a-z]{3,8}", fullmatch=True),
    }  # fmt: skip
    if field.name == "last_days":
        return draw(st.lists(st.sampled_from(["12-31", "06-30", "2027-03-31"]), min_size=1, unique=True))
    return draw(made.get(field.kind, st.sampled_from(["09:00", "17:30"])))


def _part(data: Any, kind: Any, document: dict[str, Any]) -> dict[str, Any]:
    tag = {kind.__struct_config__.tag_field: kind.__struct_config__.tag} if kind.__struct_config__.tag else {}
    return tag | {
        field.name: _value(data, field, document)
        for field in part_fields(kind)
        if not field.has_default or data.draw(st.integers(0, 3)) == 0
    }


def _pointers(document: dict[str, Any]) -> list[tuple[list[Any], Any]]:
    """Every field of every part, with the way to it."""
    found = []
    for pointer, part in terms.parse(document).whole().parts:
        way = [int(step) if step.isdecimal() else step for step in pointer.split("/")[1:]]
        for field in part_fields(type(part)):
            if field.name in edits_of(type(part)) and field.name != "currency":
                found.append(([*way, field.name], field))
    return found


@st.composite
def _documents(draw: Any) -> dict[str, Any]:
    """A template, and in it many fields set to something else, as far as the terms allow."""
    data = SimpleNamespace(draw=draw)
    templates = terms.templates("KRW")
    document = terms.document(terms.parse(templates[draw(st.sampled_from(sorted(templates)))]))
    document["examples"] = []
    places = _pointers(document)
    for way, field in draw(st.lists(st.sampled_from(places), min_size=1, max_size=12)):
        changed = copy.deepcopy(document)
        at: Any = changed
        try:
            for step in way[:-1]:
                at = at[step]
        except (KeyError, IndexError, TypeError):
            continue
        if not isinstance(at, dict):
            continue
        at[way[-1]] = _value(data, field, document)
        try:
            document = terms.document(terms.parse(changed))
        except terms.InvalidTerms:
            continue
    return document


def edited(document: dict[str, Any], language: str = "en", **more: Any) -> EditedDraft:
    draft: Any = SimpleNamespace(document=document)
    merchant: Any = SimpleNamespace(language=language, currency=document["currency"])
    promised = terms.parse(document)
    return EditedDraft(merchant, draft, promised, "en", {"loc_1": "Old town"}, terms.document(promised), GOODS)


def forms_of(draft: EditedDraft, data: QueryDict | None = None) -> Any:
    """Every form there is for a document, each with what it shows and a way to put it back."""
    for name, page in PAGES.items():
        yield name, lambda sent, page=page: DocumentForm(draft, page, sent), draft.document
    for word, items in LISTS.items():
        for place, item in enumerate(items.of(draft.document)):
            kind = items.kinds[item.get("kind", "")]
            yield (
                f"{word} {place}",
                lambda sent, kind=kind, item=item, items=items: PartForm(
                    draft, kind, item, sent, pointer=items.pointer
                ),
                item,
            )


def sent(form: forms.Form) -> QueryDict:
    """What a browser sends of a form that nobody touched."""
    found = QueryDict(mutable=True)
    for bound in form:
        widget, shown = bound.field.widget, bound.field.prepare_value(bound.initial)
        if isinstance(widget, forms.CheckboxInput):
            if shown:
                found[bound.html_name] = "on"
        elif isinstance(widget, (forms.CheckboxSelectMultiple,)):
            for each in shown or ():
                found.appendlist(bound.html_name, str(each))
        elif isinstance(widget, ChosenNames):
            context = widget.get_context(bound.html_name, shown, {})
            for name, _count, is_chosen in context["options"]:
                if is_chosen:
                    found.appendlist(bound.html_name, name)
            found[f"{bound.html_name}-others"] = context["others"]
        elif isinstance(widget, forms.Select):
            # A list without a chosen option shows its first, and sends it.
            options = [str(value) for value, _label in bound.field.choices]
            found[bound.html_name] = str(shown) if str(shown) in options else next(iter(options), "")
        else:
            text = "" if shown is None else str(shown)
            long = isinstance(widget, forms.Textarea)
            found[bound.html_name] = text.replace("\n", "\r\n") if long else text.replace("\n", "")
    return found


def written(form: Any, document: dict[str, Any]) -> Any:
    if isinstance(form, DocumentForm):
        changed = copy.deepcopy(document)
        form.put(changed)
        return changed
    return form.written()


def differences(one: Any, other: Any, pointer: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found for key in {*one, *other} for found in differences(one.get(key), other.get(key), f"{pointer}/{key}")
        }
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return {
            found
            for place, pair in enumerate(zip(one, other, strict=True))
            for found in differences(*pair, f"{pointer}/{place}")
        }
    return set() if one == other and type(one) is type(other) else {pointer}


@settings(deadline=None, max_examples=30)
@given(document=_documents(), language=st.sampled_from(["en", "ko", "zh-hant"]))
def test_what_is_saved_as_it_is_shown_is_the_same_document(document, language):
    draft = edited(document, language)
    with translation.override(language):
        for name, form_of, kept in forms_of(draft):
            form = form_of(sent(form_of(None)))
            assert form.is_valid(), (name, form.errors)
            assert differences(kept, written(form, kept)) == set(), name


@settings(deadline=None, max_examples=60)
@given(document=_documents(), data=st.data())
def test_who_changes_one_field_changes_nothing_else(document, data):
    draft = edited(document)
    name, form_of, kept = data.draw(st.sampled_from(list(forms_of(draft))))
    typed = sent(form_of(None))
    figures = [each for each, value in typed.items() if re.fullmatch(r"[1-9][0-9]{0,4}", value) and each != "sizes"]
    figures = [
        each for each in figures if not re.search(r"sizes|last_days|categories|labels|skus|threshold|others$", each)
    ]
    texts = [each for each in typed if "__" in each]
    changed = data.draw(st.sampled_from([*figures, *texts] or [""]))
    if not changed:
        return
    typed[changed] = "라떼" if "__" in changed else str(int(typed[changed]) + 1)
    form = form_of(typed)
    is_off = any(
        each.endswith("-is_on") and changed.startswith(each[:-5]) and each not in typed for each in form.fields
    )
    if is_off or not form.is_valid():
        return

    found = differences(kept, written(form, kept))

    place = "/" + changed.partition("__")[0].replace("-", "/")
    if "__" in changed:
        # A plain text gets a language more; one by language changes in this one. A text that was not there begins.
        assert all(each == place or each == f"{place}/{changed.partition('__')[2]}" or each in place for each in found)
        assert found or typed[changed] in json.dumps(kept, ensure_ascii=False)
    else:
        assert found in ({place}, set()), (name, changed)


@settings(deadline=None, max_examples=8)
@given(document=_documents())
def test_every_form_is_drawn_in_words(document):
    draft = edited(document)
    with translation.override("en"):
        for _name, form_of, _kept in forms_of(draft):
            form = form_of(None)
            form.phrases = phrases_of(draft)
            drawn = form.drawn
            assert len({token.id for token in form.tokens}) == len(form.tokens)
            shown = [bound.html_name for bound in _all_bounds(drawn)]
            assert len(shown) == len(set(shown))
            assert set(shown) == set(form.fields)


def _all_bounds(part: Any) -> Any:
    yield from part.names
    yield from part.fields
    yield from (bound for bound in (part.switch, part.remove) if bound is not None)
    rows = [row for token in part.tokens for row in token.rows] + [row for group in part.groups for row in group.rows]
    for row in rows:
        if hasattr(row, "choice"):
            yield row.choice
            for each in row.rows:
                yield from each.fields
        else:
            yield from row.fields
    for group in part.groups:
        for each in group.parts:
            yield from _all_bounds(each)
