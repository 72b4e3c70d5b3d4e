"""Sales over time, in at most some thirty steps, however many tickets a raffle has sold.

The lines of a ledger have no gaps and their times never go back, so that the last line before a
moment is found by halving: twenty looks into an index for a million lines, instead of all of them.
The last purchase up to that line has the highest number, which is how many were sold. The LIMIT of
the look keeps the planner from joining the whole ledger instead, once for every halving.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from raffle.models import Raffle

STEPS = 24
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STRIDES = [
    MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
    28 * DAY, 364 * DAY, 3640 * DAY, 36400 * DAY,
]  # fmt: skip
MONDAY = datetime(2001, 1, 1)  # noqa: DTZ001 - in whatever zone its reader is

SOLD = """
WITH RECURSIVE span AS (
  SELECT r.id AS raffle, first.at AS begins, last.seq,
    CASE WHEN r.status = 'OPEN' THEN least(clock_timestamp(), r.closes_at) ELSE last.at END AS ends
  FROM raffle_raffle r
  CROSS JOIN LATERAL (
    SELECT purchased_at AS at FROM raffle_purchase WHERE raffle_id = r.id
    ORDER BY ledger_seq LIMIT 1) first
  CROSS JOIN LATERAL (
    SELECT purchased_at AS at, ledger_seq AS seq FROM raffle_purchase WHERE raffle_id = r.id
    ORDER BY ledger_seq DESC LIMIT 1) last
  WHERE r.id = ANY(%(raffles)s)
), strides AS (
  SELECT span.*, (
    SELECT stride FROM unnest(%(strides)s) AS stride
    WHERE ends - begins <= stride * %(steps)s ORDER BY stride LIMIT 1) AS stride
  FROM span
), search AS (
  SELECT raffle, start, start + stride AS until, 0 AS low, seq AS high
  FROM strides, generate_series(date_bin(stride, begins, %(origin)s), ends, stride) AS start
  UNION ALL
  SELECT raffle, start, until,
    CASE WHEN line.at < until THEN line.seq ELSE low END,
    CASE WHEN line.at < until THEN high ELSE line.seq - 1 END
  FROM search CROSS JOIN LATERAL (
    SELECT seq, at FROM raffle_ledgerentry
    WHERE raffle_id = raffle AND seq = (low + high + 1) / 2 LIMIT 1) line
  WHERE low < high
)
SELECT raffle, start, until, coalesce(bought.total, 0)
FROM search LEFT JOIN LATERAL (
  SELECT first_number + quantity - 1 AS total FROM raffle_purchase
  WHERE raffle_id = raffle AND ledger_seq <= low ORDER BY ledger_seq DESC LIMIT 1) bought ON true
WHERE low = high
ORDER BY raffle, start
"""


@dataclass(frozen=True, slots=True)
class Step:
    """From one moment to another: how many were sold, and how many until then."""

    start: datetime
    until: datetime
    sold: int
    total: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A step in the picture, in its units."""

    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Sales:
    """The sales of one raffle; without steps if nothing was sold."""

    steps: list[Step]

    HEIGHT, WIDTH = 100, 10  # of the picture, and of a bar in it

    @property
    def most(self) -> int:
        """In one step."""
        return max((step.sold for step in self.steps), default=0)

    @property
    def by_day(self) -> bool:
        return bool(self.steps) and self.steps[0].until - self.steps[0].start >= DAY

    @property
    def width(self) -> int:
        return self.WIDTH * len(self.steps)

    @property
    def bars(self) -> list[Bar]:
        most = max(self.most, 1)
        heights = [-(-self.HEIGHT * step.sold // most) for step in self.steps]
        return [
            Bar(self.WIDTH * place, self.HEIGHT - height, height)
            for place, height in enumerate(heights)
        ]


def sales_of(raffles: Iterable[Raffle]) -> dict[int, Sales]:
    """The sales of each, by its number: one query."""
    steps: dict[int, list[Step]] = {raffle.pk: [] for raffle in raffles}
    asked: dict[str, Any] = {
        "raffles": list(steps),
        "strides": STRIDES,
        "steps": STEPS,
        "origin": timezone.make_aware(datetime.combine(MONDAY, time.min)),
    }
    with connection.cursor() as cursor:
        cursor.execute(SOLD, asked)
        for raffle, start, until, total in cursor.fetchall():
            before = steps[raffle][-1].total if steps[raffle] else 0
            steps[raffle].append(Step(start, until, total - before, total))
    return {raffle: Sales(found) for raffle, found in steps.items()}
