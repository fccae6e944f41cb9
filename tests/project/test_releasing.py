"""A release is made by commands: what they write into which file, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loyalty.launch.directories import CHECKOUT
from tests.releases import texts

CHANGES = """# Changelog

Versions follow semantic versioning.

## Unreleased

The second release: stamp cards.

Nothing has to be done when upgrading.

Merchants
- Stamp cards.

## 0.1.0 (2026-12-01)

The first release.

Merchants
- Points.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout on its way to 0.2.0, with the files that hold a version."""
    (tmp_path / "loyalty").mkdir()
    for name in ("loyalty/__init__.py", "Dockerfile"):
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    texts.set_version("0.2.0.dev0", root=tmp_path)
    return tmp_path


def changes(checkout: Path) -> str:
    return (checkout / "CHANGELOG.md").read_text()


def test_the_version_is_written_where_the_product_and_the_image_say_it(checkout: Path):
    assert texts.versions(root=checkout) == {"0.2.0.dev0"}
    texts.set_version("0.2.0", root=checkout)
    assert 'VERSION = "0.2.0"\n' in (checkout / "loyalty/__init__.py").read_text()
    assert 'LABEL org.opencontainers.image.version="0.2.0"\n' in (checkout / "Dockerfile").read_text()


def test_a_file_that_lost_its_version_is_named(checkout: Path):
    (checkout / "Dockerfile").write_text("FROM python:3.13-slim\n")
    with pytest.raises(texts.NotReady, match=r"^Dockerfile holds 0 versions instead of one\.$"):
        texts.set_version("0.2.0", root=checkout)


def test_the_changes_get_their_release_and_its_day_and_no_other_section_is_touched(checkout: Path):
    texts.date_changes("0.2.0", "2027-01-31", root=checkout)
    assert changes(checkout) == CHANGES.replace("## Unreleased", "## 0.2.0 (2027-01-31)")
    texts.date_changes("0.2.0", "2027-02-01", root=checkout)
    assert changes(checkout) == CHANGES.replace("## Unreleased", "## 0.2.0 (2027-02-01)")


def test_without_changes_there_is_no_release(checkout: Path):
    (checkout / "CHANGELOG.md").write_text(CHANGES.replace("## Unreleased", "## 0.1.1 (2027-01-01)"))
    with pytest.raises(texts.NotReady, match=r"^CHANGELOG\.md has no section `## Unreleased`"):
        texts.date_changes("0.2.0", "2027-01-31", root=checkout)
    with pytest.raises(texts.NotReady, match=r"says nothing about 0\.2\.0 before its lists\.$"):
        texts.tag_text("0.2.0", root=checkout)


def test_the_tag_says_what_stands_before_the_lists(checkout: Path):
    told = "Loyalty 0.2.0\n\nThe second release: stamp cards.\n\nNothing has to be done when upgrading.\n"
    assert texts.tag_text("0.2.0", root=checkout) == told
    texts.date_changes("0.2.0", "2027-01-31", root=checkout)
    texts.begin_changes(root=checkout)
    assert texts.tag_text("0.2.0", root=checkout) == told, "also when the next changes stand above it"
    assert texts.tag_text("0.1.0", root=checkout) == "Loyalty 0.1.0\n\nThe first release.\n"


def test_what_comes_after_a_release_has_a_section_of_its_own(checkout: Path):
    texts.date_changes("0.2.0", "2027-01-31", root=checkout)
    for _twice in range(2):
        texts.begin_changes(root=checkout)
    assert changes(checkout) == CHANGES.replace("## Unreleased", "## Unreleased\n\n## 0.2.0 (2027-01-31)")


@pytest.mark.parametrize("version", ["0.2", "v0.2.0", "0.2.0.dev0", "0.2.0-rc1"])
def test_another_kind_of_version_is_refused(version: str):
    with pytest.raises(texts.NotReady, match=r"^A release is called like 0\.1\.0"):
        texts.check_version(version)


def test_only_the_version_that_was_begun_is_prepared(checkout: Path):
    texts.check_next("0.2.0", root=checkout)
    texts.set_version("0.2.0", root=checkout)
    texts.check_next("0.2.0", root=checkout)
    for other in ("0.1.0", "0.3.0"):
        with pytest.raises(texts.NotReady, match=f"release begin {other}` comes before"):
            texts.check_next(other, root=checkout)


def test_the_command_refuses_in_one_sentence_and_changes_nothing():
    before = [(CHECKOUT / name).read_text() for name in ("loyalty/__init__.py", "Dockerfile", "CHANGELOG.md")]
    refused = subprocess.run(
        [sys.executable, "-m", "tests.releases", "prepare", "99.0.0"], cwd=CHECKOUT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith("`manage.py release begin 99.0.0` comes before 99.0.0 is prepared.\n")
    assert before == [(CHECKOUT / name).read_text() for name in ("loyalty/__init__.py", "Dockerfile", "CHANGELOG.md")]
    assert not (CHECKOUT / "tests/upgrades/99.0.0").exists()
