"""The one sentence after a sale: what is theirs before what is near, what is near before what comes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from loyalty.console.counter.worth_saying import InReach, MemberNews, sentence
from loyalty.console.member_cards import MemberCard


def card(stamps, size=10):
    return MemberCard("coffee", "Coffee card", stamps, size, 0, 0, "", "Americano", None, (1,), "")


def points(units):
    return f"{units} points"


COMING = {"pending": 710, "pending_from": datetime(2026, 12, 15, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (MemberNews(), ""),
        (MemberNews(**COMING), "710 points can be spent from Dec 15."),
        (MemberNews(rewards=[InReach("Cake", 100, 25)], **COMING), "25 points more bring the reward: Cake."),
        (MemberNews(rewards=[InReach("Cake", 100, 26)]), ""),
        (
            MemberNews(rewards=[InReach("Cake", 100, 0), InReach("Mug", 300, 0), InReach("Bag", 310, 10)]),
            "They have enough for a reward: Mug.",
        ),
        (MemberNews(cards=[card(9)], rewards=[InReach("Cake", 100, 0)]), "1 more stamp brings the reward: Americano."),
        (MemberNews(cards=[card(8)]), "2 more stamps bring the reward: Americano."),
        (MemberNews(cards=[card(7)]), ""),
        # A card of two places is not near its end before its first stamp.
        (MemberNews(cards=[card(0, 2)]), ""),
        (MemberNews(own=["Latte"], cards=[card(9)]), "A reward is theirs: Latte."),
    ],
)
def test_the_sentence_is_the_nearest_good_news(news, said):
    assert sentence(news, points) == said
