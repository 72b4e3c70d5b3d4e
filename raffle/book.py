"""The book of one raffle: what was seen after the lock, the rules, and the sales being added.

Nothing here takes a lock or commits; selling.py does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from raffle import ledger
from raffle.errors import (
    KeyReused,
    LimitReached,
    NotEnoughLeft,
    NotOpenYet,
    Refusal,
    SalesClosed,
    SoldOut,
)
from raffle.models import LedgerEntry, Purchase, Raffle, Ticket, new_code
from raffle.models.inserting import Row, insert


@dataclass(frozen=True, slots=True)
class Order:
    """What one buyer asks for. The key makes asking twice the same as asking once."""

    raffle_id: int
    buyer_id: int
    quantity: int
    key: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A committed purchase, and how many tickets were left after it."""

    purchase: Purchase
    remaining: int


Outcome = Receipt | Refusal


def refusal(raffle: Raffle, now: datetime, sold: int, held: int, quantity: int) -> Refusal | None:
    """The rules of selling: why `quantity` more cannot go to a buyer who holds `held`, if so."""
    if raffle.has_ended(now):
        return SalesClosed()
    if not raffle.has_started(now):
        return NotOpenYet()
    if sold >= raffle.capacity:
        return SoldOut()
    if held + quantity > raffle.limit:
        return LimitReached(raffle.limit, held)
    if sold + quantity > raffle.capacity:
        return NotEnoughLeft(raffle.capacity - sold)
    return None


@dataclass(slots=True)
class Book:
    """The raffle as it was seen after the lock, and the sales that are being added to it."""

    raffle: Raffle
    sold: int
    head: ledger.Head
    held: Counter[int]
    made: dict[tuple[int, str], Purchase]
    entries: list[ledger.Entry] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    tickets: list[Row] = field(default_factory=list)

    def answer(self, order: Order) -> Outcome:
        if made := self.made.get((order.buyer_id, order.key)):
            return replay(made, order, self.raffle.capacity - self.sold)
        raffle = self.raffle
        held = self.held[order.buyer_id]
        if refused := refusal(raffle, raffle.now, self.sold, held, order.quantity):
            return refused
        return self._add(order, held)

    def _add(self, order: Order, held: int) -> Receipt:
        raffle = self.raffle
        bought = Purchase(
            raffle=raffle,
            buyer_id=order.buyer_id,
            key=order.key,
            quantity=order.quantity,
            first_number=self.sold + 1,
            unit_price=raffle.price,
            ledger_seq=self.head.seq + 1,
            purchased_at=raffle.now,
        )
        tickets: list[Row] = [
            {
                "raffle_id": raffle.pk,
                "purchase_id": bought.pk,
                "buyer_id": order.buyer_id,
                "number": number,
                "slot": slot,
                "raffle_capacity": raffle.capacity,
                "raffle_limit": raffle.limit,
                "code": new_code(),
            }
            for slot, number in enumerate(bought.numbers, start=held + 1)
        ]
        leaves = [
            {"number": t["number"], "leaf": ledger.leaf(raffle.uuid, t["number"], t["code"])}
            for t in tickets
        ]
        facts = {"buyer": raffle.pseudonym(order.buyer_id), "tickets": leaves}
        entry = ledger.entry(self.head, raffle.uuid, "purchase", raffle.now, facts)
        self.entries.append(entry)
        self.purchases.append(bought)
        self.tickets += tickets
        self.head = entry.head
        self.sold += order.quantity
        self.held[order.buyer_id] += order.quantity
        self.made[order.buyer_id, order.key] = bought
        return Receipt(bought, raffle.capacity - self.sold)

    def write(self) -> None:
        if not self.purchases:
            return
        buyers: list[int | None] = [bought.buyer_id for bought in self.purchases]
        columns = [field.attname for field in Purchase._meta.concrete_fields]
        insert(
            (LedgerEntry, LedgerEntry.objects.rows(self.raffle, self.entries, buyers)),
            (Purchase, [{c: getattr(p, c) for c in columns} for p in self.purchases]),
            (Ticket, self.tickets),
        )


def look(raffle_id: int, orders: Sequence[Order]) -> Book:
    """Read, after the lock, what the buyers hold already and which keys are theirs."""
    buyers, keys = [order.buyer_id for order in orders], [order.key for order in orders]
    raffle = Raffle.objects.asked_by(raffle_id, buyers, keys)
    return Book(
        raffle=raffle,
        sold=raffle.sold,
        head=ledger.Head(raffle.head_seq, raffle.head_hash),
        held=Counter(dict(zip(buyers, raffle.holds, strict=True))),
        made=made_by(orders) if raffle.repeated else {},
    )


def made_by(orders: Sequence[Order]) -> dict[tuple[int, str], Purchase]:
    """The purchases that the keys of `orders` have made already, by buyer and key."""
    buyers, keys = {order.buyer_id for order in orders}, {order.key for order in orders}
    made = Purchase.objects.filter(buyer_id__in=buyers, key__in=keys)
    return {(purchase.buyer_id, purchase.key): purchase for purchase in made}


def replay(made: Purchase, order: Order, remaining: int) -> Outcome:
    if (made.raffle_id, made.quantity) != (order.raffle_id, order.quantity):
        return KeyReused()
    return Receipt(made, remaining)
