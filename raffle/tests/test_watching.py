"""Watching: what the verifier found is kept, newest first, and shown for what it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from raffle import watching
from raffle.models import LastCheck, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_raffle
from raffle.watching import Light


def stands(raffle: Raffle) -> Raffle:
    return Raffle.objects.as_it_stands().get(pk=raffle.pk)


def light(raffle: Raffle) -> Light:
    now = stands(raffle)
    return watching.light(now, watching.last([now]).get(now.pk))


def sold() -> Raffle:
    raffle = make_raffle()
    buy(raffle, make_buyer(), 2)
    return raffle


def tamper(raffle: Raffle) -> None:
    """As somebody could who owns the database."""
    sql("ALTER TABLE raffle_ticket DISABLE TRIGGER ticket_append_only")
    try:
        sql("UPDATE raffle_ticket SET code = md5(code) WHERE raffle_id = %s", raffle.pk)
    finally:
        sql("ALTER TABLE raffle_ticket ENABLE ALWAYS TRIGGER ticket_append_only")


def test_a_raffle_that_was_never_checked_is_grey() -> None:
    assert light(sold()) == Light.GREY


def test_a_check_is_kept_and_the_light_turns_green() -> None:
    raffle = sold()
    verdict = watching.check(raffle)
    assert not verdict.failures
    kept = watching.last([raffle])[raffle.pk]
    assert (kept.seq, kept.hash, kept.problem) == (verdict.entries, verdict.head, "")
    assert light(raffle) == Light.GREEN


def test_it_stays_green_while_tickets_are_sold() -> None:
    raffle = sold()
    watching.check(raffle)
    buy(raffle, make_buyer())
    assert light(raffle) == Light.GREEN


def test_what_is_wrong_is_kept_in_its_first_sentence_and_the_light_is_red() -> None:
    raffle = sold()
    tamper(raffle)
    verdict = watching.check(raffle)
    assert watching.last([raffle])[raffle.pk].problem == verdict.failures[0]
    assert light(raffle) == Light.RED


def test_an_old_check_says_nothing_any_more() -> None:
    raffle = sold()
    watching.check(raffle)
    long_ago = datetime.now(UTC) - watching.STALE_AFTER - timedelta(minutes=1)
    LastCheck.objects.filter(raffle=raffle).update(checked_at=long_ago)
    assert light(raffle) == Light.GREY


def test_what_was_wrong_long_ago_is_still_wrong() -> None:
    raffle = sold()
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    LastCheck.objects.create(raffle=raffle, checked_at=long_ago, seq=3, hash="", problem="bad")
    assert light(raffle) == Light.RED


@pytest.mark.parametrize(
    "lie", [{"seq": 99}, {"hash": "0" * 64}], ids=["shorter than it was", "another last line"]
)
def test_a_ledger_that_shrank_is_wrong_without_another_check(lie: dict[str, object]) -> None:
    raffle = sold()
    watching.check(raffle)
    LastCheck.objects.filter(raffle=raffle).update(**lie)
    assert light(raffle) == Light.RED


def test_a_check_that_took_long_does_not_write_over_a_later_one() -> None:
    raffle = sold()
    later = datetime.now(UTC) + timedelta(hours=1)
    LastCheck.objects.create(raffle=raffle, checked_at=later, seq=3, hash="", problem="bad")
    watching.check(raffle)
    assert watching.last([raffle])[raffle.pk].problem == "bad"
