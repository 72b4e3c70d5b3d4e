"""Counting refused purchases, for the staff to see why people could not buy. It costs a buyer
nothing: no query and no wait.

Each process counts in memory. A few seconds after the first refusal a thread of its own adds the
counts to a small table, where those of all processes add up, and ends. If the database is away the
counts are kept for the next time; what a process has not yet handed over when it ends is lost. Of
whom is kept nowhere.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import Error, connection

from raffle.errors import Refusal

EVERY = 5.0  # seconds from the first refusal to the next line in the table

# In one order, so that two processes never wait for each other in a circle. A slug that is gone
# was that of a raffle without sales.
ADD = """
INSERT INTO raffle_refusalcount (raffle_id, code, hour, count)
SELECT r.id, told.code, date_trunc('hour', clock_timestamp()), told.count
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS told(slug, code, count)
JOIN raffle_raffle r ON r.slug = told.slug
ORDER BY r.id, told.code
ON CONFLICT (raffle_id, code, hour)
DO UPDATE SET count = raffle_refusalcount.count + excluded.count
"""

log = logging.getLogger(__name__)
Params = ParamSpec("Params")
Returned = TypeVar("Returned")


def counted(buying: Callable[Params, Returned]) -> Callable[Params, Returned]:
    """`buying`, called with the keyword `slug`, with every Refusal that it raises counted."""

    @wraps(buying)
    def buy(*args: Params.args, **kwargs: Params.kwargs) -> Returned:
        try:
            return buying(*args, **kwargs)
        except Refusal as refusal:
            note(str(kwargs["slug"]), refusal.code)
            raise

    return buy


def note(slug: str, code: str) -> None:
    """Count one refusal, in memory."""
    with _kept.mutex:
        _kept.counts[slug, code] += 1
        if _kept.timer is None:
            _kept.timer = threading.Timer(EVERY, _hand_over)
            _kept.timer.daemon = True
            _kept.timer.start()


def flush() -> None:
    """Add what was counted to the table. Raises Error, with nothing lost."""
    with _kept.mutex:
        counts, _kept.counts = _kept.counts, Counter()
    if not counts:
        return
    slugs, codes = zip(*counts, strict=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(ADD, [list(slugs), list(codes), list(counts.values())])
    except Error:
        with _kept.mutex:
            _kept.counts += counts
        raise


def forget() -> None:
    """Begin anew, with nothing counted and nothing on its way."""
    if _kept.timer is not None:
        _kept.timer.cancel()
    _kept.clear()


def _hand_over() -> None:
    with _kept.mutex:
        _kept.timer = None  # what is counted from now on gets a timer of its own
    try:
        flush()
    except Error as error:
        log.warning("Refusals are counted, but not stored yet: %s", error)
    finally:
        connection.close()  # back to the pool


class _Kept:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """A forked child counts for itself: it has no thread of its parent's."""
        self.mutex = threading.Lock()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.timer: threading.Timer | None = None


_kept = _Kept()
os.register_at_fork(after_in_child=_kept.clear)
