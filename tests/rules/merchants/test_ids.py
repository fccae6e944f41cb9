"""Public ids cannot be guessed; short codes can be read aloud."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchants import ids


class TestPublicIds:
    def test_have_a_prefix_and_eighty_random_bits(self) -> None:
        made = {ids.mint("mem") for _ in range(1000)}
        assert len(made) == 1000
        assert all(ids.is_id(each, "mem") and len(each) == 20 for each in made)

    def test_use_all_signs_of_lower_case_crockford(self) -> None:
        seen = {sign for _ in range(500) for sign in ids.mint("pur")[4:]}
        assert seen == set("0123456789abcdefghjkmnpqrstvwxyz")

    def test_only_of_known_kinds(self) -> None:
        with pytest.raises(ValueError, match="no such kind"):
            ids.mint("xyz")
        assert len(set(ids.PREFIXES.values())) == len(ids.PREFIXES)

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
