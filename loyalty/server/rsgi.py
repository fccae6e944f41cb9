"""The web process for granian: `granian --interface rsgi loyalty.server.rsgi:application`."""

from __future__ import annotations

from typing import Final

# First: it sets Django up, which everything below needs.
from loyalty.wsgi import application as django

# isort: split
from loyalty.launch import variables
from loyalty.server import bodies
from loyalty.server.process import Server
from loyalty.server.routes import PoolName
from loyalty.server.threads import Pool

#: How many threads a process has; each keeps one connection to the database (docs/operations.md, connection budget).
_THREADS: Final = {
    PoolName.API: ("WEB_API_THREADS", 4),
    PoolName.PAGES: ("WEB_PAGE_THREADS", 3),
    PoolName.BATCH: ("WEB_BATCH_THREADS", 1),
}


def _threads(name: PoolName) -> int:
    return _number(*_THREADS[name], most=64)


def _number(variable: str, usual: int, *, most: int) -> int:
    found = variables.read(variable) or str(usual)
    if not found.isdecimal() or not 1 <= int(found) <= most:
        raise SystemExit(f"{variable} must be a whole number from 1 to {most}, not {found!r}.")
    return int(found)


def _pools() -> dict[PoolName, Pool]:
    return {
        # A till gives up after some seconds, and so do we: what nobody waits for any more need not begin.
        PoolName.API: Pool(
            "api", _threads(PoolName.API), wait_seconds=5, answer_seconds=_number("WEB_API_SECONDS", 20, most=600)
        ),
        PoolName.BATCH: Pool("batch", _threads(PoolName.BATCH), waiting_max=64, wait_seconds=60, answer_seconds=240),
        PoolName.PAGES: Pool("pages", _threads(PoolName.PAGES), wait_seconds=10, answer_seconds=60),
        PoolName.PROBES: Pool("probes", 2, waiting_max=16, wait_seconds=3, answer_seconds=3),
    }


application = Server(django, _pools(), bodies.Reader())
