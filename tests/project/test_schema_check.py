"""`migrate` refuses a database that is not what its migrations made, in one sentence, and leaves it as it was."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connections, models, transaction
from django.db.migrations.executor import MigrationExecutor

from members.models import Member
from merchants.database import schema, schema_check

MEMBERS = Member._meta.db_table
#: A check of some table, whichever it is today.
CHECKED, CHECK = next(
    (model._meta.db_table, constraint.name)
    for model in apps.get_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, models.CheckConstraint)
)
INDEXED, INDEX = next(
    (model._meta.db_table, index.name) for model in apps.get_models() for index in model._meta.indexes
)
BY_HAND = (
    " If that was done by hand, undo it or restore a backup; a database from before 0.1.0 cannot be upgraded, begin with "
    "an empty one. Nothing was changed."
)
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
HISTORY = (
    "CREATE TABLE django_migrations (id bigserial, app varchar(255), name varchar(255), applied timestamptz); "
    "INSERT INTO django_migrations (app, name, applied) VALUES ('blog', '0001_initial', now())"
)

#: All that `migrate` may touch: tables, columns, rights, policies, triggers, and what was applied.
STATE = """
SELECT md5(concat(
  (SELECT string_agg(concat(relname, relkind, relrowsecurity, relforcerowsecurity, relacl), ',' ORDER BY oid)
   FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(concat(attrelid, attname, atttypid, attstattarget), ',' ORDER BY attrelid, attnum) FROM pg_attribute),
  (SELECT string_agg(p::text, ',' ORDER BY tablename, policyname) FROM pg_policies p),
  (SELECT string_agg(concat(tgrelid, tgname), ',' ORDER BY oid) FROM pg_trigger)))
"""


@pytest.fixture
def owner(django_db_setup, django_db_blocker):
    """The owner's connection, inside a transaction that never stands."""
    with django_db_blocker.unblock():
        connection = connections["owner"]
        try:
            with transaction.atomic(using="owner"), connection.cursor() as cursor:
                yield cursor
                transaction.set_rollback(True, using="owner")
        finally:
            connection.close()


def state_of(cursor) -> str:
    cursor.execute(STATE)
    return cursor.fetchone()[0]


def refused(cursor) -> str:
    """Run `migrate`, which must refuse and change nothing; return the sentence."""
    before = state_of(cursor)
    with pytest.raises(CommandError) as refusal:
        call_command("migrate", verbosity=0)
    assert state_of(cursor) == before
    return str(refusal.value)


def test_a_database_as_the_migrations_made_it_is_not_refused(owner):
    assert schema_check.refusal(connections["owner"]) == ""


def test_an_empty_database_is_not_refused(owner):
    owner.execute(EMPTY)
    assert schema_check.refusal(connections["owner"]) == ""


@pytest.mark.parametrize(
    ("by_hand", "difference"),
    [
        (f"DROP TABLE {MEMBERS} CASCADE", f"table {MEMBERS} is missing"),
        (f"ALTER TABLE {MEMBERS} DROP COLUMN attributes CASCADE", f"column {MEMBERS}.attributes is missing"),
        (f"ALTER TABLE {MEMBERS} ADD COLUMN vip boolean", f"column {MEMBERS}.vip was made by no migration"),
        (
            f"ALTER TABLE {MEMBERS} ALTER COLUMN attributes TYPE text",
            f"column {MEMBERS}.attributes is text and not jsonb",
        ),
        (
            f"ALTER TABLE {MEMBERS} ALTER COLUMN note TYPE varchar(7)",
            f"column {MEMBERS}.note is character varying(7) and not "
            f"character varying({Member._meta.get_field('note').max_length})",
        ),
        (f"ALTER TABLE {MEMBERS} ALTER COLUMN name DROP NOT NULL", f"column {MEMBERS}.name allows null"),
        (
            # Other tests may have left members without an address.
            f"ALTER TABLE {MEMBERS} ADD CONSTRAINT addressed NOT NULL email NOT VALID",
            f"column {MEMBERS}.email does not allow null",
        ),
        (
            f"ALTER TABLE {CHECKED} DROP CONSTRAINT {CHECK}",
            f"{CHECK} of table {CHECKED} is missing",
        ),
        (f"DROP INDEX {INDEX} CASCADE", f"{INDEX} of table {INDEXED} is missing"),
        (
            f"ALTER TABLE {CHECKED} DROP CONSTRAINT {CHECK}; "
            f"ALTER TABLE {CHECKED} ADD CONSTRAINT {CHECK} CHECK (true) NOT VALID",
            f"{CHECK} of table {CHECKED} is not valid",
        ),
    ],
)
def test_what_somebody_changed_by_hand_is_named(owner, by_hand: str, difference: str):
    owner.execute(by_hand)
    sentence = refused(owner)
    assert sentence.startswith("This database differs from what its migrations made: ")
    assert difference in sentence
    assert sentence.endswith(BY_HAND)


def test_the_first_three_differences_are_named_and_the_others_counted(owner):
    for column in ("a1", "a2", "a3", "a4", "a5"):
        owner.execute(f"ALTER TABLE {MEMBERS} ADD COLUMN {column} int")
    assert refused(owner) == (
        f"This database differs from what its migrations made: column {MEMBERS}.a1 was made by no migration, "
        f"column {MEMBERS}.a2 was made by no migration, column {MEMBERS}.a3 was made by no migration and 2 more.{BY_HAND}"
    )


def test_tables_whose_migration_was_never_applied_are_named(owner):
    """As a first `migrate` leaves them that was killed between making the tables and noting it."""
    owner.execute("DELETE FROM django_migrations WHERE app = 'analytics'")
    assert "was made by no migration" in refused(owner)


def test_a_database_of_a_newer_release_is_refused_by_the_older(owner):
    owner.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('rewards', '0999_later', now())")
    assert refused(owner) == (
        "This database was migrated by a newer release, which knows rewards.0999_later: "
        "start that release, or restore the backup from before it. Nothing was changed."
    )


def test_what_a_package_applied_that_it_no_longer_has_is_no_newer_release(owner):
    owner.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('account', '0999_squashed', now())")
    assert schema_check.refusal(connections["owner"]) == ""


@pytest.mark.parametrize("history", ["", HISTORY])
def test_a_database_of_something_else_is_refused(owner, history: str):
    owner.execute(f"{EMPTY}; CREATE TABLE wp_posts (id int); CREATE TABLE wp_users (id int); {history}")
    assert refused(owner) == (
        "This database holds tables of something else (wp_posts, wp_users): let DATABASE_URL, DATABASE_OWNER_URL and "
        "DATABASE_SYSTEM_URL name a database of its own. Nothing was changed."
    )
    owner.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'member%%'"
    )
    assert owner.fetchone() == (0,)


def test_a_first_migrate_that_was_interrupted_goes_on(owner):
    """What the packages' migrations had made is there, nothing of our own: the next `migrate` is let through."""
    owner.execute(EMPTY)
    executor = MigrationExecutor(connections["owner"])
    executor.migrate([("contenttypes", "0002_remove_content_type_name")])
    assert schema_check.refusal(connections["owner"]) == ""


def test_a_table_and_an_index_of_the_operators_own_are_nobodys_business(owner):
    owner.execute(f"CREATE TABLE report (id int); CREATE INDEX by_note ON {MEMBERS} (note)")
    assert schema_check.refusal(connections["owner"]) == ""


def test_a_table_without_its_policy_is_mended_and_not_refused(django_db_setup, django_db_blocker):
    """For good, and by the command itself: the policy, the right and FORCE are back afterwards."""
    found = (
        "SELECT count(*), bool_and(c.relforcerowsecurity), bool_and(has_table_privilege('app_web', c.oid, 'INSERT')) "
        f"FROM pg_policies p JOIN pg_class c ON c.relname = p.tablename WHERE p.tablename = '{MEMBERS}' "
        "AND p.policyname = 'tenant'"
    )
    with django_db_blocker.unblock():
        owner = connections["owner"]
        try:
            with owner.cursor() as cursor:
                cursor.execute(
                    f"DROP POLICY tenant ON {MEMBERS}; ALTER TABLE {MEMBERS} NO FORCE ROW LEVEL SECURITY; "
                    f"REVOKE INSERT ON {MEMBERS} FROM app_web"
                )
                assert MEMBERS in schema.unforced_tables(cursor)
            call_command("migrate", verbosity=0)
            with owner.cursor() as cursor:
                cursor.execute(found)
                assert cursor.fetchone() == (1, True, True)
        finally:
            owner.close()


def test_our_own_apps_are_told_from_the_packages():
    own = schema_check.own_apps()
    assert own == {"loyalty", "analytics", "engagement", "rewards", "members", "merchants"}
