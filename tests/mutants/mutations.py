"""Small changes of meaning in Python source, and in the SQL it holds."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_COMPARE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
}  # fmt: skip
_VARIABLE: Final = (ast.Name, ast.Attribute)
_CALLED: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SQL_STATEMENT: Final = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE)\b")
#: What may be changed in a text that holds SQL, and into what.
_SQL: Final = (
    (r"(?<=\s)<(?=\s)", "<="), (r"(?<=\s)<=(?=\s)", "<"), (r"(?<=\s)>(?=\s)", ">="), (r"(?<=\s)>=(?=\s)", ">"),
    (r"\bAND\b(?! (CURRENT|UNBOUNDED))", "OR"), (r"\bIS NULL\b", "IS NOT NULL"), (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bgreatest\b", "least"), (r"\bleast\b", "greatest"), (r"(?<=\s)\+(?=\s)", "-"), (r"(?<=\s)-(?=\s)", "+"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: in the file, the characters from `start` to `end` become `text`."""

    path: str
    line: int
    #: The class and function around it.
    within: str
    #: First and last line of the statement, or of its head; 0 for what runs when the file is imported.
    statement: tuple[int, int]
    what: str
    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.within}: {self.what}"


def mutations(path: str, source: str) -> list[Mutation]:
    """Return every change that can be made in a file, in the order of its text."""
    found = [*_Finder(path, source).found(), *_in_sql(path, source)]
    return sorted(found, key=lambda one: (one.start, one.end, one.text))


class _Finder(ast.NodeVisitor):
    """Visits the code that runs: no annotations, decorators, docstrings, assertions or texts of errors."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = source.splitlines()
        self._within: list[str] = []
        self._depth = 0
        self._statement = (0, 0)
        self._found: list[Mutation] = []

    def found(self) -> list[Mutation]:
        self.visit(ast.parse(self._source))
        return self._found

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _change(self, node: ast.expr | ast.stmt, text: str, what: str = "") -> None:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or 0, node.end_col_offset or 0)
        before = " ".join(self._source[start:end].split())
        if not what:
            # A number says nothing alone: what stands around it, in the same statement.
            around = "" if len(before) > 8 else f" in … {self._around(start, end)} …"
            what = f"{before} -> {text}{around}"
        within, statement = ".".join(self._within) or "module", self._statement if self._depth else (0, 0)
        self._found.append(Mutation(self._path, node.lineno, within, statement, what, start, end, text))

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            self._statement = (node.lineno, max(node.lineno, last))
        super().visit(node)

    def _around(self, start: int, end: int) -> str:
        line_begins, line_ends = self._source.rfind("\n", 0, start) + 1, self._source.find("\n", end)
        return " ".join(self._source[max(line_begins, start - 30) : min(line_ends, end + 30)].split())

    def _replace(self, node: ast.expr, by: ast.expr) -> None:
        self._change(node, f"({ast.unparse(by)})")

    # -- what is not looked at --------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within.append(node.name)
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        self._depth += 1
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1
        self._within.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._within.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass  # an older Python does not say where its parts are

    def visit_Raise(self, node: ast.Raise) -> None:
        self._change(node, "pass", f"removed: {ast.unparse(node)}")

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            self._change(node.test, f"not ({ast.unparse(node.test)})")
        self.generic_visit(node)

    # -- what is changed --------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call):
            self._change(node, "pass", f"removed: {ast.unparse(node)}")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "strict":  # of `zip`: a guard of ours, which nothing fails
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._change(node, "pass", f"removed: {ast.unparse(node)}")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for place, operator in enumerate(node.ops):
            ops = list(node.ops)
            ops[place] = _COMPARE[type(operator)]()
            self._replace(node, ast.Compare(node.left, ops, node.comparators))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._replace(node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._replace(node, node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and not _is_text(node.left) and not _is_text(node.right):
            self._replace(node, ast.BinOp(node.left, other(), node.right))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._change(node, str(not node.value))
        elif isinstance(node.value, int):
            self._change(node, str(node.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _CALLED:
            self._change(node.func, _CALLED[node.func.id])
        first, second = (*node.args, None, None)[:2]
        # What somebody could mix up: two variables.
        are_two = isinstance(first, _VARIABLE) and isinstance(second, _VARIABLE)
        if are_two and ast.dump(first) != ast.dump(second) and not _is_symmetric(node):
            rest = node.args[2:]
            self._replace(node, ast.Call(node.func, [second, first, *rest], node.keywords))
        self.generic_visit(node)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_symmetric(node: ast.Call) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in {"min", "max", "isinstance", "execute"}


def _in_sql(path: str, source: str) -> Iterator[Mutation]:
    """Find changes inside the texts that hold SQL, which is where the loops are."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    functions = _functions(source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name not in {"STRING", "FSTRING_MIDDLE"} or not _SQL_STATEMENT.search(token.string):
            continue
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        for pattern, text in _SQL:
            for match in re.finditer(pattern, source[begin:end]):
                start = begin + match.start()
                line = source.count("\n", 0, start) + 1
                within, statement = next(
                    ((name, (first, last)) for first, last, name in reversed(functions) if first <= line <= last),
                    ("module", (0, 0)),
                )
                around = " ".join(source[max(begin, start - 30) : min(end, start + 30)].split())
                what = f"SQL {match[0]} -> {text} in … {around} …"
                yield Mutation(path, line, within, statement, what, start, begin + match.end(), text)


def _functions(source: str) -> list[tuple[int, int, str]]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            found.append((node.lineno, node.end_lineno or node.lineno, node.name))
    return sorted(found)
