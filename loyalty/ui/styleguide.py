"""The sample content of the style guide: two invented merchants, numbers with a shape, words in three languages.

Nothing here reaches a real page. The texts are not in the catalogues: they are there to see how the type sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import get_language

from loyalty.ui import charts, formats
from loyalty.ui.theme import DARK, LIGHT, palette

NOW = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)

PARTS = (
    "index", "components", "forms", "charts",
    "portal-home", "portal-rewards", "portal-card", "portal-activity", "portal-join",
    "console-dashboard", "console-programme", "console-members", "console-counter",
    "sign-in", "error",
)  # fmt: skip


@dataclass(frozen=True)
class SampleMerchant:
    name: str
    slug: str = "sample"
    currency: str = "KRW"
    display_digits: int | None = None
    brand_colour: str = ""
    is_sandbox: bool = False


class SampleForm(forms.Form):
    """One field of every kind, as pages use them."""

    name = forms.CharField(label="Reward name", help_text="Members see this. Short is good: “Free latte”.")
    points = forms.IntegerField(label="Price in points", initial=600, min_value=1)
    worth = forms.CharField(label="What it costs you", initial="5,400")
    kind = forms.ChoiceField(
        label="Kind", choices=[("product", "A product"), ("discount", "A discount"), ("percent", "A percentage")]
    )
    starts_on = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    terms = forms.CharField(label="Terms", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    who = forms.ChoiceField(
        label="Who may redeem it",
        widget=forms.RadioSelect,
        choices=[("all", "Every member"), ("silver", "Silver and above"), ("gold", "Gold only")],
        initial="all",
    )
    period = forms.ChoiceField(
        label="Limit", widget=forms.RadioSelect, choices=[("no", "None"), ("day", "A day"), ("month", "A month")],
        initial="no",
    )  # fmt: skip
    days = forms.MultipleChoiceField(
        label="Days", widget=forms.CheckboxSelectMultiple, initial=["sat", "sun"], required=False,
        choices=[("mon", "Mon"), ("tue", "Tue"), ("wed", "Wed"), ("thu", "Thu"), ("fri", "Fri"), ("sat", "Sat"), ("sun", "Sun")],
    )  # fmt: skip
    is_live = forms.BooleanField(
        label="Show in the portal", required=False, initial=True, help_text="Off: only tills see it."
    )
    agrees = forms.BooleanField(label="I have read what changes for members", help_text="They are told by e-mail.")
    email = forms.EmailField(label="E-mail or phone")
    code = forms.CharField(label="Code", max_length=6)
    score = forms.ChoiceField(
        label="How likely are you to recommend us to a friend?",
        widget=forms.RadioSelect,
        choices=[(str(score), str(score)) for score in range(11)],
    )


def context(part: str, posted: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the templates under ui/styleguide/ draw."""
    language = (get_language() or "en").lower()
    wrong = SampleForm(
        {"name": "", "points": "-5", "kind": "product", "email": "mina@", "score": "", "code": "12"}, auto_id="again_%s"
    )
    return {
        "part": part,
        "parts": PARTS,
        "now": NOW,
        "computed_at": NOW - timedelta(minutes=12),
        "merchant": SampleMerchant(
            "Dawn Roasters" if language == "en" else {"ko": "새벽 로스터스"}.get(language, "破曉烘焙所")
        ),
        "say": _words(language),
        "form": SampleForm(posted) if posted else SampleForm(),
        "wrong": wrong,
        "palettes": [("Light", palette_rows(dark=False)), ("Dark", palette_rows(dark=True))],
        "icons": _ICONS,
        **_numbers(),
        **_rows(language),
    }


def _words(language: str) -> dict[str, str]:
    words = _WORDS.get(language, _WORDS["en"])
    return {**words, "worth_money": words["worth"].format(formats.money(12400, "KRW"))}


def palette_rows(*, dark: bool) -> list[tuple[str, str]]:
    surfaces = DARK if dark else LIGHT
    neutral = [
        ("paper", surfaces.paper),
        ("surface", surfaces.surface),
        ("sunken", surfaces.sunken),
        ("ink", surfaces.ink),
    ]
    return neutral + list(palette("#0b6e4f", dark=dark).items())


def _sample_series(count: int, base: float, swing: float, trend: float, phase: float = 0.0) -> list[int]:
    """Numbers that look lived in: a trend, a week's rhythm and a slower one, no chance."""
    return [
        round(
            base
            + trend * day
            + swing * math.sin(day * 2 * math.pi / 7 + phase)
            + swing * 0.6 * math.sin(day / 9.7 + phase * 3)
        )
        for day in range(count)
    ]


def _numbers() -> dict[str, Any]:
    days = [NOW - timedelta(days=89 - back) for back in range(90)]
    earned: list[int | None] = [*_sample_series(90, 520, 110, 3.4)]
    earned[41] = None
    return {
        "spark_up": _sample_series(14, 30, 3, 0.9),
        "spark_down": _sample_series(14, 48, 3, -0.6, 1.0),
        "spark_flat": _sample_series(14, 40, 4, 0.02, 2.0),
        "day_labels": [formats.day_and_month(day) for day in days],
        "chart_series": [
            {"label": "Earned", "values": earned},
            {"label": "Redeemed", "values": _sample_series(90, 210, 60, 1.1, 1.7)},
        ],
        "one_series": [{"label": "Repeat purchase rate", "values": [v / 1000 for v in _sample_series(12, 340, 9, 4)]}],
        "month_labels": [formats.month(NOW - timedelta(days=30 * back)) for back in range(11, -1, -1)],
        "nps_columns": [
            (str(score), count, "negative" if score < 7 else "neutral" if score < 9 else "positive")
            for score, count in enumerate([1, 0, 1, 2, 2, 4, 5, 14, 21, 32, 20])
        ],
        "sales_chart": _sales_chart(),
        "hours": [0, 12, 31, 58, 44, 39, 27, 0, 0, 0, 0, 0],
        "category_rows": [("Coffee", 1840), ("Pastry", 960), ("Beans", 512), ("Merchandise", 88)],
        "cohort_columns": ["M1", "M2", "M3", "M4", "M5"],
        "cohort_rows": [
            {"label": "2026-06", "size": 309, "shares": [0.59, 0.44, 0.33, 0.30, 0.21]},
            {"label": "2026-07", "size": 330, "shares": [0.61, 0.44, 0.32, 0.27, None]},
            {"label": "2026-08", "size": 287, "shares": [0.63, 0.47, 0.36, None, None]},
            {"label": "2026-09", "size": 341, "shares": [0.66, 0.49, None, None, None]},
            {"label": "2026-10", "size": 362, "shares": [0.71, None, None, None, None]},
            {"label": "2026-11", "size": 12, "shares": [None] * 5},
        ],
    }


def _sales_chart() -> dict[str, Any]:
    weeks = [NOW - timedelta(days=7 * (12 - place)) for place in range(13)]
    members = _sample_series(13, 260, 40, 6)
    drawn = charts.stacks(
        [
            {
                "label": formats.day_and_month(week),
                "axis": formats.day_and_month(week),
                "parts": [sold * 10_000, 1_500_000],
                "mark": sold * 9_000,
                "href": "#",
                "is_current": place == 10,
            }
            for place, (week, sold) in enumerate(zip(weeks, members, strict=True))
        ],
        lambda minor: formats.money_short(round(minor), "KRW"),
    )
    names = ["Members", "Others", "Members, the 90 days before"]
    return {
        **drawn,
        "part_names": names,
        "legend": [
            {"label": name, "text": text} for name, text in zip(names, ("₩3.42M", "₩1.50M", "₩2.81M"), strict=True)
        ],
        "change": {"text": "21.7%", "trend": "up", "good": True, "word": "more than before"},
    }


def _rows(language: str) -> dict[str, Any]:
    say = _WORDS.get(language, _WORDS["en"])
    return {
        "members": _members(_PEOPLE.get(language, _PEOPLE["en"])),
        "expires_at": NOW + timedelta(days=9),
        "entries": _entries(say),
        "rewards": [
            _reward(say, "latte", "cup", points=600, missing=0),
            _reward(say, "pastry", "heart", points=900, missing=0),
            _reward(say, "beans", "box", points=1500, missing=260),
            _reward(say, "class", "star", points=5000, missing=3760),
        ],
        "findings": [
            {"title": "3 unhappy members wait", "cause": "Scored 0 to 6 within 30 days", "tone": "negative", "href": "#",
             "action": "Answer"},
            {"title": "34 regulars are slipping away", "cause": "₩1,240,000 of sales a year at stake", "tone": "warning",
             "href": "#", "action": "Win back"},
            {"title": "Canvas bag: 2 left", "cause": "18 of 20 are taken", "tone": "info", "href": "#",
             "action": "Restock"},
        ],
        **_ways(),
    }  # fmt: skip


_PEOPLE = {
    "en": ["Mina Park", "Jonas Weber", "Ada Obi", "Hyun-woo Lee", "Chen Yi-ting"],
    "ko": ["박미나", "이현우", "김서연", "최도윤", "정하린"],
    "zh-hant": ["林美娜", "陳怡婷", "王家豪", "張雅雯", "李柏翰"],
}


def _members(names: list[str]) -> list[dict[str, Any]]:
    lives = [
        ("X", "Gold", "warning", 1240, 412000, 3),
        ("B", "Silver", "", 18400, 2184500, 27),
        ("D", "Silver", "", 60, 36500, 96),
        ("F", "Green", "brand", 705, 98000, 400),
        ("H", "Green", "brand", 0, 4500, 1500),
    ]
    return [
        {
            "name": name, "code": f"M4K7-92Q{letter}", "tier": tier, "tone": tone, "balance": balance, "spent": spent,
            "seen_at": NOW - timedelta(hours=hours), "months": [month * hours % 5 for month in range(12)],
            "found": ((name[:2], True), (name[2:], False)),
        }
        for name, (letter, tier, tone, balance, spent, hours) in zip(names, lives, strict=True)
    ]  # fmt: skip


def _entries(say: Mapping[str, str]) -> list[dict[str, Any]]:
    lived = [
        ("purchase", "basket", "weekend", 84, 1240, timedelta(hours=2)),
        ("purchase", "basket", "every", 45, 1156, timedelta(days=2)),
        ("latte", "gift", "redeemed", -600, 1111, timedelta(days=6)),
        ("birthday", "sparkle", "birthday_why", 500, 1711, timedelta(days=11)),
        ("expired", "clock", "expired_why", -30, 1211, timedelta(days=20)),
    ]
    return [
        {"name": say[name], "icon": icon, "reason": say[why], "points": points, "after": after, "at": NOW - back}
        for name, icon, why, points, after, back in lived
    ]


def _ways() -> dict[str, Any]:
    """Where one can go: merchants, steps, tabs, filters, periods."""
    return {
        "seats": [
            {"name": "Dawn Roasters", "merchant": SampleMerchant("Dawn Roasters"), "role": "Owner", "href": "#",
             "is_current": True},
            {"name": "Marginalia Books", "merchant": SampleMerchant("Marginalia Books"), "role": "Analyst", "href": "#",
             "is_current": False},
        ],
        "steps_labels": ["Template", "Rules", "Rewards", "Publish"],
        "tab_items": [
            {"label": "Overview", "href": "#", "is_current": True},
            {"label": "Ledger", "href": "#", "count": 148},
            {"label": "Purchases", "href": "#", "count": 61},
            {"label": "Consent", "href": "#"},
        ],
        "filter_items": [
            {"label": label, "href": "#", "is_current": label == "All"}
            for label in ("All", "Earned", "Spent", "Expired", "Adjusted")
        ],
        "period_items": [
            {"label": label, "href": "#", "is_current": label == "90 days"} for label in ("30 days", "90 days", "12 months")
        ],
    }  # fmt: skip


def _reward(say: Mapping[str, str], name: str, icon: str, *, points: int, missing: int) -> dict[str, Any]:
    to_go = say["to_go"].format(formats.points(missing))
    return {"title": say[name], "icon": icon, "points": points, "missing": missing, "to_go": to_go}


_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "hello": "Good afternoon, Mina", "balance": "Your points", "worth": "worth up to {}", "to_gold": "760 points to Gold",
        "small_gold": "to Gold", "expiring": "120 points expire", "use": "Use them", "rewards": "Rewards", "all": "All rewards",
        "ready": "You can have these now", "next": "Not far now", "redeem": "Redeem", "to_go": "{} points to go",
        "latte": "A latte of your choice", "pastry": "Pastry of the day", "beans": "250 g of single-origin beans",
        "class": "Saturday brewing class for two", "purchase": "Purchase · Mapo", "weekend": "Weekend double: 42 × 2",
        "every": "1 point for every ₩100", "redeemed": "Redeemed for a latte", "birthday": "Birthday present",
        "birthday_why": "Happy birthday, Mina!", "expired": "Points expired", "expired_why": "Earned on Nov 1, 2025",
        "scan": "Scan at the till", "say": "or say the code", "as_of": "Balance as of 2:02 PM", "activity": "Activity",
        "recent": "Recently", "home": "Home", "card": "Card", "me": "Me", "show_card": "Show card", "tier": "Silver",
        "join": "Collect from today", "join_lede": "One field, one code, done. No password, no app.",
        "join_1": "1 point for every ₩100", "join_2": "200 points to begin with", "join_3": "A present on your birthday",
        "continue": "Send me a code", "terms": "Until Dec 31 · in all shops · 40 left", "confirm": "Redeem now?",
        "confirm_text": "600 of your 1,240 points are spent at once. The voucher stays valid for 30 days.", "cancel": "Not now",
    },
    "ko": {
        "hello": "미나님, 안녕하세요", "balance": "보유 포인트", "worth": "최대 {} 상당", "to_gold": "골드까지 760포인트",
        "small_gold": "골드까지", "expiring": "120포인트가 곧 소멸됩니다", "use": "사용하기", "rewards": "리워드", "all": "전체 보기",
        "ready": "지금 받을 수 있어요", "next": "조금만 더 모으면", "redeem": "교환하기", "to_go": "{}포인트 남음",
        "latte": "원하는 라테 한 잔", "pastry": "오늘의 페이스트리", "beans": "싱글 오리진 원두 250g", "class": "토요일 브루잉 클래스 (2인)",
        "purchase": "구매 · 마포점", "weekend": "주말 두 배: 42 × 2", "every": "100원당 1포인트", "redeemed": "라테로 교환",
        "birthday": "생일 선물", "birthday_why": "생일 축하해요, 미나님!", "expired": "포인트 소멸", "expired_why": "2025년 11월 1일 적립분",
        "scan": "계산대에서 스캔하세요", "say": "또는 코드를 말씀해 주세요", "as_of": "오후 2:02 기준 잔액", "activity": "내역",
        "recent": "최근 내역", "home": "홈", "card": "카드", "me": "내 정보", "show_card": "카드 보기", "tier": "실버",
        "join": "오늘부터 적립하세요", "join_lede": "연락처 하나, 인증번호 하나면 끝. 비밀번호도 앱도 필요 없어요.",
        "join_1": "100원당 1포인트", "join_2": "가입 즉시 200포인트", "join_3": "생일에는 선물을", "continue": "인증번호 받기",
        "terms": "12월 31일까지 · 전 매장 · 40개 남음", "confirm": "지금 교환할까요?",
        "confirm_text": "1,240포인트 중 600포인트가 바로 차감됩니다. 쿠폰은 30일 동안 쓸 수 있어요.", "cancel": "나중에",
    },
    "zh-hant": {
        "hello": "美娜，午安", "balance": "我的點數", "worth": "最高可折抵 {}", "to_gold": "再 760 點升級金卡", "small_gold": "升級金卡",
        "expiring": "120 點即將到期", "use": "立即使用", "rewards": "兌換好禮", "all": "全部好禮", "ready": "現在就能兌換",
        "next": "再集一些就能換", "redeem": "兌換", "to_go": "還差 {} 點", "latte": "任選拿鐵一杯", "pastry": "今日糕點",
        "beans": "單品咖啡豆 250 克", "class": "週六沖煮課程（雙人）", "purchase": "消費 · 麻浦店", "weekend": "週末雙倍：42 × 2",
        "every": "每 ₩100 得 1 點", "redeemed": "兌換拿鐵", "birthday": "生日禮", "birthday_why": "美娜，生日快樂！",
        "expired": "點數到期", "expired_why": "2025 年 11 月 1 日獲得", "scan": "結帳時請出示掃描", "say": "或唸出代碼",
        "as_of": "下午 2:02 的點數", "activity": "明細", "recent": "最近明細", "home": "首頁", "card": "會員卡", "me": "我的",
        "show_card": "出示會員卡", "tier": "銀卡", "join": "今天就開始集點", "join_lede": "一個聯絡方式、一組驗證碼，就完成了。不需密碼，也不必下載。",
        "join_1": "每 ₩100 得 1 點", "join_2": "加入即贈 200 點", "join_3": "生日當月送禮", "continue": "傳送驗證碼",
        "terms": "至 12 月 31 日 · 全部門市 · 剩 40 份", "confirm": "現在兌換嗎？",
        "confirm_text": "將立即從 1,240 點中扣除 600 點，兌換券 30 天內有效。", "cancel": "先不要",
    },
}  # fmt: skip

_ICONS = [
    "scan",
    "home",
    "gift",
    "card",
    "activity",
    "person",
    "people",
    "dashboard",
    "counter",
    "programme",
    "key",
    "webhook",
    "settings",
    "search",
    "plus",
    "minus",
    "check",
    "check-circle",
    "x",
    "alert",
    "stop",
    "info",
    "question",
    "arrow-right",
    "arrow-left",
    "chevron-right",
    "chevron-left",
    "chevron-down",
    "updown",
    "up",
    "down",
    "flat",
    "menu",
    "more",
    "copy",
    "share",
    "download",
    "upload",
    "calendar",
    "clock",
    "star",
    "points",
    "tier",
    "voucher",
    "basket",
    "receipt",
    "refresh",
    "undo",
    "moon",
    "sun",
    "system",
    "globe",
    "sign-out",
    "bell",
    "mail",
    "phone",
    "lock",
    "shield",
    "passkey",
    "store",
    "filter",
    "external",
    "trash",
    "edit",
    "eye",
    "heart",
    "box",
    "offline",
    "sparkle",
    "flag",
    "send",
    "cup",
    "book",
    "code",
    "history",
    "smile",
    "stamp",
]
