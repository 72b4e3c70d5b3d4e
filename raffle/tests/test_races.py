"""Races, staged: real threads and real commits, with the gap held open where it matters.

`test_control_…` show that the races do happen when the lock is taken away, and that it is then the
constraints that stop them. If a control fails, the tests around it may be worth nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, models, transaction
from psycopg import IsolationLevel

from accounts.models import User
from raffle import closing, drawing, selling
from raffle.book import Book, Order, Outcome, Receipt
from raffle.errors import Busy
from raffle.models import Raffle, RaffleQuerySet, Ticket
from raffle.selling import sell
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_buyers, make_raffle, sold_numbers
from raffle.tests.races import kinds, race, slowly
from rafflesite.combining import Batch


@pytest.fixture(params=[True, False], ids=["combined", "one by one"], autouse=True)
def combine(request: pytest.FixtureRequest, settings: object) -> None:
    settings.COMBINE_PURCHASES = request.param  # type: ignore[attr-defined]


@contextmanager
def a_wide_gap(seconds: float = 0.1) -> Iterator[None]:
    """Hold open the gap between looking and inserting, in which an unlocked rival would look."""
    write = Book.write
    with patch.object(Book, "write", slowly(write, seconds)):
        yield


@contextmanager
def no_lock() -> Iterator[None]:
    """Selling as it would be without `select_for_update`."""
    with patch.object(RaffleQuerySet, "lock", lambda self, pk: self.get(pk=pk)):
        yield


# --- With the lock --------------------------------------------------------------------------------


def test_the_last_ticket_is_sold_once() -> None:
    raffle = make_raffle(capacity=1)
    with a_wide_gap():
        outcomes = race(*(partial(buy, raffle, buyer) for buyer in make_buyers(5)))
    assert kinds(outcomes) == {"Receipt": 1, "SoldOut": 4}
    assert sold_numbers(raffle) == [1]


def test_a_hundred_tickets_for_three_hundred_buyers() -> None:
    raffle = make_raffle()
    outcomes = race(*(partial(buy_patiently, raffle, buyer) for buyer in make_buyers(300)))
    assert kinds(outcomes) == {"Receipt": 100, "SoldOut": 200}
    assert sold_numbers(raffle) == list(range(1, 101))


def buy_patiently(raffle: Raffle, buyer: User) -> Receipt:
    """As a client should: when it is busy, ask again with the same key."""
    for _ in range(10):
        try:
            return buy(raffle, buyer, key="the same")
        except (Busy, OperationalError):  # the views answer 503 to both
            time.sleep(0.1)
    raise AssertionError("busy for too long")


def test_many_tabs_of_one_buyer_get_two_tickets() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with a_wide_gap(0.02):
        outcomes = race(*(partial(buy, raffle, alice) for _ in range(12)))
    assert kinds(outcomes) == {"Receipt": 2, "LimitReached": 10}
    assert sold_numbers(raffle) == [1, 2]


def test_many_tabs_that_want_two_each_get_them_once() -> None:
    raffle, alice = make_raffle(), make_buyer()
    outcomes = race(*(partial(buy, raffle, alice, 2) for _ in range(8)))
    assert kinds(outcomes) == {"Receipt": 1, "LimitReached": 7}
    assert sold_numbers(raffle) == [1, 2]


def test_the_same_key_many_times_at_once_is_one_purchase_even_when_it_sells_out() -> None:
    raffle, alice = make_raffle(capacity=1), make_buyer()
    with a_wide_gap():
        outcomes = race(*(partial(buy, raffle, alice, 1, "once") for _ in range(10)))
    assert {o.purchase.pk for o in outcomes if isinstance(o, Receipt)} == {
        raffle.purchases.get().pk
    }
    assert kinds(outcomes) == {"Receipt": 10}


def test_two_raffles_do_not_wait_for_each_other() -> None:
    held, free, alice = make_raffle(), make_raffle(), make_buyer()
    with transaction.atomic():
        Raffle.objects.lock(held.pk)
        began = time.monotonic()
        outcomes = race(partial(buy, free, alice))
        assert kinds(outcomes) == {"Receipt": 1}
        assert time.monotonic() - began < 2


def test_buyers_of_two_raffles_at_once_each_get_a_ticket_of_their_own() -> None:
    first, second = make_raffle(), make_raffle()
    acts = [partial(buy, raffle, make_buyer()) for raffle in (first, second) * 6]
    with a_wide_gap():
        outcomes = race(*acts)
    bought = [outcome.purchase.raffle_id for outcome in outcomes if isinstance(outcome, Receipt)]
    assert bought == [first.pk, second.pk] * 6


def test_those_who_wait_share_a_commit_only_if_that_is_on(settings: Any) -> None:
    raffle, sell_really = make_raffle(), selling.sell
    sizes: list[int] = []

    def counted(orders: Batch[Order]) -> list[Outcome]:
        sizes.append(len(orders))
        return sell_really(orders)

    with a_wide_gap(), patch.object(selling, "sell", counted):
        race(*(partial(buy, raffle, buyer) for buyer in make_buyers(6)))
    assert (max(sizes) > 1) is settings.COMBINE_PURCHASES
    assert sold_numbers(raffle) == [1, 2, 3, 4, 5, 6]


def test_who_comes_while_another_waits_for_the_lock_is_sold_to_with_them(settings: Any) -> None:
    raffle, buyers = make_raffle(), make_buyers(5)
    threads = [threading.Thread(target=buy_and_hang_up, args=(raffle, buyer)) for buyer in buyers]
    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        for thread in threads:
            thread.start()
            time.sleep(0.1)  # the first is in line at the database before the next one comes
    for thread in threads:
        thread.join()
    assert sold_numbers(raffle) == [1, 2, 3, 4, 5]
    of_it = "FROM raffle_ticket WHERE raffle_id = %s"
    commits = len(sql(f"SELECT DISTINCT xmin::text {of_it}", raffle.pk))
    assert commits == (1 if settings.COMBINE_PURCHASES else 5)


def buy_and_hang_up(raffle: Raffle, buyer: User) -> None:
    try:
        buy(raffle, buyer)
    finally:
        connection.close()


def test_buying_against_the_close_sells_nothing_after_it() -> None:
    raffle = make_raffle(capacity=1000)
    close = partial(closing.close_raffle, raffle_id=raffle.pk, by=None, reason="over")
    acts = [partial(buy, raffle, buyer) for buyer in make_buyers(60)]
    outcomes = race(*acts[:30], close, *acts[30:])
    counted = kinds(outcomes)
    closed_line = raffle.ledger.get(kind="closed")
    assert counted.pop("Raffle") == 1
    assert counted.get("Receipt", 0) + counted.get("SalesClosed", 0) == 60
    assert len(sold_numbers(raffle)) == counted.get("Receipt", 0)
    assert not raffle.ledger.filter(kind="purchase", seq__gt=closed_line.seq).exists()


def test_a_buyer_who_waits_for_the_lock_while_the_raffle_closes_is_refused() -> None:
    raffle, alice = make_raffle(), make_buyer()
    outcome: list[object] = []
    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        waiting = threading.Thread(target=lambda: outcome.extend(race(partial(buy, raffle, alice))))
        waiting.start()
        wait_until_somebody_waits_for_a_lock()
        sql("UPDATE raffle_raffle SET status = 'CLOSED' WHERE id = %s", raffle.pk)
    waiting.join()
    assert kinds(outcome) == {"SalesClosed": 1}
    assert sold_numbers(raffle) == []


def test_a_close_between_our_look_and_our_insert_is_a_clear_refusal() -> None:
    """The closing time passes after the lock was taken: the database says so, by name."""
    raffle, alice = make_raffle(), make_buyer()
    now = sql("SELECT clock_timestamp()")[0][0]
    draft_until = now + timedelta(seconds=0.5)
    sql("UPDATE raffle_raffle SET closes_at = %s WHERE id = %s", draft_until, raffle.pk)
    with a_wide_gap(0.8):
        outcomes = race(partial(buy, raffle, alice))
    assert kinds(outcomes) == {"SalesClosed": 1}
    assert sold_numbers(raffle) == []


def test_buying_against_the_draw_the_winner_is_among_the_sold() -> None:
    raffle = make_raffle(capacity=1000)
    buy(raffle, make_buyer())
    draw = partial(drawing.draw_winner, raffle_id=raffle.pk, by=None)
    acts = [partial(buy, raffle, buyer) for buyer in make_buyers(40)]
    outcomes = race(*acts[:20], draw, *acts[20:])
    counted = kinds(outcomes)
    assert counted.pop("Draw") == 1
    assert set(counted) <= {"Receipt", "SalesClosed"}
    assert raffle.draw.entries == len(sold_numbers(raffle)) == counted.get("Receipt", 0) + 1


def test_a_lock_held_too_long_ends_in_busy_and_not_in_a_hang() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        began = time.monotonic()
        outcomes = race(partial(buy, raffle, alice, 1, "again"))
        assert 2.5 < time.monotonic() - began < 4.5
    assert kinds(outcomes) == {"Busy": 1}
    assert Busy.status == 503
    assert Busy.retry_after
    assert list(buy(raffle, alice, 1, "again").purchase.numbers) == [1]


# --- Controls: without the lock -------------------------------------------------------------------


def sell_alone(raffle: Raffle, buyer: User) -> object:
    """`sell()` itself, in which nothing maps or retries what the database says."""
    return sell(Batch([Order(raffle.pk, buyer.pk, 1, f"key-{buyer.pk}")]))[0]


def naive_table() -> str:
    """A table of tickets with no constraint at all, to see what the code alone would do."""
    table = f"naive_{time.monotonic_ns()}"
    sql(f"CREATE TABLE {table} (buyer bigint)")
    return table


def test_control_without_the_lock_a_naive_shop_oversells() -> None:
    """The race does happen: look, then insert, five at once, and five hold the one ticket."""
    table, raffle = naive_table(), make_raffle(capacity=1)

    def naive(buyer: int, locked: bool) -> None:
        with transaction.atomic():
            if locked:
                Raffle.objects.lock(raffle.pk)
            sold = sql(f"SELECT count(*) FROM {table}")[0][0]
            time.sleep(0.1)
            if sold < raffle.capacity:
                sql(f"INSERT INTO {table} VALUES (%s)", buyer)

    race(*(partial(naive, n, False) for n in range(5)))
    assert sql(f"SELECT count(*) FROM {table}")[0][0] == 5
    sql(f"DELETE FROM {table}")
    race(*(partial(naive, n, True) for n in range(5)))
    assert sql(f"SELECT count(*) FROM {table}")[0][0] == 1
    sql(f"DROP TABLE {table}")


def test_control_without_the_lock_our_own_code_believes_five_times_that_it_may_sell() -> None:
    raffle = make_raffle(capacity=1)
    wanted: list[int] = []

    def believe(book: Book) -> None:
        time.sleep(0.1)
        wanted.extend(ticket["number"] for ticket in book.tickets)

    with no_lock(), patch.object(Book, "write", believe):
        race(*(partial(sell_alone, raffle, buyer) for buyer in make_buyers(5)))
    assert wanted == [1] * 5


def test_control_without_the_lock_the_constraints_stop_what_the_code_oversells() -> None:
    raffle = make_raffle(capacity=1)
    with no_lock(), a_wide_gap():
        outcomes = race(*(partial(sell_alone, raffle, buyer) for buyer in make_buyers(5)))
    assert kinds(outcomes) == {"Receipt": 1, "IntegrityError": 4}
    assert sold_numbers(raffle) == [1]


def test_control_without_the_lock_the_constraints_hold_the_limit() -> None:
    raffle, alice = make_raffle(limit=1), make_buyer()
    with no_lock(), a_wide_gap():
        outcomes = race(
            *(
                partial(
                    lambda order: sell(Batch([order]))[0], Order(raffle.pk, alice.pk, 1, f"k-{n}")
                )
                for n in range(5)
            )
        )
    assert kinds(outcomes) == {"Receipt": 1, "IntegrityError": 4}
    assert sold_numbers(raffle) == [1]


def test_control_a_count_in_the_locking_statement_is_stale() -> None:
    """Why lock() joins nothing: the count inside it was taken before the wait."""
    raffle, alice = make_raffle(capacity=1), make_buyer()
    seen: list[int] = []

    def lock_and_count_in_one() -> None:
        with transaction.atomic():
            count = Ticket.objects.filter(raffle=models.OuterRef("pk")).order_by("-number")
            locked = (
                Raffle.objects.select_for_update(no_key=True, of=("self",))
                .annotate(count=models.functions.Coalesce(
                    models.Subquery(count.values("number")[:1]), 0
                ))
                .get(pk=raffle.pk)
            )  # fmt: skip
            seen.append(locked.count)  # type: ignore[attr-defined]
            seen.append(Raffle.objects.as_it_stands().get(pk=raffle.pk).sold)

    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        waiting = threading.Thread(target=lambda: race(lock_and_count_in_one))
        waiting.start()
        wait_until_somebody_waits_for_a_lock()
        with patch.object(transaction.Atomic, "__init__", not_durable):
            sell(Batch([Order(raffle.pk, alice.pk, 1, "k")]))
    waiting.join()
    assert seen == [0, 1], "the lock's own statement still counts 0; the next one counts 1"


def not_durable(self: transaction.Atomic, using: str, savepoint: bool, durable: bool) -> None:
    self.using, self.savepoint, self.durable = using, savepoint, False  # type: ignore[attr-defined]
    self._from_testcase = False  # type: ignore[attr-defined]


def test_control_repeatable_read_makes_the_lock_useless_and_the_constraints_catch_it() -> None:
    """The snapshot is older than the lock: all count 0, and only the constraints are left."""
    raffle = make_raffle(capacity=1)

    def sell_with_an_old_snapshot(buyer: User) -> object:
        connection.ensure_connection()
        connection.connection.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            return sell_alone(raffle, buyer)
        finally:
            connection.connection.isolation_level = IsolationLevel.READ_COMMITTED

    with a_wide_gap():
        outcomes = race(*(partial(sell_with_an_old_snapshot, buyer) for buyer in make_buyers(5)))
    counted = kinds(outcomes)
    assert counted.pop("Receipt") == 1
    assert set(counted) <= {"IntegrityError", "OperationalError"}
    assert "SoldOut" not in counted, "nobody saw the sale, though everybody held the lock in turn"
    assert sold_numbers(raffle) == [1]


def wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(100):
        if sql(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        ):
            return
        time.sleep(0.02)
    raise AssertionError("nobody came to wait")
