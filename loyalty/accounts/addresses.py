"""Where a request comes from, as far as it can be believed."""

from __future__ import annotations

import ipaddress
import threading
import time
from typing import Final

import structlog
from django.conf import settings
from django.http import HttpRequest

_log = structlog.stdlib.get_logger(__name__)
_LOG_PAUSE_SECONDS: Final = 60.0
_logged_at = -_LOG_PAUSE_SECONDS
_lock = threading.Lock()

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_ip(request: HttpRequest) -> str | None:
    """Return the address to count by, IPv6 by its /64; None when nobody trustworthy tells it.

    Behind so many proxies of ours (TRUSTED_PROXIES) it is the entry that the outermost of them wrote: the same number
    from the end of X-Forwarded-For. Whatever stands before was written by the client and is never read. Without that
    entry nobody is counted by address, since all would be counted as one; the log says so once a minute.
    """
    if not settings.TRUSTED_PROXIES:
        return _counted_by(parsed(request.META.get("REMOTE_ADDR", "")))
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    found = parsed(entries[-settings.TRUSTED_PROXIES]) if len(entries) >= settings.TRUSTED_PROXIES else None
    if found is None:
        _complain()
    return _counted_by(found)


def parsed(text: str) -> Address | None:
    """Read an address as proxies write it: bare, `address:port`, `[version 6]` or `[version 6]:port`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _counted_by(address: Address | None) -> str | None:
    if address is None:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
    return str(address)


def _complain() -> None:
    global _logged_at
    with _lock:
        if time.monotonic() - _logged_at < _LOG_PAUSE_SECONDS:
            return
        _logged_at = time.monotonic()
    _log.warning(
        "the proxy does not tell the client's address in X-Forwarded-For, or TRUSTED_PROXIES is not the number of "
        "proxies: sign-ins are not limited by address",
        trusted_proxies=settings.TRUSTED_PROXIES,
    )


def is_this_machine(request: HttpRequest) -> bool:
    """Return whether the request comes from this machine itself, without any proxy in between."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    address = parsed(request.META.get("REMOTE_ADDR", ""))
    return address is not None and address.is_loopback
