"""What a raffle's page promises before anybody buys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from raffle.tests.makers import (
    make_raffle,
)
from raffle.tests.reading import page_of, sold, words


@pytest.mark.parametrize(
    ("method", "told", "limits"),
    [
        ("local", "secrets.randbelow", "This is an operator-trusted draw"),
        ("beacon", "a round of drand", "keep the line of the seal before the round is out"),
        ("manual", "tickets are drawn from a drum", "it cannot see whether the drum was full"),
    ],
)
def test_each_method_is_explained_with_its_limits(method: str, told: str, limits: str) -> None:
    raffle = make_raffle(method=method)
    page = page_of(raffle)
    assert told in words(page)
    assert limits in words(page)
    assert f'href="{raffle.get_absolute_url()}verify/"' in page


def test_the_page_says_on_what_terms_prizes_are_drawn_and_claimed() -> None:
    at = datetime(2030, 5, 1, 18, 30, tzinfo=UTC)
    raffle = make_raffle(
        draw_at=at,
        licence="LZ-7",
        contact="+43 1 234",
        alternates=4,
        claim_days=14,
        two_people=True,
    )
    page = words(page_of(raffle))
    for told in (
        "announced for 1 May 2030, 18:30 UTC", "LZ-7", "+43 1 234", "4 alternates are drawn",
        "not claimed within 14 days", "Two people are needed", "Nobody wins twice",
    ):  # fmt: skip
        assert told in page, told


def test_what_does_not_hold_is_not_said() -> None:
    page = words(page_of(make_raffle(alternates=0, one_prize_each=False)))
    for untold in (
        "Licence",
        "Contact",
        "alternate",
        "Two people",
        "wins twice",
        "list of tickets,",
    ):
        assert untold not in page, untold


def test_the_software_is_named_by_its_commit(settings: Any) -> None:
    settings.SOFTWARE = "0123456789abcdef0123456789abcdef01234567-changed"
    assert "version 0123456789ab-changed of the software" in words(page_of(make_raffle()))


def test_several_prizes_are_listed_in_order_and_many_are_folded() -> None:
    names = [f"The prize {n}." for n in range(1, 301)]
    few, many = page_of(make_raffle(prizes=names[:3])), page_of(make_raffle(prizes=names))
    assert "The 3 prizes The prize 1. The prize 2. The prize 3." in words(few)
    assert "<details" not in few.partition("columns")[0]
    shown, folded = many.partition("<details class")[::2]
    assert re.findall(r"<li>(The prize \d+\.)</li>", shown) == names[:5]
    assert re.findall(r"<li>(The prize \d+\.)</li>", folded) == names[5:]
    assert '<ol start="6">' in folded


@pytest.mark.parametrize(
    ("terms", "bought", "told"),
    [
        ({}, 0, "each one wins with chance 1 in 100."),
        ({}, 4, "With those sold so far it would be 1 in 4 ."),
        ({"prizes": ["a", "b", "c"]}, 0, "each one wins a prize with chance 3 in 100."),
        ({"prizes": ["a", "b", "c"]}, 2, "With those sold so far it would be 2 in 2 ."),
        ({"prizes": ["a", "b", "c"], "capacity": 2}, 0, "wins a prize with chance 2 in 2."),
        ({"prizes": ["a", "b"]}, 0, "One person wins one prize at most."),
        ({"prizes": ["a", "b"], "one_prize_each": False}, 0, "each ticket counts for itself"),
    ],
)
def test_the_chance_is_that_of_any_prize(terms: dict[str, Any], bought: int, told: str) -> None:
    assert told in words(page_of(sold(bought, **terms)))


def test_one_prize_a_person_needs_no_words_where_nobody_can_hold_two() -> None:
    for terms in ({"prizes": ["a", "b"], "limit": 1}, {"prizes": ["a"]}):
        assert "One person" not in words(page_of(make_raffle(**terms)))
