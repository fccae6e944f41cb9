"""Invented people with names as they are where the shops stand; addresses under example domains reach nobody."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Where = Literal["seoul", "new_york"]

# Family names as common as they really are, more or less.
_FAMILY_SEOUL: Final = {
    "김": 21, "이": 15, "박": 9, "최": 5, "정": 5, "강": 3, "조": 2, "윤": 2, "장": 2, "임": 2, "한": 2, "오": 1, "서": 1,
    "신": 1, "권": 1, "황": 1, "안": 1, "송": 1, "류": 1, "홍": 1, "남궁": 1,
}  # fmt: skip
_GIVEN_SEOUL: Final = (  # noqa: SIM905 - read as lines
    "민준 서준 도윤 예준 시우 하준 주원 지호 지후 준서 건우 현우 우진 선우 서진 민재 현준 연우 정우 유준 승우 시윤 준혁 은우 "
    "서연 서윤 지우 서현 하은 하윤 민서 지유 윤서 채원 수아 지민 지아 다은 은서 예은 수빈 소율 예린 지원 소윤 유진 채은 "
    "영수 영호 정훈 성민 상훈 동현 미영 은주 지영 현정 은영 수진 혜진 경희 미경 정숙"
).split()
_FAMILY_NEW_YORK: Final = (  # noqa: SIM905
    "Rivera Cohen Murphy O’Neill Nguyen Kowalski Rossi Singh Patel García Müller Johansson Okafor Haddad Rosenberg Bianchi "
    "Fitzgerald Lindqvist Baptiste Moreau Wong Chen Kim Ivanova Novak Santos Ferreira Osei Adeyemi Petrov Schwartz Greene "
    "Whitfield Castellano Delgado Marlowe Beaumont Ashby Thorne Winslow Hartley Sandoval"
).split()
_GIVEN_NEW_YORK: Final = (  # noqa: SIM905
    "Maya Noah Zoë Liam Ava Ethan Leila Oscar Ruth Theo Ines Jonah Priya Samuel Nadia Felix Grace Hugo Amara Silas Esther "
    "Malik Clara Dmitri Naomi Julian Beatrice André Fatima Walter Simone Elias Margot Desmond Tamar Lucia Owen Renée Idris "
    "Harriet Mateo Odette Gideon Yara Percy Ingrid Solomon Delphine"
).split()


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; some tell their birthday, some want messages, not all have a phone."""

    number: int
    name: str
    email: str
    phone: str | None
    birthday: str | None
    wants_news: bool


def make_person(dice: Random, where: Where, number: int) -> Person:
    """Invent one person; `number` makes the address and the phone unique."""
    if where == "seoul":
        family = dice.choices(list(_FAMILY_SEOUL), weights=list(_FAMILY_SEOUL.values()))[0]
        name = family + dice.choice(_GIVEN_SEOUL)
        phone = f"010-{2000 + number:04d}-{dice.randrange(10_000):04d}"
    else:
        name = f"{dice.choice(_GIVEN_NEW_YORK)} {dice.choice(_FAMILY_NEW_YORK)}"
        # 555-0100 to 555-0199 belong to nobody, in every area.
        areas = (212, 718, 917, 646, 347, 929, 332)
        phone = f"+1{areas[number // 100 % len(areas)]}5550{100 + number % 100}"
    return Person(
        number=number,
        name=name,
        email=f"member{number}@{'cafe' if where == 'seoul' else 'books'}.example",
        phone=phone if dice.random() < (0.9 if where == "seoul" else 0.5) else None,
        birthday=f"{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}" if dice.random() < 0.6 else None,
        wants_news=dice.random() < 0.55,
    )
