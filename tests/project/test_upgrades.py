"""What one release wrote, the next carries on: a sample of each release is restored, migrated, reconciled and used.

As long as no release is kept in `tests/upgrades`, a sample of the present code is made, so that making one works on the
day it is needed.
"""

from __future__ import annotations

import gzip
import os
import re
import socket

import pytest

from loyalty import VERSION
from loyalty.launch.urls import psycopg_from_url
from tests.releases import samples, use_sample

#: Tables whose rows live for minutes, or say nothing that a release could lose.
NOT_IN_A_SAMPLE = {
    "members.ContactChange", "members.ContactCode", "members.UsedLiveCode", "merchants.Logo",
    "merchants.OutgoingMessage", "merchants.PhotoSize", "rewards.Inspection", "rewards.QualifyingGrant",
}  # fmt: skip
KEPT = sorted(path.parent.name for path in samples.KEPT.glob(f"*/{samples.DATABASE}"))
BYTES_MAX = 300_000


@pytest.fixture(scope="module")
def present(tmp_path_factory, django_db_setup):
    """A sample of the present code, and what making it told."""
    directory = tmp_path_factory.mktemp("sample")
    migrated = psycopg_from_url(os.environ["DATABASE_URL"])["dbname"]
    return directory, samples.write(directory, schema_of=migrated)


def test_a_sample_holds_something_of_every_table_of_a_merchant(present):
    _directory, told = present
    assert set(told["empty"]) <= NOT_IN_A_SAMPLE, "let tests/releases/sample_shop.py do what writes to it"
    assert told["calls"] >= 40


def test_a_sample_is_small_and_says_nothing_of_the_machine_it_was_made_on(present):
    directory, _told = present
    texts = {path.name: gzip.decompress(path.read_bytes()).decode() for path in directory.iterdir()}
    assert sorted(texts) == [samples.CALLS, samples.DATABASE]
    assert sum(path.stat().st_size for path in directory.iterdir()) < BYTES_MAX
    whole = "".join(texts.values())
    for told in (str(samples.ROOT), os.path.expanduser("~") + "/", os.environ["DATA_DIR"], socket.gethostname() + "."):
        assert told not in whole
    assert set(re.findall(r"lk_(live|test)_", whole)) == {"test"}


@pytest.mark.parametrize("release", [*KEPT, "the present code"])
def test_what_a_release_wrote_is_carried_on(present, release: str):
    """Restored, migrated, reconciled before and after, asked the same again, and sold in: see tests/releases/use_sample."""
    seen = samples.use(samples.KEPT / release if release in KEPT else present[0])
    assert seen["replayed"] >= 25
    assert len(seen["verified"]) == 2
    for ledger, numbers in seen["verified"]:
        assert re.fullmatch(r"2 merchants: \d+ accounts, \d+ entries: all agree", ledger)
        assert re.fullmatch(r"haneul-test: \d+ numbers from \d+ purchases: all agree", numbers)


def test_every_release_keeps_a_sample():
    """Before the first there is none; `manage.py release` makes one for each."""
    is_release = not VERSION.endswith(".dev0")
    assert not is_release or VERSION in KEPT


RECEIPT = {"points_earned": 420, "lots": [{"points": 400, "expires_at": None}]}


@pytest.mark.parametrize(
    ("answered", "lost"),
    [
        ({**RECEIPT, "points_earned": 419}, "r1.points_earned was 420 and is 419"),
        ({"lots": RECEIPT["lots"]}, "r1.points_earned is gone"),
        ({**RECEIPT, "lots": []}, "r1.lots"),
        ({**RECEIPT, "lots": [{"points": 400, "expires_at": "2027-01-01"}]}, "r1.lots[0].expires_at was None"),
    ],
)
def test_what_is_not_carried_on_is_found(answered: dict, lost: str):
    with pytest.raises(AssertionError, match=f"^{re.escape(lost)}|^\\('{re.escape(lost)}'"):
        use_sample.carries(RECEIPT, answered, "r1")


def test_a_field_may_be_added():
    use_sample.carries(RECEIPT, {**RECEIPT, "warnings": []}, "r1")
