"""One address for each service, in the spelling each library wants; pure functions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

#: Query parameters of DATABASE_URL that are not connection options.
_PLACE = {"host", "port", "user", "password", "dbname"}


class BadUrl(ValueError):
    """An address that cannot be understood. The message never repeats it: it may hold a password."""


def database_from_url(url: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return Django's settings for a `postgresql://user:password@host:port/name?option=value` address.

    `?host=/directory` names a unix socket. Other parameters (`sslmode`, …) go to the driver, on top of
    `base["OPTIONS"]`. `base` is left as it is.

    :raises BadUrl: another scheme, no user, or no database name.
    """
    place, options = _parse(url)
    settings = copy.deepcopy(dict(base))
    settings["OPTIONS"] = {**settings.get("OPTIONS", {}), **options}
    return {
        **settings,
        "NAME": place["dbname"],
        "USER": place["user"],
        "PASSWORD": place["password"],
        "HOST": place["host"],
        "PORT": place["port"],
    }


def psycopg_from_url(url: str) -> dict[str, str]:
    """Return the keyword arguments of `psycopg2.connect` for the same address.

    :raises BadUrl: as `database_from_url`.
    """
    place, options = _parse(url)
    return {key: value for key, value in {**place, **options}.items() if value}


def with_database(url: str, name: str) -> str:
    """Return the same address with another database."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}" + (f"?{parts.query}" if parts.query else "")


def socket_url(*, user: str, database: str, directory: str) -> str:
    """Return the address of a database behind a unix socket."""
    return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?" + urlencode(
        {"host": directory}, safe="/"
    )


def django_redis_url(url: str) -> str:
    """Return the spelling of redis-py: `redis://…`, `rediss://…` or `unix:///path?db=0`.

    :raises BadUrl: another scheme.
    """
    parts = _redis(url)
    if parts.scheme != "redis+socket":
        return url
    options = dict(parse_qsl(parts.query))
    database = options.pop("virtual_host", options.pop("db", "0"))
    return f"unix://{_credentials(parts.netloc)}{parts.path}?" + urlencode({"db": database, **options})


def celery_redis_url(url: str) -> str:
    """Return the spelling of kombu: `redis://…`, `rediss://…` or `redis+socket:///path?virtual_host=0`.

    :raises BadUrl: another scheme.
    """
    parts = _redis(url)
    if parts.scheme != "unix":
        return url
    options = dict(parse_qsl(parts.query))
    database = options.pop("db", options.pop("virtual_host", "0"))
    return f"redis+socket://{_credentials(parts.netloc)}{parts.path}?" + urlencode(
        {"virtual_host": database, **options}
    )


def _redis(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix", "redis+socket"}:
        raise BadUrl("REDIS_URL must begin with redis://, rediss:// or unix:///.")
    if parts.scheme in {"unix", "redis+socket"} and not parts.path.strip("/"):
        raise BadUrl("REDIS_URL names no socket file: write unix:///path/to/valkey.sock.")
    return parts


def _credentials(netloc: str) -> str:
    return netloc if "@" in netloc else ""


def _parse(url: str) -> tuple[dict[str, str], dict[str, str]]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadUrl("A database address must begin with postgresql://: this product needs PostgreSQL.")
    query = dict(parse_qsl(parts.query))
    try:
        port = str(parts.port or "")
    except ValueError:
        raise BadUrl("The port in a database address must be a number.") from None
    place = {
        "host": query.get("host") or unquote(parts.hostname or ""),
        "port": query.get("port") or port,
        "user": query.get("user") or unquote(parts.username or ""),
        "password": query.get("password") or unquote(parts.password or ""),
        "dbname": query.get("dbname") or unquote(parts.path.removeprefix("/")),
    }
    if not place["user"]:
        raise BadUrl("A database address must name its user: postgresql://app_web:…@host/loyalty.")
    if not place["dbname"]:
        raise BadUrl("A database address must name its database: postgresql://app_web:…@host/loyalty.")
    return place, {key: value for key, value in query.items() if key not in _PLACE}
