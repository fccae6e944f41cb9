"""Names for whoever acted: staff who sit or sat here, API keys, members, and the installation itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from merchants import keys, seats
from merchants.directory import Merchant


class ActorNames(Mapping[str, str]):
    """People's words for what a row keeps of its actor (`staff:seat_…`, `key:key_…`, `system:clock`), or a plain name."""

    def __init__(self, merchant: Merchant) -> None:
        issued = keys.of(merchant)
        self._names = {f"staff:{seat.public_id}": str(seat) for seat in seats.ever_at(merchant)}
        self._names |= {f"key:{key.public_id}": key.name or key.prefix for key in issued}
        #: What the keys put before the ids they send, so that a number reads as it was given.
        self.namespaces = sorted({key.id_namespace for key in issued if key.id_namespace})

    def __getitem__(self, actor: str) -> str:
        kind, colon, _id = actor.partition(":")
        if actor in self._names or not colon:
            return self._names.get(actor, actor)
        said = {
            "system": _("the system"), "member": _("the member"), "key": _("an API key"), "staff": _("a former colleague"),
        }  # fmt: skip
        return said.get(kind, actor)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
