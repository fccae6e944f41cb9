"""Values reach the database as parameters only: no SQL in the product is put together of anything a request could say.

Row-level security guards against a forgotten filter. Whoever can run SQL of their own sets `app.merchant_id` to another
shop, so injection is kept out here: what is put into a text of SQL is a constant (in capitals), or is listed below.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("merchants", "members", "rewards", "engagement", "analytics", "loyalty")
_SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|WHERE|JOIN|VALUES|RETURNING|SET|GRANT|REVOKE|CREATE|ALTER|DROP)\b"
)
#: In capitals, but what a browser sent.
_CONSTANT = re.compile(r"(?!(GET|POST|META|COOKIES|FILES)\Z)_?[A-Z][A-Z0-9_]*")
#: Names that are put into SQL and are no constants: where, and why no request can say them.
REVIEWED: dict[str, str] = {
    "analytics/facts.py: view": "from a tuple written out beside it",
    "analytics/member_list.py: _COUNTS[segment]": "written out in the module, by one of its seven names",
    "analytics/member_list.py: behind": "made of the order's column, with placeholders in it",
    "analytics/member_list.py: column.key": "of one of five orders, written out in the module",
    "analytics/member_list.py: column.member": "of one of five orders, written out in the module",
    "analytics/member_list.py: conditions[segment]": "written out in the module, by one of its seven names",
    "analytics/member_list.py: kind": "of three kinds of the module",
    "analytics/member_list.py: each": "made of the conditions of the module",
    "analytics/member_list.py: figures": "written out beside it",
    "analytics/member_list.py: way": "one of two words",
    "analytics/metrics/frequency.py: condition": "written out in the same module",
    "analytics/metrics/movement.py: condition": "written out in the same module",
    "analytics/metrics/nps.py: condition": "written out in the same module",
    "analytics/round_trip.py: ', '.join(parts)": "statements of the modules that ask, each with its parameters",
    "analytics/round_trip.py: renamed": "a statement of the module that asks, its parameters under other names",
    "analytics/rollups.py: table": "from a tuple of the module",
    "analytics/runs.py: key": "written out beside it, with a placeholder in it",
    "engagement/member_events.py: rows": "written out in the module, by one of its five names",
    "engagement/member_events.py: stream": "one of five names of the module",
    "engagement/surveys.py: ', '.join(['%s'] * len(fields))": "placeholders, as many as there are columns",
    "engagement/surveys.py: columns": "columns of the model",
    "loyalty/launch/create_database.py: database": "our own databases' names",
    "members/search_keys.py: ' AND '.join(conditions)": "a constant with placeholders, once for each word",
    "members/search_keys.py: some": "a constant with placeholders, once for each beginning",
    "merchants/database/model_rows.py: ', '.join(taken)": "columns of the model",
    "merchants/database/model_rows.py: assigned": "columns of the model",
    "merchants/database/model_rows.py: columns": "columns of the model",
    "merchants/database/model_rows.py: f', {also}' if also else ''": "a constant of the caller",
    "merchants/database/model_rows.py: model._meta.db_table": "the table of the model",
    "merchants/database/model_rows.py: name": "the part's name, a constant of the caller",
    "merchants/database/model_rows.py: source": "columns of the model, with their types",
    "merchants/database/model_rows.py: table": "the table of the model",
    "merchants/database/roles.py: admin.name": "whoever is connected, as the server says, printed for them to run",
    "merchants/database/roles.py: held": "from a table of the module",
    "merchants/database/roles.py: database": "the operator's own, printed for them to run",
    "merchants/database/roles.py: name": "from a table of the function",
    "merchants/database/roles.py: role": "from a table of the module",
    "merchants/database/roles.py: secret": "the operator's own, quoted, printed for them to run",
    "merchants/database/roles.py: value": "from a table of the function",
    "merchants/database/schema.py: ', '.join(roles)": "from a table of the module",
    "merchants/database/schema.py: _words(held - wanted)": "rights, which the database named itself",
    "merchants/database/schema.py: _words(wanted - held)": "rights, from a table of the module",
    "merchants/database/schema.py: command": "one of four words",
    "merchants/database/schema.py: name": "policies and triggers, from the code or the catalogue, quoted",
    "merchants/database/schema.py: view.name": "of the views in the code, quoted",
    "merchants/database/schema.py: view.query": "a view's text, from the code",
    "merchants/database/schema.py: role": "from a table of the module",
    "merchants/database/schema.py: table": "tables of the model registry, quoted",
    "merchants/database/schema.py: using": "written out in the same module",
    "merchants/database/schema.py: where": "written out in the same module",
    "merchants/database/schema.py: with_check": "written out in the same module",
    "merchants/database/statements.py: counts or 1": "names of the statement's own parts",
    "merchants/database/statements.py: name": "names of the statement's own parts",
    "merchants/database/statements.py: texts": "constants of the callers, under names of their own",
    "merchants/tenancy.py: merchant_id": "formatted as a number",
    "rewards/balances.py: external_ids": "columns of the models that move points",
    "rewards/balances.py: joins": "tables of the models that move points",
    "rewards/balances.py: model._meta.db_table": "of the models that move points",
    "rewards/balances.py: kind": "names of the models that move points",
    "rewards/balances.py: public_ids": "columns of the models that move points",
    "rewards/purchases/locking.py: column": "one of two names",
    "rewards/referrals/rows.py: side": "from a tuple of the module",
    "rewards/sales/reading.py: ', '.join(parts.values())": "constants, one for each part of the read",
    "rewards/verify/sums.py: check.name": "from a tuple of the module",
    "rewards/verify/sums.py: check.query": "from a tuple of the module",
}


def sources():
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def put_into_sql(source: str) -> list[str]:
    """Return what is put into texts of SQL: by f-string, %, + or format, wherever in the module; constants left out."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        found += [ast.unparse(piece) for piece in _pieces(node) if not _is_constant(piece)]
    return found


def _pieces(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.JoinedStr) and _SQL.search(_text(node)):
        return [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        return [side for side, other in ((node.left, node.right), (node.right, node.left))
                if _SQL.search(_text(other)) and not isinstance(side, ast.Constant | ast.JoinedStr)]  # fmt: skip
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return [*node.args, *(word.value for word in node.keywords)] if _SQL.search(_text(node.func.value)) else []
    return []


def _text(node: ast.AST) -> str:
    """The words that stand in a text, without what is put into it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return " ".join(_text(part) for part in node.values if isinstance(part, ast.Constant))
    return ""


def _is_constant(piece: ast.expr) -> bool:
    """State whether a piece is made of constants alone, those it goes through one by one among them."""
    own = {each.id for loop in ast.walk(piece) if isinstance(loop, ast.comprehension) for each in ast.walk(loop.target)
           if isinstance(each, ast.Name)}  # fmt: skip
    return all(
        each.id in own | {"len", "range"} or _CONSTANT.fullmatch(each.id) or _is_constant_of_a_module(piece, each)
        for each in ast.walk(piece)
        if isinstance(each, ast.Name)
    )


def _is_constant_of_a_module(piece: ast.expr, name: ast.Name) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.value is name and _CONSTANT.fullmatch(each.attr)
        for each in ast.walk(piece)
    )


def test_nothing_is_put_into_sql_but_constants_and_what_was_looked_at():
    found = {f"{name}: {piece}" for name, source in sources() for piece in put_into_sql(source)}
    assert found - set(REVIEWED) == set(), (
        "pass values as parameters; a name that is no constant is listed with a reason"
    )


def test_the_check_sees_each_way_of_putting_a_text_together():
    for built in (
        'cursor.execute(f"SELECT {request.GET}")',
        'sql = f"SELECT * FROM members_member WHERE name = {name}"',
        'cursor.execute("SELECT " + query.name)',
        'cursor.execute("SELECT %s" % body.name)',
        'cursor.execute("SELECT {} FROM t".format(form))',
        'Member.objects.raw("SELECT " + typed)',
    ):
        assert len(put_into_sql(built)) == 1, built
    for safe in (
        'cursor.execute("SELECT %s", [request.GET["q"]])',
        'cursor.execute(f"SELECT {_COLUMNS} FROM t WHERE id = %s", [value])',
        'cursor.execute(_CLAIM, {"merchant": merchant_id})',
        'notes.error(f"Hello {name}")',
    ):
        assert put_into_sql(safe) == [], safe
