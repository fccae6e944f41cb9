"""Answers are kept once, one voice per member, and others hear of them."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from django.db import connections

from engagement import survey_answers, surveys
from engagement.models import SurveyResponse
from engagement.survey_answers import Narrowed
from engagement.surveys import AnswerInput
from merchants import tenancy
from merchants.actors import Actor
from merchants.errors import Invalid, NotFound
from merchants.models.outbox import OutboxEvent
from tests.rules.analytics.trade import Trade

TILL = Actor("key", "key_till")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def cafe(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield Trade(zone="Asia/Seoul", currency="KRW", name="카페")


def answer(cafe: Trade, *, now: datetime = NOON, **fields: object) -> surveys.SurveyAnswer:
    def work() -> surveys.SurveyAnswer:
        sent = msgspec.convert({"score": 9, **fields}, AnswerInput)
        return surveys.record_response(merchant=cafe.merchant, answer=sent, now=now, actor=TILL)

    return tenancy.attempt(cafe.merchant, work)


def test_an_answer_is_kept_on_the_merchants_day_and_told(cafe):
    minji = cafe.member("김민지")
    said = answer(
        cafe, score=3, member=minji.public_id, comment=" 커피가 식었어요 ", channel="receipt",
        answered_at="2026-11-19T15:00:00Z",
    )  # fmt: skip
    assert (said.score, said.nps_class, said.member, said.is_replay) == (3, "detractor", minji.public_id, False)
    assert said.comment == "커피가 식었어요"
    with tenancy.tenant(cafe.merchant):
        row = SurveyResponse.objects.get(merchant=cafe.merchant)
        assert row.local_day == date(2026, 11, 20)  # midnight in Seoul
        event = OutboxEvent.objects.get(merchant=cafe.merchant)
    assert event.kind == "survey.answered"
    assert event.payload == {
        "response": said.id, "member": minji.public_id, "score": 3, "channel": "receipt", "purchase": None,
        "nps_class": "detractor",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"), (9, "promoter"), (10, "promoter")],
)
def test_the_usual_bounds_class_a_score(score, expected):
    assert surveys.nps_class(score) == expected


@pytest.mark.parametrize("score", [-1, 11, 9.0, "9", True, None])
def test_only_a_whole_number_from_0_to_10_is_a_score(score):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"score": score}, AnswerInput)


def test_the_same_again_is_a_replay_and_another_content_is_refused(cafe):
    minji = cafe.member("김민지")
    first = answer(cafe, external_id="s-1", member=minji.public_id)
    again = answer(cafe, external_id="s-1", member=minji.public_id, now=NOON + timedelta(days=400))
    assert (again.id, again.is_replay, first.is_replay) == (first.id, True, False)
    with pytest.raises(surveys.AnswerIdReused):
        answer(cafe, external_id="s-1", member=minji.public_id, score=8)
    with tenancy.tenant(cafe.merchant):
        assert OutboxEvent.objects.filter(merchant=cafe.merchant).count() == 1


def test_a_member_counts_once_in_90_days(cafe):
    minji = cafe.member("김민지")
    answer(cafe, member=minji.public_id)
    with pytest.raises(surveys.AnsweredAlready):
        answer(cafe, member=minji.public_id, now=NOON + timedelta(days=90) - timedelta(seconds=1))
    # Late, dated before the one that stands: beside it all the same.
    with pytest.raises(surveys.AnsweredAlready):
        answer(cafe, member=minji.public_id, answered_at=(NOON - timedelta(days=5)).isoformat())
    assert answer(cafe, member=minji.public_id, now=NOON + timedelta(days=90)).score == 9


def test_each_purchase_may_be_answered_about_once_whatever_was_said_before(cafe):
    minji = cafe.member("김민지")
    latte, scone = cafe.buys([(minji, date(2026, 11, 18), 4500), (minji, date(2026, 11, 19), 3000)])
    answer(cafe, member=minji.public_id)
    answer(cafe, member=minji.public_id, purchase=latte.public_id)
    answer(cafe, member=minji.public_id, purchase=scone.public_id)
    with pytest.raises(surveys.AnsweredAlready) as refused:
        answer(cafe, member=minji.public_id, purchase=latte.public_id, score=1)
    assert refused.value.pointer == "/purchase"


def test_a_purchase_names_its_buyer_and_nobody_else_may_speak_for_them(cafe):
    minji, junho = cafe.member("김민지"), cafe.member("이준호")
    latte, to_go = cafe.buys([(minji, date(2026, 11, 18), 4500), (None, date(2026, 11, 18), 3000)])
    assert answer(cafe, purchase=latte.public_id).member == minji.public_id
    assert answer(cafe, purchase=to_go.public_id).member is None
    with pytest.raises(Invalid):
        answer(cafe, purchase=latte.public_id, member=junho.public_id)
    with pytest.raises(NotFound):
        answer(cafe, purchase="pur_0000000000000000", member=junho.public_id)


def test_nobody_in_particular_may_answer_again_and_again(cafe):
    assert {answer(cafe, score=n).id for n in range(3)} != set()
    with tenancy.tenant(cafe.merchant):
        assert SurveyResponse.objects.filter(merchant=cafe.merchant, member=None).count() == 3


def test_a_stranger_another_merchants_member_and_tomorrow_are_refused(cafe):
    elsewhere = Trade().member("Ann")
    for stranger in ("mem_0000000000000000", elsewhere.public_id):
        with pytest.raises(NotFound):
            answer(cafe, member=stranger)
    with pytest.raises(Invalid):
        answer(cafe, answered_at=(NOON + timedelta(minutes=6)).isoformat())
    with pytest.raises(Invalid):
        answer(cafe, comment="a\x00b")


def test_a_merged_members_answer_is_the_other_ones(cafe):
    old, kept = cafe.member("김민지"), cafe.member("민지")
    answer(cafe, member=old.public_id)
    with cafe.open():
        type(old).objects.filter(pk=old.pk).update(merged_into=kept, state="merged")
    with pytest.raises(surveys.AnsweredAlready):
        answer(cafe, member=old.public_id, now=NOON + timedelta(days=1))
    assert answer(cafe, member=old.public_id, now=NOON + timedelta(days=91)).member == kept.public_id


def test_two_answers_at_once_are_one(cafe):
    minji = cafe.member("김민지")
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def send() -> None:
        try:
            start.wait()
            answer(cafe, member=minji.public_id)
            outcomes.append("kept")
        except surveys.AnsweredAlready:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["kept"] + ["refused"] * 7


def test_two_sent_at_once_without_a_member_are_one_answer_and_a_replay(cafe):
    start = threading.Barrier(6)
    outcomes: list[tuple[str, bool]] = []

    def send() -> None:
        try:
            start.wait()
            said = answer(cafe, external_id="twice")
            outcomes.append((said.id, said.is_replay))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({identity for identity, _ in outcomes}) == 1
    assert sorted(is_replay for _, is_replay in outcomes) == [False] + [True] * 5


def test_lists_newest_first_in_pages_and_who_waits_until_somebody_cared(cafe):
    said = [answer(cafe, score=score) for score in (10, 7, 2, 5)]
    owner = Actor("staff", "seat_owner")
    with tenancy.tenant(cafe.merchant):
        page = surveys.answers(merchant=cafe.merchant, limit=3)
        assert [a.score for a in page.answers] == [5, 2, 7]
        rest = surveys.answers(merchant=cafe.merchant, limit=3, after=page.next)
        assert ([a.score for a in rest.answers], rest.next) == ([10], None)
        surveys.follow_up(merchant=cafe.merchant, answer_id=said[2].id, now=NOON, actor=owner)
        surveys.follow_up(merchant=cafe.merchant, answer_id=said[2].id, now=NOON + timedelta(days=1), actor=owner)
        waiting = survey_answers.newest(merchant=cafe.merchant, narrowed=Narrowed(care="waiting"), limit=9)
        assert [voice.score for voice in waiting] == [5]
        row = SurveyResponse.objects.get(merchant=cafe.merchant, public_id=said[2].id)
        assert (row.followed_up_at, row.followed_up_by) == (NOON, "staff:seat_owner")
        with pytest.raises(NotFound):
            surveys.follow_up(merchant=cafe.merchant, answer_id="srv_none", now=NOON, actor=owner)
