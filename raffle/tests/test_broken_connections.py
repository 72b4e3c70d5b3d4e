"""The database goes away before, while and after it commits: the key always tells the truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg_pool import PoolTimeout

from raffle import book as raffle_book
from raffle import selling
from raffle.book import Order, Outcome, Receipt
from raffle.errors import Busy, OutcomeUnknown
from raffle.selling import settle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_buyers, make_raffle, sold_numbers
from rafflesite.combining import Batch


def kill(backend: int) -> None:
    """End a database session from outside, as an operator or a crash would."""
    with psycopg.connect(**admin_parameters(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 3000)", [backend])


def admin_parameters() -> dict[str, Any]:
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "dbname") if name in given}


@contextmanager
def session_dies(moment: str, times: int = 1) -> Iterator[list[int]]:
    """Kill the session of a sale `times` times: before or after COMMIT reached the database."""
    commit = DatabaseWrapper._commit  # type: ignore[attr-defined]
    deaths: list[int] = []

    def dying(self: DatabaseWrapper) -> None:
        backend = self.connection.info.backend_pid
        if len(deaths) == times:
            commit(self)
            return
        deaths.append(backend)
        if moment == "after":
            self.connection.commit()  # the server has committed, but its answer …
        kill(backend)
        if moment == "after":
            with self.wrap_database_errors:  # … is lost on the way: what the client sees
                raise psycopg.OperationalError("server closed the connection unexpectedly")
        commit(self)

    with patch.object(DatabaseWrapper, "_commit", dying):
        yield deaths


@pytest.fixture(params=[True, False], ids=["combined", "one by one"], autouse=True)
def combine(request: pytest.FixtureRequest, settings: object) -> None:
    settings.COMBINE_PURCHASES = request.param  # type: ignore[attr-defined]


def test_killed_before_commit_the_sale_is_made_again_and_once() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with session_dies("before") as deaths:
        receipt = buy(raffle, alice)
    assert len(deaths) == 1
    assert list(receipt.purchase.numbers) == sold_numbers(raffle) == [1]


def test_killed_after_commit_the_key_finds_the_sale_that_was_made() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with session_dies("after") as deaths:
        receipt = buy(raffle, alice)
    assert len(deaths) == 1
    assert list(receipt.purchase.numbers) == sold_numbers(raffle) == [1]


@pytest.mark.parametrize(("moment", "sold"), [("before", []), ("after", [1])])
def test_without_a_database_the_answer_is_unknown_and_the_key_resolves_it(
    moment: str, sold: list[int]
) -> None:
    raffle, alice = make_raffle(), make_buyer()
    connect = DatabaseWrapper.connect
    with session_dies(moment) as deaths:

        def connect_until_the_first_death(self: DatabaseWrapper) -> None:
            if deaths:
                with self.wrap_database_errors:
                    raise psycopg.OperationalError("connection refused")
            connect(self)

        with (
            patch.object(DatabaseWrapper, "connect", connect_until_the_first_death),
            pytest.raises(OutcomeUnknown) as unknown,
        ):
            buy(raffle, alice, key="once")
    assert unknown.value.status == 503
    assert unknown.value.retry_after
    assert sold_numbers(raffle) == sold
    assert list(buy(raffle, alice, key="once").purchase.numbers) == [1]
    assert sold_numbers(raffle) == [1]


def test_a_database_that_is_away_from_the_start_sells_nothing_and_says_so() -> None:
    raffle, alice = make_raffle(), make_buyer()
    connection.close()

    def no_connection(self: DatabaseWrapper) -> None:
        with self.wrap_database_errors:
            raise PoolTimeout("couldn't get a connection")

    with patch.object(DatabaseWrapper, "connect", no_connection), pytest.raises(Busy):
        settle(Batch([Order(raffle.pk, alice.pk, 1, "k")]))
    assert sold_numbers(raffle) == []


def test_a_whole_batch_survives_a_lost_answer() -> None:
    raffle = make_raffle()
    orders = Batch(Order(raffle.pk, buyer.pk, 1, "k") for buyer in make_buyers(20))
    with session_dies("after") as deaths:
        outcomes = settle(orders)
    assert len(deaths) == 1
    numbers = [list(o.purchase.numbers) for o in outcomes if isinstance(o, Receipt)]
    assert numbers == [[n] for n in range(1, 21)]
    assert sold_numbers(raffle) == list(range(1, 21))


def test_a_session_that_froze_while_holding_the_lock_is_put_out() -> None:
    """A worker stopped between lock and COMMIT: the server ends its session, and sales go on."""
    raffle, alice = make_raffle(), make_buyer()
    with psycopg.connect(**admin_parameters()) as frozen:
        frozen.execute("SET idle_in_transaction_session_timeout = '1s'")  # 5 s in the site
        frozen.execute("SELECT 1 FROM raffle_raffle WHERE id = %s FOR UPDATE", [raffle.pk])
        assert list(buy(raffle, alice).purchase.numbers) == [1]
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            frozen.execute("SELECT 1")


def test_a_worker_that_froze_and_woke_up_too_late_sells_after_all_and_once() -> None:
    """Its own session was ended meanwhile; the sale is made again, with a new one."""
    raffle, alice = make_raffle(), make_buyer()
    look, naps = raffle_book.look, [1.5]

    def after_a_nap(*args: Any) -> Any:
        if naps:
            sql("SET idle_in_transaction_session_timeout = '1s'")
            time.sleep(naps.pop())
        return look(*args)

    with patch.object(selling, "look", after_a_nap):
        assert list(buy(raffle, alice).purchase.numbers) == [1]
    assert sold_numbers(raffle) == [1]


# --- What is tried again, and what is said at the end ---------------------------------------------


def database_says(kind: type[Exception], sqlstate: str = "") -> Exception:
    """As Django raises it: without an SQLSTATE, the connection itself was lost."""
    error = kind("as told")
    cause = psycopg.errors.lookup(sqlstate) if sqlstate else psycopg.OperationalError
    error.__cause__ = cause("as told")
    return error


LOST = database_says(OperationalError)
CLOSED = database_says(InterfaceError)
FROZEN = database_says(InternalError, "25P03")
CONFLICT = database_says(OperationalError, "40001")
DEADLOCK = database_says(OperationalError, "40P01")
LOCKED = database_says(OperationalError, "55P03")
SLOW = database_says(OperationalError, "57014")


@pytest.mark.parametrize(
    ("errors", "answer", "attempts"),
    [
        ([LOST], "Receipt", 2), ([CLOSED], "Receipt", 2), ([FROZEN], "Receipt", 2),
        ([LOST, LOST], "Receipt", 3), ([LOST, LOST, LOST], "OutcomeUnknown", 3),
        ([CONFLICT] * 3, "Busy", 3), ([DEADLOCK] * 3, "Busy", 3), ([FROZEN] * 3, "Busy", 3),
        ([LOST, CONFLICT, CONFLICT], "OutcomeUnknown", 3), ([CONFLICT] * 2, "Receipt", 3),
        ([LOCKED], "Busy", 1), ([SLOW], "Busy", 1),
        ([LOST, LOCKED], "OutcomeUnknown", 2), ([LOST, SLOW], "OutcomeUnknown", 2),
        ([CONFLICT, LOCKED], "Busy", 2), ([ZeroDivisionError()], "ZeroDivisionError", 1),
    ],
)  # fmt: skip
def test_what_is_tried_again_and_what_is_said_when_all_was_in_vain(
    errors: list[Exception], answer: str, attempts: int
) -> None:
    """Busy promises that nothing was sold: it must never be said where COMMIT may have worked."""
    raffle, alice = make_raffle(), make_buyer()
    real, ahead, found_open = selling.sell, list(errors), []

    def sell(orders: Batch[Order]) -> list[Outcome]:
        found_open.append(connection.connection is not None)
        connection.ensure_connection()
        if ahead:
            raise ahead.pop(0)
        return real(orders)

    with patch.object(selling, "sell", sell):
        try:
            outcome: object = settle(Batch([Order(raffle.pk, alice.pk, 1, "k")]))[0]
        except Busy as busy:
            outcome = busy
    assert type(outcome).__name__ == answer
    assert len(found_open) == attempts
    assert not any(found_open[1:]), "a connection that failed is not used again"
    assert sold_numbers(raffle) == ([1] if answer == "Receipt" else [])


@pytest.mark.parametrize("breaks", [SLOW, ZeroDivisionError()])
def test_of_a_batch_that_is_taken_apart_nobody_is_told_busy_where_commit_may_have_worked(
    breaks: Exception,
) -> None:
    raffle, buyers = make_raffle(), make_buyers(2)
    real, ahead = selling.sell, [LOST, breaks, LOCKED]

    def sell(orders: Batch[Order]) -> list[Outcome]:
        connection.ensure_connection()
        if ahead:
            raise ahead.pop(0)
        return real(orders)

    with patch.object(selling, "sell", sell):
        outcomes = settle(Batch(Order(raffle.pk, buyer.pk, 1, "k") for buyer in buyers))
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, Receipt]
