"""The database refuses by itself a void, or a proposal of one, that breaks a rule."""

from __future__ import annotations

from typing import Any

import pytest

from raffle import closing
from raffle.models import Raffle
from raffle.tests.forging import (
    forge_proposal,
    forge_void,
    refused_after_waiting,
    refused_by,
    sql,
)
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff


def some_sold(**terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    buy(raffle, make_buyer(), 2)
    return raffle


def test_refuses_a_void_once_the_list_is_closed() -> None:
    raffle, stella = some_sold(), make_staff()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    refused_by("void_only_while_open", lambda: forge_void(raffle, stella, 1))


def test_refuses_a_void_of_a_cancelled_raffle() -> None:
    """Its ledger takes no line any more, so the void names an old one."""
    raffle, stella = some_sold(), make_staff()
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="off")
    refused_by("void_only_while_open", lambda: forge_void(raffle, stella, 1, ledger_seq=1))


def test_refuses_a_second_void_and_one_without_a_reason() -> None:
    raffle, stella = some_sold(), make_staff()
    forge_void(raffle, stella, 1)
    refused_by("raffle_void_pkey", lambda: forge_void(raffle, stella, 1))
    refused_by("void_has_a_reason", lambda: forge_void(raffle, stella, 2, reason=""))


def test_refuses_a_void_of_another_raffles_ticket() -> None:
    """It would be counted in one raffle, and take a ticket out of the other."""
    raffle, stella, strange = some_sold(), make_staff(), some_sold().tickets.get(number=1)
    refused_by(
        "void_ticket_is_of_its_raffle",
        lambda: forge_void(raffle, stella, 1, ticket_id=strange.pk),
    )


def test_refuses_a_void_or_a_proposal_that_is_not_in_the_ledger() -> None:
    raffle, stella = some_sold(two_people=True), make_staff()
    refused_by(
        "proposal_stands_in_the_ledger", lambda: forge_proposal(raffle, stella, 1, ledger_seq=99)
    )
    one = some_sold()
    refused_by("void_stands_in_the_ledger", lambda: forge_void(one, stella, 1, ledger_seq=99))


def test_refuses_a_void_by_one_person_where_two_are_needed() -> None:
    raffle, stella, oscar = some_sold(two_people=True), make_staff(), make_staff("oscar")

    def void(**people: int) -> None:
        forge_void(raffle, stella, 1, **people)

    refused_by("void_needs_two_people", void)
    refused_by("void_needs_two_people", lambda: void(confirmed_by_id=oscar.pk))
    forge_proposal(raffle, stella, number=2)
    refused_by("void_needs_two_people", lambda: void(confirmed_by_id=oscar.pk))  # of another ticket
    forge_proposal(raffle, oscar, number=1)
    refused_by("void_needs_two_people", lambda: void(confirmed_by_id=oscar.pk))  # by the other one
    forge_proposal(raffle, stella, number=1)
    refused_by("void_needs_two_people", void)
    refused_by("void_needs_two_people", lambda: void(confirmed_by_id=stella.pk))
    void(confirmed_by_id=oscar.pk)
    assert raffle.tickets.get(number=1).is_void


def test_refuses_a_void_confirmed_by_whoever_asked_for_it() -> None:
    raffle, stella = some_sold(), make_staff()
    refused_by(
        "void_by_two_different_people",
        lambda: forge_void(raffle, stella, 1, confirmed_by_id=stella.pk),
    )


@pytest.mark.parametrize(
    ("number", "lie"),
    [
        (None, {"act": "void"}), (None, {"reason": "why not"}), (None, {"act": "both"}),
        (1, {"act": "draw"}), (1, {"reason": ""}), (1, {"numbers": [1]}), (1, {"ticket_id": None}),
    ],
)  # fmt: skip
def test_refuses_a_proposal_of_neither_a_void_nor_a_draw(
    number: int | None, lie: dict[str, Any]
) -> None:
    raffle, stella = some_sold(), make_staff()
    refused_by(
        "proposal_of_a_void_or_a_draw", lambda: forge_proposal(raffle, stella, number, **lie)
    )


def test_refuses_a_proposal_to_void_another_raffles_ticket() -> None:
    raffle, stella, strange = some_sold(), make_staff(), some_sold().tickets.get(number=1)
    refused_by(
        "proposal_ticket_is_of_its_raffle",
        lambda: forge_proposal(raffle, stella, 1, ticket_id=strange.pk),
    )


def test_a_raw_void_that_races_the_close_waits_and_is_refused() -> None:
    """Let in after the close had counted, it would make the frozen list a lie."""
    raffle, stella = some_sold(), make_staff()
    refused_after_waiting(
        "void_only_while_open",
        lambda: sql("UPDATE raffle_raffle SET status = 'CLOSED' WHERE id = %s", raffle.pk),
        lambda: forge_void(raffle, stella, 1),
    )
    assert not raffle.tickets.get(number=1).is_void


def test_a_temporary_table_does_not_slip_under_the_guards() -> None:
    """PostgreSQL looks for tables in pg_temp first, unless a function fixes search_path."""
    raffle, stella = some_sold(), make_staff()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")

    def shadow() -> None:
        sql("CREATE TEMP TABLE raffle_raffle ON COMMIT DROP AS TABLE public.raffle_raffle")
        sql("UPDATE pg_temp.raffle_raffle SET status = 'OPEN'")
        forge_void(raffle, stella, 1)

    refused_by("void_only_while_open", shadow)
