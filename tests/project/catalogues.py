"""Says what the translations lack: `python -m tests.project.catalogues`, a step of .ci/run.

Every string of the source is in every catalogue, translated, not fuzzy, with the same placeholders, and compiled; each
term of `locale/glossary.toml` is called in it what the glossary says, so that one thing has one name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent.parent
LANGUAGES = ("ko", "zh_Hant")
_FOLDERS = ("loyalty", "analytics", "engagement", "rewards", "members", "merchants", "templates")
GLOSSARY: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "locale" / "glossary.toml").read_text("utf-8"))
_NO_WORDS = re.compile(r"https?://\S+|%\(\w+\)[a-z]|\{\w*\}|<[^>]*>|`[^`]*`|\w+:\w+|\w+\.\w+|\w+_\w+")
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|%[sd]")


def faults() -> list[str]:
    """Return one sentence for each thing that is wrong."""
    found: list[str] = []
    source = _strings_of_the_source()
    for language in LANGUAGES:
        path = ROOT / "locale" / language / "LC_MESSAGES" / "django.po"
        if not path.is_file():
            found.append(f"{language}: there is no catalogue.")
            continue
        catalogue = polib.pofile(str(path))
        entries = {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}
        found += [f"{language}: missing {text!r}." for _, text in sorted(source - entries.keys(), key=str)]
        for key in sorted(source & entries.keys(), key=str):
            found += [f"{language}: {fault} {key[1]!r}." for fault in _faults_of(entries[key])]
        found += [fault for key in sorted(source & entries.keys(), key=str) for fault in strays(entries[key], language)]
        found += _compiled(path, catalogue, language)
    return found


def strays(entry: polib.POEntry, language: str) -> list[str]:
    """Return each term of the glossary that the sentence holds and its translation calls otherwise."""
    written = " ".join(entry.msgstr_plural.values()) if entry.msgid_plural else entry.msgstr
    # What is filled in, tags and names of fields are no words of the sentence.
    asked = _NO_WORDS.sub(" ", f"{entry.msgid} {entry.msgid_plural}")
    return [
        f"{language}: {term!r} is {' or '.join(wanted)} in {entry.msgid!r}: {written!r}."
        for term, wanted in GLOSSARY[language].items()
        if written
        and re.search(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", asked, re.IGNORECASE)
        and not any(word.casefold() in written.casefold() for word in wanted)
    ]


def _faults_of(entry: polib.POEntry) -> list[str]:
    written = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    if entry.fuzzy:
        return ["fuzzy"]
    if not all(written):
        return ["not translated"]
    asked = set(_PLACEHOLDER.findall(entry.msgid)) | set(_PLACEHOLDER.findall(entry.msgid_plural))
    if any(not set(_PLACEHOLDER.findall(text)) <= asked for text in written):
        return ["placeholders that the source does not have in"]
    if not entry.msgid_plural and set(_PLACEHOLDER.findall(entry.msgstr)) != asked:
        return ["other placeholders in"]
    return []


def _compiled(path: Path, catalogue: polib.POFile, language: str) -> list[str]:
    compiled = path.with_suffix(".mo")
    if not compiled.is_file():
        return [f"{language}: not compiled, run compilemessages."]
    wanted = {(e.msgctxt, e.msgid, e.msgstr or str(e.msgstr_plural)) for e in catalogue.translated_entries()}
    held = {(e.msgctxt, e.msgid, e.msgstr or str(e.msgstr_plural)) for e in polib.mofile(str(compiled))}
    return [] if wanted == held else [f"{language}: compiled from another state, run compilemessages."]


def _strings_of_the_source() -> set[tuple[str | None, str]]:
    """Let Django's own makemessages read a copy of the source, and return what it found."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _FOLDERS:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "locale").mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "django", "makemessages", "--locale", "en", "--verbosity", "0"],
            cwd=folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        written = Path(folder) / "locale" / "en" / "LC_MESSAGES" / "django.po"
        if done.returncode or not written.is_file():
            raise SystemExit(f"makemessages failed: {done.stderr.strip() or 'it wrote nothing'}")
        return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(written))}


if __name__ == "__main__":
    wrong = faults()
    print("\n".join(wrong[:40]))
    if len(wrong) > 40:
        print(f"… and {len(wrong) - 40} more")
    print(f"{len(wrong)} faults in the catalogues.")
    sys.exit(1 if wrong else 0)
