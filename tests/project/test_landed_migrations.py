"""A migration that a release has shipped is never changed nor removed: somebody's database was made by it."""

from __future__ import annotations

import json

import pytest
from django.db.migrations.loader import MigrationLoader

from loyalty import VERSION
from merchants.database import schema_check
from tests.releases import landed_migrations

FIRST = "0.1.0"
LANDED = {"rewards.0001_initial": "aa", "rewards.0002_stamps": "bb"}


def test_no_landed_migration_was_changed_or_removed():
    assert landed_migrations.faults(landed_migrations.landed(), landed_migrations.present()) == []


def test_nothing_has_landed_before_the_first_release_and_all_has_in_each_release():
    """Until 0.1.0 nobody has data to keep, and each app has one migration that is written anew when its models change."""
    landed, present = landed_migrations.landed(), landed_migrations.present()
    if f"{FIRST}.dev0" == VERSION:
        assert landed == {}
    elif VERSION.endswith(".dev0"):
        assert landed != {}
    else:
        assert landed.keys() == present.keys(), "`manage.py release prepare` adds those that are new"


def test_every_migration_of_ours_is_among_them():
    ours = schema_check.own_apps()
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations if app in ours}
    assert set(landed_migrations.present()) == known


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        ({**LANDED, "rewards.0002_stamps": "cc"}, "rewards.0002_stamps has landed and was changed"),
        ({"rewards.0001_initial": "aa"}, "rewards.0002_stamps has landed and was removed"),
    ],
)
def test_a_changed_and_a_removed_one_are_named(present: dict[str, str], sentence: str):
    (found,) = landed_migrations.faults(LANDED, present)
    assert found == f"{sentence}: put it back as it was, and write a further migration."


def test_a_new_one_is_no_fault():
    assert landed_migrations.faults(LANDED, {**LANDED, "rewards.0003_vouchers": "cc"}) == []


def test_a_release_adds_what_is_new_and_changes_nothing_that_has_landed(tmp_path, monkeypatch):
    """A byte more in a file is another digest; the one that has landed is kept, so that the test above goes on failing."""
    kept = tmp_path / "landed_migrations.json"
    kept.write_text("{}")
    migration = tmp_path / "rewards" / "migrations" / "0001_initial.py"
    migration.parent.mkdir(parents=True)
    migration.write_text("operations = []\n")
    monkeypatch.setattr(landed_migrations, "FILE", kept)
    monkeypatch.setattr(landed_migrations, "ROOT", tmp_path)
    assert landed_migrations.land() == ["rewards.0001_initial"]
    first = landed_migrations.landed()

    migration.write_text("operations = [] \n")
    (migration.parent / "0002_stamps.py").write_text("operations = []\n")
    assert landed_migrations.land() == ["rewards.0002_stamps"]
    assert landed_migrations.landed()["rewards.0001_initial"] == first["rewards.0001_initial"]
    assert landed_migrations.faults(landed_migrations.landed(), landed_migrations.present()) != []
    assert list(json.loads(kept.read_text())) == ["rewards.0001_initial", "rewards.0002_stamps"]
