"""Enrolling, finding and changing members through the till's door."""

from __future__ import annotations

import pytest

from tests.till import open_shop, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe():
    return open_shop("cafe")


@pytest.fixture
def till(cafe):
    return till_at(cafe)


def test_a_cashier_enrols_mina_by_her_phone_number(till):
    answer = till.post("members", {"phone": "010-1234-5678", "name": "Mina Park"})

    assert answer.status_code == 201, answer.content
    mina = answer.json()
    assert mina["phone"] == "+821012345678"
    assert mina["id"].startswith("mem_")
    assert till.get(f"members/{mina['id']}").json() == mina
