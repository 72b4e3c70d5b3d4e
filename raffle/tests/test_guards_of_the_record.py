"""The database refuses by itself to change the record, to draw falsely, to break the chain."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from raffle import closing, organising
from raffle.models import LedgerEntry, Purchase, Raffle
from raffle.tests.forging import forge_draw, forge_entry, insert, refused_by, sql
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff, sold_numbers
from raffle.tests.races import race


@pytest.fixture(scope="module")
def drawn() -> Raffle:
    """A raffle with everything: purchase, ticket, void, ledger and draw."""
    raffle, stella = make_raffle(), make_staff()
    buy(raffle, make_buyer(), 2)
    void = raffle.tickets.get(number=1)
    organising.void_ticket(ticket_id=void.pk, by=stella, reason="a mistake")
    draw(raffle, stella)
    return raffle


NOUNS = {
    "ticket": "raffle_id = %s",
    "purchase": "raffle_id = %s",
    "ledgerentry": "raffle_id = %s",
    "draw": "raffle_id = %s",
    "void": "ticket_id IN (SELECT id FROM raffle_ticket WHERE raffle_id = %s)",
}


@pytest.mark.parametrize("noun", NOUNS)
def test_refuses_to_delete(noun: str, drawn: Raffle) -> None:
    statement = f"DELETE FROM raffle_{noun} WHERE {NOUNS[noun]}"
    refused_by(f"{noun}_append_only", lambda: sql(statement, drawn.pk))


@pytest.mark.parametrize(
    ("noun", "change"),
    [
        ("ticket", "number = number + 10"), ("ticket", "code = 'x'"),
        ("purchase", "quantity = 9"), ("purchase", "key = 'other'"),
        ("ledgerentry", "line = '{}'"), ("ledgerentry", "hash = 'x'"),
        ("draw", "picked = 0"), ("draw", "drawn_at = now()"), ("void", "reason = 'none'"),
    ],
)  # fmt: skip
def test_refuses_to_update(noun: str, change: str, drawn: Raffle) -> None:
    statement = f"UPDATE raffle_{noun} SET {change} WHERE {NOUNS[noun]}"
    refused_by(f"{noun}_append_only", lambda: sql(statement, drawn.pk))


@pytest.mark.parametrize("noun", NOUNS)
def test_refuses_to_truncate(noun: str) -> None:
    refused = {f"{noun}_never_truncated", "void_never_truncated", "draw_never_truncated"}
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        sql(f"TRUNCATE raffle_{noun} CASCADE")
    assert error.value.__cause__.diag.constraint_name in refused  # type: ignore[union-attr]


@pytest.mark.parametrize("noun", [*NOUNS, "raffle"])
def test_each_table_refuses_to_be_truncated_even_if_the_others_did_not(noun: str) -> None:
    def truncate() -> None:
        for other in {*NOUNS, "raffle"} - {noun}:
            sql(f"ALTER TABLE raffle_{other} DISABLE TRIGGER USER")
        sql(f"TRUNCATE raffle_{noun} CASCADE")
        raise AssertionError("it was truncated; this exception takes it back")

    refused_by(f"{noun}_never_truncated", truncate)


@pytest.fixture
def closed() -> Raffle:
    """Three tickets sold, the second void, and closed."""
    raffle = make_raffle()
    for name in ("alice", "bob", "charlie"):
        buy(raffle, make_buyer(name))
    second = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=second.pk, by=make_staff(), reason="a mistake")
    return closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")


def test_a_forged_draw_without_a_lie_is_let_in(closed: Raffle) -> None:
    forge_draw(closed, closed.tickets.get(number=3))
    assert closed.draw.ticket.number == 3


def test_refuses_a_draw_of_an_open_raffle() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    refused_by("draw_only_when_closed", lambda: forge_draw(raffle, raffle.tickets.get()))


def test_refuses_a_draw_of_a_void_ticket(closed: Raffle) -> None:
    second = closed.tickets.get(number=2)
    refused_by("draw_never_of_a_void_ticket", lambda: forge_draw(closed, second))


def test_refuses_a_draw_of_a_number_that_was_not_sold(closed: Raffle) -> None:
    """An unsold number has no ticket; neither another raffle's nor an invented one will do."""
    other = make_raffle()
    buy(other, make_buyer())
    stray = other.tickets.get()
    refused_by("draw_is_of_the_picked_ticket", lambda: forge_draw(closed, stray))
    refused_by("draw_is_of_the_picked_ticket", lambda: forge_draw(closed, stray, ticket_id=-1))

    def without_the_trigger() -> None:
        sql("ALTER TABLE raffle_draw DISABLE TRIGGER raffle_winner_drawn")
        forge_draw(closed, stray)

    refused_by("draw_ticket_is_of_its_raffle", without_the_trigger)


@pytest.mark.parametrize("lie", [{"picked": 1}, {"entries": 3}, {"entries": 1}])
def test_refuses_a_draw_that_does_not_follow_from_the_pick(
    closed: Raffle, lie: dict[str, int]
) -> None:
    first = closed.tickets.get(number=1)
    refused_by("draw_is_of_the_picked_ticket", lambda: forge_draw(closed, first, **lie))


def test_refuses_a_pick_outside_the_entries(closed: Raffle) -> None:
    def without_the_trigger() -> None:
        sql("ALTER TABLE raffle_draw DISABLE TRIGGER raffle_winner_drawn")
        forge_draw(closed, closed.tickets.get(number=1), picked=2)

    refused_by("draw_picks_one_of_the_entries", without_the_trigger)


def test_refuses_a_second_draw(drawn: Raffle) -> None:
    winner = drawn.tickets.get(number=2)
    refused_by("raffle_draw_pkey", lambda: forge_draw(drawn, winner))


def test_refuses_a_void_once_the_list_is_closed(closed: Raffle) -> None:
    row = {
        "ticket_id": closed.tickets.get(number=1).pk, "reason": "late",
        "voided_by_id": make_staff().pk, "voided_at": "2026-01-01T00:00Z",
    }  # fmt: skip
    refused_by("void_only_while_open", lambda: insert("raffle_void", row))


def a_void(raffle: Raffle, number: int, reason: str = "a mistake") -> dict[str, Any]:
    return {
        "ticket_id": raffle.tickets.get(number=number).pk, "reason": reason,
        "voided_by_id": make_staff().pk, "voided_at": "2026-01-01T00:00Z",
    }  # fmt: skip


def test_refuses_a_second_void_and_one_without_a_reason() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer(), 2)
    insert("raffle_void", a_void(raffle, 1))
    refused_by("raffle_void_pkey", lambda: insert("raffle_void", a_void(raffle, 1)))
    refused_by("void_has_a_reason", lambda: insert("raffle_void", a_void(raffle, 2, reason="")))


def test_a_raw_void_that_races_the_close_waits_and_is_refused() -> None:
    """Let in after the close had counted, it would make the frozen list a lie."""
    raffle = make_raffle()
    buy(raffle, make_buyer())
    row = a_void(raffle, 1)
    outcome: list[object] = []

    def void_meanwhile() -> None:
        outcome.extend(race(lambda: refused_by("void_only_while_open", insert_void)))

    def insert_void() -> None:
        insert("raffle_void", row)

    with transaction.atomic():
        sql("UPDATE raffle_raffle SET status = 'CLOSED' WHERE id = %s", raffle.pk)
        attacker = threading.Thread(target=void_meanwhile)
        attacker.start()
        time.sleep(0.4)
        assert not outcome
    attacker.join()
    assert outcome == [None]
    assert not raffle.tickets.get().is_void


def test_a_temporary_table_does_not_slip_under_the_guards(closed: Raffle) -> None:
    """PostgreSQL looks for tables in pg_temp first, unless a function fixes search_path."""

    def shadow() -> None:
        sql("CREATE TEMP TABLE raffle_raffle ON COMMIT DROP AS TABLE public.raffle_raffle")
        sql("UPDATE pg_temp.raffle_raffle SET status = 'OPEN'")
        insert("raffle_void", row)

    row = a_void(closed, 1)
    refused_by("void_only_while_open", shadow)


def test_an_entry_that_continues_the_chain_is_let_in() -> None:
    raffle = make_raffle()
    forge_entry(raffle)
    assert LedgerEntry.objects.head(raffle).seq == 3


@pytest.mark.parametrize(
    "lie",
    [
        {"prev": "0" * 64}, {"hash": "0" * 64}, {"seq": 9}, {"kind": "other"},
        {"raffle": str(uuid.UUID(int=0))}, {"at": "2020-01-01T00:00:00.000000Z"},
        {"row_seq": 5, "seq": 5}, {"row_seq": 0, "seq": 0},
        {"row_seq": 5, "seq": 5, "prev": "0" * 64}, {"row_seq": 0, "seq": 0, "prev": "0" * 64},
    ],
    ids=str,
)  # fmt: skip
def test_refuses_an_entry_that_does_not_continue_the_chain(lie: dict[str, Any]) -> None:
    raffle = make_raffle()
    refused_by("ledger_continues_the_chain", lambda: forge_entry(raffle, **lie))


def test_refuses_a_second_entry_with_the_same_number() -> None:
    raffle = make_raffle()
    refused_by("ledger_seq_once", lambda: forge_entry(raffle, row_seq=1, seq=1))


def test_every_guard_fires_always() -> None:
    """session_replication_role = replica, a superuser's usual way around triggers, is no way."""
    rows = sql(
        "SELECT tgname, tgenabled FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'raffle\\_%%'"
    )
    assert len(rows) == 18
    assert {enabled for _, enabled in rows} == {"A"}


def test_nothing_was_changed_by_all_these_attacks(drawn: Raffle) -> None:
    assert Purchase.objects.filter(raffle=drawn).count() == 1
    assert sold_numbers(drawn) == [1, 2]
