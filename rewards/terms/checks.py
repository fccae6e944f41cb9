"""What a document may not say although its form is right: every part is asked about itself."""

from collections.abc import Iterator

from rewards.terms.document import Terms
from rewards.terms.parts import Remark


def contradictions(terms: Terms) -> Iterator[Remark]:
    """Find every contradiction in terms, with pointers into the document."""
    whole = terms.whole()
    yield from whole.remarks_on_codes()
    for pointer, part in whole.parts:
        for found in part.check(whole):
            yield found._replace(pointer=pointer + found.pointer)
