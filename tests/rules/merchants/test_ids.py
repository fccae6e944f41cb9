"""Public ids cannot be guessed; short codes can be read aloud."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from hypothesis import given
from hypothesis import strategies as st

from members.models import Card
from merchants import ids
from merchants.models.merchants import Location

ROOT = Path(__file__).resolve().parents[3]


class TestPublicIds:
    def test_have_a_prefix_and_eighty_random_bits(self) -> None:
        made = {ids.mint("mem") for _ in range(1000)}
        assert len(made) == 1000
        assert all(ids.is_id(each, "mem") and len(each) == 20 for each in made)

    def test_use_all_signs_of_lower_case_crockford(self) -> None:
        seen = {sign for _ in range(500) for sign in ids.mint("pur")[4:]}
        assert seen == set("0123456789abcdefghjkmnpqrstvwxyz")

    def test_only_of_known_kinds(self) -> None:
        with pytest.raises(ValueError, match="no model has the id_prefix 'xyz'"):
            ids.mint("xyz")

    def test_each_model_with_a_public_id_names_a_prefix_of_its_own(self) -> None:
        with_id = {m for m in apps.get_models() if any(field.name == "public_id" for field in m._meta.fields)}
        named = set(ids.prefixes().values())
        assert with_id - named == set()
        # A card has no public id of its own; an erased one is given this in place of its number.
        assert named - with_id == {Card}

    def test_two_models_with_one_prefix_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ids.prefixes.cache_clear()
        monkeypatch.setattr(Location, "id_prefix", "mem")
        with pytest.raises(ValueError, match="have the same id_prefix 'mem'"):
            ids.mint("mem")

    def test_no_code_and_no_schema_of_an_event_names_an_unknown_prefix(self) -> None:
        named = set()
        for app in ("merchants", "members", "rewards", "engagement", "analytics", "loyalty"):
            for path in (ROOT / app).rglob("*.py"):
                named |= set(re.findall(r"mint\(\"(\w+)\"\)|is_id\([^()]+, \"(\w+)\"\)", path.read_text()))
        for path in (ROOT / "merchants/events").glob("*.json"):
            named |= {(prefix, "") for prefix in re.findall(r"\^([a-z]+)_\[", path.read_text())}
        prefixes = {one or other for one, other in named}
        assert len(prefixes) > 20
        assert prefixes - set(ids.prefixes()) == set()

    @pytest.mark.parametrize(
        "text", ["", "mem_", "mem_ILOU000000000000", "pur_0123456789abcdef", "mem_0123456789abcdef\n"]
    )
    def test_other_texts_are_none(self, text: str) -> None:
        assert not ids.is_id(text, "mem")


class TestCodesForPeople:
    def test_there_are_31_signs_without_look_alikes(self) -> None:
        assert len(set(ids.SIGNS)) == 31
        assert not set("01OIL") & set(ids.SIGNS)

    def test_a_member_code_is_read_however_it_is_typed(self) -> None:
        code = ids.mint_member_code()
        assert len(code) == 9
        assert code[4] == "-"
        for typed in (code.lower(), code.replace("-", " "), code.replace("-", "–"), f" {code} ", ids.normalise(code)):
            assert ids.is_member_code(typed)
            assert ids.grouped(typed) == code

    def test_full_width_signs_of_a_korean_keyboard_are_understood(self) -> None:
        assert ids.normalise("Ｍ４ｋ７－92qx") == "M4K792QX"

    @given(st.integers(0, 7), st.sampled_from(ids.SIGNS))
    def test_one_wrong_sign_is_noticed(self, place: int, sign: str) -> None:
        plain = ids.normalise(ids.mint_member_code())
        wrong = plain[:place] + sign + plain[place + 1 :]
        assert ids.is_member_code(wrong) is (wrong == plain)

    @given(st.integers(0, 6))
    def test_two_neighbours_swapped_are_noticed(self, place: int) -> None:
        plain = ids.normalise(ids.mint_member_code())
        swapped = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
        assert ids.is_member_code(swapped) is (swapped == plain)

    def test_a_code_worth_money_has_at_least_twelve_signs(self) -> None:
        assert len(ids.normalise(ids.mint_code())) == 12
        assert ids.mint_code(16).count("-") == 3
        with pytest.raises(ValueError, match="at least 12"):
            ids.mint_code(8)


def test_a_code_for_inviting_friends_is_no_code_of_a_member_and_no_code_of_a_reward():
    for _try in range(50):
        code = ids.mint_referral_code()
        assert len(code) == 11
        assert ids.read_referral_code(code) == code
        assert not ids.is_member_code(code)
        assert not ids.is_member_code(code.removeprefix("JOIN"))
        assert any(sign not in ids.SIGNS for sign in code)


@pytest.mark.parametrize(
    "typed", ["join-7k4m-92s", "J0IN 7K4M 92S", "JO1N7K4M92S", "7K4M-92S", "ＪＯＩＮ－７Ｋ４Ｍ－９２Ｓ"]
)
def test_a_code_for_inviting_friends_is_read_as_people_type_it(typed):
    right = "JOIN7K4M92" + ids.check_sign("7K4M92")
    assert (
        ids.read_referral_code(
            typed.replace("2S", "2" + right[-1]).replace("２Ｓ", "2" + right[-1]).replace("2s", "2" + right[-1].lower())
        )
        == right
    )


@pytest.mark.parametrize(
    "typed", ["", "JOIN", "SYZW47WW", "JOIN-7K4M-92O", "7K4M92", "LIVE-M4K792QX-2A7K4M-7KQ2M4XP9W"]
)
def test_what_is_no_code_for_inviting_friends_is_none(typed):
    assert ids.read_referral_code(typed) is None
