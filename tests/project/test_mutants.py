"""The changes that `manage.py mutants` makes are changes, and the code with one of them is still Python."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutants.__main__ import PACKAGES, ROOT, Baseline, candidates, importers, scores
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutations import mutations

CAFE = '''
"""Points of a café: 1 for each cup."""

LIMIT = 10
FIND = "SELECT points FROM card WHERE shop = %s AND points > 0"

def stamps(cups: int, card: list[int], *, is_open: bool = True) -> int:
    """Return 1 for each cup; 2 are the most."""
    assert cups >= 0
    if is_open and cups <= LIMIT:
        card.append(cups)
        return add(cups, card) + twice(cups, cups)
    raise ValueError(f"{cups + 1} cups")
'''


def test_each_kind_of_change_is_found_once():
    found = [(one.line, one.within, one.what) for one in mutations("cafe.py", CAFE)]
    assert found == [
        (4, "module", "10 -> 11 in … LIMIT = 10 …"),
        (5, "module", 'SQL AND -> OR in … nts FROM card WHERE shop = %s AND points > 0" …'),
        (5, "module", 'SQL > -> >= in … rd WHERE shop = %s AND points > 0" …'),
        (7, "stamps", "True -> False in … list[int], *, is_open: bool = True) -> int: …"),
        (10, "stamps", "is_open and cups <= LIMIT -> (is_open or cups <= LIMIT)"),
        (10, "stamps", "is_open and cups <= LIMIT -> not (is_open and cups <= LIMIT)"),
        (10, "stamps", "cups <= LIMIT -> (cups < LIMIT)"),
        (11, "stamps", "removed: card.append(cups)"),
        (12, "stamps", "add(cups, card) -> (add(card, cups))"),
        (12, "stamps", "add(cups, card) + twice(cups, cups) -> (add(cups, card) - twice(cups, cups))"),
        (13, "stamps", "removed: raise ValueError(f'{cups + 1} cups')"),
    ]


def test_a_change_leaves_the_rest_as_it_is():
    removed = next(one for one in mutations("cafe.py", CAFE) if "append" in one.what)
    assert removed.apply(CAFE) == CAFE.replace("card.append(cups)", "pass")
    assert removed.statement == (11, 11)


def test_every_change_of_our_packages_is_python_and_something_else():
    found = candidates("")
    assert {one.path.rpartition("/")[0] for one in found} >= {name for name in PACKAGES if (ROOT / name).is_dir()}
    for one in found[::40]:
        source = Path(ROOT, one.path).read_text()
        assert ast.dump(ast.parse(one.apply(source))) != ast.dump(ast.parse(source)), one


def test_what_is_known_to_change_nothing_can_still_be_made():
    made = {(one.path, one.within, one.what) for one in candidates("")}
    assert set(EQUIVALENT) <= made
    assert all(EQUIVALENT.values())


def test_a_change_is_tried_by_the_tests_that_run_its_statement_the_quickest_first():
    (appends,) = [one for one in mutations("cafe.py", CAFE) if "append" in one.what]
    (limit,) = [one for one in mutations("cafe.py", CAFE) if one.what.startswith("10 -> 11")]
    ran = {"slow": [10, 11, 12], "quick": [10, 11, 12], "closed": [10, 13]}
    baseline = Baseline(
        {"slow": 2.0, "quick": 0.5, "closed": 0.1}, {test: {"cafe.py": lines} for test, lines in ran.items()}
    )
    assert baseline.tests_of(appends) == (["quick", "slow"], 2.5)
    # What runs when the file is imported, every test of the file may notice.
    assert baseline.tests_of(limit) == (["closed", "quick", "slow"], 2.6)


def test_what_only_others_run_is_tried_by_the_tests_that_run_the_nearest_of_them():
    (limit,) = mutations("menu.py", "LIMIT = 10")
    baseline = Baseline(
        {"sells": 1.0, "counts": 0.5, "greets": 0.1},
        {"sells": {"till.py": [3]}, "counts": {"cafe.py": [9], "till.py": [3]}, "greets": {"door.py": [1]}},
        {"menu.py": {"prices.py"}, "prices.py": {"menu.py", "till.py"}, "till.py": {"cafe.py"}},
    )
    assert baseline.tests_of(limit) == (["counts", "sells"], 1.5)
    # What runs when a function is called, nobody runs for it.
    (calls,) = mutations("menu.py", "def most():\n    return 10")
    assert baseline.tests_of(calls) == ([], 0)
    # The statements of `ledger verify` are such texts.
    assert "rewards/verify/sums.py" in importers()["rewards/purchases/ledger_checks.py"]
    assert "rewards/verify/inspecting.py" in importers()["rewards/verify/sums.py"]


def test_each_package_has_its_own_score():
    one, two, three = (
        mutations(f"rewards/{name}.py", "LIMIT = 10") for name in ("points/lots", "points/book", "sales/sale")
    )
    assert scores([*one, *two, *two], [*one, *three]) == [
        "rewards/points: 75 % (3 of 4)",
        "rewards/sales: 0 % (0 of 1)",
    ]
