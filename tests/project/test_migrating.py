"""Migrating: what is told when it fails, and how the first migrations are written."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.db import connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddConstraint, AddIndex

from loyalty.management.commands.makemigrations import fold
from merchants.database import schema

OURS = ("merchants", "members", "rewards", "engagement", "analytics")


def raising(error: Exception):
    def raise_it(*_args: object, **_kwargs: object) -> None:
        raise error

    return raise_it


@pytest.fixture
def owner(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield connections["owner"]
        connections["owner"].close()


def test_what_went_wrong_first_is_told_whatever_goes_wrong_after_it(owner, monkeypatch):
    monkeypatch.setattr(schema, "unforce", raising(RuntimeError("a lock it could not get")))
    monkeypatch.setattr(schema, "harden", raising(RuntimeError("connection already closed")))
    complaints = io.StringIO()
    with pytest.raises(RuntimeError, match=r"^a lock it could not get$"):
        call_command("migrate", verbosity=0, stderr=complaints)
    assert complaints.getvalue() == (
        "Row-level security is not back in place (connection already closed); "
        "/readyz stays 503 until migrate has run again.\n"
    )


def test_a_migration_that_fails_leaves_row_level_security_on(owner, monkeypatch):
    monkeypatch.setattr(
        "loyalty.management.commands.migrate.call_command", raising(RuntimeError("no room on the disk"))
    )
    with pytest.raises(RuntimeError, match=r"^no room on the disk$"):
        call_command("migrate", verbosity=0)
    with owner.cursor() as cursor:
        assert schema.unforced_tables(cursor) == []


def test_the_first_migrations_hold_each_table_whole():
    """Each operation behind the tables would render every model anew: ten seconds of every first start."""
    loader = MigrationLoader(None)
    for app in OURS:
        operations = loader.get_migration(app, "0001_initial").operations
        assert {type(operation).__name__ for operation in operations} == {"CreateModel"}, app


def test_a_constraint_goes_into_its_table_and_one_that_needs_a_later_column_stays():
    card = migrations.CreateModel("Card", [("id", models.BigAutoField(primary_key=True))])
    shop = migrations.CreateModel(
        "Shop",
        [("id", models.BigAutoField(primary_key=True)), ("card", models.ForeignKey("app.card", models.DO_NOTHING))],
    )
    late = migrations.AddField("Card", "shop", models.ForeignKey("app.shop", models.DO_NOTHING))
    positive, one_card = (
        AddConstraint("card", models.CheckConstraint(name="positive", condition=models.Q(id__gt=0))),
        AddIndex("shop", models.Index(fields=["card"], name="by_card")),
    )
    by_shop = AddConstraint("card", models.UniqueConstraint(fields=["shop"], name="one_card_a_shop"))

    folded = fold([card, shop, positive, late, one_card, by_shop], "app")

    assert [type(operation).__name__ for operation in folded] == [
        "CreateModel", "CreateModel", "AddField", "AddConstraint",
    ]  # fmt: skip
    assert folded[0].options["constraints"] == [positive.constraint]
    assert folded[1].options["indexes"] == [one_card.index]
    assert folded[3] is by_shop
