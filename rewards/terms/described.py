"""A terms document in words: what console, portal and API show of it, part by part."""

from __future__ import annotations

from collections.abc import Mapping

from rewards.terms.document import Terms
from rewards.terms.wording import Description, Phrasing


class TermsWording(Phrasing):
    """Says one document in one language; `places` names the shops by their public ids, for staff."""

    def __init__(
        self, promised: Terms, language: str, *, for_staff: bool = False, places: Mapping[str, str] | None = None
    ) -> None:
        self.terms = promised
        super().__init__(
            language,
            currency=promised.currency,
            decimals=promised.points.decimals,
            singular=promised.points.singular,
            plural=promised.points.plural,
            names=promised.whole().names(),
            places=places,
            for_staff=for_staff,
        )

    def described(self) -> dict[str, Description]:
        """Describe every part the document holds, by the name of its field, in the document's order."""
        return {part.key: part for part in self.terms.describe(self).parts}
