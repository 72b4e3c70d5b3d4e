"""Acts in the past: what is done meanwhile is dated earlier, so that waiting is over at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from raffle.models import ClockTimestamp, locking
from raffle.tests.forging import sql


@contextmanager
def ago(time: timedelta) -> Iterator[None]:
    """The raffle reads a clock that is `time` behind. The database's guards keep to the true one,
    but for the one that a seal would offend that is so old: nobody could have sealed it then.
    """
    behind = f"(%(function)s() - interval '{time.total_seconds()} seconds')"
    sql("ALTER TABLE raffle_seal DISABLE TRIGGER raffle_sealed_in_time")
    try:
        # A sale's look is written once, with the true clock: not while this is another one.
        written_anew = patch.object(locking, "_asked_by", locking._asked_by.__wrapped__)
        with patch.object(ClockTimestamp, "template", behind), written_anew:
            yield
    finally:
        sql("ALTER TABLE raffle_seal ENABLE ALWAYS TRIGGER raffle_sealed_in_time")
