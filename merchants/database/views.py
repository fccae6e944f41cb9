"""SQL views: what an app lets those above read of its tables, so that the tables can change behind them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqlView:
    """A view that `migrate` keeps in step.  It runs with the rights of whoever reads it, row-level security included.

    An app's configuration lists its own as `views`.
    """

    name: str
    query: str
