"""The two invented shops: what they sell, when people come, and what members think of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loyalty.demo.people import Where


@dataclass(frozen=True, slots=True)
class Article:
    """Something for sale; `minor` is the price people pay, tax included."""

    sku: str
    category: str
    minor: int
    weight: int


@dataclass(frozen=True, slots=True)
class Habit:
    """How a kind of member shops: visits a week while they come, and the chance to stay away for good in a month."""

    name: str
    share: float
    visits_a_week: float
    leaving: float
    #: How likely to recommend: weights of 0-6, 7-8, 9-10.
    mood: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DemoShop:
    slug: str
    name: str
    currency: str
    zone: str
    country: str
    language: str
    brand_colour: str
    template: str
    where: Where
    locations: tuple[tuple[str, str], ...]
    members: int
    guests_a_day: float
    articles: tuple[Article, ...]
    habits: tuple[Habit, ...]
    lines_weights: tuple[int, ...]
    #: Of each hour from 0 to 23, for weekdays and for weekends.
    hours: tuple[tuple[int, ...], tuple[int, ...]]
    weekdays: tuple[float, ...]
    months: tuple[float, ...]
    tax_per_mille: int
    #: Tax is a part of the price (VAT) or on top of it (sales tax); both are in `minor`.
    cost_share: float
    refund_chance: float
    comments: dict[str, tuple[str, ...]]
    named: tuple[str, str]
    staff: tuple[tuple[str, str, str], ...]


CAFE: Final = DemoShop(
    slug="haneul-coffee",
    name="하늘커피",
    currency="KRW",
    zone="Asia/Seoul",
    country="KR",
    language="ko",
    brand_colour="#7a4b2b",
    template="cafe-stamps",
    where="seoul",
    locations=(("yeonnam", "연남점"), ("seongsu", "성수점")),
    members=190,
    guests_a_day=1.8,
    articles=(
        Article("AMERICANO", "coffee", 4500, 34), Article("LATTE", "coffee", 5000, 22),
        Article("FLAT-WHITE", "coffee", 5300, 8), Article("COLD-BREW", "coffee", 5500, 12),
        Article("EINSPANNER", "coffee", 6000, 6), Article("GREEN-TEA", "tea", 5500, 6),
        Article("YUJA-TEA", "tea", 5800, 4), Article("CROISSANT", "bakery", 4200, 12),
        Article("SALT-BREAD", "bakery", 3500, 14), Article("CHEESECAKE", "cake", 7500, 6),
        Article("BEANS-200", "beans", 18000, 3), Article("OWN-CUP", "service", 0, 5),
        Article("GIFT-10000", "gift_card", 10000, 1),
    ),
    habits=(
        Habit("devoted", 0.09, 2.4, 0.012, (2, 18, 80)),
        Habit("regular", 0.23, 0.95, 0.03, (8, 32, 60)),
        Habit("now and then", 0.32, 0.33, 0.06, (18, 42, 40)),
        Habit("rare", 0.22, 0.10, 0.08, (30, 45, 25)),
        Habit("once", 0.14, 0.03, 0.6, (45, 40, 15)),
    ),
    lines_weights=(52, 34, 11, 3),
    hours=(
        (0, 0, 0, 0, 0, 0, 0, 12, 22, 14, 8, 9, 18, 16, 9, 8, 8, 7, 7, 5, 4, 2, 0, 0),
        (0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 13, 15, 14, 17, 18, 17, 14, 10, 7, 5, 4, 2, 0, 0),
    ),
    weekdays=(1.0, 1.0, 1.05, 1.05, 1.15, 1.1, 0.8),
    months=(0.92, 0.93, 1.0, 1.05, 1.08, 1.05, 0.95, 0.9, 1.0, 1.08, 1.02, 1.1),
    tax_per_mille=100,
    cost_share=0.32,
    refund_chance=0.012,
    comments={
        "detractor": ("커피가 식어서 나왔어요.", "줄이 너무 길었습니다.", "자리가 없었어요.", "주문이 잘못 나왔어요."),
        "passive": ("무난해요.", "가격이 조금 올랐네요.", "맛은 좋은데 조금 시끄러워요."),
        "promoter": ("라떼가 정말 맛있어요!", "직원분들이 친절해요.", "매일 아침 들릅니다.", "소금빵 최고예요."),
    },
    named=("김민지", "minji@cafe.example"),
    staff=(
        ("owner", "박하늘", "haneul@cafe.example"), ("manager", "정유나", "yuna@cafe.example"),
        ("analyst", "최서진", "seojin@cafe.example"), ("cashier", "이준호", "junho@cafe.example"),
    ),
)  # fmt: skip

BOOKSHOP: Final = DemoShop(
    slug="hudson-books",
    name="Hudson Street Books",
    currency="USD",
    zone="America/New_York",
    country="US",
    language="en",
    brand_colour="#1f4e79",
    template="bookshop",
    where="new_york",
    locations=(("hudson-st", "Hudson Street"), ("web", "Web shop")),
    members=110,
    guests_a_day=1.1,
    articles=(
        Article("9780141439518", "fiction", 1196, 16), Article("9780307474278", "fiction", 1850, 20),
        Article("9780064431781", "children", 1088, 14), Article("9780545582889", "children", 869, 10),
        Article("9780593230251", "non_fiction", 3047, 12), Article("9781984801258", "non_fiction", 2176, 10),
        Article("9780399590504", "staff_pick", 1958, 12), Article("NOTEBOOK", "stationery", 1415, 9),
        Article("TOTE", "stationery", 1960, 3), Article("MAGAZINE", "magazine", 1088, 6),
        Article("GIFT-25", "gift_card", 2500, 2), Article("SHIPPING", "shipping", 499, 3),
    ),
    habits=(
        Habit("devoted", 0.12, 0.9, 0.012, (2, 16, 82)),
        Habit("regular", 0.26, 0.42, 0.03, (8, 34, 58)),
        Habit("now and then", 0.30, 0.17, 0.05, (18, 42, 40)),
        Habit("rare", 0.20, 0.06, 0.07, (30, 45, 25)),
        Habit("once", 0.12, 0.02, 0.6, (45, 40, 15)),
    ),
    lines_weights=(44, 32, 16, 8),
    hours=(
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 8, 13, 10, 8, 8, 10, 14, 16, 12, 4, 0, 0, 0),
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 11, 13, 15, 16, 15, 13, 10, 6, 3, 0, 0, 0, 0),
    ),
    weekdays=(0.8, 0.85, 1.05, 0.95, 1.05, 1.5, 1.2),
    months=(0.85, 0.85, 0.92, 0.98, 1.0, 1.05, 1.0, 0.95, 1.05, 1.0, 1.25, 1.9),
    tax_per_mille=89,
    cost_share=0.55,
    refund_chance=0.035,
    comments={
        "detractor": ("The book I ordered took three weeks.", "Nobody could help me find anything.", "Damaged cover."),
        "passive": ("Nice shop, small selection.", "Fine.", "Prices are what they are."),
        "promoter": ("The staff picks are always right.", "My kids love Wednesdays here.", "A proper bookshop!"),
    },
    named=("Maya Lindqvist", "maya@books.example"),
    staff=(
        ("owner", "Ruth Rosenberg", "ruth@books.example"), ("manager", "Theo Okafor", "theo@books.example"),
        ("analyst", "Priya Patel", "priya@books.example"), ("cashier", "Owen Marlowe", "owen@books.example"),
    ),
)  # fmt: skip

SHOPS: Final = (CAFE, BOOKSHOP)
