"""Changes that change nothing anybody could see, each with the reason: they count neither as noticed nor as survivors."""

from __future__ import annotations

from typing import Final

#: (file, what it stands in, the change as the command prints it) -> why no test can notice it.
EQUIVALENT: Final[dict[tuple[str, str, str], str]] = {}
