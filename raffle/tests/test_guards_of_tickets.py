"""The database refuses by itself a ticket or purchase that breaks a rule, by the rule's name."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from raffle import closing
from raffle.tests.forging import a_ticket, forge_purchase, forge_ticket, insert, refused_by, sql
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff, sold_numbers


def test_a_forged_ticket_without_a_lie_is_let_in() -> None:
    """The control: what the attacks below do is refused for the lie alone."""
    raffle = make_raffle()
    with transaction.atomic():
        forge_ticket(raffle, make_buyer(), 1)
    assert sold_numbers(raffle) == [1]


def test_refuses_ticket_number_0() -> None:
    raffle, buyer = make_raffle(), make_buyer()
    refused_by("ticket_number_within_capacity", lambda: forge_ticket(raffle, buyer, 0))


def test_refuses_a_ticket_beyond_the_capacity() -> None:
    raffle = make_raffle(capacity=1)
    buy(raffle, make_buyer())
    refused_by("ticket_number_within_capacity", lambda: forge_ticket(raffle, make_buyer(), 2))


def test_refuses_a_number_twice() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    refused_by("ticket_number_once", lambda: forge_ticket(raffle, make_buyer(), 1))


def test_refuses_a_gap_in_the_numbers() -> None:
    raffle = make_raffle()
    refused_by("ticket_numbers_are_dense", lambda: forge_ticket(raffle, make_buyer(), 2))


def test_refuses_slot_0() -> None:
    raffle = make_raffle()
    refused_by("ticket_slot_within_limit", lambda: forge_ticket(raffle, make_buyer(), 1, slot=0))


def test_refuses_a_slot_beyond_the_limit() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    refused_by("ticket_slot_within_limit", lambda: forge_ticket(raffle, alice, 3, slot=3))


def test_refuses_a_slot_twice() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    refused_by("ticket_slot_once", lambda: forge_ticket(raffle, alice, 2, slot=1))


@pytest.mark.parametrize("lie", [{"raffle_capacity": 101}, {"raffle_limit": 3}])
def test_refuses_copied_limits_that_lie(lie: dict[str, int]) -> None:
    raffle = make_raffle()
    refused_by("ticket_copies_raffle_limits", lambda: forge_ticket(raffle, make_buyer(), 1, **lie))


def test_refuses_a_copied_price_that_lies() -> None:
    raffle = make_raffle(price=2)
    refused_by(
        "purchase_copies_raffle_price",
        lambda: forge_ticket(raffle, make_buyer(), 1, unit_price="0.01"),
    )


def test_refuses_a_ticket_for_somebody_other_than_the_purchaser() -> None:
    raffle, bob = make_raffle(), make_buyer("bob")
    refused_by(
        "ticket_belongs_to_its_purchase",
        lambda: forge_ticket(raffle, make_buyer(), 1, buyer_id=bob.pk),
    )


def test_refuses_a_purchase_without_its_tickets() -> None:
    raffle = make_raffle()
    refused_by("purchase_is_whole", lambda: forge_purchase(raffle, make_buyer(), 1))


def test_refuses_a_purchase_with_one_ticket_too_few() -> None:
    raffle, alice = make_raffle(), make_buyer()

    def half() -> None:
        purchase = forge_purchase(raffle, alice, 1, quantity=2)
        insert("raffle_ticket", a_ticket(raffle, alice, purchase, 1))

    refused_by("purchase_is_whole", half)


def test_refuses_a_ticket_added_to_an_old_purchase() -> None:
    raffle, alice = make_raffle(), make_buyer()
    old = buy(raffle, alice).purchase
    row = a_ticket(raffle, alice, old.pk, 2, slot=2)
    refused_by("purchase_is_whole", lambda: insert("raffle_ticket", row))


def test_refuses_a_purchase_of_more_than_a_thousand() -> None:
    raffle = make_raffle(capacity=2000, limit=2000)
    refused_by("purchase_quantity", lambda: forge_purchase(raffle, make_buyer(), 1, quantity=1001))


def insert_together(*rows: dict[str, object]) -> None:
    """In one statement, so that the guard sees them together."""
    columns = ", ".join(rows[0])
    marks = ", ".join(["(" + ", ".join(["%s"] * len(rows[0])) + ")"] * len(rows))
    values = [value for row in rows for value in row.values()]
    sql(f"INSERT INTO raffle_ticket ({columns}) VALUES {marks}", *values)


def test_refuses_a_gap_within_one_statement() -> None:
    raffle, alice, bob = make_raffle(), make_buyer("alice"), make_buyer("bob")

    def gap() -> None:
        whose = [(alice, forge_purchase(raffle, alice, 1), 1)]
        whose.append((bob, forge_purchase(raffle, bob, 3), 3))
        insert_together(*(a_ticket(raffle, *ticket) for ticket in whose))

    refused_by("ticket_numbers_are_dense", gap)


@pytest.mark.parametrize(("first", "quantity"), [(1, 2), (2, 2), (1, 3)])
def test_refuses_a_purchase_with_a_strangers_ticket_amid_its_own(first: int, quantity: int) -> None:
    """1, 2 and 3 are dense, but the middle one is Bob's: no count of Alice's fits."""
    raffle, alice, bob = make_raffle(), make_buyer("alice"), make_buyer("bob")

    def interleave() -> None:
        hers = forge_purchase(raffle, alice, first, quantity)
        his = forge_purchase(raffle, bob, 2)
        insert_together(
            a_ticket(raffle, alice, hers, 1),
            a_ticket(raffle, bob, his, 2),
            a_ticket(raffle, alice, hers, 3, slot=2),
        )

    refused_by("purchase_is_whole", interleave)


def test_refuses_a_ticket_of_another_raffle_than_its_purchase() -> None:
    raffle, other = make_raffle(), make_raffle()
    refused_by(
        "ticket_belongs_to_its_purchase",
        lambda: forge_ticket(raffle, make_buyer(), 1, raffle_id=other.pk),
    )


def test_refuses_a_key_a_ledger_line_or_a_validation_code_twice() -> None:
    raffle, alice = make_raffle(), make_buyer()
    bought = buy(raffle, alice, key="once").purchase
    code, line = raffle.tickets.get().code, bought.ledger_seq
    refused_by("purchase_key_once_a_buyer", lambda: forge_purchase(raffle, alice, 2, key="once"))
    refused_by("purchase_entry_once", lambda: forge_purchase(raffle, alice, 2, ledger_seq=line))
    refused_by("raffle_ticket_code_key", lambda: forge_ticket(raffle, make_buyer(), 2, code=code))


def test_refuses_a_purchase_of_nothing() -> None:
    raffle = make_raffle()
    refused_by("purchase_quantity", lambda: forge_purchase(raffle, make_buyer(), 1, quantity=0))


def test_refuses_a_purchase_that_is_not_in_the_ledger() -> None:
    raffle = make_raffle()
    refused_by(
        "purchase_stands_in_the_ledger",
        lambda: forge_purchase(raffle, make_buyer(), 1, ledger_seq=99),
    )


def test_refuses_staff_as_a_buyer() -> None:
    raffle, stella = make_raffle(), make_staff()
    refused_by("purchase_buyer_is_not_staff", lambda: forge_ticket(raffle, stella, 1))
    refused_by(
        "purchase_never_by_staff", lambda: forge_ticket(raffle, stella, 1, buyer_is_staff=True)
    )


def test_refuses_to_make_a_buyer_staff() -> None:
    alice = make_buyer()
    buy(make_raffle(), alice)
    refused_by(
        "purchase_buyer_is_not_staff",
        lambda: sql("UPDATE accounts_user SET is_staff = true WHERE id = %s", alice.pk),
    )


def test_refuses_a_ticket_of_a_draft() -> None:
    raffle = make_draft()
    refused_by("ticket_sold_only_while_open", lambda: forge_ticket(raffle, make_buyer(), 1))


def test_refuses_a_ticket_of_a_closed_raffle() -> None:
    raffle = make_raffle()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    refused_by("ticket_sold_only_while_open", lambda: forge_ticket(raffle, make_buyer(), 1))


def test_refuses_a_ticket_before_opening_time_and_after_closing_time() -> None:
    early = make_raffle(opens_at="2999-01-01T00:00Z")
    refused_by("ticket_sold_only_while_open", lambda: forge_ticket(early, make_buyer(), 1))
    late = make_draft(closes_at="2000-01-01T00:00Z")
    sql("UPDATE raffle_raffle SET status = 'OPEN' WHERE id = %s", late.pk)
    refused_by("ticket_sold_only_while_open", lambda: forge_ticket(late, make_buyer(), 1))


def test_refuses_a_ticket_after_closing_time_in_a_transaction_begun_before() -> None:
    """So the clock is what it is when the ticket comes, not when its transaction began."""
    alice = make_buyer()
    raffle = make_raffle(closes_at=timezone.now() + timedelta(seconds=2))

    def linger() -> None:
        sql("SELECT pg_sleep(2.1)")
        forge_ticket(raffle, alice, 1)

    refused_by("ticket_sold_only_while_open", linger)


def test_a_raw_ticket_that_races_the_close_waits_and_is_refused() -> None:
    raffle, alice = make_raffle(), make_buyer()
    waited: list[float] = []

    def insert_meanwhile() -> None:
        began = time.monotonic()
        try:
            refused_by("ticket_sold_only_while_open", lambda: forge_ticket(raffle, alice, 1))
            waited.append(time.monotonic() - began)
        finally:
            connections.close_all()

    with transaction.atomic():
        sql("UPDATE raffle_raffle SET status = 'CLOSED' WHERE id = %s", raffle.pk)
        attacker = threading.Thread(target=insert_meanwhile)
        attacker.start()
        time.sleep(0.4)
        assert not waited
    attacker.join()
    assert len(waited) == 1
    assert waited[0] > 0.3
    assert sold_numbers(raffle) == []
