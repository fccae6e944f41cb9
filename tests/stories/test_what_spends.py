"""Mina's link, her code, her phone: what invites does not name her, what names her does not always spend."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from analytics import runs
from members import live_codes
from members.models import FormerCode, Member
from merchants import ids, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.models.outbox import OutboxEvent
from rewards import balances, purchases
from rewards.models.redemptions import Redemption
from rewards.models.referrals import Referral
from rewards.parties import MemberRef
from tests import till as tills
from tests.people import cashier_browser, code_in_last_mail, join, member_browser, open_shop, staff_browser

pytestmark = pytest.mark.django_db
PROMISED = {"referrer_points": 300, "referee_points": 200, "minimum_amount_minor": 5_000}


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul", till_word_points_max=500)


@pytest.fixture
def till(cafe):
    till = tills.till_at(cafe)
    tills.start_programme(
        till,
        referral=PROMISED,
        transfers={},
        pay_with_points={"points": 1, "amount_minor": 10},
        rewards=[
            {"code": "coffee", "kind": "product", "name": "Coffee", "price_points": 100},
            {"code": "dinner", "kind": "product", "name": "Dinner", "price_points": 600},
        ],
    )
    return till


@pytest.fixture
def mina(cafe, till):
    """She has 1,000 points: 100,000 won at one point for 100."""
    email = f"mina-{ids.mint('mem')[4:]}@example.org"
    member = join(cafe, email=email, signed_in_at=datetime.now(UTC))
    earns(cafe, member, 100_000)
    return member


@pytest.fixture
def step(django_capture_on_commit_callbacks):
    """Post a form as a browser does, and let what waits for the commit (the letter with a code) happen."""

    def step(browser, path, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(path, fields)

    return step


def earns(cafe, member, won):
    sold = purchases.PurchaseInput(
        external_id=ids.mint("pur"), occurred_at=datetime.now(UTC), currency="KRW", total_minor=won,
        member=MemberRef(id=member.public_id),
    )  # fmt: skip
    with tenancy.tenant(cafe):
        purchases.record(merchant=cafe, items=[sold], now=datetime.now(UTC), actor=SYSTEM)


def spendable(cafe, member):
    with tenancy.tenant(cafe):
        return balances.of_member(merchant=cafe, member_id=member.pk, now=datetime.now(UTC)).spendable


def redemptions_of(cafe):
    with tenancy.tenant(cafe):
        return Redemption.objects.count()


def fresh(cafe, member):
    with tenancy.tenant(cafe):
        return Member.objects.get(pk=member.pk)


def moving(cafe, member):
    return live_codes.series(merchant=cafe, member=fresh(cafe, member), now=datetime.now(UTC), count=1)[0][1]


def redeems(till, member, *, external_id="r-1", reward="coffee", **more):
    return till.post("redemptions", {"external_id": external_id, "member": member, "reward": reward, **more})


def link_of(cafe, member):
    page = member_browser(cafe, member).get(f"/m/{cafe.slug}/friends").content.decode()
    return re.search(r"/join\?ref=([0-9A-Z-]+)", page)[1]


# -- the code for inviting friends -------------------------------------------------------------------------------------


def test_the_code_in_a_friends_link_names_nobody_at_any_entry_point(cafe, till, mina):
    code = link_of(cafe, mina)
    assert code == ids.grouped(mina.referral_code) != ids.grouped(mina.code)
    seller = {
        "external_id": "s-1",
        "currency": "KRW",
        "total_minor": 10_000,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    guest = tills.sell(till, "guest-1", 10_000).json()["receipt"]["id"]

    for text in (code, mina.referral_code, mina.referral_code.lower(), mina.referral_code.removeprefix("JOIN")):
        for name in ("code", "card", "external_id", "id"):
            named = {name: text}
            answers = [
                till.post("members/lookup", named) if name != "id" else None,
                redeems(till, named),
                redeems(till, named, hold=True),
                till.post("purchases", {**seller, "member": named}),
                till.post("quotes", {"member": named, "currency": "KRW", "total_minor": 10_000}),
                till.post("purchases/claim", {"external_id": "c-1", "purchase": {"id": guest}, "member": named}),
                till.post(
                    "transfers", {"external_id": "t-1", "giver": named, "receiver": {"id": mina.public_id}, "points": 5}
                ),
                till.post("adjustments", {"external_id": "a-1", "member": named, "points": 5, "reason": "gift"}),
            ]
            if name == "card":
                # A paid sale is kept, for nobody: a card that is unknown costs no shop its sale.
                kept = answers.pop(3).json()
                assert kept["receipt"]["member"] is None
                seller["external_id"] += "x"
            for answer in answers:
                assert answer is None or answer.json()["code"] == "member_not_found", (named, answer.content)
        assert till.get(f"members?code={text}").json()["data"] == []
        found = cashier_browser(cafe).get(f"/console/{cafe.slug}/counter/", {"q": text}).content.decode()
        assert mina.public_id not in found
        assert "No member found" in found or "No member found" in found
    assert spendable(cafe, mina) == 1_000


def test_digits_picked_out_of_a_code_find_nobody_by_their_number(cafe, till):
    ara = join(cafe, name="Ara", phone="+82 10 2345 6789")
    page = cashier_browser(cafe).get(f"/console/{cafe.slug}/counter/", {"q": "JOIN-82XY-10Z"}, follow=True)
    assert ara.public_id not in page.content.decode()


def test_the_new_link_and_an_old_one_bring_a_friend_and_the_join_page_says_what_it_gives(cafe, till, mina, client):
    for text in (mina.referral_code, mina.code):
        page = client.get(f"/m/{cafe.slug}/join?ref={text}").content.decode()
        assert "A friend invites you." in page
        assert "200 points are yours with your first purchase of at least ₩5,000." in page
        assert "Your friend then gets 300 points." in page
        assert f'value="{text}"' in page
        assert mina.name not in page
    joined = [
        till.post("members", {"external_id": f"crm-{place}", "referred_by": text}).json()
        for place, text in enumerate((mina.referral_code, mina.code, mina.referral_code.lower()[4:]))
    ]
    assert [each["referral"] for each in joined] == ["open"] * 3


def test_a_wrong_code_is_said_on_the_join_page_at_the_counter_and_by_the_api(cafe, till, mina, client):
    said = "This code is not known. Check it, or leave it out."
    address = f"/m/{cafe.slug}/join"
    assert said in client.get(f"{address}?ref=JOIN-2222-222").content.decode()
    posted = client.post(
        address, {"contact": "friend@example.org", "terms": "on", "privacy": "on", "referrer": "JOIN-2222-222"}
    )
    assert posted.status_code == 422
    assert said in posted.content.decode()

    tablet = cashier_browser(cafe)
    desk = f"/console/{cafe.slug}/counter/enrol"
    typed = {"contact": "friend@example.org", "name": "Jun", "terms": "on", "privacy": "on", "referred_by": "SYZW47WW"}
    refused = tablet.post(desk, typed)
    assert (refused.status_code, said in refused.content.decode()) == (422, True)

    answer = till.post("members", {"external_id": "crm-1", "referred_by": "SYZW47WW"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_referrer")
    assert answer.json()["errors"][0]["pointer"] == "/referred_by"
    with tenancy.tenant(cafe):
        assert Member.objects.count() == 1

    tablet.post(desk, {**typed, "referred_by": mina.referral_code})
    with tenancy.tenant(cafe):
        assert Referral.objects.get().state == "open"


def test_a_friend_corrects_the_code_on_the_join_page_and_joins_by_it(cafe, till, mina, client, step):
    address = f"/m/{cafe.slug}/join"
    client.get(f"{address}?ref=JOIN-2222-222")
    step(client, address, contact="ara@example.net", terms="on", privacy="on", referrer=ids.grouped(mina.referral_code))
    step(client, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    with tenancy.tenant(cafe):
        referral = Referral.objects.select_related("referrer").get()
    assert (referral.referrer_id, referral.state, referral.doubt) == (mina.pk, "open", "")


@pytest.mark.parametrize("has_bought", [False, True])
def test_who_is_a_member_already_reads_what_becomes_of_an_invitation(cafe, till, mina, client, step, has_bought):
    ara = join(cafe, name="Ara", email="ara@example.net", signed_in_at=datetime.now(UTC))
    if has_bought:
        earns(cafe, ara, 10_000)
    step(
        client, f"/m/{cafe.slug}/join", contact="ara@example.net", terms="on", privacy="on", referrer=mina.referral_code
    )
    answer = step(client, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    late = "You are a member already. An invitation counts only before the first purchase."
    said = late if has_bought else "Noted: a friend invited you."
    assert said in client.get(answer["Location"]).content.decode()
    with tenancy.tenant(cafe):
        assert Referral.objects.count() == (0 if has_bought else 1)


def test_who_joins_in_the_browser_of_who_invites_is_pointed_out_to_staff(cafe, till, mina, client, step):
    step(client, f"/m/{cafe.slug}/sign-in", contact=mina.email)
    step(client, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    step(client, f"/m/{cafe.slug}/sign-out")
    step(
        client,
        f"/m/{cafe.slug}/join",
        contact="second@example.net",
        terms="on",
        privacy="on",
        referrer=mina.referral_code,
    )
    step(client, f"/m/{cafe.slug}/code", code=code_in_last_mail())
    with tenancy.tenant(cafe):
        referral = Referral.objects.select_related("referee").get()
    assert (referral.state, referral.doubt) == ("open", "same_device")

    second = referral.referee
    office, address = staff_browser(cafe, "manager"), f"/console/{cafe.slug}/members/{second.public_id}"
    shown = office.get(f"{address}?show=person").content.decode()
    assert "in the browser in which the friend was signed in" in shown
    assert 'data-dialog="refuse-referral"' in shown
    assert "This cannot be undone." in shown
    office.post(f"{address}/turn", {"act": "refuse_referral"})
    earns(cafe, second, 10_000)
    assert (spendable(cafe, mina), spendable(cafe, second)) == (1_000, 100)


# -- what spends -------------------------------------------------------------------------------------------------------


def test_the_code_in_the_portal_earns_only(cafe, till, mina):
    before = redemptions_of(cafe)
    named = {"code": mina.code}
    sale = {"currency": "KRW", "total_minor": 10_000, "member": named}
    sold = {**sale, "external_id": "s-1", "occurred_at": datetime.now(UTC).isoformat()}
    refused = [
        redeems(till, named),
        redeems(till, named, hold=True),
        till.post("redemptions", {"external_id": "r-2", "member": named, "points": 100, "order_total_minor": 10_000}),
        till.post("purchases", {**sold, "redemptions": [{"points": 100}]}),
        till.post("quotes", {**sale, "redemptions": [{"reward": "coffee"}]}),
        till.post("transfers", {
            "external_id": "t-1", "giver": named, "receiver": {"id": join(cafe, name="Ara").public_id}, "points": 100,
        }),
    ]  # fmt: skip

    assert [(each.status_code, each.json()["code"]) for each in refused] == [(403, "static_code_earns_only")] * 6
    assert (
        refused[0].json()["detail"]
        == "This code only collects points. To spend, scan the moving code on the member's phone."
    )
    assert (spendable(cafe, mina), redemptions_of(cafe)) == (1_000, before)

    assert tills.sell(till, "s-1", 10_000, member=named).status_code == 201
    assert spendable(cafe, mina) == 1_100
    # The id of the refused redemption is free: the cashier scans the phone and sends it again.
    assert redeems(till, {"code": moving(cafe, mina)}).status_code == 201
    assert spendable(cafe, mina) == 1_000


def test_a_batch_refuses_the_static_code_for_that_sale_alone(cafe, till, mina):
    at = datetime.now(UTC).isoformat()
    sale = {"currency": "KRW", "total_minor": 10_000, "member": {"code": mina.code}, "occurred_at": at}
    answer = till.post("purchases/batch", {"purchases": [
        {**sale, "external_id": "b-1"}, {**sale, "external_id": "b-2", "redemptions": [{"reward": "coffee"}]},
    ]})  # fmt: skip
    assert answer.status_code == 207 or answer.status_code == 200, answer.content
    assert "static_code_earns_only" in answer.content.decode()
    assert (spendable(cafe, mina), redemptions_of(cafe)) == (1_100, 0)


def test_where_the_merchant_lets_it_the_static_code_spends_as_before(cafe, till, mina):
    Merchant.objects.filter(pk=cafe.pk).update(may_static_code_spend=True)
    assert redeems(till, {"code": mina.code}).status_code == 201
    # It is a till's word as well as a card is: within the limit.
    assert redeems(till, {"code": mina.code}, external_id="r-2", reward="dinner").json()["code"] == "till_limit_reached"
    assert spendable(cafe, mina) == 900


def test_a_tills_word_is_good_for_so_many_points_of_a_member_a_day(cafe, till, mina):
    named = {"id": mina.public_id}
    assert redeems(till, named, external_id="r-0", reward="dinner").json()["code"] == "till_limit_reached"
    assert [redeems(till, named, external_id=f"r-{n}").status_code for n in (1, 2, 3, 4)] == [201] * 4
    other = till.post("transfers", {
        "external_id": "t-1", "giver": named, "receiver": {"id": join(cafe, name="Ara").public_id}, "points": 50,
    })  # fmt: skip
    assert other.status_code == 201, other.content

    refused = redeems(till, named, external_id="r-5")
    assert (refused.status_code, refused.json()["code"]) == (403, "till_limit_reached")
    assert (refused.json()["limit"], refused.json()["left"]) == (500, 50)
    assert spendable(cafe, mina) == 550

    # What is undone does not count; what the moving code spends does not either.
    assert (
        till.post("redemptions/" + redemption_id(cafe, "r-1") + "/reverse", {"external_id": "v-1"}).status_code == 201
    )
    assert redeems(till, named, external_id="r-5").status_code == 201
    assert redeems(till, {"code": moving(cafe, mina)}, external_id="r-6").status_code == 201
    assert spendable(cafe, mina) == 450


def test_a_merge_opens_the_day_for_no_further_points(cafe, till, mina):
    """What tills have spent today of both is what they have spent of the one who stays; a used code stays used."""
    other = join(cafe, name="Mina K.")
    earns(cafe, other, 100_000)
    code = moving(cafe, other)
    assert redeems(till, {"code": code}, external_id="r-0").status_code == 201
    assert [redeems(till, {"id": other.public_id}, external_id=f"r-{n}").status_code for n in (1, 2, 3)] == [201] * 3
    gift = till.post("transfers", {"external_id": "t-1", "giver": {"id": other.public_id}, "receiver": {
        "id": mina.public_id}, "points": 100})  # fmt: skip
    assert gift.status_code == 201, gift.content
    assert till.post("merges", {"source": other.public_id, "target": mina.public_id}).status_code == 201

    assert redeems(till, {"id": mina.public_id}, external_id="r-4").status_code == 201
    refused = redeems(till, {"id": mina.public_id}, external_id="r-5")
    assert (refused.json()["code"], refused.json()["left"]) == ("till_limit_reached", 0)
    assert redeems(till, {"code": code}, external_id="r-6").json()["code"] == "live_code_used"
    assert spendable(cafe, mina) == 1_000 + 1_000 - 5 * 100


def redemption_id(cafe, external_id):
    with tenancy.tenant(cafe):
        return Redemption.objects.get(external_id=external_id).public_id


def test_the_limit_of_a_day_begins_anew_at_the_merchants_midnight(cafe, till, mina):
    named = {"id": mina.public_id}
    assert [redeems(till, named, external_id=f"r-{n}").status_code for n in range(5)] == [201] * 5
    assert redeems(till, named, external_id="r-5").json()["left"] == 0
    with tenancy.tenant(cafe):
        yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
        Redemption.objects.update(recorded_at=yesterday, occurred_at=yesterday)
    assert redeems(till, named, external_id="r-5").status_code == 201


def test_two_sales_of_a_batch_share_the_limit_as_single_sales_do(cafe, till, mina):
    at = datetime.now(UTC).isoformat()
    spending = {"currency": "KRW", "total_minor": 10_000, "member": {"id": mina.public_id}, "occurred_at": at,
                "redemptions": [{"points": 300}]}  # fmt: skip
    answer = till.post("purchases/batch", {"purchases": [{**spending, "external_id": name} for name in ("b-1", "b-2")]})
    assert (answer.json()["recorded"], answer.json()["refused"]) == (1, 1)
    with tenancy.tenant(cafe):
        assert [row.points for row in Redemption.objects.all()] == [300]


def test_a_quote_says_what_can_really_be_redeemed(cafe, till, mina):
    def quoted(**member):
        body = {"member": member, "currency": "KRW", "total_minor": 10_000}
        return {each["code"]: each["refusal"] for each in till.post("quotes", body).json()["now"]["rewards"]}

    assert quoted(code=mina.code) == {"coffee": "static_code_earns_only", "dinner": "static_code_earns_only"}
    assert quoted(id=mina.public_id) == {"coffee": None, "dinner": "till_limit_reached"}
    assert quoted(code=moving(cafe, mina)) == {"coffee": None, "dinner": None}
    with tenancy.tenant(cafe):
        Member.objects.filter(pk=mina.pk).update(spending_stopped_at=datetime.now(UTC))
    assert quoted(code=moving(cafe, mina)) == {"coffee": "spending_stopped", "dinner": "spending_stopped"}
    balance = till.get(f"members/{mina.public_id}/balance").json()
    assert balance["is_spending_stopped"] is True
    assert {each["refusal"] for each in balance["rewards"]} == {"spending_stopped"}


def test_staff_at_the_counter_spend_for_a_member_who_stands_there(cafe, till, mina):
    tablet = cashier_browser(cafe)
    found = tablet.get(f"/console/{cafe.slug}/counter/", {"q": mina.code})
    assert found["Location"].endswith(mina.public_id)
    address = f"/console/{cafe.slug}/counter/members/{mina.public_id}/rewards"
    minted = re.search(r'value="(rdm_[0-9a-z]+)"', tablet.get(address).content.decode())[1]
    assert "/counter/rewards/rdm_" in tablet.post(address, {"external_id": minted, "reward": "dinner"})["Location"]
    assert spendable(cafe, mina) == 400


# -- a new code, and spending stopped ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["member", "manager", "sign out everywhere"])
def test_a_new_code_ends_the_old_one_and_its_moving_codes_at_once(cafe, till, mina, who):
    old, old_moving = mina.code, moving(cafe, mina)
    if who == "manager":
        office = staff_browser(cafe, "manager")
        office.post(f"/console/{cafe.slug}/members/{mina.public_id}/turn", {"act": "new_code"})
    else:
        page = "new-code" if who == "member" else "sign-out-everywhere"
        member_browser(cafe, mina).post(f"/m/{cafe.slug}/me/{page}")

    now = fresh(cafe, mina)
    assert now.code != old
    assert now.referral_code == mina.referral_code
    for text in (old, old_moving):
        assert till.post("members/lookup", {"code": text}).json()["code"] == "member_not_found"
        assert redeems(till, {"code": text}).json()["code"] == "member_not_found"
        assert tills.sell(till, "s-1", 10_000, member={"code": text}).json()["code"] == "member_not_found"
        page = cashier_browser(cafe).get(f"/console/{cafe.slug}/counter/", {"q": text}, follow=True).content.decode()
        assert mina.public_id not in page
    assert spendable(cafe, mina) == 1_000
    assert redeems(till, {"code": moving(cafe, mina)}).status_code == 201
    # A friend's link with the old code still brings a friend, and nothing else.
    assert till.post("members", {"external_id": "crm-1", "referred_by": old}).json()["referral"] == "open"
    with tenancy.tenant(cafe):
        told = [each.payload["changed"] for each in OutboxEvent.objects.filter(kind="member.updated")]
    assert told == [["code"]]


def test_the_code_of_a_membership_that_was_merged_into_hers_ends_too(cafe, till, mina):
    other = join(cafe, name="Mina K.")
    merged = till.post("merges", {"source": other.public_id, "target": mina.public_id})
    assert merged.status_code in {200, 201}, merged.content
    assert till.post("members/lookup", {"code": other.code}).json()["id"] == mina.public_id
    member_browser(cafe, mina).post(f"/m/{cafe.slug}/me/new-code")
    assert till.post("members/lookup", {"code": other.code}).json()["code"] == "member_not_found"


def test_erasure_forgets_the_codes_of_before(cafe, till, mina):
    member_browser(cafe, mina).post(f"/m/{cafe.slug}/me/new-code")
    till.post(f"members/{mina.public_id}/erase")
    with tenancy.tenant(cafe):
        assert FormerCode.objects.count() == 0
    for text in (mina.code, mina.referral_code):
        assert till.post("members", {"external_id": "x", "referred_by": text}).json()["code"] == "unknown_referrer"


def test_while_spending_is_stopped_she_earns_and_nobody_spends(cafe, till, mina):
    held = redeems(till, {"code": moving(cafe, mina)}, external_id="h-1", hold=True).json()["receipt"]
    phone = member_browser(cafe, mina)
    page = phone.post(f"/m/{cafe.slug}/me/stop-spending", follow=True).content.decode()
    assert "Spending is stopped" in page
    assert "Allow spending again" in page

    sale = {"currency": "KRW", "total_minor": 10_000, "occurred_at": datetime.now(UTC).isoformat()}
    for named in ({"code": moving(cafe, mina)}, {"id": mina.public_id}):
        refused = [
            redeems(till, named, external_id=f"r-{len(named)}{next(iter(named))}"),
            till.post(
                "purchases", {**sale, "external_id": "s-1", "member": named, "redemptions": [{"reward": "coffee"}]}
            ),
            till.post(
                "purchases", {**sale, "external_id": "s-1", "member": named, "redemptions": [{"id": held["id"]}]}
            ),
            till.post(
                "quotes",
                {"currency": "KRW", "total_minor": 10_000, "member": named, "redemptions": [{"reward": "coffee"}]},
            ),
        ]
        assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "spending_stopped")] * 4
    assert till.post(f"redemptions/{held['id']}/capture", {"external_id": "c-1"}).json()["code"] == "spending_stopped"
    given = till.post("transfers", {
        "external_id": "t-1", "giver": {"id": mina.public_id}, "receiver": {"id": join(cafe).public_id}, "points": 50,
    })  # fmt: skip
    assert given.json()["code"] == "spending_stopped"
    rewards = phone.get(f"/m/{cafe.slug}/rewards").content.decode()
    assert 'data-dialog="take-coffee"' not in rewards
    phone.post(f"/m/{cafe.slug}/rewards/take", {"external_id": ids.mint("rdm"), "reward": "coffee"})
    assert "Spending is stopped" in cashier_browser(cafe).get(
        f"/console/{cafe.slug}/counter/members/{mina.public_id}").content.decode()  # fmt: skip
    assert spendable(cafe, mina) == 900

    assert tills.sell(till, "s-2", 10_000, member={"code": mina.code}).status_code == 201
    assert spendable(cafe, mina) == 1_000


def test_she_allows_spending_again_with_a_fresh_code_and_staff_without(cafe, till, mina, step):
    phone = member_browser(cafe, mina)
    address = f"/m/{cafe.slug}/me/allow-spending"
    phone.post(f"/m/{cafe.slug}/me/stop-spending")
    phone.post(address, {"code": "123456"})
    assert fresh(cafe, mina).spending_stopped_at is not None
    step(phone, address, to="email")
    right = code_in_last_mail()
    wrong = phone.post(address, {"code": "000000" if right != "000000" else "111111"})
    assert wrong.status_code == 422
    assert fresh(cafe, mina).spending_stopped_at is not None
    phone.post(address, {"code": right})
    assert fresh(cafe, mina).spending_stopped_at is None
    assert redeems(till, {"code": moving(cafe, mina)}).status_code == 201

    office, turn = staff_browser(cafe, "manager"), f"/console/{cafe.slug}/members/{mina.public_id}/turn"
    office.post(turn, {"act": "stop_spending"})
    assert fresh(cafe, mina).spending_stopped_at is not None
    office.post(turn, {"act": "allow_spending"})
    assert fresh(cafe, mina).spending_stopped_at is None


# -- who brought whom --------------------------------------------------------------------------------------------------


def test_who_brought_a_known_member_is_set_while_no_purchase_stands(cafe, till, mina):
    jun = till.post("members", {"external_id": "jun"}).json()
    assert (
        jun["referral"],
        till.post("members", {"external_id": "jun", "referred_by": mina.referral_code}).json()["referral"],
    ) == (None, "open")
    again = till.post("members", {"external_id": "jun", "referred_by": mina.code})
    assert (again.status_code, again.json()["referral"]) == (200, "open")
    ara = join(cafe, name="Ara")
    other = till.post("members", {"external_id": "jun", "name": "Junho", "referred_by": ara.referral_code})
    assert (other.status_code, other.json()["code"]) == (409, "already_referred")
    assert till.get(f"members/{jun['id']}").json()["name"] == ""

    own = till.post("members", {"external_id": "jun", "referred_by": fresh_code(cafe, jun["id"])})
    assert (own.status_code, own.json()["code"]) == (422, "unknown_referrer")
    tills.sell(till, "s-1", 10_000, member={"id": jun["id"]})
    assert spendable(cafe, mina) == 1_300


def test_two_who_have_not_bought_do_not_bring_each_other(cafe, till):
    mina, jun = (till.post("members", {"external_id": name}).json() for name in ("mina", "jun"))
    assert (
        till.post("members", {"external_id": "jun", "referred_by": mina["referral_code"]}).json()["referral"] == "open"
    )
    back = till.post("members", {"external_id": "mina", "referred_by": jun["referral_code"]})
    assert (back.status_code, back.json()["code"]) == (409, "already_referred")
    with tenancy.tenant(cafe):
        assert Referral.objects.count() == 1


def fresh_code(cafe, public_id):
    with tenancy.tenant(cafe):
        return Member.objects.get(public_id=public_id).referral_code


def test_who_has_bought_is_not_brought_any_more(cafe, till, mina):
    till.post("members", {"external_id": "jun"})
    tills.sell(till, "s-1", 10_000, member={"external_id": "jun"})
    late = till.post("members", {"external_id": "jun", "referred_by": mina.referral_code})
    assert (late.status_code, late.json()["code"]) == (409, "already_referred")
    till.post(
        "refunds",
        {"external_id": "f-1", "purchase": {"external_id": "s-1"}, "occurred_at": datetime.now(UTC).isoformat()},
    )
    again = till.post("members", {"external_id": "jun", "referred_by": mina.referral_code})
    assert (again.status_code, again.json()["referral"]) == (200, "open")


@pytest.mark.parametrize(("first", "second"), [
    ("jun@example.org", "jun+2@example.org"), ("jun.k@gmail.com", "j.u.n.k+cafe@googlemail.com"),
])  # fmt: skip
def test_a_mailbox_is_welcomed_and_brought_once(cafe, first, second):
    till = tills.till_at(cafe)
    tills.start_programme(till, referral=PROMISED, welcome={"points": 100})
    mina = join(cafe)
    one = till.post("members", {"email": first, "referred_by": mina.referral_code}).json()
    two = till.post("members", {"email": second, "referred_by": mina.referral_code}).json()
    assert [(each["points_given"], each["referral"]) for each in (one, two)] == [(100, "open"), (0, "refused")]
    for place, each in enumerate((one, two)):
        tills.sell(till, f"s-{place}", 10_000, member={"id": each["id"]})
    balance = [till.get(f"members/{each['id']}/balance").json()["spendable"] for each in (one, two)]
    assert balance == [100 + 200 + 100, 100]
    assert spendable(cafe, mina) == 100 + 300


def test_dots_matter_where_they_do(cafe, till, mina):
    till.post("members", {"email": "jun.k@example.org"})
    other = till.post("members", {"email": "junk@example.org", "referred_by": mina.referral_code}).json()
    assert other["referral"] == "open"


# -- what the console says ---------------------------------------------------------------------------------------------


def test_the_console_says_what_has_changed_until_somebody_has_read_it(cafe, till, mina):
    office = staff_browser(cafe, "owner")
    board, settings = f"/console/{cafe.slug}/dashboard", f"/console/{cafe.slug}/settings"
    runs.run(cafe, now=datetime.now(UTC))
    assert "The member code only collects now" in office.get(board).content.decode()
    page = office.get(settings).content.decode()
    assert "Until now the member code spent points at tills as well." in page
    fields = dict(re.findall(r'<input[^>]*name="([a-z_]+)"[^>]*value="([^"]*)"', page))
    fields |= {"name": cafe.name, "language": "en", "brand_colour": "#0b6e4f", "till_word_points_max": "700"}
    saved = office.post(settings, {**fields, "may_static_code_spend": "on"})
    assert saved.status_code == 302, re.findall(r'class="field__error"[^>]*>([^<]+)', saved.content.decode())
    cafe.refresh_from_db()
    assert (cafe.may_static_code_spend, cafe.till_word_points_max) == (True, 700)
    assert "The member code only collects now" not in office.get(board).content.decode()
    assert "Until now the member code spent" not in office.get(settings).content.decode()
    assert redeems(till, {"code": mina.code}).status_code == 201
