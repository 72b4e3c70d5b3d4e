"""The database refuses by itself a seal with one lie in it, by the rule's name."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from raffle import closing
from raffle.models import Raffle
from raffle.tests.forging import (
    clock,
    closed,
    closed_drum,
    forge_line,
    forge_proposal,
    forge_seal,
    refused_after_waiting,
    refused_by,
    sql,
)
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff


@pytest.fixture(scope="module")
def local() -> Raffle:
    """Ready to be sealed. What is refused is rolled back, so that the next test can try, too."""
    return closed()


@pytest.fixture(scope="module")
def beacon() -> Raffle:
    return closed(method="beacon")


def test_a_forged_seal_without_a_lie_is_let_in() -> None:
    raffle, (drum, people), beacon = closed(), closed_drum(), closed(method="beacon")
    for each in (raffle, beacon):
        forge_seal(each, offsets=[3, 2, 1])
    forge_seal(drum, **people)
    assert [each.seal.offsets for each in (raffle, beacon, drum)] == [[3, 2, 1], [3, 2, 1], []]


def test_refuses_a_seal_of_an_open_raffle_or_before_the_figures_are_confirmed() -> None:
    raffle = make_raffle(alternates=0)
    buy(raffle, make_buyer())
    refused_by("seal_only_when_reconciled", lambda: forge_seal(raffle))
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    refused_by("seal_only_when_reconciled", lambda: forge_seal(raffle))
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    forge_seal(raffle)


def test_refuses_a_seal_of_an_open_raffle_whose_ledger_says_that_it_was_reconciled() -> None:
    raffle = make_raffle(alternates=0)
    buy(raffle, make_buyer())

    def lie() -> None:
        forge_line(raffle, "reconciled", manifest="0" * 64)
        forge_seal(raffle)

    refused_by("seal_only_when_reconciled", lie)


def test_refuses_a_seal_of_another_list_than_was_confirmed(local: Raffle) -> None:
    refused_by("seal_only_when_reconciled", lambda: forge_seal(local, manifest="0" * 64))


def test_refuses_a_seal_of_a_list_that_was_confirmed_only_later(local: Raffle) -> None:
    """The figures are confirmed once: a second line about them counts for nothing."""

    def lie() -> None:
        forge_line(local, "reconciled", manifest="0" * 64)
        forge_seal(local, manifest="0" * 64)

    refused_by("seal_only_when_reconciled", lie)


def test_refuses_a_seal_of_a_cancelled_raffle() -> None:
    """Its ledger takes no line any more, so the seal names an old one."""
    raffle = closed()
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="off")
    refused_by("seal_only_when_reconciled", lambda: forge_seal(raffle, ledger_seq=1))


@pytest.mark.parametrize("lie", [{"entries": 5}, {"entries": 3}, {"method": "manual"}])
def test_refuses_a_seal_that_leaves_a_ticket_out_or_counts_a_void_one(
    lie: dict[str, Any], local: Raffle
) -> None:
    refused_by("seal_is_of_all_valid_tickets", lambda: forge_seal(local, **lie))


def test_refuses_a_seal_of_no_tickets() -> None:
    raffle = make_raffle()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    refused_by("seal_has_entries", lambda: forge_seal(raffle))


@pytest.mark.parametrize("terms", [{"two_people": True}, {"method": "manual"}], ids=str)
def test_refuses_a_seal_by_one_person_where_two_are_needed(terms: dict[str, Any]) -> None:
    raffle, stella, oscar = closed(**terms), make_staff(), make_staff("oscar")
    by, both = {"sealed_by_id": stella.pk}, {"sealed_by_id": stella.pk, "confirmed_by_id": oscar.pk}
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle))
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle, **both))
    forge_proposal(raffle, oscar)
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle, **both))  # by the other one
    forge_proposal(raffle, stella)
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle, **by))
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle, **by, confirmed_by_id=stella.pk))
    forge_seal(raffle, **both)


def test_refuses_a_seal_with_a_proposal_of_a_void_instead() -> None:
    raffle, stella, oscar = make_raffle(two_people=True), make_staff(), make_staff("oscar")
    buy(raffle, make_buyer())
    forge_proposal(raffle, stella, number=1)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    people = {"sealed_by_id": stella.pk, "confirmed_by_id": oscar.pk}
    refused_by("seal_needs_two_people", lambda: forge_seal(raffle, **people))


def test_refuses_a_seal_confirmed_by_whoever_made_it(local: Raffle) -> None:
    stella = make_staff()
    people = {"sealed_by_id": stella.pk, "confirmed_by_id": stella.pk}
    refused_by("seal_by_two_different_people", lambda: forge_seal(local, **people))


@pytest.mark.parametrize(
    ("terms", "offsets"),
    [
        ({"one_prize_each": False}, 2),
        ({"one_prize_each": False, "alternates": 1}, 3),
        ({"limit": 1}, 2),
        ({"limit": 2}, 3),
        ({"limit": 3}, 4),
        ({"limit": 9}, 4),
        ({"prizes": ["A bicycle"], "limit": 9}, 1),
    ],
    ids=str,
)
def test_refuses_an_offset_too_few_or_too_many(terms: dict[str, Any], offsets: int) -> None:
    raffle = closed(**terms)
    for wrong in (offsets - 1, offsets + 1):
        lie = partial(forge_seal, raffle, offsets=[0] * wrong)
        refused_by("seal_has_an_offset_a_pick", lie)
    forge_seal(raffle, offsets=[0] * offsets)


def test_refuses_offsets_for_a_drum() -> None:
    raffle, people = closed_drum()
    refused_by("seal_has_an_offset_a_pick", lambda: forge_seal(raffle, offsets=[0], **people))


@pytest.mark.parametrize(
    "offsets", [[4, 0, 0], [0, 3, 0], [0, 0, 2], [-1, 0, 0], [0, None, 0]], ids=str
)
def test_refuses_an_offset_that_is_none_of_those_left(offsets: list[int], local: Raffle) -> None:
    refused_by("seal_offsets_are_in_range", lambda: forge_seal(local, offsets=offsets))


@pytest.mark.parametrize("odd", ["[0:2]={0,0,0}", "{{0},{0},{0}}"])
def test_refuses_offsets_that_begin_elsewhere_than_at_1_or_have_rows(
    odd: str, local: Raffle
) -> None:
    """PostgreSQL's arrays can: then offsets[1] would not be the first one."""
    refused_by("seal_offsets_are_in_range", lambda: forge_seal(local, offsets=odd))


@pytest.mark.parametrize("lie", [{"round": None}, {"round_at": None}], ids=str)
def test_refuses_a_beacon_without_a_round(lie: dict[str, Any], beacon: Raffle) -> None:
    refused_by("seal_names_a_round_for_a_beacon", lambda: forge_seal(beacon, **lie))


@pytest.mark.parametrize(
    "lie", [{"chain": "a" * 64}, {"round": 1}, {"round_at": "2999-01-01T00:00Z"}], ids=str
)
def test_refuses_a_round_without_a_beacon(lie: dict[str, Any], local: Raffle) -> None:
    refused_by("seal_names_a_round_for_a_beacon", lambda: forge_seal(local, **lie))


@pytest.mark.parametrize("seconds", [-10, 0, 59])
def test_refuses_a_seal_whose_round_is_out_or_nearly(seconds: int, beacon: Raffle) -> None:
    due = clock() + timedelta(seconds=seconds)
    refused_by("seal_comes_before_its_round", lambda: forge_seal(beacon, round_at=due))


def test_refuses_a_seal_that_was_kept_back_until_its_round_was_nearly_out(beacon: Raffle) -> None:
    """Made in time and committed late: whoever can wait so long can wait for a round they like."""

    def linger() -> None:
        forge_seal(beacon, round_at=clock() + timedelta(seconds=61))
        sql("SELECT pg_sleep(1.2)")

    refused_by("seal_comes_before_its_round", linger)


def test_refuses_a_second_seal_and_to_cancel_what_is_sealed() -> None:
    raffle = closed()
    forge_seal(raffle)
    refused_by("raffle_seal_pkey", lambda: forge_seal(raffle, offsets=[1, 1, 1]))
    refused_by("raffle_sealed_is_drawn", lambda: cancel(raffle))


def cancel(raffle: Raffle) -> None:
    sql("UPDATE raffle_raffle SET status = 'CANCELLED' WHERE id = %s", raffle.pk)


def test_refuses_a_seal_that_is_not_in_the_ledger(local: Raffle) -> None:
    refused_by("seal_stands_in_the_ledger", lambda: forge_seal(local, ledger_seq=99))


def test_of_a_raw_cancellation_and_a_raw_seal_the_second_waits_and_is_refused() -> None:
    first, second = closed(), closed()
    refused_after_waiting(
        "raffle_sealed_is_drawn", lambda: forge_seal(first), lambda: cancel(first)
    )
    refused_after_waiting(
        "seal_only_when_reconciled", lambda: cancel(second), lambda: forge_seal(second)
    )
