"""`python -m loyalty.server …`: granian with its own options, which does not leave when one process dies twice.

granian ends all its processes when one of them dies within seconds of being started again. That is right while starting
(a database that would lose data must stop the web), and wrong later: it takes the healthy process away with the other.
"""

from __future__ import annotations

import time
from typing import Any, Final

from granian import cli
from granian.server import Server

_STARTING_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 1.0


class _Respawns(dict[int, float]):
    """When each process was started again; forgotten, after a pause, once the start is long over."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()

    def get(self, key: int, default: Any = None) -> Any:
        if time.monotonic() - self._begun < _STARTING_SECONDS:
            return super().get(key, default)
        if key in self:
            time.sleep(_PAUSE_SECONDS)
        return default


class PatientServer(Server):  # type: ignore[misc, valid-type]
    def startup(self, *arguments: Any, **options: Any) -> Any:
        self.respawned_wrks = _Respawns()
        return super().startup(*arguments, **options)


if __name__ == "__main__":
    cli.Server = PatientServer  # type: ignore[attr-defined]
    cli.entrypoint()  # type: ignore[no-untyped-call]
