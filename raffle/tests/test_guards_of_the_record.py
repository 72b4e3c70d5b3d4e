"""The database refuses by itself to change the record, or to break the chain."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from raffle import awarding, closing, drawing, guards, organising, seconding
from raffle.models import LedgerEntry, Purchase, Raffle, ReceiptCopy
from raffle.tests.forging import forge_entry, refused_by, sql
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff, sold_numbers

# How rows are found that do not name their raffle themselves.
OF_RAFFLE = {
    "receiptcopy": "purchase_id IN (SELECT id FROM raffle_purchase WHERE raffle_id = %s)",
}


@pytest.fixture(scope="module")
def drawn() -> Raffle:
    """A raffle with something of everything that there is."""
    raffle, stella, oscar = make_raffle(two_people=True), make_staff(), make_staff("oscar")
    buy(raffle, make_buyer(), 2)
    buy(raffle, make_buyer())
    void = raffle.tickets.get(number=1)
    seconding.propose_void(ticket_id=void.pk, by=stella, reason="a mistake")
    organising.void_ticket(ticket_id=void.pk, by=oscar)
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    seconding.propose_draw(raffle_id=raffle.pk, by=oscar)
    drawing.draw_winner(raffle_id=raffle.pk, by=stella)
    bought = Purchase.objects.select_related("buyer").filter(raffle=raffle)[0]
    ReceiptCopy.objects.add(bought, bought.buyer)
    first = raffle.awards.select_related("ticket").get()
    second = awarding.forfeit_prize(
        award_id=first.pk, by=stella, reason="moved away", code=first.ticket.code
    )
    assert second
    awarding.record_claim(award_id=second.pk, by=stella, code=second.ticket.code)
    return raffle


@pytest.mark.parametrize("noun", guards.APPEND_ONLY)
def test_refuses_to_delete(noun: str, drawn: Raffle) -> None:
    statement = f"DELETE FROM raffle_{noun} WHERE {OF_RAFFLE.get(noun, 'raffle_id = %s')}"
    refused_by(f"{noun}_append_only", lambda: sql(statement, drawn.pk))


@pytest.mark.parametrize(
    ("noun", "change"),
    [
        ("ticket", "number = number + 10"), ("ticket", "code = 'x'"),
        ("purchase", "quantity = 9"), ("purchase", "key = 'other'"),
        ("ledgerentry", "line = '{}'"), ("ledgerentry", "hash = 'x'"),
        ("void", "reason = 'none'"), ("proposal", "reason = 'none'"), ("seal", "offsets = '{1}'"),
        ("seal", "round_at = now()"), ("draw", "picked = '{0}'"), ("draw", "drawn_at = now()"),
        ("award", "claim_by = now()"), ("award", "prize = 2"), ("claim", "code = 'x'"),
        ("forfeit", "code = ''"), ("receiptcopy", "number = 7"),
    ],
)  # fmt: skip
def test_refuses_to_update(noun: str, change: str, drawn: Raffle) -> None:
    where = OF_RAFFLE.get(noun, "raffle_id = %s")
    statement = f"UPDATE raffle_{noun} SET {change} WHERE {where}"
    refused_by(f"{noun}_append_only", lambda: sql(statement, drawn.pk))


@pytest.mark.parametrize("noun", guards.APPEND_ONLY)
def test_refuses_to_truncate(noun: str) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        sql(f"TRUNCATE raffle_{noun} CASCADE")
    rule = refused.value.__cause__.diag.constraint_name  # type: ignore[union-attr]
    assert rule.endswith("_never_truncated")


@pytest.mark.parametrize("noun", [*guards.APPEND_ONLY, "raffle"])
def test_each_table_refuses_to_be_truncated_even_if_the_others_did_not(noun: str) -> None:
    def truncate() -> None:
        for other in {*guards.APPEND_ONLY, "raffle"} - {noun}:
            sql(f"ALTER TABLE raffle_{other} DISABLE TRIGGER USER")
        sql(f"TRUNCATE raffle_{noun} CASCADE")
        raise AssertionError("it was truncated; this exception takes it back")

    refused_by(f"{noun}_never_truncated", truncate)


# --- The ledger -----------------------------------------------------------------------------------


def test_an_entry_that_continues_the_chain_is_let_in() -> None:
    raffle = make_raffle()
    forge_entry(raffle)
    assert LedgerEntry.objects.head(raffle).seq == 3


@pytest.mark.parametrize(
    "lie",
    [
        {"prev": "0" * 64}, {"hash": "0" * 64}, {"seq": 9}, {"kind": "other"},
        {"raffle": str(uuid.UUID(int=0))}, {"at": "2020-01-01T00:00:00.000000Z"},
        {"at": "2020-01-01T00:00:00.000000Z", "row_at": "2020-01-01T00:00Z"},
        {"row_seq": 5, "seq": 5}, {"row_seq": 0, "seq": 0},
        {"row_seq": 5, "seq": 5, "prev": "0" * 64}, {"row_seq": 0, "seq": 0, "prev": "0" * 64},
    ],
    ids=str,
)  # fmt: skip
def test_refuses_an_entry_that_does_not_continue_the_chain(lie: dict[str, Any]) -> None:
    raffle = make_raffle()
    refused_by("ledger_continues_the_chain", lambda: forge_entry(raffle, **lie))


def test_refuses_an_entry_after_the_raffle_was_cancelled() -> None:
    raffle = make_raffle()
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="off")
    refused_by("ledger_continues_the_chain", lambda: forge_entry(raffle))


def test_refuses_a_second_entry_with_the_same_number() -> None:
    raffle = make_raffle()
    refused_by("ledger_seq_once", lambda: forge_entry(raffle, row_seq=1, seq=1))


# --- The guards themselves ------------------------------------------------------------------------


def test_every_guard_fires_always() -> None:
    """session_replication_role = replica, a superuser's usual way around triggers, is no way."""
    rows = sql(
        "SELECT tgname, tgenabled FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'raffle\\_%%'"
    )
    assert {name for name, _ in rows} >= guards.TRIGGERS
    assert {enabled for _, enabled in rows} == {"A"}
    assert guards.missing() == []


def test_every_rule_of_the_database_is_tried_by_its_name() -> None:
    """A rule that nobody has seen refuse may refuse nothing."""
    rules = set(re.findall(r"raffle_refuse\('(\w+)'", guards.source()))
    assert len(rules) > 25
    folder = Path(__file__).parent
    tried = "".join(path.read_text() for path in folder.glob("test_guards_of_*.py"))
    every = rules | guards.FOREIGN_KEYS | {"raffle_never_deleted"}
    assert {rule for rule in every if f'"{rule}"' not in tried} == set()


def test_nothing_was_changed_by_all_these_attacks(drawn: Raffle) -> None:
    assert Purchase.objects.filter(raffle=drawn).count() == 2
    assert sold_numbers(drawn) == [1, 2, 3]
