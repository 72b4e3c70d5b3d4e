"""Selling: one lock, then look, then insert, then COMMIT. Read this first.

`purchase()` is the way in. It refuses without the lock what is already beyond doubt, and hands the
rest to `sell()`, which sells a batch of orders for one raffle under one lock. A purchase alone is a
batch of one; while many wait, combining.py lets one of them carry the orders of all.

The limits are held three times: here, by the constraints of the database, and by verifying.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import (
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Max
from psycopg_pool import PoolTimeout

from accounts.models import User
from raffle import ledger
from raffle.combining import Combiner
from raffle.errors import (
    Busy,
    KeyReused,
    LimitReached,
    NotEnoughLeft,
    NotOpenYet,
    OutcomeUnknown,
    Refusal,
    SalesClosed,
    SoldOut,
    StaffCannotBuy,
)
from raffle.models import LedgerEntry, Purchase, Raffle, Ticket

ATTEMPTS = 3
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "55P03", "57014"  # SQLSTATE
ROLLED_BACK = {"40001", "40P01", "25P03"}  # SQLSTATE: conflict, deadlock, we froze too long
RULES_OF_THE_DATABASE: dict[str, Callable[[], Refusal]] = {
    "ticket_sold_only_while_open": SalesClosed,  # the close came between our look and our insert
    "purchase_buyer_is_not_staff": StaffCannotBuy,
    "purchase_key_once_a_buyer": KeyReused,  # at the same moment, for another raffle
}


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


def purchase(*, slug: str, buyer: User, quantity: int, key: str) -> Receipt:
    """Sell `quantity` (>= 1) tickets of the raffle `slug` to `buyer`, or refuse and sell none.

    When it returns, the sale is committed. Repeating a `key` returns the first purchase, even
    after the raffle has sold out. Raises a Refusal: KeyReused if the key bought something else,
    OutcomeUnknown if the database went away around COMMIT, which the same key resolves. Raises
    Raffle.DoesNotExist for a draft too.
    """
    if buyer.is_staff:
        raise StaffCannotBuy
    raffle, refused = _facts(slug, buyer, quantity)
    # The key after the facts: if it is this very purchase that stands in the way, it is seen here.
    made = Purchase.objects.filter(buyer=buyer, key=key).first()
    if refused and not made:
        raise refused
    raffle = raffle or Raffle.objects.public().as_it_stands().get(slug=slug)
    order = Order(raffle.pk, buyer.pk, quantity, key)
    outcome: Outcome | Exception
    if made:
        outcome = _replay(made, order, raffle.remaining)
    else:
        outcome = _till.submit(order) if settings.COMBINE_PURCHASES else settle([order])[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


# Raffles that can never sell again, by slug: a "no" that needs no look at the raffle.
_over: dict[str, type[SoldOut | SalesClosed]] = {}


def _facts(slug: str, buyer: User, quantity: int) -> tuple[Raffle | None, Refusal | None]:
    """The raffle, if it was looked at, and why the order is beyond hope, if it is.

    Sold out, closed and at the limit never become untrue: terms are frozen from the first sale
    on, and nothing is deleted. So a "no" read without the lock is exact, while a "yes" would be
    worth nothing.
    """
    if over := _over.get(slug):
        return None, over()
    raffle = Raffle.objects.public().as_seen_by(buyer.pk).get(slug=slug)
    refused = refusal(raffle, raffle.now, raffle.sold, raffle.held, quantity)
    if raffle.sold and isinstance(refused, SoldOut | SalesClosed):
        _over[slug] = type(refused)
    return raffle, refused


def sell(orders: Sequence[Order]) -> list[Outcome]:
    """Sell to `orders`, all for one raffle, in their order: one lock, one COMMIT.

    Each outcome answers the order at its place. An exception means that nothing was sold, unless
    it comes from COMMIT itself: then only a second look at the keys can tell.
    """
    with transaction.atomic(durable=True):
        raffle = Raffle.objects.lock_and_look(orders[0].raffle_id)
        book = _look(raffle, orders)
        outcomes = [book.answer(order) for order in orders]
        book.write()
    return outcomes


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
class _Book:
    """The raffle as it was seen after the lock, and the sales that are being added to it."""

    raffle: Raffle
    sold: int
    head: ledger.Head
    held: Counter[int]
    made: dict[tuple[int, str], Purchase]
    entries: list[ledger.Entry] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)

    def answer(self, order: Order) -> Outcome:
        if made := self.made.get((order.buyer_id, order.key)):
            return _replay(made, order, self.raffle.capacity - self.sold)
        raffle = self.raffle
        held = self.held[order.buyer_id]
        if refused := refusal(raffle, raffle.now, self.sold, held, order.quantity):
            return refused
        return self._sell(order, held)

    def _sell(self, order: Order, held: int) -> Receipt:
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
        tickets = [
            Ticket(
                raffle=raffle,
                purchase=bought,
                buyer_id=order.buyer_id,
                number=number,
                slot=slot,
                raffle_capacity=raffle.capacity,
                raffle_limit=raffle.limit,
            )
            for slot, number in enumerate(bought.numbers, start=held + 1)
        ]
        leaves = [
            {"number": t.number, "leaf": ledger.leaf(raffle.uuid, t.number, t.code)}
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
        if self.purchases:
            LedgerEntry.objects.add(self.raffle, self.entries)
            Purchase.objects.bulk_create(self.purchases)
            Ticket.objects.bulk_create(self.tickets)


def _look(raffle: Raffle, orders: Sequence[Order]) -> _Book:
    """Read, after the lock, what the buyers hold already and which keys are theirs."""
    buyers = {order.buyer_id for order in orders}
    keys = {order.key for order in orders}
    holders = Ticket.objects.filter(raffle=raffle, buyer_id__in=buyers)
    made = Purchase.objects.filter(buyer_id__in=buyers, key__in=keys)
    return _Book(
        raffle=raffle,
        sold=raffle.sold,
        head=ledger.Head(raffle.head_seq, raffle.head_hash),
        held=Counter(dict(holders.values_list("buyer_id").annotate(held=Max("slot")))),
        made={(p.buyer_id, p.key): p for p in made},
    )


def _replay(made: Purchase, order: Order, remaining: int) -> Outcome:
    if (made.raffle_id, made.quantity) != (order.raffle_id, order.quantity):
        return KeyReused()
    return Receipt(made, remaining)


def settle(orders: Sequence[Order]) -> list[Outcome | Exception]:
    """`sell()`, come what may: each order gets its own outcome, and nothing is sold twice.

    Retrying whole is safe even where COMMIT may have worked: the keys are looked at under the
    lock. If one order breaks the batch, or all are too much at once, each is sold alone. Raises
    Busy if the lock or a connection could not be had: nothing was sold.
    """
    unknown = False
    for _ in range(ATTEMPTS):
        try:
            return list(sell(orders))
        except (OperationalError, InterfaceError, InternalError) as error:
            if _sqlstate(error) == STATEMENT_TIMEOUT and len(orders) > 1:
                return _settle_singly(orders)
            if _gives_up(error):
                break
            unknown = unknown or _sqlstate(error) not in ROLLED_BACK
            connection.close()  # it may be dead; the next attempt takes a fresh one
        except Exception as error:
            if len(orders) == 1:
                return [_explain(error)]
            return _settle_singly(orders)
    if not unknown:
        raise Busy
    return [OutcomeUnknown() for _ in orders]


def _settle_singly(orders: Sequence[Order]) -> list[Outcome | Exception]:
    outcomes: list[Outcome | Exception] = []
    for order in orders:
        try:
            outcomes += settle([order])
        except Busy as busy:
            outcomes.append(busy)
    return outcomes


def _gives_up(error: Error) -> bool:
    """Whether waiting was in vain, for a lock, a statement or a connection: nothing was done."""
    timed_out = _sqlstate(error) in {LOCK_TIMEOUT, STATEMENT_TIMEOUT}
    return timed_out or isinstance(error.__cause__, PoolTimeout)


def _explain(error: Exception) -> Exception:
    """The refusal behind a constraint of the database that spoke first; else the bug itself."""
    if isinstance(error, IntegrityError):
        diagnostic = getattr(error.__cause__, "diag", None)
        rule = RULES_OF_THE_DATABASE.get(getattr(diagnostic, "constraint_name", None) or "")
        return rule() if rule else error
    return error


def _sqlstate(error: Error) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


_till: Combiner[Order, Outcome | Exception] = Combiner(
    settle, by=lambda order: order.raffle_id, weight=lambda order: order.quantity
)
