"""The database refuses by itself a draw with one lie in it, by the rule's name."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from raffle.models import Raffle
from raffle.tests.forging import (
    clock,
    closed,
    closed_drum,
    forge_draw,
    forge_proposal,
    forge_seal,
    refused_by,
    sql,
)
from raffle.tests.makers import buy, make_buyer, make_raffle
from raffle.tests.past import ago


def sealed(**terms: Any) -> Raffle:
    raffle = closed(**terms)
    forge_seal(raffle)
    return raffle


def overdue() -> Raffle:
    """Sealed, and the beacon's round has come."""
    raffle = closed(method="beacon")
    with ago(timedelta(0)):
        forge_seal(raffle, round_at=clock() - timedelta(seconds=1))
    return raffle


@pytest.fixture(scope="module")
def local() -> Raffle:
    """Ready to be drawn. What is refused is rolled back, so that the next test can try, too."""
    return sealed()


@pytest.fixture(scope="module")
def beacon() -> Raffle:
    return overdue()


def test_a_forged_draw_without_a_lie_is_let_in() -> None:
    raffle, beacon, (drum, people) = sealed(), overdue(), closed_drum()
    forge_draw(raffle)
    assert (raffle.draw.order, raffle.draw.picked) == ([1, 3, 4], [0, 0, 0])
    forge_draw(beacon, order=[5, 1, 3])
    assert beacon.draw.picked == [3, 0, 0]
    forge_seal(drum, **people)
    forge_draw(drum, order=[4, 1])
    assert drum.draw.picked == [2, 0]


def test_refuses_a_draw_that_is_not_sealed() -> None:
    raffle, unsealed = make_raffle(), closed()
    buy(raffle, make_buyer())
    refused_by("draw_only_when_sealed", lambda: forge_draw(raffle))
    refused_by("draw_only_when_sealed", lambda: forge_draw(unsealed))


def test_refuses_a_draw_of_a_sealed_raffle_that_is_not_closed(local: Raffle) -> None:
    """It cannot come to that, but for somebody who switches the raffle's own guard off."""

    def tamper() -> None:
        sql("ALTER TABLE raffle_raffle DISABLE TRIGGER raffle_moves_forward")
        sql("UPDATE raffle_raffle SET status = 'CANCELLED' WHERE id = %s", local.pk)
        forge_draw(local)

    refused_by("draw_only_when_sealed", tamper)


def test_refuses_a_draw_before_its_round() -> None:
    raffle = sealed(method="beacon")
    refused_by("draw_waits_for_its_round", lambda: forge_draw(raffle))


def test_refuses_a_beacon_without_a_signature_and_the_reverse(
    beacon: Raffle, local: Raffle
) -> None:
    refused_by("draw_waits_for_its_round", lambda: forge_draw(beacon, signature=""))
    refused_by("draw_waits_for_its_round", lambda: forge_draw(local, signature="b" * 96))


@pytest.mark.parametrize("order", [[3, 1, 4], [1, 3], [1, 3, 4, 5], [1, 4, 3]], ids=str)
def test_refuses_other_picks_than_those_that_were_sealed(order: list[int], local: Raffle) -> None:
    refused_by("draw_picks_what_was_sealed", lambda: forge_draw(local, order=order))


@pytest.mark.parametrize("order", [[3, 1], [1, 3, 4, 5]], ids=str)
def test_refuses_more_or_fewer_picks_than_offsets(order: list[int], beacon: Raffle) -> None:
    refused_by("draw_picks_what_was_sealed", lambda: forge_draw(beacon, order=order))


def test_refuses_other_numbers_from_the_drum_than_two_people_read() -> None:
    raffle, people = closed_drum()
    forge_seal(raffle, **people)
    for order in ([1, 4], [4], [4, 1, 3], [4, 3]):
        refused_by("draw_picks_what_was_sealed", partial(forge_draw, raffle, order=order))


def test_of_two_readings_of_the_drum_the_last_one_counts() -> None:
    raffle, people = closed_drum()
    stella = User.objects.get(pk=people["sealed_by_id"])
    forge_proposal(raffle, stella, numbers=[5, 3])
    forge_seal(raffle, **people)
    refused_by("draw_picks_what_was_sealed", lambda: forge_draw(raffle, order=[4, 1]))
    forge_draw(raffle, order=[5, 3])


def test_refuses_another_winner_than_the_first_of_the_order(local: Raffle) -> None:
    third = local.tickets.get(number=3).pk
    refused_by("draw_winner_is_the_first", lambda: forge_draw(local, ticket_id=third))
    refused_by("draw_winner_is_the_first", lambda: forge_draw(local, ticket_id=-1))


def test_refuses_a_winner_of_another_raffle(local: Raffle, beacon: Raffle) -> None:
    strange = beacon.tickets.get(number=1).pk
    refused_by("draw_ticket_is_of_its_raffle", lambda: forge_draw(local, ticket_id=strange))


ODD = {
    "a void one": [1, 2, 3],
    "one that was not sold": [1, 3, 6],
    "the same one twice": [1, 3, 3],
    "no number at all": [1, 3, None],
    "number 0": [1, 3, 0],
}


@pytest.mark.parametrize("what", ODD)
def test_refuses_an_order_that_does_not_follow_from_the_picks(what: str, beacon: Raffle) -> None:
    for third in (0, 1, 2, -1, None):
        refused_by(
            "draw_is_of_the_picked_tickets",
            partial(forge_draw, beacon, order=ODD[what], picked=[0, 0, third]),
        )


def test_refuses_a_pick_beyond_the_entries_even_if_there_is_such_a_ticket() -> None:
    """Only the count of the entries shows it: the last of three would be number 4."""
    raffle = closed(method="beacon")

    def lie() -> None:
        sql("ALTER TABLE raffle_seal DISABLE TRIGGER USER")
        forge_seal(raffle, entries=3, round_at=clock() - timedelta(seconds=1))
        forge_draw(raffle, order=[5, 4, 3])

    refused_by("draw_is_of_the_picked_tickets", lie)


@pytest.mark.parametrize("lie", [{"entries": 9}, {"manifest": "0" * 64}], ids=str)
def test_refuses_a_draw_of_another_list_than_was_sealed(lie: dict[str, Any], local: Raffle) -> None:
    refused_by("draw_follows_its_seal", lambda: forge_draw(local, **lie))


@pytest.mark.parametrize(
    "lie", [{"picked": [0, 0]}, {"order": [1, 3, 4, 5, 6], "picked": [0] * 5}], ids=str
)
def test_refuses_picks_that_are_not_as_many_as_the_numbers_even_without_the_trigger(
    lie: dict[str, Any], local: Raffle
) -> None:
    def without_the_trigger() -> None:
        sql("ALTER TABLE raffle_draw DISABLE TRIGGER raffle_winner_drawn")
        forge_draw(local, **lie)

    refused_by("draw_orders_what_was_picked", without_the_trigger)


def test_refuses_a_draw_that_is_not_in_the_ledger(local: Raffle) -> None:
    refused_by("draw_stands_in_the_ledger", lambda: forge_draw(local, ledger_seq=99))


def test_refuses_a_second_draw() -> None:
    raffle = sealed()
    forge_draw(raffle)
    refused_by("raffle_draw_pkey", lambda: forge_draw(raffle))
