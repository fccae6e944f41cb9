"""Mina leaves: her score stays among the numbers, what she wrote beside it is gone, also what a merged membership wrote."""

from __future__ import annotations

import pytest

from engagement import erasure, missing, surveys
from engagement.models import MissingPoints, SurveyResponse
from members.erasure import StillMember
from members.models import Member
from rewards import merging
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return builders.cafe()


def says(person, score, comment):
    cafe = person.shop
    answer = surveys.AnswerInput(score=score, comment=comment, member=person.public_id)
    cafe.does(
        lambda: surveys.record_response(merchant=cafe.merchant, answer=answer, now=cafe.now, actor=builders.OWNER)
    )


def words(cafe):
    rows = SurveyResponse.objects.filter(merchant=cafe.merchant).order_by("pk")
    return cafe.does(lambda: list(rows.values_list("score", "comment")))


def leaves(cafe, public_id):
    cafe.does(lambda: erasure.leave_by_id(merchant=cafe.merchant, member=public_id, now=cafe.now, actor=builders.OWNER))


def test_her_words_go_with_her_and_the_scores_stay(cafe):
    mina, merged, jisoo = cafe.member("Mina"), cafe.member("Mina P."), cafe.member("Jisoo")
    mina.is_given(50)
    says(mina, 3, "I am Mina Park, and my coffee was cold")
    says(merged, 9, "Mina from next door says hello")
    says(jisoo, 10, "Lovely")
    cafe.does(
        lambda: merging.merge(
            merchant=cafe.merchant, source=merged.public_id, target=mina.public_id, now=cafe.now, actor=builders.OWNER
        )
    )
    asked = cafe.does(
        lambda: missing.ask(
            merchant=cafe.merchant, member=Member.objects.get(pk=mina.id), bought_on=cafe.now.date(), amount_minor=500,
            receipt="R-1", now=cafe.now,
        )
    )  # fmt: skip
    cafe.does(
        lambda: missing.decline(
            merchant=cafe.merchant, question=asked.public_id, reason="Dear Mina, that was a gift card.", now=cafe.now,
            actor=builders.OWNER,
        )
    )  # fmt: skip

    leaves(cafe, mina.public_id)
    leaves(cafe, mina.public_id)

    assert words(cafe) == [(3, ""), (9, ""), (10, "Lovely")]
    assert cafe.does(lambda: MissingPoints.objects.get(merchant=cafe.merchant).reason) == ""
    assert mina.points() == (0, 0, 0, 0)


def test_the_merged_membership_alone_cannot_leave_and_then_nothing_is_forgotten(cafe):
    mina, merged = cafe.member("Mina"), cafe.member("Mina P.")
    says(merged, 9, "Hello")
    cafe.does(
        lambda: merging.merge(
            merchant=cafe.merchant, source=merged.public_id, target=mina.public_id, now=cafe.now, actor=builders.OWNER
        )
    )
    with pytest.raises(StillMember):
        leaves(cafe, merged.public_id)
    assert words(cafe) == [(9, "Hello")]
