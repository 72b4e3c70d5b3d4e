"""Raw SQL around the code: true records with one lie each, and who must refuse them."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from raffle import closing, ledger, organising, picking
from raffle.models import Award, LedgerEntry, Raffle, Seal, Void
from raffle.tests.makers import buy, make_buyers, make_raffle, make_staff
from raffle.tests.races import race


def sql(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def refused_by(rule: str, act: Callable[[], object]) -> None:
    """`act` in a transaction of its own must fail, and by this constraint or trigger."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        act()
    assert refused.value.__cause__.diag.constraint_name == rule  # type: ignore[union-attr]


def refused_after_waiting(
    rule: str, first: Callable[[], object], second: Callable[[], object]
) -> None:
    """`first` is done but not committed when somebody else tries `second`: they have to wait, and
    are then refused by this constraint or trigger.
    """
    outcome: list[object] = []
    attempt = partial(refused_by, rule, second)
    attacker = threading.Thread(target=lambda: outcome.extend(race(attempt)))
    with transaction.atomic():
        first()
        attacker.start()
        attacker.join(0.4)
        assert attacker.is_alive()
    attacker.join()
    assert outcome == [None]


def insert(table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(["%s"] * len(row))
    sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *row.values())


def clock() -> datetime:
    now: datetime = sql("SELECT clock_timestamp()")[0][0]
    return now


# --- The ledger -----------------------------------------------------------------------------------


def forge_line(raffle: Raffle, kind: str, by: User | None = None, **facts: Any) -> int:
    """A line that continues the chain, and its seq. The database does not read the `facts`."""
    head = LedgerEntry.objects.head(raffle)
    entry = ledger.entry(head, raffle.uuid, kind, clock(), facts)
    LedgerEntry.objects.add(raffle, [entry], [by.pk if by else None])
    return entry.seq


def forge_entry(raffle: Raffle, /, **lies: Any) -> None:
    """A line that continues the chain, but for the `lies`; its hash is right unless given."""
    head = LedgerEntry.objects.head(raffle)
    says = {
        "at": "2999-01-01T00:00:00.000000Z", "kind": "note", "prev": head.hash,
        "raffle": str(raffle.uuid), "seq": head.seq + 1,
    }  # fmt: skip
    says |= {name: value for name, value in lies.items() if name in says}
    line = json.dumps(says)
    row: dict[str, Any] = {
        "raffle_id": raffle.pk, "seq": lies.get("row_seq", head.seq + 1), "kind": "note",
        "at": lies.get("row_at", "2999-01-01T00:00Z"), "line": line,
        "hash": lies.get("hash", hashlib.sha256(line.encode()).hexdigest()),
    }  # fmt: skip
    insert("raffle_ledgerentry", row)


def store(
    noun: str, raffle: Raffle, kind: str, row: dict[str, Any], by: User | None = None
) -> None:
    """With a line of its own in the ledger, unless the row names another one."""
    line = {} if "ledger_seq" in row else {"ledger_seq": forge_line(raffle, kind, by)}
    insert(f"raffle_{noun}", row | line)


# --- What is sold ---------------------------------------------------------------------------------


def forge_purchase(raffle: Raffle, buyer: User, first: int, quantity: int = 1, **lies: Any) -> Any:
    """Everything a purchase needs but the tickets: a true ledger line and a purchase row."""
    row: dict[str, Any] = {
        "id": uuid.uuid4(), "raffle_id": raffle.pk, "buyer_id": buyer.pk, "buyer_is_staff": False,
        "key": str(uuid.uuid4()), "quantity": quantity, "first_number": first,
        "unit_price": raffle.price, "purchased_at": clock(),
    } | lies  # fmt: skip
    store("purchase", raffle, "purchase", row, buyer)
    return row["id"]


def forge_ticket(raffle: Raffle, buyer: User, number: int, slot: int = 1, **lies: Any) -> None:
    """A ticket with everything around it in order, but for `number`, `slot` and the `lies`."""
    purchase_lies = {k: lies.pop(k) for k in ("unit_price", "buyer_is_staff") if k in lies}
    purchase = forge_purchase(raffle, buyer, number, **purchase_lies)
    insert("raffle_ticket", a_ticket(raffle, buyer, purchase, number, slot) | lies)


def a_ticket(raffle: Raffle, buyer: User, purchase: Any, number: int, slot: int = 1) -> Any:
    return {
        "raffle_id": raffle.pk, "purchase_id": purchase, "buyer_id": buyer.pk, "number": number,
        "slot": slot, "raffle_capacity": raffle.capacity, "raffle_limit": raffle.limit,
        "code": uuid.uuid4().hex,
    }  # fmt: skip


def forge_proposal(raffle: Raffle, by: User, number: int | None = None, **lies: Any) -> None:
    """Of a void of ticket `number`; of the draw without one."""
    ticket = raffle.tickets.get(number=number) if number else None
    row: dict[str, Any] = {
        "raffle_id": raffle.pk, "act": "void" if ticket else "draw",
        "ticket_id": ticket.pk if ticket else None, "reason": "a mistake" if ticket else "",
        "numbers": [], "proposed_by_id": by.pk, "proposed_at": clock(),
    } | lies  # fmt: skip
    store("proposal", raffle, "proposed", row, by)


def forge_void(raffle: Raffle, by: User, number: int, **lies: Any) -> None:
    row: dict[str, Any] = {
        "ticket_id": raffle.tickets.get(number=number).pk, "raffle_id": raffle.pk,
        "reason": "a mistake", "voided_by_id": by.pk, "confirmed_by_id": None,
        "voided_at": clock(),
    } | lies  # fmt: skip
    store("void", raffle, "void", row, by)


# --- What is sealed, drawn and won ----------------------------------------------------------------


def forge_seal(raffle: Raffle, **lies: Any) -> None:
    """A seal with offsets that are all 0, and a round in two minutes if there is a beacon."""
    entries = raffle.tickets.filter(void=None).count()
    picks = 0 if raffle.method == "manual" else raffle.picks_needed(entries)
    beacon: dict[str, Any] = {"chain": "", "round": None, "round_at": None}
    if raffle.method == "beacon":
        beacon = {"chain": "a" * 64, "round": 7, "round_at": clock() + timedelta(minutes=2)}
    closed = LedgerEntry.objects.newest(raffle, "closed")
    row = beacon | {
        "raffle_id": raffle.pk, "method": raffle.method, "entries": entries,
        "manifest": closed.says["manifest"] if closed else "0" * 64, "offsets": [0] * picks,
        "software": "forged", "sealed_by_id": None, "confirmed_by_id": None,
        "sealed_at": clock(),
    } | lies  # fmt: skip
    store("seal", raffle, "sealed", row)


def forge_draw(raffle: Raffle, **lies: Any) -> None:
    """A draw of what was sealed, or of the `order` that is given among the lies."""
    void = set(Void.objects.filter(raffle=raffle).values_list("ticket__number", flat=True))
    seal = Seal.objects.filter(raffle=raffle).first()
    picked = seal.offsets if seal else [0]
    if "order" in lies and "picked" not in lies:
        lies["picked"] = picking.picks(lies["order"], void)
    order = lies.get("order") or picking.numbers(picked, void)
    first = raffle.tickets.filter(number=order[0]).first()
    row: dict[str, Any] = {
        "raffle_id": raffle.pk, "ticket_id": first.pk if first else -1,
        "entries": seal.entries if seal else 1, "picked": picked, "order": order,
        "manifest": seal.manifest if seal else "0" * 64,
        "signature": "b" * 96 if raffle.method == "beacon" else "", "drawn_by_id": None,
        "drawn_at": clock(),
    } | lies  # fmt: skip
    store("draw", raffle, "drawn", row)


def forge_award(raffle: Raffle, prize: int, number: int, **lies: Any) -> Award:
    """`prize` to the ticket `number`, at its place in the order of the draw."""
    order = raffle.draw.order
    row: dict[str, Any] = {
        "raffle_id": raffle.pk, "prize": prize,
        "place": order.index(number) + 1 if number in order else 0,
        "ticket_id": raffle.tickets.get(number=number).pk, "awarded_at": clock(),
        "claim_by": clock() + timedelta(days=raffle.claim_days),
    } | lies  # fmt: skip
    store("award", raffle, "drawn", row)
    return Award.objects.get(raffle=raffle, place=row["place"])


def forge_claim(award: Award, by: User, **lies: Any) -> None:
    row: dict[str, Any] = {
        "award_id": award.pk, "raffle_id": award.raffle_id, "code": award.ticket.code,
        "recorded_by_id": by.pk, "claimed_at": clock(),
    } | lies  # fmt: skip
    store("claim", award.raffle, "claimed", row, by)


def forge_forfeit(award: Award, by: User, **lies: Any) -> None:
    """The winner gives the prize up, with the code."""
    row: dict[str, Any] = {
        "award_id": award.pk, "raffle_id": award.raffle_id, "reason": "moved away",
        "code": award.ticket.code, "recorded_by_id": by.pk, "forfeited_at": clock(),
    } | lies  # fmt: skip
    store("forfeit", award.raffle, "forfeited", row, by)


# --- Raffles to forge them for --------------------------------------------------------------------


def closed(**terms: Any) -> Raffle:
    """Five tickets of five people, the second void, closed and reconciled: four entries."""
    raffle = make_raffle(**{"prizes": ["A bicycle", "A hat"], "alternates": 0} | terms)
    for buyer in make_buyers(5):
        buy(raffle, buyer)
    second = raffle.tickets.get(number=2)
    if not raffle.two_people:
        organising.void_ticket(ticket_id=second.pk, by=make_staff(), reason="a mistake")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return Raffle.objects.get(pk=raffle.pk)


def closed_drum() -> tuple[Raffle, dict[str, int]]:
    """Closed, and the numbers 4 and 1 read from the drum by the first of two people."""
    raffle, stella, oscar = closed(method="manual"), make_staff(), make_staff("oscar")
    forge_proposal(raffle, stella, numbers=[4, 1])
    return raffle, {"sealed_by_id": stella.pk, "confirmed_by_id": oscar.pk}
