"""Which addresses a webhook may call: public ones, over TLS.  Keeps our own network out of a stranger's reach.

A name is resolved once for each connection and the answer is pinned: whoever checks one address and connects to
another can be sent inside by a DNS server that changes its mind.  One bad address among several refuses them all.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from merchants.errors import Invalid

URL_LENGTH_MAX: Final = 500
#: Below it live the services of a machine (SSH, mail, name servers): none of them takes webhooks but 443.
PORT_OF_SERVICES_MAX: Final = 1023
RESOLVE_SECONDS_MAX: Final = 4.0

#: Given a name and a port, the addresses it stands for, as text.  Raises OSError when there is none.
Resolver = Callable[[str, int], Sequence[str]]

#: Public by their number, private by their use: relays and tunnels that lead elsewhere, clouds' own services.
_REFUSED: Final = tuple(
    ip_network(net)
    for net in (
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",  # protocol assignments: some Pythons call parts of it global
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible, deprecated
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "fec0::/10",  # site-local, deprecated
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")
_NUMBER_LIKE: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)


class AddressRefused(Invalid):
    """The address may not be called, now or ever: not public, not TLS, or not an address."""

    code = "webhook_address_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart: what to say in the request, and where to connect."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for a name's addresses, in the order to try them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


def check(url: str, *, resolver: Resolver = resolve) -> Target:
    """Take an address apart, resolve its name, and refuse it unless every answer is public.

    Asks the network for at most four seconds: call it outside of any tenant.

    :raises AddressRefused: saying why, without repeating what the name resolved to.
    """
    scheme, host, port, path = _parts(url)
    addresses = _resolved(host, port, resolver)
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(may_call(address) for address in addresses):
        raise AddressRefused(_("This address leads into a private network."), pointer="/url")
    return Target(url, scheme, host, port, path, addresses)


def may_call(address: str) -> bool:
    """State whether a webhook may call this IP address: it is public, or in a network the operator has named."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(ip.version == net.version and ip in net for net in settings.WEBHOOK_NETWORKS) or is_public(address)


def is_public(address: str) -> bool:
    """State whether an IP address belongs to the open internet, whatever form it hides in."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(ip.version == net.version and ip in net for net in _REFUSED):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _parts(url: str) -> tuple[str, str, int, str]:
    wrong = AddressRefused(_("Write a full address such as https://example.com/webhooks."), pointer="/url")
    if len(url) > URL_LENGTH_MAX or not url.isascii() or re.search(r"[\x00-\x20\x7f\\\"<>^`{|}]", url):
        raise wrong
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    schemes = {"https", "http"} if settings.WEBHOOK_ALLOW_PRIVATE else {"https"}
    if parts.scheme not in schemes:
        raise AddressRefused(_("The address must begin with https://."), pointer="/url")
    if not host or "%" in host or parts.username is not None or parts.password is not None or parts.fragment:
        raise wrong
    if port == 0:
        raise wrong
    if port is not None and port != 443 and port <= PORT_OF_SERVICES_MAX and not settings.WEBHOOK_ALLOW_PRIVATE:
        raise AddressRefused(_("Use port 443, or one above 1023."), pointer="/url")
    # 2130706433, 0x7f.1 and 017700000001 are all 127.0.0.1 to the system's resolver.
    if _NUMBER_LIKE.fullmatch(host) and not _is_plain_ip(host):
        raise wrong
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path


def _is_plain_ip(host: str) -> bool:
    try:
        return str(ip_address(host)) == host
    except ValueError:
        return False


# The system's resolver cannot be interrupted; a name that hangs keeps one of these threads, not the caller.
_resolving = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


def _resolved(host: str, port: int, resolver: Resolver) -> tuple[str, ...]:
    try:
        addresses = tuple(_resolving.submit(resolver, host, port).result(timeout=RESOLVE_SECONDS_MAX))
    except (OSError, UnicodeError, OutOfTime):
        addresses = ()
    if not addresses:
        raise AddressRefused(_("The name in this address cannot be found."), pointer="/url")
    return addresses
