"""Every act in the console that moves points, money, terms or rights stands in the audit log: each POST is pressed once.

A page that is added and takes a POST belongs into one of the two tables, or the first test says so.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from engagement import missing
from members.models import Member
from merchants import audit, counter_devices, ids, keys, tenancy
from merchants.actors import SYSTEM
from merchants.models.merchants import Merchant
from merchants.permissions import Role
from merchants.webhooks import addresses, endpoints
from rewards import approvals, programmes, purchases
from rewards.models.purchases import Purchase
from tests import builders
from tests.drawings import png
from tests.people import MANAGER, browser_of, seat_at
from tests.project import matrix
from tests.project.matrix_data import routes
from tests.stories.test_console_programme import fields

pytestmark = pytest.mark.django_db
STAMPS = [{"code": "visits", "name": "Visits", "sizes": [3], "reward": "coffee", "reward_days": 90}]
PER_VISIT = {"kind": "per_order", "code": "visit", "name": "5 a visit", "points": 5}

#: What a page does that moves none of these, and why it needs no record.
NO_RECORD = {
    "dashboard_answers_care": "a follow-up of an answer is noted at the answer, with who and when",
    "programme_templates": "begins a draft as programme_start does",
    "members_columns": "which columns somebody sees",
    "till": "calls the API with a key of the merchant's, which records as any till",
    "briefing": "somebody read a note: the receipt says who and when",
    "counter_place": "where this browser stands",
    "counter_training": "turns practice on, in which nothing is recorded",
    "counter_guest": "a sale is a document of its own, with who and when",
    "counter_member": "a sale is a document of its own, with who and when",
    "counter_kept": "a sale is a document of its own, with who and when",
    "counter_rewards": "a redemption is a document of its own, with who and when",
    "counter_reward": "a redemption is a document of its own, with who and when",
    "members_bulk_choose": "writes down whom an act would be for; nobody is given anything before it is started",
    "webhook_retry": "sends an event again that is due anyway",
}


class Stage:
    """Café Haneul with one of everything, its owner's browser, and the ids that forms carry."""

    def __init__(self):
        self.cafe = builders.cafe(
            stamps=STAMPS, earning={"rules": [*builders.PROGRAMME["earning"]["rules"], PER_VISIT]}
        )
        self.cafe.now = datetime.now(UTC)
        self.merchant = self.cafe.merchant
        Merchant.objects.filter(pk=self.merchant.pk).update(adjustment_points_max=1_000)
        self.owner = browser_of(seat_at(self.merchant, Role.OWNER, name="Dana").user)
        self.cashier = seat_at(self.merchant, Role.CASHIER, name="Jun", pin="2468")
        self.mina = self.cafe.member("Mina", email="mina@example.org", phone="+821023456789")
        self.mina.is_given(500)

    def url(self, page):
        return f"/console/{self.merchant.slug}/{page}"

    def post(self, page, **form):
        answer = self.owner.post(self.url(page), form)
        assert answer.status_code in {200, 302}, (page, answer.status_code, answer.content.decode()[:3000])
        return answer

    def changes(self, page, **form):
        """Send a page's own form back with something changed."""
        return self.post(page, **{**fields(self.owner, self.url(page)), **form})

    def member(self, tail=""):
        return f"members/{self.mina.public_id}{tail}"

    def buys(self, won=10_000):
        return self.mina.buys(won).public_id

    def does(self, work):
        return self.cafe.does(work)

    def revision(self):
        return self.does(lambda: programmes.draft(merchant=self.merchant)).revision

    def adjusts(self, points=500):
        self.post(self.member("/adjust"), external_id=ids.mint("adj"), way="give", points=str(points), reason="Hello")
        return self.does(lambda: audit.newest(merchant=self.merchant)[0].details["adjustment"])

    def gives_many(self):
        bulk = ids.mint("adj")
        self.post("members/points", member=[self.mina.public_id], bulk=bulk, points="10", reason="All", act="give")
        return bulk

    def gives_a_list(self):
        answer = self.post("members/bulk", here="?")
        act = answer["Location"].rpartition("/")[2]
        self.post(f"members/bulk/{act}", points="10", reason="Party", act="give")
        return act

    def stamps_by_hand(self):
        self.post(
            self.member("/stamps"), external_id=ids.mint("sta"), card="visits", way="give", stamps="1", reason="Forgot"
        )
        return self.does(lambda: audit.newest(merchant=self.merchant)[0].details)

    def asks(self, points=5_000, actor=MANAGER):
        line = approvals.AskedLine(self.mina.public_id, points)
        common = {"merchant": self.merchant, "now": datetime.now(UTC), "actor": actor}
        return self.does(lambda: approvals.ask(request_id=ids.mint("prq"), lines=[line], reason="x", **common))

    def key(self):
        now = datetime.now(UTC)
        return self.does(
            lambda: keys.issue(merchant=self.merchant, name="Till", scopes=["quotes"], actor=SYSTEM, now=now)
        ).key.public_id

    def endpoint(self):
        target = addresses.check("https://hooks.example.org/in", resolver=lambda host, port: ["93.184.215.14"])
        now = datetime.now(UTC)
        return self.does(
            lambda: endpoints.create(merchant=self.merchant, target=target, actor=SYSTEM, now=now)
        ).endpoint.id

    def device(self):
        now = datetime.now(UTC)
        opened = self.does(
            lambda: counter_devices.open_device(merchant=self.merchant, name="Tablet", now=now, actor=MANAGER)
        )
        return opened.device.public_id

    def redeems(self):
        return self.mina.redeems(reward="coffee").public_id

    def merges(self):
        double = self.cafe.member("Mina P.")
        self.post(self.member("/merge"), other=double.public_id)
        page = self.owner.get(self.url(self.member()))
        return page.context["merges"][0].public_id

    def question(self):
        def ask():
            member = Member.objects.get(merchant=self.merchant, pk=self.mina.id)
            today = datetime.now(self.merchant.tzinfo).date()
            missing.ask(
                merchant=self.merchant, member=member, bought_on=today, amount_minor=4_500, receipt="77",
                now=datetime.now(UTC),
            )  # fmt: skip

        self.does(ask)
        page = self.owner.get(self.url("members/missing-points")).content.decode()
        return re.search(r'name="question" value="(\w+)"', page)[1]

    def claim(self):
        sold = self.cafe.sells_to_a_guest(5_000, "R-5")
        asked = purchases.ClaimInput(
            external_id="c-1", purchase=purchases.PurchaseRef(id=sold.public_id),
            member=purchases.MemberRef(id=self.mina.public_id),
        )  # fmt: skip
        return self.does(
            lambda: purchases.claim(merchant=self.merchant, asked=asked, now=self.cafe.now, actor=SYSTEM)
        ).public_id

    def counter_sale(self):
        page = f"counter/members/{self.mina.public_id}"
        minted = re.search(r'name="minted"[^>]*value="(\w+)"', self.owner.get(self.url(page)).content.decode())[1]
        self.post(page, minted=minted, amount="4,000", receipt="R-9")
        return self.does(lambda: Purchase.objects.filter(merchant=self.merchant).latest("pk").public_id)

    def counter_reward(self):
        page = f"counter/members/{self.mina.public_id}/rewards"
        drawn = self.owner.get(self.url(page)).content.decode()
        minted = re.search(r'name="(?:external_id|minted)"[^>]*value="(rdm_\w+|\w+_\w{16})"', drawn)[1]
        answer = self.post(page, external_id=minted, minted=minted, reward="coffee")
        return answer["Location"].rpartition("/")[2]

    def counter_stamps(self):
        self.post(
            f"counter/members/{self.mina.public_id}/stamp", external_id=ids.mint("sta"), card="visits", stamps="1"
        )
        return self.does(lambda: audit.newest(merchant=self.merchant)[0].details)


def form_of_rule(stage):
    stage.changes("programme/rule?code=base", points="2")


#: Each POST, pressed so that it does something, and the action it leaves in the audit log.
ACTS = {
    "programme_start": (
        lambda s: s.post("programme/start", template="cafe", revision=s.revision(), sure="yes"), "programme.draft_saved",
    ),
    "programme_discard": (
        lambda s: (form_of_rule(s), s.post("programme/discard", revision=s.revision())), "programme.draft_saved",
    ),
    "programme_source": (
        lambda s: s.post("programme/source", document=programme_text(name="Beans"), revision=s.revision()), "programme.draft_saved",
    ),
    "programme_rule": (form_of_rule, "programme.draft_saved"),
    "programme_rules": (lambda s: s.post("programme/rules", rule="visit", act="remove"), "programme.draft_saved"),
    "programme_stamp_card": (
        lambda s: s.changes("programme/stamp-card?code=visits", sizes="5"), "programme.draft_saved",
    ),
    "programme_stamp_card_remove": (
        lambda s: s.post("programme/stamp-card/remove", card="visits"), "programme.draft_saved",
    ),
    "programme_part": (
        lambda s: s.changes("programme/part?part=joining", welcome_points="50"), "programme.draft_saved",
    ),
    "programme_review": (
        lambda s: (form_of_rule(s), s.post("programme/review", start="now", note="", revision=s.revision())),
        "programme.published",
    ),
    "programme_roll_back": (
        lambda s: (publish_other(s), s.post("programme/roll-back", number="1")),
        "programme.published",
    ),
    "reward_edit": (lambda s: s.changes("rewards/edit?code=mug", price_points="60"), "programme.draft_saved"),
    "reward_photo": (
        lambda s: s.post("rewards/photo?code=mug", photo=SimpleUploadedFile("mug.png", png(240, 180))), "photo.changed",
    ),
    "reward_remove": (lambda s: s.post("rewards/remove", code="mug"), "programme.draft_saved"),
    "members_points": (lambda s: s.gives_many(), "points.adjusted"),
    "members_points_undo": (lambda s: s.post(f"members/points/{s.gives_many()}/undo"), "points.adjusted"),
    "members_bulk": (lambda s: s.gives_a_list(), "bulk.started"),
    "members_bulk_turn": (
        lambda s: s.post(f"members/bulk/{s.gives_a_list()}/turn", act="stop"), "bulk.stopped",
    ),
    "members_export_chosen": (
        lambda s: s.post("members/export/chosen", member=[s.mina.public_id]), "data.exported",
    ),
    "member_enrol": (
        lambda s: s.post("members/enrol", name="Doyun", phone="010-3456-7890", consents=["terms", "privacy"]),
        "member.enrolled",
    ),
    "member_missing_settle": (
        lambda s: s.post("members/missing-points/settle", question=s.question(), act="decline", reason="No"),
        "missing_points.declined",
    ),
    "member_adjust": (lambda s: s.adjusts(), "points.adjusted"),
    "member_adjust_undo": (
        lambda s: s.post(s.member("/adjust/undo"), adjustment=s.adjusts(), reason="No"), "points.adjusted",
    ),
    "member_stamps": (
        lambda s: s.post(s.member("/stamps"), external_id=ids.mint("sta"), card="visits", way="give", stamps="1",
                         reason="Forgot"),
        "stamps.adjusted",
    ),
    "member_stamps_undo": (
        lambda s: s.post(s.member("/stamps/undo"), adjustment=stamps_id(s.stamps_by_hand())), "stamps.adjusted",
    ),
    "member_refund": (
        lambda s: s.post(s.member(f"/refund?purchase={s.buys()}"), external_id=ids.mint("ref"), way="all", reason="Cold"),
        "purchase.refunded",
    ),
    "member_undo": (
        lambda s: s.post(s.member("/undo"), redemption=s.redeems(), external_id=ids.mint("rev"), reason="No"),
        "redemption.reversed",
    ),
    "member_unclaim": (
        lambda s: s.post(s.member("/unclaim"), claim=s.claim(), reason="Not hers"), "purchase.unclaimed",
    ),
    "member_reveal": (lambda s: s.post(s.member("/reveal")), "member.revealed"),
    "member_turn": (lambda s: s.post(s.member("/turn"), act="stop_spending"), "member.spending_stopped"),
    "member_change": (lambda s: s.changes(s.member("/change"), name="Mina Kim"), "member.updated"),
    "member_merge": (lambda s: s.merges(), "member.merged"),
    "member_unmerge": (lambda s: s.post(s.member("/unmerge"), merge=s.merges()), "member.unmerged"),
    "keys": (lambda s: s.post("developers/keys", name="POS", scopes=["quotes"]), "key.issued"),
    "key_change": (lambda s: s.post("developers/keys/change", key=s.key(), act="revoke"), "key.revoked"),
    "webhooks": (lambda s: s.post("developers/webhooks", url="https://93.184.215.14/in"), "webhook.created"),
    "webhook_change": (
        lambda s: s.post(f"developers/webhooks/{s.endpoint()}/change", act="disable"), "webhook.disabled",
    ),
    "settings": (lambda s: s.changes("settings", name="Haneul Coffee"), "settings.changed"),
    "settings_logo": (
        lambda s: s.post("settings/logo", logo=SimpleUploadedFile("logo.png", png(64, 64))), "logo.changed",
    ),
    "settings_place": (
        lambda s: s.post("settings/place", act="open", name="Mapo", code="mapo", zone=""), "location.opened",
    ),
    "privacy": (
        lambda s: s.changes("settings/privacy", legal_contact="Haneul, Seoul", act="publish"), "privacy_notice.published",
    ),
    "approval_ask": (
        lambda s: s.changes(f"approvals/ask?adjustment={s.adjusts()}", reason="Undo it"), "points.requested",
    ),
    "approval_answer": (lambda s: s.post(f"approvals/{s.asks()}", act="approve"), "points.adjusted"),
    "me": (lambda s: s.post("me", act="others"), "seat.signed_out"),
    "briefings": (lambda s: s.post("team/briefings", text_en="Soy is out."), "briefing.written"),
    "briefing_end": (
        lambda s: (s.post("team/briefings", text_en="Soy is out."), s.post(f"team/briefings/{newest_note(s)}/end")),
        "briefing.ended",
    ),
    "seat_invite": (
        lambda s: s.post("team/invite", role="manager", name="Max", contact="max@example.org"), "seat.given",
    ),
    "seat": (lambda s: s.post(f"team/{s.cashier.public_id}", act="pin", pin="8642"), "seat.pin_set"),
    "device_open": (lambda s: s.post("devices/open", name="Tablet", location="main"), "counter_device.opened"),
    "device_close": (lambda s: s.post(f"devices/{s.device()}/close"), "counter_device.closed"),
    "counter_enrol": (
        lambda s: s.post("counter/enrol", contact="010-7777-8888", name="Sora", terms="on", privacy="on"),
        "member.enrolled",
    ),
    "counter_claim": (
        lambda s: (s.cafe.sells_to_a_guest(5_000, "R-6"), s.post(
            f"counter/members/{s.mina.public_id}/claim", claim_minted=ids.mint("clm"), bought="R-6")),
        "purchase.claimed",
    ),
    "counter_release": (
        lambda s: s.post(f"counter/members/{s.mina.public_id}/release", kind="phone"), "member.contact_released",
    ),
    "counter_stamp": (lambda s: s.counter_stamps(), "stamps.adjusted"),
    "counter_stamp_undo": (
        lambda s: s.post(f"counter/members/{s.mina.public_id}/stamp/undo", given=stamps_id(s.counter_stamps())),
        "stamps.adjusted",
    ),
    "counter_undo": (
        lambda s: s.post(f"counter/sales/{s.counter_sale()}/undo", external_id=ids.mint("ref")), "purchase.refunded",
    ),
    "counter_give_back": (
        lambda s: s.post(f"counter/rewards/{s.counter_reward()}/give-back", external_id=ids.mint("rev")),
        "redemption.reversed",
    ),
    "sandbox_open": (lambda s: s.post("developers/sandbox"), "merchant.opened"),
}  # fmt: skip


def publish_other(stage):
    form_of_rule(stage)
    stage.post("programme/review", start="now", note="", revision=stage.revision())


def programme_text(**changed):
    return json.dumps({**builders.programme(stamps=STAMPS), **changed})


def newest_note(stage):
    return stage.owner.get(stage.url("team/briefings")).context["rows"][0]["view"].public_id


def stamps_id(details):
    return next(value for value in details.values() if isinstance(value, str) and value.startswith("sta_"))


def takes_posts(view):
    """State whether a view answers POST, by what Django's decorators were told."""
    while view is not None:
        for cell in getattr(view, "__closure__", None) or ():
            if isinstance(cell.cell_contents, list) and "POST" in cell.cell_contents:
                return True
        view = getattr(view, "__wrapped__", None)
    return False


def test_every_page_that_takes_a_post_is_in_one_of_the_tables():
    posts = {
        route.name.partition(":")[2] for route in routes() if route.name in matrix.CONSOLE and takes_posts(route.view)
    }
    assert len(posts) > 50
    assert posts - ACTS.keys() - NO_RECORD.keys() == set()
    assert (ACTS.keys() | NO_RECORD.keys()) - posts - {"programme_templates"} == set()
    assert ACTS.keys() & NO_RECORD.keys() == set()


@pytest.mark.parametrize("name", ACTS)
def test_the_act_is_on_record_with_who(name):
    stage = Stage()
    act, action = ACTS[name]

    act(stage)

    merchant = stage.merchant
    if name == "sandbox_open":
        merchant = Merchant.objects.get(sandbox_of=stage.merchant)
    with tenancy.tenant(merchant):
        found = audit.newest(merchant=merchant)
    assert found, "nothing was done"
    assert action in {record.action for record in (found if name == "sandbox_open" else found[:2])}, [
        (record.action, record.details) for record in found
    ]
    # Opening a test shop is its own first act, by the system.
    assert found[0].actor.startswith("staff:seat_") or name == "sandbox_open"
