"""One address per service, in every library's spelling."""

from __future__ import annotations

import pytest

from loyalty.launch.urls import (
    BadUrl,
    celery_redis_url,
    database_from_url,
    django_redis_url,
    psycopg_from_url,
    socket_url,
    with_database,
)

BASE = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"connect_timeout": 5}}


def test_a_whole_address_becomes_the_settings_of_django():
    url = "postgresql://app_web:p%40ss%2Fword@db.example:5433/loyalty?sslmode=verify-full&sslrootcert=/ca.pem"

    assert database_from_url(url, BASE) == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "loyalty",
        "USER": "app_web",
        "PASSWORD": "p@ss/word",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"connect_timeout": 5, "sslmode": "verify-full", "sslrootcert": "/ca.pem"},
    }
    assert BASE == {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"connect_timeout": 5}}


def test_a_socket_directory_is_the_host():
    url = socket_url(user="app_web", database="loyalty", directory="/srv/loyalty data/run")

    assert url == "postgresql://app_web@/loyalty?host=/srv/loyalty+data/run"
    settings = database_from_url(url, BASE)
    assert (settings["HOST"], settings["PORT"], settings["USER"]) == ("/srv/loyalty data/run", "", "app_web")
    assert psycopg_from_url(url) == {"host": "/srv/loyalty data/run", "user": "app_web", "dbname": "loyalty"}


def test_another_database_keeps_everything_else():
    assert (
        with_database("postgresql://a:b@/loyalty?host=/run", "loyalty_gw0") == "postgresql://a:b@/loyalty_gw0?host=/run"
    )
    assert with_database("postgresql://a@h:1/loyalty", "x y") == "postgresql://a@h:1/x%20y"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://app:secret@h/db",
        "app:secret@h/db",
        "postgresql://h/db",
        "postgresql://app:secret@h/",
        "postgresql://app:secret@h:port/db",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_repeating_it(url):
    with pytest.raises(BadUrl) as refusal:
        database_from_url(url, BASE)

    assert "secret" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("given", "django", "celery"),
    [
        ("redis://h:6379/1", "redis://h:6379/1", "redis://h:6379/1"),
        ("rediss://:pw@h/0", "rediss://:pw@h/0", "rediss://:pw@h/0"),
        ("unix:///run/v.sock?db=2", "unix:///run/v.sock?db=2", "redis+socket:///run/v.sock?virtual_host=2"),
        ("unix:///run/v.sock", "unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        (
            "unix://u:pw@/run/v.sock?db=1",
            "unix://u:pw@/run/v.sock?db=1",
            "redis+socket://u:pw@/run/v.sock?virtual_host=1",
        ),
        ("redis+socket:///v.sock?virtual_host=3", "unix:///v.sock?db=3", "redis+socket:///v.sock?virtual_host=3"),
    ],
)
def test_redis_is_spelled_for_each_library(given, django, celery):
    assert django_redis_url(given) == django
    assert celery_redis_url(given) == celery


@pytest.mark.parametrize("url", ["memcached://h", "h:6379", "unix://", ""])
def test_what_is_not_redis_is_refused(url):
    for spell in (django_redis_url, celery_redis_url):
        with pytest.raises(BadUrl):
            spell(url)
