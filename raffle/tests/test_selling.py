"""Each rule of selling, and that whoever is refused gets nothing."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from raffle import book as raffle_book
from raffle import closing, drawing, ledger, organising, selling
from raffle.book import Book, Order, Outcome, Receipt
from raffle.errors import (
    KeyReused,
    LimitReached,
    NotEnoughLeft,
    NotOpenYet,
    OutcomeUnknown,
    SalesClosed,
    SoldOut,
    StaffCannotBuy,
)
from raffle.models import LedgerEntry, Purchase, Raffle
from raffle.models.locking import _asked_by
from raffle.selling import sell, settle
from raffle.tests.forging import sql
from raffle.tests.makers import (
    buy,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
    sold_numbers,
)
from raffle.tests.races import kinds, race
from rafflesite.combining import Batch


def test_sells_the_next_numbers_and_says_how_many_are_left() -> None:
    raffle = make_raffle(capacity=10)
    assert list(buy(raffle, make_buyer("alice"), 2).purchase.numbers) == [1, 2]
    receipt = buy(raffle, make_buyer("bob"))
    assert list(receipt.purchase.numbers) == [3]
    assert receipt.remaining == 7
    assert sold_numbers(raffle) == [1, 2, 3]


def test_refuses_past_the_limit_and_sells_none() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    with pytest.raises(LimitReached, match="at most 2 tickets of this raffle; you hold 1"):
        buy(raffle, alice, 2)
    assert sold_numbers(raffle) == [1]


def test_refuses_past_the_capacity_and_sells_none() -> None:
    raffle = make_raffle(capacity=3)
    buy(raffle, make_buyer(), 2)
    with pytest.raises(NotEnoughLeft, match="Only 1 ticket is left"):
        buy(raffle, make_buyer(), 2)
    assert sold_numbers(raffle) == [1, 2]


def test_refuses_when_sold_out() -> None:
    raffle = make_raffle(capacity=1)
    buy(raffle, make_buyer())
    with pytest.raises(SoldOut):
        buy(raffle, make_buyer())


def test_of_several_refusals_the_one_that_lasts_is_told() -> None:
    raffle, alice = make_raffle(capacity=3), make_buyer()
    buy(raffle, alice, 2)
    with pytest.raises(LimitReached):
        buy(raffle, alice, 2)  # nor are two left
    buy(raffle, make_buyer())
    with pytest.raises(SoldOut):
        buy(raffle, alice)  # nor may she
    with pytest.raises(StaffCannotBuy):
        buy(raffle, make_staff())


def test_a_refusal_of_one_buyer_is_not_remembered_against_another() -> None:
    raffle, alice = make_raffle(), make_buyer("alice")
    buy(raffle, alice, 2)
    for _ in range(2):
        with pytest.raises(LimitReached):
            buy(raffle, alice)
    assert list(buy(raffle, make_buyer("bob")).purchase.numbers) == [3]


def test_the_limit_is_a_raffles_own() -> None:
    alice = make_buyer()
    for raffle in (make_raffle(), make_raffle()):
        assert buy(raffle, alice, 2).remaining == 98


def test_sales_begin_with_the_opening_instant_and_end_with_the_closing_instant() -> None:
    opens = timezone.now()
    closes, moment = opens + timedelta(hours=1), timedelta(microseconds=1)
    raffle = Raffle(status="OPEN", opens_at=opens, closes_at=closes)
    told = [raffle.is_selling(at) for at in (opens - moment, opens, closes - moment, closes)]
    assert told == [False, True, True, False]


def test_refuses_before_opening_after_closing_and_in_a_draft() -> None:
    now = timezone.now()
    with pytest.raises(Raffle.DoesNotExist):
        buy(make_draft(), make_buyer())
    with pytest.raises(NotOpenYet):
        buy(make_raffle(opens_at=now + timedelta(hours=1)), make_buyer())
    closed = make_raffle()
    closing.close_raffle(raffle_id=closed.pk, by=None, reason="over")
    with pytest.raises(SalesClosed):
        buy(closed, make_buyer())


def test_refuses_from_the_closing_instant_on_by_the_clock_of_the_database() -> None:
    ended = make_draft(closes_at="2000-01-01T00:00Z")
    sql("UPDATE raffle_raffle SET status = 'OPEN' WHERE id = %s", ended.pk)
    with pytest.raises(SalesClosed):
        buy(ended, make_buyer())
    order = Order(ended.pk, make_buyer().pk, 1, "k")
    assert isinstance(sell(Batch([order]))[0], SalesClosed), "under the lock too"


def test_refuses_staff() -> None:
    with pytest.raises(StaffCannotBuy):
        buy(make_raffle(), make_staff())


def test_refuses_a_buyer_who_became_staff_while_the_page_was_open() -> None:
    raffle, alice = make_raffle(), make_buyer()
    sql("UPDATE accounts_user SET is_staff = true WHERE id = %s", alice.pk)
    with pytest.raises(StaffCannotBuy):  # `alice` here still says she is not: the database knows
        buy(raffle, alice)
    assert sold_numbers(raffle) == []


def test_a_sold_out_raffle_is_refused_by_heart_but_a_key_still_answers() -> None:
    """Once it is over, a refusal costs one look at the key and none at the raffle."""
    raffle, alice, bob = make_raffle(capacity=2), make_buyer("alice"), make_buyer("bob")
    buy(raffle, alice, 2, key="once")
    with pytest.raises(SoldOut):
        buy(raffle, bob)
    with CaptureQueriesContext(connection) as captured, pytest.raises(SoldOut):
        buy(raffle, bob)
    assert len(captured) == 1
    assert list(buy(raffle, alice, 2, key="once").purchase.numbers) == [1, 2]


def test_an_unsold_raffle_is_not_remembered_as_over_for_its_closing_time_may_be_moved() -> None:
    raffle = make_draft(closes_at="2000-01-01T00:00Z")
    sql("UPDATE raffle_raffle SET status = 'OPEN' WHERE id = %s", raffle.pk)
    with pytest.raises(SalesClosed):
        buy(raffle, make_buyer())
    raffle.refresh_from_db()
    raffle.closes_at = None
    organising.change_raffle(raffle, by=None)
    assert list(buy(raffle, make_buyer()).purchase.numbers) == [1]


# --- The key --------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_purchase() -> None:
    raffle, alice = make_raffle(), make_buyer()
    first, again = (buy(raffle, alice, key="once").purchase for _ in range(2))
    assert again.pk == first.pk
    assert list(again.numbers) == list(first.numbers)
    assert sold_numbers(raffle) == [1]


def test_the_same_key_again_says_how_many_are_left_now() -> None:
    raffle, alice = make_raffle(capacity=5), make_buyer("alice")
    buy(raffle, alice, key="once")
    buy(raffle, make_buyer("bob"), 2)
    assert buy(raffle, alice, key="once").remaining == 2
    under_the_lock = sell(Batch([Order(raffle.pk, alice.pk, 1, "once")]))[0]
    assert isinstance(under_the_lock, Receipt)
    assert under_the_lock.remaining == 2


def test_the_same_key_still_answers_after_the_raffle_sold_out_and_closed() -> None:
    raffle, alice = make_raffle(capacity=1), make_buyer()
    first = buy(raffle, alice, key="once")
    assert buy(raffle, alice, key="once").purchase.pk == first.purchase.pk
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    assert buy(raffle, alice, key="once").purchase.pk == first.purchase.pk


def test_the_same_key_for_something_else_is_refused() -> None:
    raffle, other, alice = make_raffle(), make_raffle(), make_buyer()
    buy(raffle, alice, key="once")
    with pytest.raises(KeyReused):
        buy(raffle, alice, 2, key="once")
    with pytest.raises(KeyReused):
        buy(other, alice, key="once")
    assert sold_numbers(raffle) == [1]
    assert sold_numbers(other) == []


def test_a_retry_that_overtakes_its_own_purchase_is_not_refused_for_it() -> None:
    """The first is committed between the retry's coming and its look: its key tells."""
    raffle, alice = make_raffle(capacity=1, limit=1), make_buyer()
    sell_really = selling.sell

    def too_late(orders: Batch[Order]) -> list[Outcome]:
        sell_really(Batch([Order(raffle.pk, alice.pk, 1, "once")]))
        return sell_really(orders)

    with patch.object(selling, "sell", too_late):
        assert list(buy(raffle, alice, key="once").purchase.numbers) == [1]


def test_while_the_lock_is_held_for_long_a_raffle_that_is_over_still_says_so() -> None:
    """A draw of many tickets takes longer than a buyer waits."""
    raffle, alice, bob = make_raffle(), make_buyer("alice"), make_buyer("bob")
    buy(raffle, alice, key="once")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    selling._over.clear()
    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        assert kinds(race(partial(buy, raffle, bob))) == {"SalesClosed": 1}
        again = partial(buy, raffle, alice, key="once")
        assert kinds(race(again)) == {"Receipt": 1}


def test_what_a_batch_sold_out_is_remembered_only_once_it_is_committed() -> None:
    raffle, alice = make_raffle(capacity=1), make_buyer()
    with session_dies_for_good(), pytest.raises(OutcomeUnknown):
        buy(raffle, alice)
    assert raffle.pk not in selling._over
    buy(raffle, alice)
    assert raffle.pk in selling._over


@contextmanager
def session_dies_for_good() -> Iterator[None]:
    def lost(self: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with patch.object(DatabaseWrapper, "_commit", lost):
        yield


def test_the_same_key_at_the_same_moment_for_two_raffles_buys_once() -> None:
    held, other, alice = make_raffle(), make_raffle(), make_buyer()
    order = Order(other.pk, alice.pk, 1, "once")
    look = raffle_book.look

    def look_then_lose_the_race(*asked: Any) -> Any:
        book = look(*asked)
        with patch.object(selling, "look", look):
            race(partial(buy, held, alice, key="once"))
        return book

    with patch.object(selling, "look", look_then_lose_the_race):
        outcome = settle(Batch([order]))[0]
    assert isinstance(outcome, KeyReused)
    assert sold_numbers(other) == []


def test_a_key_is_its_buyers_own() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer("alice"), key="same")
    assert list(buy(raffle, make_buyer("bob"), key="same").purchase.numbers) == [2]


# --- The batch ------------------------------------------------------------------------------------


def orders_of(raffle: Raffle, *wishes: tuple[int, int, str]) -> Batch[Order]:
    return Batch(Order(raffle.pk, buyer, quantity, key) for buyer, quantity, key in wishes)


def test_a_batch_is_sold_in_order_each_with_its_own_answer() -> None:
    raffle = make_raffle(capacity=4)
    alice, bob, charlie = (buyer.pk for buyer in make_buyers(3))
    outcomes = sell(
        orders_of(
            raffle,
            (alice, 1, "a1"),
            (alice, 1, "a1"),  # the same again
            (alice, 2, "a2"),  # one too many
            (alice, 1, "a3"),
            (bob, 1, "b1"),
            (charlie, 2, "c1"),  # only one left
            (charlie, 1, "c2"),
            (bob, 1, "b2"),
        )
    )
    names = [
        list(o.purchase.numbers) if isinstance(o, Receipt) else type(o).__name__ for o in outcomes
    ]
    assert names == [
        [1], [1], "LimitReached", [2], [3], "NotEnoughLeft", [4], "SoldOut",
    ]  # fmt: skip
    assert sold_numbers(raffle) == [1, 2, 3, 4]


def test_a_batch_that_takes_too_long_is_sold_one_by_one() -> None:
    raffle, (alice, bob) = make_raffle(), make_buyers(2)
    write = Book.write

    def too_much_for_two(book: Book) -> None:
        if len(book.purchases) > 1:
            sql("SET LOCAL statement_timeout = '50ms'")
            sql("SELECT pg_sleep(1)")
        write(book)

    with patch.object(Book, "write", too_much_for_two):
        outcomes = settle(orders_of(raffle, (alice.pk, 1, "a"), (bob.pk, 1, "b")))
    assert [type(outcome) for outcome in outcomes] == [Receipt, Receipt]
    assert sold_numbers(raffle) == [1, 2]


def test_one_member_that_breaks_harms_no_other() -> None:
    raffle = make_raffle()
    alice, bob = make_buyers(2)
    nobody = -1  # no such account: the database refuses the whole batch
    outcomes = settle(orders_of(raffle, (alice.pk, 1, "a"), (nobody, 1, "n"), (bob.pk, 1, "b")))
    assert [type(o).__name__ for o in outcomes] == ["Receipt", "StaffCannotBuy", "Receipt"]
    assert sold_numbers(raffle) == [1, 2]


# --- The protocol ---------------------------------------------------------------------------------


def statements(raffle: Raffle) -> list[str]:
    order = Order(raffle.pk, make_buyer().pk, 2, "k")
    with CaptureQueriesContext(connection) as captured:
        sell(Batch([order]))
    return [query["sql"] for query in captured]


def test_there_is_one_lock_and_it_comes_before_any_look() -> None:
    seen = statements(make_raffle())
    locks = [place for place, text in enumerate(seen) if "FOR NO KEY UPDATE" in text]
    looks = [place for place, text in enumerate(seen) if "raffle_ticket" in text]
    assert len(locks) == 1
    assert locks[0] < min(looks)
    assert "raffle_ticket" not in seen[locks[0]], "a look in the locking statement would be stale"
    assert not [text for text in seen if "FOR UPDATE" in text]


def test_the_clock_is_the_databases_and_is_read_after_the_lock() -> None:
    seen = statements(make_raffle())
    lock = next(place for place, text in enumerate(seen) if "FOR NO KEY UPDATE" in text)
    clocks = [place for place, text in enumerate(seen) if "clock_timestamp()" in text]
    assert clocks == [lock + 1]


def test_a_buyer_who_waits_for_the_lock_beyond_closing_time_is_refused_by_the_code() -> None:
    """Not only by the trigger: sell() has no one to translate what that says."""
    raffle, alice = make_raffle(closes_at=timezone.now() + timedelta(seconds=1)), make_buyer()
    outcome: list[object] = []

    def sell_meanwhile() -> None:
        outcome.extend(race(lambda: sell(Batch([Order(raffle.pk, alice.pk, 1, "k")]))[0]))

    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        waiting = threading.Thread(target=sell_meanwhile)
        waiting.start()
        time.sleep(1.2)
    waiting.join()
    assert kinds(outcome) == {"SalesClosed": 1}


def test_read_committed_is_said_and_not_left_to_the_servers_default() -> None:
    default = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL"
    try:
        sql(f"{default} REPEATABLE READ")
        with transaction.atomic():
            assert sql("SHOW transaction_isolation")[0][0] == "read committed"
    finally:
        sql(f"{default} READ COMMITTED")


def test_the_raffle_row_is_not_written_while_selling() -> None:
    raffle = make_raffle()
    before = sql("SELECT xmin, ctid::text FROM raffle_raffle WHERE id = %s", raffle.pk)
    assert not [text for text in statements(raffle) if text.startswith("UPDATE")]
    assert sql("SELECT xmin, ctid::text FROM raffle_raffle WHERE id = %s", raffle.pk) == before


def test_a_sale_costs_the_same_statements_however_many_are_sold_at_once() -> None:
    raffle = make_raffle()
    one = len(statements(raffle))
    orders = Batch(Order(raffle.pk, buyer.pk, 1, "k") for buyer in make_buyers(40))
    with CaptureQueriesContext(connection) as captured:
        sell(orders)
    assert len(captured) == one


def test_what_was_sold_a_moment_ago_is_not_read_through_for_the_next_sale() -> None:
    """PostgreSQL knows nothing yet of these rows: what it thinks best must still be an index."""
    raffle, buyers = make_raffle(capacity=5000), make_buyers(4000)
    for start in range(0, 4000, 400):
        some = buyers[start : start + 400]
        sell(Batch(Order(raffle.pk, buyer.pk, 1, f"{buyer.pk}") for buyer in some))
    ids, keys = [buyer.pk for buyer in buyers[:60]], ["none"] * 60
    asked = Raffle.objects.asked_by(raffle.pk, ids, keys)
    assert (asked.sold, asked.holds, asked.repeated) == (4000, [1] * 60, False)
    plan = "\n".join(
        row[0] for row in sql(f"EXPLAIN ANALYZE {_asked_by()}", ids, ids, keys, raffle.pk)
    )
    assert not re.findall(r"Seq Scan on raffle_(?:ticket|purchase|ledgerentry)", plan), plan
    assert all(int(rows) <= 60 for rows in re.findall(r"Rows Removed by \w+: (\d+)", plan)), plan


def test_refuses_to_run_inside_a_transaction_that_could_undo_it() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        sell(Batch([Order(raffle.pk, alice.pk, 1, "k")]))


def test_connections_come_with_time_outs_and_read_committed() -> None:
    shown = {name: sql(f"SHOW {name}")[0][0] for name in (
        "lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation", "fsync",
        "synchronous_commit", "statement_timeout",
    )}  # fmt: skip
    assert shown == {
        "statement_timeout": "5s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "5s",
        "transaction_isolation": "read committed",
        "fsync": "on",
        "synchronous_commit": "on",
    }


def test_a_purchase_leaves_its_line_in_the_ledger() -> None:
    raffle, alice = make_raffle(), make_buyer()
    bought = buy(raffle, alice, 2).purchase
    line = LedgerEntry.objects.get(raffle=raffle, seq=bought.ledger_seq)
    says = json.loads(line.line)
    assert says["buyer"] == raffle.pseudonym(alice.pk)
    assert str(alice.pk) not in (says["buyer"], line.line.split('"'))
    assert alice.email not in line.line
    assert says["tickets"] == [
        {"number": t.number, "leaf": ledger.leaf(raffle.uuid, t.number, t.code)}
        for t in raffle.tickets.order_by("number")
    ]
    assert Purchase.objects.get(pk=bought.pk).unit_price == raffle.price
