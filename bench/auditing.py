"""What is stored after a run, counted exactly, and whether the record verifies."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from raffle.models import Raffle
from raffle.verifying import verify

COUNTED = """
SELECT count(*), count(*) - count(DISTINCT number),
  coalesce((SELECT max(held) FROM (SELECT count(*) AS held FROM raffle_ticket
            WHERE raffle_id = %(raffle)s GROUP BY buyer_id) AS holders), 0)
FROM raffle_ticket WHERE raffle_id = %(raffle)s
"""


@dataclass(frozen=True, slots=True)
class Tally:
    sold: int
    duplicates: int
    max_per_user: int

    def violations(self, raffle: Raffle) -> list[str]:
        """Which promises of `raffle` these numbers break."""
        wrong = []
        if self.sold > raffle.capacity:
            wrong.append(f"{self.sold} sold of {raffle.capacity}")
        if self.duplicates:
            wrong.append(f"{self.duplicates} numbers sold twice")
        if self.max_per_user > raffle.limit:
            wrong.append(f"one person holds {self.max_per_user}, the limit is {raffle.limit}")
        return wrong


def tally(raffle: Raffle) -> Tally:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, {"raffle": raffle.pk})
        return Tally(*cursor.fetchone())


def audit(raffle: Raffle) -> tuple[Tally, list[str]]:
    """What is stored, and everything that is wrong with it."""
    counted = tally(raffle)
    return counted, counted.violations(raffle) + verify(raffle.pk).failures
