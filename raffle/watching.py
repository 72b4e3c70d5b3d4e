"""Watching: what the verifier found last of each raffle, kept where a page can show it at once.

Going through a raffle takes as long as its record is; looking at what was found takes no time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection

from raffle.closing import Progress, quiet
from raffle.models import LastCheck, Raffle
from raffle.verifying import Verdict, verify

STALE_AFTER = timedelta(hours=26)  # a check a day, and time to run it
FEW = 10_000  # tickets that a check on a page may go through

# A check that took long must not write over one that began later.
KEEP = """
INSERT INTO raffle_lastcheck (raffle_id, checked_at, seq, hash, problem)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (raffle_id) DO UPDATE SET
  checked_at = excluded.checked_at, seq = excluded.seq,
  hash = excluded.hash, problem = excluded.problem
WHERE raffle_lastcheck.checked_at <= excluded.checked_at
"""


class Light(StrEnum):
    """What is to be thought of a raffle's record."""

    GREEN = "green"  # checked lately, and nothing was wrong
    GREY = "grey"  # never checked, or too long ago
    RED = "red"


def check(raffle: Raffle, progress: Progress = quiet) -> Verdict:
    """Go through the raffle now, as verify() does, and keep what was found for last()."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (began,) = cursor.fetchone()
    verdict = verify(raffle.pk, progress)
    problem = next(iter(verdict.failures), "")
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [raffle.pk, began, verdict.entries, verdict.head, problem])
    return verdict


def last(raffles: Iterable[Raffle]) -> dict[int, LastCheck]:
    """What was found last, by the raffle's number, of those that were ever checked: one query."""
    return LastCheck.objects.in_bulk([raffle.pk for raffle in raffles])


def light(raffle: Raffle, found: LastCheck | None) -> Light:
    """`raffle`: as_it_stands(). A ledger can only grow: one that shrank, or whose last line is
    another than it was, is wrong without any further check.
    """
    if found is None:
        return Light.GREY
    if found.problem or shrank(raffle, found):
        return Light.RED
    return Light.GREY if is_stale(found, raffle.now) else Light.GREEN


def shrank(raffle: Raffle, found: LastCheck) -> bool:
    rewritten = raffle.head_seq == found.seq and (raffle.head_hash or "") != found.hash
    return rewritten or raffle.head_seq < found.seq


def is_stale(found: LastCheck, now: datetime) -> bool:
    return now - found.checked_at > STALE_AFTER
