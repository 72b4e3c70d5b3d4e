"""How a web process waits for its database: a moment by itself, and only then others get a turn.

Most statements are answered sooner than all the others that wait for a turn could be served. Were
each of them to give its turn away, the one who sells for hundreds would queue a dozen times.
"""

from __future__ import annotations

from typing import TypeVar

from gevent.monkey import get_original
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.waiting import READY_R, READY_W, WAIT_R, WAIT_W

BRIEFLY = 2  # milliseconds

Result = TypeVar("Result")

_poll, _in, _out = (get_original("select", name) for name in ("poll", "POLLIN", "POLLOUT"))


def install() -> None:
    waiting.wait = wait


def wait(
    gen: PQGen[Result], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> Result:
    """As psycopg's own; see there for what it raises."""
    try:
        wanted = next(gen)
        poll = _poll()
        while True:
            poll.register(
                fileno, (_in if wanted & WAIT_R else 0) | (_out if wanted & WAIT_W else 0)
            )
            events = poll.poll(BRIEFLY)
            if not events or not events[0][1] & (_in | _out):
                break
            ready = events[0][1]
            wanted = gen.send((READY_R if ready & _in else 0) | (READY_W if ready & _out else 0))
    except StopIteration as done:
        result: Result = done.value
        return result
    return waiting.wait_poll(_rest(gen, wanted), fileno, interval, timeout)


def _rest(gen: PQGen[Result], wanted: waiting.Wait) -> PQGen[Result]:
    """`gen`, which has said already what it waits for."""
    try:
        while True:
            wanted = gen.send((yield wanted))
    except StopIteration as done:
        result: Result = done.value
        return result
