"""Whose rows are whose: asked of the database's own catalogue, for every table there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import BigIntegerField, ForeignKey
from django.db.utils import InternalError, ProgrammingError

from members.models import Card, Member
from merchants import tenancy
from merchants.database import schema
from merchants.database.constraints import TenantForeignKey
from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from merchants.models.merchants import Location
from rewards.models.ledger import Entry
from tests import builders

#: The complete list of tables without row-level security: they hold no member data. `merchants_tick` is the worker's
#: own diary (which tick ran when), of no merchant.
SHARED = {
    "merchants_tick", "merchants_ratelimit", "merchants_backup",
    "merchants_merchant", "merchants_user", "merchants_seat", "merchants_apikey",
    "merchants_passport", "merchants_signedinbrowser", "account_emailaddress", "account_emailconfirmation", "mfa_authenticator", "django_session",
    "django_content_type", "django_migrations", "django_cache", "django_admin_log", "auth_permission", "auth_group",
    "auth_group_permissions",
}  # fmt: skip
#: Nothing refers to their rows, and they have too many for an index that nobody asks.
NEVER_NAMED = {"rewards_purchaseline"}
#: Numbers of rows that no constraint guards, and why.
BARE = {
    "Entry.document_id": "one of several tables, by document_kind; `ledger verify` looks",
    "QualifyingGrant.document_id": "one of several tables, by document_kind",
    "Entry.location_id": "copied from a document that has the constraint; each costs every sale a look",
    "Lot.purchase_id": "copied from the entry's document; each costs every sale a look",
    "StampEntry.purchase_id": "the purchase has its constraint; each costs every sale with stamps a look",
    "Counter.scope_id": "a member, or 0 for all of the programme",
    "MemberDay.member_id": "0 is all guests together; computed anew from the purchases",
    "MemberDayAtLocation.member_id": "0 is all guests together; computed anew from the purchases",
    "MemberDayAtLocation.location_id": "0 is none; computed anew from the purchases",
    "RewardDay.location_id": "0 is none; computed anew from the redemptions",
    "MemberFigure.member_id": "computed anew from the purchases and accounts",
    "InsightMember.member_id": "computed anew by every run",
    "LedgerMark.account_id": "computed anew from the ledger",
}
#: What the system role may read, to find merchants with due work.
DUE = {
    "analytics_metricrun",
    "merchants_outboxevent", "merchants_webhookdelivery", "merchants_outgoingmessage", "rewards_lot", "rewards_account",
    "rewards_membership", "rewards_redemption", "rewards_bulkact", "rewards_inspection", "rewards_stampbook", "rewards_ownreward",
}  # fmt: skip

pytestmark = pytest.mark.django_db


def ask(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def tables() -> set[str]:
    return {row[0] for row in ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


TENANT = sorted(m._meta.db_table for m in apps.get_models() if issubclass(m, TenantModel))


def test_every_table_is_a_tenants_or_on_the_short_list():
    assert tables() - set(TENANT) == SHARED


def test_the_architecture_page_lists_the_tables_without_row_level_security():
    page = (Path(__file__).resolve().parents[2] / "docs/architecture.md").read_text()
    listed = page.partition("Tables without row-level security")[2].partition("`migrate` first compares")[0]
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(SHARED)


def test_the_suite_runs_as_the_web_role_which_can_bypass_nothing():
    assert ask("SELECT current_user")[0][0] == "app_web"
    flags = {
        row[0]: row[1:]
        for row in ask("SELECT rolname, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname LIKE 'app_%%'")
    }
    assert flags == {
        "app_owner": (False, False, False),
        "app_web": (False, False, False),
        "app_system": (False, False, False),
        "app_backup": (False, True, False),
    }
    assert ask(
        "SELECT r.rolname, g.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member "
        "JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname LIKE 'app_%%'"
    ) == [("app_backup", "pg_read_all_data")]


def test_nothing_we_can_reach_belongs_to_a_superuser():
    owners = ask(
        "SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
        "WHERE c.relnamespace = 'public'::regnamespace"
    )
    assert owners == [("app_owner",)]
    assert ask("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef") == []


@pytest.mark.parametrize("table", TENANT)
def test_a_tenant_table_is_separated_by_a_policy_for_reading_and_writing(table):
    ((enabled, forced),) = ask(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table
    )
    policies = {
        name: rest
        for name, *rest in ask(
            "SELECT policyname, roles::text[], cmd, qual, with_check FROM pg_policies WHERE tablename = %s", table
        )
    }
    mine = "(merchant_id = (current_setting('app.merchant_id'::text))::bigint)"
    assert (enabled, forced) == (True, True)
    assert policies.pop("tenant") == [["app_owner", "app_web"], "ALL", mine, mine]
    assert policies == ({"due_work": [["app_system"], "SELECT", "true", None]} if table in DUE else {})


@pytest.mark.parametrize("table", TENANT)
def test_references_and_uniques_name_the_merchant_first(table):
    alone = ask(
        "SELECT conname FROM pg_constraint c WHERE contype = 'f' AND conrelid = %s::regclass AND cardinality(conkey) = 1 "
        "AND confrelid IN (SELECT attrelid FROM pg_attribute WHERE attname = 'merchant_id' AND NOT attisdropped) "
        "AND NOT confrelid::regclass::text = ANY(%s)",
        table,
        sorted(SHARED),
    )
    assert alone == [], "a plain foreign key accepts another merchant's row"
    without = ask(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
        "AND a.attnum = i.indkey[0] WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary "
        "AND a.attname <> 'merchant_id'",
        table,
    )
    assert without == [], "a unique across merchants tells one of another's rows"
    pairs = ask(
        "SELECT 1 FROM pg_constraint WHERE contype = 'u' AND conrelid = %s::regclass "
        "AND pg_get_constraintdef(oid) = 'UNIQUE (merchant_id, id)'",
        table,
    )
    assert pairs == ([] if table in NEVER_NAMED else [(1,)])


def test_every_reference_from_one_tenant_table_to_another_is_a_tenant_key():
    plain = {
        f"{model.__name__}.{field.name}"
        for model in schema.tenant_models()
        for field in model._meta.concrete_fields
        if field.related_model is not None
        and issubclass(field.related_model, TenantModel)
        and not isinstance(field, TenantKey)
    }
    assert plain == set()


def test_every_tenant_key_is_a_constraint_in_the_database_and_there_are_no_others():
    declared = {
        (model._meta.db_table, f"FOREIGN KEY (merchant_id, {key.column}) REFERENCES {key.related_model._meta.db_table}")
        for model in schema.tenant_models()
        for key in model._meta.concrete_fields
        if isinstance(key, TenantKey)
    }
    found = ask(
        "SELECT conrelid::regclass::text, split_part(pg_get_constraintdef(oid), '(merchant_id, id)', 1) "
        "FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) = 2"
    )
    assert set(found) == declared
    assert len(found) == len(declared) > 30


def test_a_number_that_names_a_row_without_a_constraint_is_listed_with_its_reason():
    bare = {
        f"{model.__name__}.{field.name}"
        for model in schema.tenant_models()
        for field in model._meta.concrete_fields
        if field.name.endswith("_id") and isinstance(field, BigIntegerField)
    }
    assert bare == set(BARE)


def test_a_tenant_key_is_a_plain_foreign_key_to_migrations_which_list_the_constraint_beside_it():
    field = Card._meta.get_field("member")
    (constraint,) = (each for each in Card._meta.constraints if isinstance(each, TenantForeignKey))

    assert field.deconstruct()[1] == "django.db.models.ForeignKey"
    assert type(field.clone()) is ForeignKey
    assert (constraint.field, constraint.name) == ("member", "card_of_own_member")


def test_a_forgotten_tenant_is_an_error_that_says_what_to_do():
    with pytest.raises(DatabaseError, match=r"no tenant: open merchants\.tenancy\.tenant"), transaction.atomic():
        Member.objects.count()


def test_leaving_a_tenant_closes_it_again():
    cafe = builders.cafe()
    with tenancy.tenant(cafe.merchant):
        assert Location.objects.count() == 1
    with pytest.raises(DatabaseError, match="invalid input syntax"), transaction.atomic():
        Location.objects.count()


def test_a_tenant_cannot_be_opened_inside_another():
    cafe, books = builders.cafe(), builders.open_shop("Books")
    with tenancy.tenant(cafe.merchant), pytest.raises(RuntimeError), tenancy.tenant(books.merchant):
        pass


def test_another_merchants_rows_can_be_neither_seen_nor_changed_nor_made():
    cafe, books = builders.cafe(), builders.open_shop("Books")
    mina = cafe.member("Mina")
    with tenancy.tenant(books.merchant):
        assert Member.objects.filter(pk=mina.id).count() == 0
        assert Member.objects.filter(pk=mina.id).update(name="Stolen") == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Location.objects.create(merchant=cafe.merchant, public_id="loc_x", code="x", name="x")
    with tenancy.tenant(cafe.merchant):
        assert Member.objects.get(pk=mina.id).name == "Mina"


def test_a_reference_across_merchants_is_refused_by_the_database():
    cafe, books = builders.cafe(), builders.open_shop("Books")
    mina = cafe.member("Mina")
    with tenancy.tenant(books.merchant), pytest.raises(DatabaseError, match="card_of_own_member"), transaction.atomic():
        ask(
            "INSERT INTO members_card (merchant_id, number, member_id, issued_at, blocked_reason) "
            "VALUES (%s, '1', %s, now(), '') RETURNING id",
            books.merchant.pk,
            mina.id,
        )


def test_the_ledger_can_be_changed_by_nobody_who_serves():
    cafe = builders.cafe()
    cafe.member("Mina").is_given(100)
    for statement in (
        "UPDATE rewards_entry SET balance_after = 1",
        "DELETE FROM rewards_entry",
        "TRUNCATE rewards_entry",
    ):
        with (
            tenancy.tenant(cafe.merchant),
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    with tenancy.tenant(cafe.merchant):
        assert Entry.objects.count() == 1


@pytest.mark.django_db(databases=["default", "owner"])
def test_not_even_the_owner_changes_a_ledger_row():
    """The trigger is there beside the missing grants: it is what a superuser's slip meets."""
    owner = connections["owner"]
    triggers = ask(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'rewards_entry'::regclass AND NOT tgisinternal ORDER BY 1"
    )
    assert triggers == [("append_only_rows",), ("append_only_table",)]
    with pytest.raises((InternalError, DatabaseError), match="append-only"), transaction.atomic(using="owner"):
        owner.cursor().execute("TRUNCATE rewards_entry CASCADE")


@pytest.mark.django_db(databases=["default", "system"])
def test_the_system_role_reads_only_where_work_falls_due_and_writes_nowhere():
    system = connections["system"]
    with system.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = 'app_system' "
            "AND table_schema = 'public'"
        )
        granted = cursor.fetchall()
    assert {table for table, _privilege in granted} == DUE
    assert {privilege for _table, privilege in granted} == {"SELECT"}


@pytest.mark.django_db(databases=["default", "owner"])
def test_a_table_that_lost_its_force_is_found():
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        assert schema.unforced_tables(cursor) == []
        cursor.execute("ALTER TABLE rewards_lot NO FORCE ROW LEVEL SECURITY")
        assert schema.unforced_tables(cursor) == ["rewards_lot"]
        transaction.set_rollback(True, using="owner")
