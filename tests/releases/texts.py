"""What a release writes into files: its version, the heading of its changes, and the text of its tag."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNRELEASED = "## Unreleased"
_VERSION = re.compile(r'^(VERSION = ")([^"]*)(")$', re.MULTILINE)
_LABEL = re.compile(r'^(LABEL org\.opencontainers\.image\.version=")([^"]*)(")$', re.MULTILINE)
#: Where the version stands: what the product reads, and the label of the image, which can read nothing.
_PLACES = (("loyalty/__init__.py", _VERSION), ("Dockerfile", _LABEL))
_RELEASE = re.compile(r"\d+\.\d+\.\d+")


class NotReady(Exception):
    """Why there can be no release now, as one sentence."""


def check_version(version: str) -> None:
    """Refuse what is no version of a release, such as 0.1.0.

    :raises NotReady: saying so.
    """
    if not _RELEASE.fullmatch(version):
        raise NotReady(f"A release is called like 0.1.0, and not {version}.")


def check_next(version: str, *, root: Path = ROOT) -> None:
    """Refuse to prepare another version than the one begun: what an earlier release has kept must stay as it is.

    :raises NotReady: saying which was begun.
    """
    found = ", ".join(sorted(versions(root=root)))
    if found.removesuffix(".dev0") != version:
        raise NotReady(f"This is {found}: `manage.py release begin {version}` comes before {version} is prepared.")


def set_version(version: str, *, root: Path = ROOT) -> None:
    """Write the version to its two places."""
    for name, pattern in _PLACES:
        path = root / name
        text, count = pattern.subn(rf"\g<1>{version}\g<3>", path.read_text())
        if count != 1:
            raise NotReady(f"{name} holds {count} versions instead of one.")
        path.write_text(text)


def versions(*, root: Path = ROOT) -> set[str]:
    """Return what the places say."""
    return {found for name, pattern in _PLACES for _before, found, _after in pattern.findall((root / name).read_text())}


def date_changes(version: str, day: str, *, root: Path = ROOT) -> None:
    """Give the changes that no release has their release; asked again, only the day is written anew.

    :raises NotReady: there are none.
    """
    path = root / "CHANGELOG.md"
    heading = re.compile(rf"^(?:{UNRELEASED}|## {re.escape(version)} \(.*\))$", re.MULTILINE)
    text, count = heading.subn(f"## {version} ({day})", path.read_text(), count=1)
    if not count:
        raise NotReady(f"CHANGELOG.md has no section `{UNRELEASED}`.")
    path.write_text(text)


def begin_changes(*, root: Path = ROOT) -> None:
    """Put an empty section for what comes next before the newest release's."""
    path = root / "CHANGELOG.md"
    text = path.read_text()
    if UNRELEASED not in text:
        path.write_text(text.replace("\n## ", f"\n{UNRELEASED}\n\n## ", 1))


def tag_text(version: str, *, root: Path = ROOT) -> str:
    """Return the message of the release's tag: its name, and what CHANGELOG.md says before its lists.

    :raises NotReady: there is no such section, or it begins with a list.
    """
    changes = (root / "CHANGELOG.md").read_text()
    sections = {
        part.partition("\n")[0]: part.partition("\n")[2] for part in re.split(r"^## ", changes, flags=re.MULTILINE)
    }
    dated = next((text for heading, text in sections.items() if heading.startswith(f"{version} (")), None)
    introduction = []
    for paragraph in (dated or sections.get("Unreleased", "")).strip().split("\n\n"):
        if re.search(r"^- ", paragraph, re.MULTILINE):
            break
        introduction.append(paragraph)
    if not any(introduction):
        raise NotReady(f"CHANGELOG.md says nothing about {version} before its lists.")
    return "\n\n".join([f"Loyalty {version}", *introduction]) + "\n"
