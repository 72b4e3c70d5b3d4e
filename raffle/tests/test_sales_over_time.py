"""Sales over time: every ticket in its step, and a few looks into indexes whatever was sold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from raffle import closing, organising
from raffle.admin.sales import STEPS, Sales, sales_of
from raffle.models import Raffle
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.reading import sold


def sold_over(days: float, times: int) -> Raffle:
    """A raffle that sold two tickets at a time, evenly, over so many days until now."""
    with ago(timedelta(days=days)):
        raffle = make_raffle(capacity=1000)
    for n in range(times):
        with ago(timedelta(days=days * (1 - n / times))):
            buy(raffle, make_buyer(), 2)
    return raffle


def sales(raffle: Raffle) -> Sales:
    return sales_of([raffle])[raffle.pk]


def binned(raffle: Raffle, told: Sales) -> list[int]:
    """The same by PostgreSQL's own date_bin, from all purchases."""
    stride: Any = told.steps[0].until - told.steps[0].start
    first = told.steps[0].start
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin(%s, purchased_at, %s) AS bin, sum(quantity) FROM raffle_purchase"
            " WHERE raffle_id = %s GROUP BY bin",
            [stride, first, raffle.pk],
        )
        found = dict(cursor.fetchall())
    assert found.keys() <= {step.start for step in told.steps}
    return [int(found.get(step.start, 0)) for step in told.steps]


@pytest.mark.parametrize("days", [0.001, 0.02, 0.5, 3, 40, 700])
def test_every_ticket_is_in_its_step(days: float) -> None:
    raffle = sold_over(days, times=9)
    told = sales(raffle)
    assert [step.sold for step in told.steps] == binned(raffle, told)
    assert told.steps[-1].total == sum(step.sold for step in told.steps) == 18
    assert len(told.steps) <= STEPS + 2


def test_lines_that_are_no_sales_do_not_count() -> None:
    raffle, stella = sold_over(2, times=3), make_staff()
    for ticket in raffle.tickets.all()[:3]:
        organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="a mistake")
    raffle.description = "More about it."
    organising.change_raffle(raffle, by=stella)
    buy(raffle, make_buyer())
    told = sales(raffle)
    assert [step.sold for step in told.steps] == binned(raffle, told)
    assert told.steps[-1].total == 7


def test_nothing_sold_has_no_steps() -> None:
    assert sales(make_raffle()).steps == []
    assert sales(make_raffle()).bars == []


def test_the_curve_of_a_closed_raffle_ends_with_its_last_sale() -> None:
    with ago(timedelta(days=30)):
        raffle = sold(2)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    assert sales(raffle).steps[-1].until < datetime.now(UTC) - timedelta(days=29)


def test_the_highest_bar_is_as_high_as_the_picture_and_no_sale_is_invisible() -> None:
    raffle = sold_over(1, times=1)
    for _ in range(3):
        buy(raffle, make_buyer(), 2)
    bars = sales(raffle).bars
    assert max(bar.height for bar in bars) == Sales.HEIGHT
    assert sum(bar.height > 0 for bar in bars) == 2
    assert all(bar.y + bar.height == Sales.HEIGHT for bar in bars)


def test_one_query_for_many_raffles_and_each_gets_its_own() -> None:
    raffles = [sold(count) for count in (0, 1, 4)]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        told = sales_of(raffles)
    assert len(asked) == 1
    assert [sum(s.sold for s in told[raffle.pk].steps) for raffle in raffles] == [0, 1, 4]


def test_no_table_is_read_through() -> None:
    """With tables as large as they get nothing but an index is quick enough."""
    raffle = sold(2)
    with CaptureQueriesContext(connection) as asked:
        sales_of([raffle])
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute("EXPLAIN " + asked[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan")
    assert not re.search(r"Seq Scan on raffle_(purchase|ledgerentry|ticket)", plan), plan
    assert "ledger_seq_once" in plan
    assert "purchase_entry_once" in plan


def test_it_says_nothing_about_people() -> None:
    fields: Any = sales(sold(1)).steps[0].__slots__
    assert set(fields) == {"start", "until", "sold", "total"}
