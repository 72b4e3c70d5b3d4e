"""The database refuses by itself to change the picture that buyers were shown."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from raffle.models import Raffle
from raffle.tests.forging import refused_by, sql
from raffle.tests.makers import buy, make_buyer, make_raffle

INSERT = (
    "INSERT INTO raffle_picture (raffle_id, alt, sha256, wide, wide_width, wide_height,"
    " small, small_width, small_height) VALUES (%s, %s, 'x', 'x', 1, 1, 'x', 1, 1)"
)


def pictured() -> Raffle:
    raffle = make_raffle()
    sql(INSERT, raffle.pk, "A lighthouse")
    return raffle


@pytest.mark.parametrize(
    "change", ["UPDATE raffle_picture SET alt = 'Another'", "DELETE FROM raffle_picture"]
)
def test_it_changes_until_the_first_sale_and_never_after(change: str) -> None:
    early, raffle = pictured(), pictured()
    statement = f"{change} WHERE raffle_id = %s"
    sql(statement, early.pk)
    buy(raffle, make_buyer())
    refused_by("picture_is_fixed", lambda: sql(statement, raffle.pk))


def test_none_appears_after_the_first_sale() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    refused_by("picture_is_fixed", lambda: sql(INSERT, raffle.pk, "A lighthouse"))


def test_it_stays_with_its_raffle() -> None:
    raffle, other = pictured(), make_raffle()
    move = "UPDATE raffle_picture SET raffle_id = %s WHERE raffle_id = %s"
    refused_by("picture_stays_with_its_raffle", lambda: sql(move, other.pk, raffle.pk))


def test_an_older_snapshot_changes_nothing() -> None:
    raffle = pictured()

    def act() -> None:
        sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        sql("UPDATE raffle_picture SET alt = 'Another' WHERE raffle_id = %s", raffle.pk)

    refused_by("picture_sees_all_sales", act)


def test_it_says_what_it_shows() -> None:
    raffle = make_raffle()
    refused_by("picture_is_described", lambda: sql(INSERT, raffle.pk, ""))


def test_all_of_them_cannot_be_emptied_at_once() -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        sql("TRUNCATE raffle_picture")
    assert refused.value.__cause__.diag.constraint_name == "picture_never_truncated"  # type: ignore[union-attr]
