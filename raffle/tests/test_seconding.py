"""Two people: one asks, another one confirms; and the drum, whose numbers both have to read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from raffle import closing, drawing, organising, seconding
from raffle.errors import (
    AlreadySealed,
    AlreadyVoid,
    NothingSold,
    NotOpen,
    NotReconciled,
    NumbersDiffer,
    OnePersonIsEnough,
    ReasonMissing,
    SecondPersonNeeded,
    WrongNumbers,
)
from raffle.models import Draw, Proposal, Raffle, Seal, Void
from raffle.tests.makers import buy, make_buyers, make_raffle, make_staff
from raffle.tests.races import kinds, race
from raffle.verifying import verify


def sold(tickets: int = 6, **terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    for buyer in make_buyers(tickets):
        buy(raffle, buyer)
    return raffle


def reconciled(tickets: int = 6, **terms: Any) -> Raffle:
    raffle = sold(tickets, **terms)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return raffle


def lines(raffle: Raffle) -> list[str]:
    return list(raffle.ledger.order_by("seq").values_list("kind", flat=True))


def ask_for_a_void(raffle: Raffle, number: int, by: User, reason: str = "a mistake") -> Proposal:
    ticket = raffle.tickets.get(number=number)
    return seconding.propose_void(ticket_id=ticket.pk, by=by, reason=reason)


def confirm_the_void(raffle: Raffle, number: int, by: User) -> Void:
    return organising.void_ticket(ticket_id=raffle.tickets.get(number=number).pk, by=by)


def ask_for_the_draw(raffle: Raffle, by: User, numbers: Sequence[int] = ()) -> Proposal:
    return seconding.propose_draw(raffle_id=raffle.pk, by=by, numbers=numbers)


def confirm_the_draw(raffle: Raffle, by: User | None, numbers: Sequence[int] = ()) -> Draw | Seal:
    return drawing.draw_winner(raffle_id=raffle.pk, by=by, numbers=numbers)


# --- Voids ----------------------------------------------------------------------------------------


def test_one_asks_for_a_void_and_another_one_confirms_it() -> None:
    raffle, stella, oscar = sold(two_people=True), make_staff(), make_staff("oscar")
    with pytest.raises(SecondPersonNeeded):
        confirm_the_void(raffle, 3, stella)
    ask_for_a_void(raffle, 3, stella, "sold by mistake")
    with pytest.raises(SecondPersonNeeded):
        confirm_the_void(raffle, 3, stella)
    assert lines(raffle)[-1] == "proposed"
    void = confirm_the_void(raffle, 3, oscar)
    assert (void.voided_by, void.confirmed_by, void.reason) == (stella, oscar, "sold by mistake")
    asked, voided = (raffle.ledger.get(kind=kind).says for kind in ("proposed", "void"))
    assert (asked["act"], asked["number"], asked["reason"]) == ("void", 3, "sold by mistake")
    assert (voided["by"], voided["second"]) == (asked["by"], raffle.pseudonym(oscar.pk))
    assert asked["by"] == raffle.pseudonym(stella.pk)
    assert verify(raffle.pk).failures == []


def test_a_void_is_confirmed_for_the_ticket_that_was_asked_for_and_for_no_other() -> None:
    raffle, stella, oscar = sold(two_people=True), make_staff(), make_staff("oscar")
    ask_for_a_void(raffle, 3, stella)
    with pytest.raises(SecondPersonNeeded):
        confirm_the_void(raffle, 4, oscar)
    assert not Void.objects.filter(raffle=raffle).exists()


def test_whoever_asked_last_cannot_confirm_and_the_other_one_can() -> None:
    raffle, stella, oscar = sold(two_people=True), make_staff(), make_staff("oscar")
    ask_for_a_void(raffle, 3, stella, "first")
    ask_for_a_void(raffle, 3, oscar, "second")
    with pytest.raises(SecondPersonNeeded):
        confirm_the_void(raffle, 3, oscar)
    void = confirm_the_void(raffle, 3, stella)
    assert (void.voided_by, void.confirmed_by, void.reason) == (oscar, stella, "second")
    assert verify(raffle.pk).failures == []


def test_a_void_is_asked_for_with_a_reason_while_open_and_not_twice() -> None:
    raffle, stella, oscar = sold(two_people=True), make_staff(), make_staff("oscar")
    with pytest.raises(ReasonMissing):
        ask_for_a_void(raffle, 3, stella, "  ")
    with pytest.raises(OnePersonIsEnough):
        ask_for_a_void(sold(1), 1, stella)
    ask_for_a_void(raffle, 3, stella)
    confirm_the_void(raffle, 3, oscar)
    with pytest.raises(AlreadyVoid):
        ask_for_a_void(raffle, 3, stella)
    ask_for_a_void(raffle, 4, stella)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    with pytest.raises(NotOpen):
        ask_for_a_void(raffle, 5, stella)
    with pytest.raises(NotOpen):
        confirm_the_void(raffle, 4, oscar)


# --- The draw -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["local", "beacon"])
def test_one_asks_for_the_draw_and_another_one_confirms_it(method: str) -> None:
    raffle, stella, oscar = sold(two_people=True, method=method), make_staff(), make_staff("oscar")
    for by in (stella, None):
        with pytest.raises(SecondPersonNeeded):
            confirm_the_draw(raffle, by)
    with pytest.raises(NotReconciled):
        ask_for_the_draw(raffle, stella)
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
    with pytest.raises(NotReconciled):
        ask_for_the_draw(raffle, stella)
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    with pytest.raises(SecondPersonNeeded):
        confirm_the_draw(raffle, oscar)
    ask_for_the_draw(raffle, stella)
    for by in (stella, None):
        with pytest.raises(SecondPersonNeeded):
            confirm_the_draw(raffle, by)
    with pytest.raises(NumbersDiffer):
        confirm_the_draw(raffle, oscar, [1])
    assert lines(raffle)[-1] == "proposed"
    confirm_the_draw(raffle, oscar)
    assert (raffle.seal.sealed_by, raffle.seal.confirmed_by) == (stella, oscar)
    says = raffle.ledger.get(kind="sealed").says
    assert says["by"] == raffle.pseudonym(stella.pk)
    assert says["second"] == raffle.pseudonym(oscar.pk)
    with pytest.raises(AlreadySealed):
        ask_for_the_draw(raffle, oscar)
    assert verify(raffle.pk).failures == []


def test_a_proposed_void_does_not_confirm_a_draw() -> None:
    raffle, stella, oscar = sold(two_people=True), make_staff(), make_staff("oscar")
    ask_for_a_void(raffle, 3, stella)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    with pytest.raises(SecondPersonNeeded):
        confirm_the_draw(raffle, oscar)


def test_a_draw_that_needs_one_person_is_not_asked_for() -> None:
    with pytest.raises(OnePersonIsEnough):
        ask_for_the_draw(reconciled(), make_staff())


def test_numbers_are_asked_for_only_where_there_is_a_drum() -> None:
    with pytest.raises(WrongNumbers, match="not drawn from a drum"):
        ask_for_the_draw(reconciled(two_people=True), make_staff(), [1])


def test_of_many_who_ask_and_confirm_at_once_one_seals_and_none_confirms_their_own() -> None:
    raffle, staff = reconciled(two_people=True), [make_staff() for _ in range(4)]
    ask_for_the_draw(raffle, staff[0])
    asks = [partial(ask_for_the_draw, raffle, by) for by in staff[:2]]
    outcomes = race(*asks, *(partial(confirm_the_draw, raffle, by) for by in staff * 2))
    assert set(kinds(outcomes[:2])) <= {"Proposal", "AlreadySealed"}
    assert set(kinds(outcomes[2:])) <= {"Draw", "SecondPersonNeeded"}
    assert len({each.ticket_id for each in outcomes if isinstance(each, Draw)}) == 1
    assert raffle.seal.sealed_by != raffle.seal.confirmed_by
    assert lines(raffle).count("sealed") == 1
    assert verify(raffle.pk).failures == []


def test_of_two_who_confirm_a_void_at_once_one_is_named() -> None:
    raffle, stella = sold(two_people=True), make_staff()
    ask_for_a_void(raffle, 3, stella)
    seconds = [make_staff() for _ in range(3)]
    outcomes = race(*(partial(confirm_the_void, raffle, 3, second) for second in seconds))
    assert kinds(outcomes) == {"Void": 1, "AlreadyVoid": 2}
    assert verify(raffle.pk).failures == []


# --- The drum -------------------------------------------------------------------------------------


def drum(**terms: Any) -> Raffle:
    """Six sold, the second void; one prize and one alternate, one ticket each."""
    raffle = sold(6, **{"method": "manual", "alternates": 1, "limit": 1} | terms)
    second = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=second.pk, by=make_staff(), reason="a mistake")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return raffle


def test_two_people_read_the_same_numbers_in_the_same_order_and_these_win() -> None:
    raffle, stella, oscar = drum(), make_staff(), make_staff("oscar")
    with pytest.raises(SecondPersonNeeded):
        confirm_the_draw(raffle, oscar, [5, 3])
    ask_for_the_draw(raffle, stella, [5, 3])
    with pytest.raises(SecondPersonNeeded):
        confirm_the_draw(raffle, stella, [5, 3])
    for other in ([3, 5], [5], [5, 3, 1], [5, 4], []):
        with pytest.raises(NumbersDiffer):
            confirm_the_draw(raffle, oscar, other)
    assert lines(raffle)[-1] == "proposed"
    drawn = confirm_the_draw(raffle, oscar, [5, 3])
    assert isinstance(drawn, Draw)
    assert (drawn.order, drawn.picked, drawn.ticket.number) == ([5, 3], [3, 1], 5)
    assert raffle.seal.offsets == []
    assert (raffle.seal.sealed_by, raffle.seal.confirmed_by) == (stella, oscar)
    assert verify(raffle.pk).failures == []


def test_the_numbers_are_nobodys_before_the_second_person_has_read_them() -> None:
    raffle = drum()
    ask_for_the_draw(raffle, make_staff(), [5, 3])
    assert set(raffle.ledger.get(kind="proposed").says) == {
        "seq", "prev", "raffle", "at", "kind", "by", "act",
    }  # fmt: skip


def test_whoever_misread_asks_again_and_the_last_reading_counts() -> None:
    raffle, stella, oscar = drum(), make_staff(), make_staff("oscar")
    ask_for_the_draw(raffle, stella, [5, 3])
    ask_for_the_draw(raffle, stella, [6, 3])
    with pytest.raises(NumbersDiffer):
        confirm_the_draw(raffle, oscar, [5, 3])
    drawn = confirm_the_draw(raffle, oscar, [6, 3])
    assert isinstance(drawn, Draw)
    assert drawn.order == [6, 3]


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([], "2 numbers are needed"),
        ([1], "these are 1"),
        ([1, 3, 4], "these are 3"),
        ([1, 1], "twice: 1"),
        ([1, 2], "void: 2"),
        ([1, 7], "not sold, or are void: 7"),
        ([0, 1], "void: 0"),
        ([1, -1], "void: -1"),
    ],
    ids=str,
)
def test_refuses_numbers_that_cannot_be_right(numbers: list[int], why: str, listed: Raffle) -> None:
    before = listed.ledger.count()
    with pytest.raises(WrongNumbers, match=why):
        ask_for_the_draw(listed, make_staff(), numbers)
    assert listed.ledger.count() == before


@pytest.fixture(scope="module")
def listed() -> Raffle:
    return drum()


def test_of_several_tickets_a_person_more_may_be_drawn_until_there_are_enough_people() -> None:
    raffle = drum(limit=3)
    for few_or_many in ([1], [1, 3, 4, 5, 6]):
        with pytest.raises(WrongNumbers):
            ask_for_the_draw(raffle, make_staff(), few_or_many)
    ask_for_the_draw(raffle, make_staff(), [1, 3])
    ask_for_the_draw(raffle, make_staff(), [1, 3, 4, 5])


def test_fewer_tickets_than_prizes_all_come_out_of_the_drum() -> None:
    raffle, stella, oscar = reconciled(2, method="manual"), make_staff(), make_staff("oscar")
    with pytest.raises(WrongNumbers):
        ask_for_the_draw(raffle, stella, [1])
    ask_for_the_draw(raffle, stella, [2, 1])
    confirm_the_draw(raffle, oscar, [2, 1])
    assert raffle.draw.order == [2, 1]


def test_an_empty_drum_has_no_winner() -> None:
    raffle, stella, oscar = reconciled(0, method="manual"), make_staff(), make_staff("oscar")
    ask_for_the_draw(raffle, stella)
    with pytest.raises(NothingSold):
        confirm_the_draw(raffle, oscar)


def test_of_two_who_read_different_numbers_at_once_only_the_true_ones_are_drawn() -> None:
    raffle, stella = drum(), make_staff()
    ask_for_the_draw(raffle, stella, [5, 3])
    readings = [[5, 3], [3, 5], [5, 3], [6, 3]]
    outcomes = race(
        *(partial(confirm_the_draw, raffle, make_staff(), numbers) for numbers in readings)
    )
    assert isinstance(outcomes[0], Draw)
    assert isinstance(outcomes[2], Draw)
    assert raffle.draw.order == [5, 3]
    assert {type(outcome) for outcome in outcomes} <= {Draw, NumbersDiffer}
