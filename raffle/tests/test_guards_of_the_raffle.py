"""The database refuses by itself to change what buyers were promised, or to go backwards."""

from __future__ import annotations

import uuid

import pytest

from raffle import closing
from raffle.models import Raffle
from raffle.tests.forging import refused_by, sql
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle
from raffle.tests.races import race


@pytest.mark.parametrize(
    "change",
    [
        "capacity = 101", "capacity = 99", "ticket_limit = 3", "price = price + 1",
        "closes_at = now()", "opens_at = now()", "draw_at = now()", "name = 'Another'",
        "prizes = '{A pencil}'", "alternates = 9", "one_prize_each = NOT one_prize_each",
        "method = 'manual'", "two_people = NOT two_people", "claim_days = 1", "rules = 'None'",
        "slug = 'another-' || id", "currency = 'USD'", "organiser = 'Me'", "contact = 'Me'",
        "licence = 'None'",
    ],
)  # fmt: skip
def test_refuses_other_terms_after_the_first_sale(change: str) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    refused_by(
        "raffle_frozen_since_first_sale",
        lambda: sql(f"UPDATE raffle_raffle SET {change} WHERE id = %s", raffle.pk),
    )


def test_refuses_other_terms_from_a_snapshot_older_than_the_first_sale() -> None:
    """REPEATABLE READ would not see the sale that froze the terms."""
    raffle = make_raffle()

    def change_late() -> None:
        sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        sql("SELECT 1")
        race(lambda: buy(raffle, make_buyer()))
        sql("UPDATE raffle_raffle SET prizes = '{A pencil}' WHERE id = %s", raffle.pk)

    refused_by("raffle_changes_see_all_sales", change_late)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("capacity = 101", "ticket_copies_raffle_limits"),
        ("ticket_limit = 3", "ticket_copies_raffle_limits"),
        ("price = price + 1", "purchase_copies_raffle_price"),
    ],
)
def test_limits_and_price_are_frozen_even_without_the_trigger(change: str, rule: str) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())

    def tamper() -> None:
        sql("ALTER TABLE raffle_raffle DISABLE TRIGGER raffle_moves_forward")
        sql(f"UPDATE raffle_raffle SET {change} WHERE id = %s", raffle.pk)

    refused_by(rule, tamper)


FORWARD = {("DRAFT", "OPEN"), ("OPEN", "CLOSED"), ("OPEN", "CANCELLED"), ("CLOSED", "CANCELLED")}
STATUSES = ("DRAFT", "OPEN", "CLOSED", "CANCELLED")


def in_status(status: str) -> Raffle:
    raffle = make_draft() if status == "DRAFT" else make_raffle()
    if status == "CLOSED":
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    if status == "CANCELLED":
        closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="off")
    return raffle


@pytest.mark.parametrize("from_", STATUSES)
@pytest.mark.parametrize("to", STATUSES)
def test_refuses_a_status_that_goes_backwards_or_skips_one(from_: str, to: str) -> None:
    raffle = in_status(from_)

    def move() -> None:
        sql("UPDATE raffle_raffle SET status = %s WHERE id = %s", to, raffle.pk)

    if from_ == to or (from_, to) in FORWARD:
        move()
        raffle.refresh_from_db()
        assert raffle.status == to
    else:
        refused_by("raffle_status_goes_forward", move)


def test_refuses_a_raffle_born_open() -> None:
    refused_by(
        "raffle_begins_as_a_draft",
        lambda: Raffle(slug=uuid.uuid4().hex, name="x", status="OPEN").save(),
    )


@pytest.mark.parametrize("field", ["id = -id", "uuid = gen_random_uuid()", "pseudonym_key = 'ab'"])
def test_refuses_another_identity(field: str) -> None:
    raffle = make_draft()
    refused_by(
        "raffle_identity_is_fixed",
        lambda: sql(f"UPDATE raffle_raffle SET {field} WHERE id = %s", raffle.pk),
    )


def test_refuses_to_delete_a_raffle() -> None:
    raffle = make_draft()
    refused_by(
        "raffle_never_deleted", lambda: sql("DELETE FROM raffle_raffle WHERE id = %s", raffle.pk)
    )


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
@pytest.mark.parametrize("change", ["capacity = 5", "description = 'x'", "opens_at = now()"])
def test_refuses_any_change_once_closed_even_if_nothing_was_sold(change: str, status: str) -> None:
    raffle = in_status(status)
    refused_by(
        "raffle_closed_for_good",
        lambda: sql(f"UPDATE raffle_raffle SET {change} WHERE id = %s", raffle.pk),
    )


@pytest.mark.parametrize(
    ("rule", "terms"),
    [
        ("raffle_capacity", {"capacity": 0}),
        ("raffle_capacity", {"capacity": 10_000_001}),
        ("raffle_limit", {"limit": 0}),
        ("raffle_price", {"price": -1}),
        ("raffle_has_prizes", {"prizes": []}),
        ("raffle_has_prizes", {"prizes": ["A pencil"] * 1001}),
        ("raffle_method", {"method": "dice"}),
        (
            "raffle_opens_before_it_closes",
            {"opens_at": "2999-01-01T00:00Z", "closes_at": "2999-01-01T00:00Z"},
        ),
    ],
)
def test_refuses_terms_that_make_no_sense(rule: str, terms: dict[str, object]) -> None:
    refused_by(rule, lambda: make_draft(**terms))


def test_refuses_an_invented_status_even_without_the_trigger() -> None:
    raffle = make_draft()

    def tamper() -> None:
        sql("ALTER TABLE raffle_raffle DISABLE TRIGGER raffle_moves_forward")
        sql("UPDATE raffle_raffle SET status = 'PAUSED' WHERE id = %s", raffle.pk)

    refused_by("raffle_status", tamper)
