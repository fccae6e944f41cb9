"""`python3 manage.py release`: what one does for a release, so that nothing is forgotten. It asks git nothing."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.releases import landed_migrations, samples, texts
from tests.releases.texts import NotReady

STEPS = ("sample", "migrations", "version")
_NEXT = """
Then:
  .ci/run
  git add --all && git commit --message "release: {version}"
  python3 manage.py release tag-text {version} | git tag --annotate --file - v{version}
  git push --follow-tags
  python3 manage.py release begin NEXT      # and a commit: what comes after is no {version}
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="manage.py release", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    prepare = actions.add_parser("prepare", help="sample of the data, hashes of the migrations, version and its day")
    prepare.add_argument("version", help="such as 0.1.0")
    prepare.add_argument("--day", default=f"{datetime.now(UTC):%Y-%m-%d}", help="of the release (default: today)")
    prepare.add_argument("--only", choices=STEPS, help="one of the steps")
    text = actions.add_parser("tag-text", help="print the message of the tag")
    text.add_argument("version")
    begin = actions.add_parser("begin", help="what comes after a release is the next one's: VERSION.dev0")
    begin.add_argument("version", help="of the next release")
    asked = parser.parse_args(arguments)
    try:
        texts.check_version(asked.version)
        if asked.action == "prepare":
            _prepare(asked.version, asked.day, (asked.only,) if asked.only else STEPS)
        elif asked.action == "tag-text":
            sys.stdout.write(texts.tag_text(asked.version))
        else:
            texts.set_version(f"{asked.version}.dev0")
            texts.begin_changes()
    except NotReady as refusal:
        sys.exit(str(refusal))


def _prepare(version: str, day: str, steps: tuple[str, ...]) -> None:
    """Take the steps, the one that can fail first; each may be taken again."""
    if faults := landed_migrations.faults(landed_migrations.landed(), landed_migrations.present()):
        raise NotReady(" ".join(faults))
    texts.check_next(version)
    texts.tag_text(version)
    if "sample" in steps:
        print(f"tests/upgrades/{version}: {_keep_sample(version)}; restored, migrated and used.")
    if "migrations" in steps:
        print(f"Landed: {', '.join(landed_migrations.land()) or 'no new migration'}.")
    if "version" in steps:
        texts.set_version(version)
        texts.date_changes(version, day)
        print(f"Version {version}, of {day}.")
    if steps == STEPS:
        print(_NEXT.format(version=version))


def _keep_sample(version: str) -> str:
    """Make a sample, and keep it once it has proved that it can be used; return what it is like."""
    with tempfile.TemporaryDirectory() as folder, samples.services():
        made = Path(folder)
        told = samples.write(made)
        samples.use(made)
        place, size = samples.KEPT / version, 0
        place.mkdir(parents=True, exist_ok=True)
        for file in made.iterdir():
            size += file.stat().st_size
            shutil.copyfile(file, place / file.name)
    return f"{told['calls']} calls, {size // 1000} kB"


if __name__ == "__main__":
    main(sys.argv[1:])
