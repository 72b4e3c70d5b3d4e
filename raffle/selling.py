"""Selling: one lock, then look, then insert, then COMMIT. Read this first.

`purchase()` is the way in. It refuses without the lock what is already beyond doubt, and hands the
rest to `sell()`, which sells a batch of orders for one raffle under one lock. A purchase alone is a
batch of one; while many wait, combining.py lets one of them carry the orders of all.

The limits are held three times: here, by the constraints of the database, and by verifying.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from psycopg_pool import PoolTimeout

from accounts.models import User
from raffle.book import Order, Outcome, Receipt, look, refusal, replay
from raffle.combining import Combiner
from raffle.errors import (
    Busy,
    KeyReused,
    OutcomeUnknown,
    Refusal,
    SalesClosed,
    SoldOut,
    StaffCannotBuy,
)
from raffle.models import Purchase, Raffle
from raffle.refusals import counted

ATTEMPTS = 3
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "55P03", "57014"  # SQLSTATE
ROLLED_BACK = {"40001", "40P01", "25P03"}  # SQLSTATE: conflict, deadlock, we froze too long
RULES_OF_THE_DATABASE: dict[str, Callable[[], Refusal]] = {
    "ticket_sold_only_while_open": SalesClosed,  # the close came between our look and our insert
    "purchase_buyer_is_not_staff": StaffCannotBuy,
    "purchase_key_once_a_buyer": KeyReused,  # at the same moment, for another raffle
}


@counted
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
        outcome = replay(made, order, raffle.remaining)
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
        book = look(raffle, orders)
        outcomes = [book.answer(order) for order in orders]
        book.write()
    return outcomes


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
