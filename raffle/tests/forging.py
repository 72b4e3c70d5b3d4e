"""Raw SQL around the code: true records with one lie each, and who must refuse them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from raffle import ledger
from raffle.models import LedgerEntry, Raffle, Ticket


def sql(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def refused_by(rule: str, act: Callable[[], object]) -> None:
    """`act` in a transaction of its own must fail, and by this constraint or trigger."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        act()
    assert refused.value.__cause__.diag.constraint_name == rule  # type: ignore[union-attr]


def forge_purchase(raffle: Raffle, buyer: User, first: int, quantity: int = 1, **lies: Any) -> Any:
    """Everything a purchase needs but the tickets: a true ledger line and a purchase row."""
    head = LedgerEntry.objects.head(raffle)
    now = sql("SELECT clock_timestamp()")[0][0]
    LedgerEntry.objects.add(
        raffle, [ledger.entry(head, raffle.uuid, "purchase", now, {})], [buyer.pk]
    )
    row = {
        "id": uuid.uuid4(),
        "raffle_id": raffle.pk,
        "buyer_id": buyer.pk,
        "buyer_is_staff": False,
        "key": str(uuid.uuid4()),
        "quantity": quantity,
        "first_number": first,
        "unit_price": raffle.price,
        "ledger_seq": head.seq + 1,
        "purchased_at": now,
    } | lies
    insert("raffle_purchase", row)
    return row["id"]


def forge_ticket(raffle: Raffle, buyer: User, number: int, slot: int = 1, **lies: Any) -> None:
    """A ticket with everything around it in order, but for `number`, `slot` and the `lies`."""
    purchase_lies = {k: lies.pop(k) for k in ("unit_price", "buyer_is_staff") if k in lies}
    row = {
        "raffle_id": raffle.pk,
        "purchase_id": forge_purchase(raffle, buyer, number, **purchase_lies),
        "buyer_id": buyer.pk,
        "number": number,
        "slot": slot,
        "raffle_capacity": raffle.capacity,
        "raffle_limit": raffle.limit,
        "code": uuid.uuid4().hex,
    } | lies
    insert("raffle_ticket", row)


def insert(table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *row.values())


def a_ticket(raffle: Raffle, buyer: User, purchase: Any, number: int, slot: int = 1) -> Any:
    return {
        "raffle_id": raffle.pk, "purchase_id": purchase, "buyer_id": buyer.pk, "number": number,
        "slot": slot, "raffle_capacity": raffle.capacity, "raffle_limit": raffle.limit,
        "code": uuid.uuid4().hex,
    }  # fmt: skip


def forge_draw(raffle: Raffle, ticket: Ticket, **lies: Any) -> None:
    valid = list(Ticket.objects.filter(raffle=raffle, void=None).order_by("number"))
    picked = valid.index(ticket) if ticket in valid else 0
    row = {
        "raffle_id": raffle.pk, "ticket_id": ticket.pk, "entries": len(valid), "picked": picked,
        "manifest": "0" * 64, "drawn_at": "2026-01-01T00:00Z",
    } | lies  # fmt: skip
    insert("raffle_draw", row)


def forge_entry(raffle: Raffle, /, **lies: Any) -> None:
    """A line that continues the chain, but for the `lies`; its hash is right unless given."""
    head = LedgerEntry.objects.head(raffle)
    says = {
        "at": "2026-01-01T00:00:00.000000Z", "kind": "note", "prev": head.hash,
        "raffle": str(raffle.uuid), "seq": head.seq + 1,
    }  # fmt: skip
    says |= {name: value for name, value in lies.items() if name in says}
    line = json.dumps(says)
    row = {
        "raffle_id": raffle.pk, "seq": lies.get("row_seq", head.seq + 1), "kind": "note",
        "at": "2026-01-01T00:00Z", "line": line,
        "hash": lies.get("hash", hashlib.sha256(line.encode()).hexdigest()),
    }  # fmt: skip
    insert("raffle_ledgerentry", row)
