"""What a till is answered about receipts as it prints them: exchanges, NT$, and clocks that are off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics import runs
from merchants import tenancy
from rewards.models.purchases import Purchase
from rewards.purchases import finding
from tests.people import join, staff_browser
from tests.till import EVERY_SCOPE, open_shop, sell, start_programme, till_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(db):
    till = till_at(open_shop("cafe-haneul"))
    start_programme(till)
    return till


@pytest.fixture
def taipei(db):
    till = till_at(open_shop("cafe-taipei", currency="TWD", zone="Asia/Taipei", country="TW"))
    start_programme(till)
    return till


def test_an_exchange_and_a_receipt_below_zero_are_recorded(till):  # defendicon/POS-Awesome-V15#3085
    mina = {"id": join(till.merchant, name="Mina").public_id}
    lines = [{"sku": "old", "amount_minor": -50_000, "quantity": -1}, {"sku": "new", "amount_minor": 80_000}]

    exchanged = sell(till, "x1", 30_000, member=mina, lines=lines)
    returned = sell(till, "x2", -30_000, member=mina, lines=[{"sku": "new", "amount_minor": -30_000}])

    assert (exchanged.status_code, exchanged.json()["receipt"]["points_earned"]) == (201, 300)
    assert (returned.status_code, returned.json()["receipt"]["points_taken_back"]) == (201, 300)
    assert returned.json()["now"]["spendable"] == 0
    again = sell(till, "x2", -30_000, member=mina, lines=[{"sku": "new", "amount_minor": -30_000}])
    assert again.status_code in {201, 409}


def test_a_quote_says_what_an_exchange_would_bring(till):
    body = {"currency": "KRW", "total_minor": -3_000, "lines": [{"amount_minor": -5_000}, {"amount_minor": 2_000}]}
    assert till.post("quotes", body).json()["points"] == -30


def test_a_shop_in_taipei_is_told_the_digits_and_warned(taipei):  # Shopify/money#361, RubyMoney/money#836
    """NT$150 sent as 150 is kept as NT$1.50, and said so; sent as 15000 there is nothing to say."""
    draft = taipei.get("programme").json()
    assert (draft["currency"], draft["currency_digits"], draft["cash_digits"]) == ("TWD", 2, 0)

    wrong, right = sell(taipei, "r1", 150).json(), sell(taipei, "r2", 15_000).json()

    (warning,) = wrong["warnings"]
    assert (warning["code"], warning["pointer"]) == ("amount_not_in_cash", "/total_minor")
    assert "NT$1.50" in warning["detail"]
    assert right["warnings"] == []


def test_a_quote_warns_of_what_the_sale_would_be_warned_of(taipei):
    """Asked before selling, the same amount is in the same doubt."""
    wrong, right = ({"currency": "TWD", "total_minor": minor} for minor in (150, 15_000))

    quoted = taipei.post("quotes", wrong).json()

    assert quoted["warnings"] == sell(taipei, "r1", 150).json()["warnings"] != []
    assert taipei.post("quotes", right).json()["warnings"] == []


def test_sales_that_look_a_hundred_times_too_small_are_told(taipei):  # activemerchant/active_merchant#2004
    def look() -> bool:
        with tenancy.tenant(taipei.merchant):
            return finding.look_too_small(merchant=taipei.merchant)

    for number, total in enumerate((150, 85, 200, 120)):
        sell(taipei, f"r{number}", total)
    assert not look()  # four sales say nothing yet
    sell(taipei, "r5", 95)
    assert look()
    runs.run(taipei.merchant, now=datetime.now(UTC))
    owner = staff_browser(taipei.merchant, "owner")
    page = owner.get(f"/console/{taipei.merchant.slug}/dashboard").content.decode()
    assert "Sales look a hundred times too small" in page
    assert "is sent as 15000" in page
    for number in range(6):
        sell(taipei, f"s{number}", 15_000)
    assert not look()


def test_a_fast_clock_may_send_again_and_one_that_says_so_need_not(till):  # odoo/odoo#271581, odoo/odoo#25606
    ahead = datetime.now(UTC) + timedelta(hours=9)

    early = sell(till, "r1", 10_000, at=ahead)
    assert (early.status_code, early.json()["code"]) == (425, "occurred_at_too_early")
    assert 32_000 < int(early["Retry-After"]) == early.json()["retry_after_seconds"] < 32_200
    taken = sell(till, "r1", 10_000, at=ahead, sent_at=ahead.isoformat())

    assert taken.status_code == 201
    assert abs(taken.json()["receipt"]["clock_off_seconds"] - 32_400) < 10
    assert [each["code"] for each in taken.json()["warnings"]] == ["clock_off"]


def test_a_batch_has_one_clock(till):
    ahead = datetime.now(UTC) + timedelta(days=1)
    sales = [
        {"external_id": f"b{n}", "occurred_at": (ahead - timedelta(hours=n)).isoformat(), "currency": "KRW",
         "total_minor": 1_000}
        for n in range(3)
    ]  # fmt: skip

    without = till.post("purchases/batch", {"purchases": sales}).json()
    assert [each["status"] for each in without["results"]] == [425, 425, 425]
    told = till.post("purchases/batch", {"purchases": sales, "sent_at": ahead.isoformat()}).json()
    assert (told["recorded"], [each["warnings"][0]["code"] for each in told["results"]]) == (3, ["clock_off"] * 3)


def test_a_key_may_keep_what_cannot_be_true(till):
    keeping = till_at(till.merchant, *EVERY_SCOPE, "purchases:accept_unknown_time")
    dead_battery = datetime(2000, 1, 1, 0, 4, tzinfo=UTC)

    assert sell(till, "r1", 10_000, at=dead_battery).status_code == 422
    kept = sell(keeping, "r1", 10_000, at=dead_battery)

    assert (kept.status_code, kept.json()["receipt"]["is_time_unknown"]) == (201, True)
    assert [each["code"] for each in kept.json()["warnings"]] == ["time_unknown"]
    with tenancy.tenant(till.merchant):
        assert Purchase.objects.get().is_time_unknown


def test_the_guide_and_the_reference_speak_the_shops_currency(client):
    guide = client.get("/api/docs/quickstart?currency=TWD").content.decode()
    assert "&quot;TWD&quot;" in guide or '"TWD"' in guide
    assert "TWD has 2 minor digits" in guide
    assert "KRW" not in guide
    assert client.get("/api/schema?currency=USD").content.count(b'"total_minor": 1240,') > 1
    assert client.get("/api/docs/quickstart?currency=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"rounding_minor": 11, "total_minor": 10_011}, 422),
        ({"lines": [{"amount_minor": 10_000, "kind": "coupon"}]}, 400),
        ({"lines": [{"amount_minor": 10_000, "labels": [""]}]}, 400),
        ({"lines": [{"amount_minor": 10_000, "labels": ["x"] * 21}]}, 400),
        ({"lines": [{"amount_minor": -(10**13) - 1}]}, 400),
        ({"sent_at": "yesterday"}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_kept(till, fields, status):
    body = {
        "external_id": "r1", "occurred_at": datetime.now(UTC).isoformat(), "currency": "KRW", "total_minor": 10_000, **fields
    }  # fmt: skip
    assert till.post("purchases", body).status_code == status
    with tenancy.tenant(till.merchant):
        assert not Purchase.objects.exists()
