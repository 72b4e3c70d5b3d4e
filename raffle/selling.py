"""Selling: one lock, then look, then insert, then COMMIT. Read this first.

`purchase()` is the way in. It hands the order to `sell()`, which sells a batch of orders for one
raffle under one lock. A purchase alone is a batch of one; while many wait, one of them carries the
orders of all (rafflesite/combining.py). A raffle that is over needs no lock any more.

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
from raffle.book import Order, Outcome, Receipt, look, made_by, refusal, replay
from raffle.errors import (
    Busy,
    KeyReused,
    OutcomeUnknown,
    Refusal,
    SalesClosed,
    SoldOut,
    StaffCannotBuy,
)
from raffle.models import Raffle
from raffle.refusals import counted
from rafflesite.combining import Batch, Combiner

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
    order = Order(_find(slug), buyer.pk, quantity, key)
    counter = _archive if order.raffle_id in _over else _till
    outcome = (
        counter.submit(order) if settings.COMBINE_PURCHASES else counter.serve(Batch([order]))[0]
    )
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


# What never becomes untrue again, so that it need not be looked up twice. A public raffle keeps its
# address; one that has sold and cannot sell any more never can again, for its terms are frozen and
# nothing is deleted. So this "no" is exact, while a "yes" that was kept would be worth nothing.
_public: dict[str, int] = {}  # raffles by address
_over: dict[int, type[SoldOut | SalesClosed]] = {}  # why nobody can buy, by raffle
MOST_KEPT = 100_000  # addresses


def _find(slug: str) -> int:
    raffle_id = _public.get(slug)
    if raffle_id is None:
        raffle_id = Raffle.objects.public().only("pk").get(slug=slug).pk
        if len(_public) < MOST_KEPT:
            _public[slug] = raffle_id
    return raffle_id


def _is_over(raffle: Raffle, sold: int) -> bool:
    """Whether nothing can be sold any more, and remember it. What was `sold` must be committed."""
    refused = refusal(raffle, raffle.now, sold, held=0, quantity=1)
    if not sold or not isinstance(refused, SoldOut | SalesClosed):
        return False
    _over[raffle.pk] = type(refused)
    return True


def _look_up(orders: Sequence[Order]) -> list[Outcome | Exception]:
    """The outcomes of `orders` for raffles that are over: only what was bought before stands."""
    made = made_by(orders)
    outcomes: list[Outcome | Exception] = []
    for order in orders:
        if before := made.get((order.buyer_id, order.key)):
            raffle = Raffle.objects.as_it_stands().get(pk=order.raffle_id)
            outcomes.append(replay(before, order, raffle.remaining))
        else:
            outcomes.append(_over[order.raffle_id]())
    return outcomes


def sell(orders: Batch[Order]) -> list[Outcome]:
    """Sell to `orders`, all for one raffle, in their order: one lock, one COMMIT.

    Each outcome answers the order at its place. An exception means that nothing was sold, unless
    it comes from COMMIT itself: then only a second look at the keys can tell.
    """
    with transaction.atomic(durable=True):
        raffle_id = Raffle.objects.lock(orders[0].raffle_id).pk
        orders.join()  # whoever came while we waited for the lock
        book = look(raffle_id, orders)
        outcomes = [book.answer(order) for order in orders]
        book.write()
    _is_over(book.raffle, book.sold)
    return outcomes


def settle(orders: Batch[Order]) -> list[Outcome | Exception]:
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
                return _settle_singly(orders, unknown)
            if _sqlstate(error) == LOCK_TIMEOUT and not unknown:
                return _settle_without_the_lock(orders)
            if _gives_up(error):
                break
            unknown = unknown or _sqlstate(error) not in ROLLED_BACK
            connection.close()  # it may be dead; the next attempt takes a fresh one
        except Exception as error:
            if len(orders) == 1:
                return [_explain(error)]
            return _settle_singly(orders, unknown)
    if not unknown:
        raise Busy
    return [OutcomeUnknown() for _ in orders]


def _settle_without_the_lock(orders: Batch[Order]) -> list[Outcome | Exception]:
    """Somebody holds the lock for long: if it is for the draw, sales are over. Raises Busy else."""
    try:
        raffle = Raffle.objects.as_it_stands().get(pk=orders[0].raffle_id)
        if _is_over(raffle, raffle.sold):
            orders.join()
            return _look_up(orders)
    except Error as error:  # others of the batch may have been sold to: they are told so
        raise Busy from error
    raise Busy


def _settle_singly(orders: Sequence[Order], unknown: bool) -> list[Outcome | Exception]:
    outcomes: list[Outcome | Exception] = []
    for order in orders:
        try:
            outcomes += settle(Batch([order]))
        except Busy as busy:  # nothing was sold now; but before, a COMMIT may have worked
            outcomes.append(OutcomeUnknown() if unknown else busy)
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
    settle, by=lambda order: order.raffle_id, weight=lambda order: order.quantity, busy=Busy
)
_archive: Combiner[Order, Outcome | Exception] = Combiner(
    _look_up, by=lambda order: None, busy=Busy
)
