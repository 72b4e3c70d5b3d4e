"""Rounds: while people buy, those who only look are answered together, every tenth of a second.

A round takes a few milliseconds for a hundred of them. Between two rounds they interrupt nobody who
buys; when one is due, those who buy make way until it has begun. For gevent, in one thread.
"""

from __future__ import annotations

import math
import time

import gevent
from gevent.hub import Waiter

EVERY = 0.11  # seconds, so that whoever asks without a pause is answered within 0.15 s
A_MOMENT = 0.0005  # seconds, in which the hub gets to whose time has come


class Rounds:
    def __init__(self, every: float = EVERY) -> None:
        self._every, self._due = every, math.inf  # by time.monotonic()
        self._waiting: list[Waiter] = []

    def wait(self) -> None:
        """Until the next round. In all of them the order is the same, so all wait equally long."""
        if not self._waiting:
            self._due = time.monotonic() + self._every
            self._timer = gevent.get_hub().loop.timer(self._every)  # each serves once
            self._timer.start(self._begin, update=True)
        waiter = Waiter()
        self._waiting.append(waiter)
        waiter.get()

    def make_way(self) -> None:
        """Give others a turn, and a round that is due its time."""
        gevent.sleep(0)
        while time.monotonic() >= self._due:
            gevent.sleep(A_MOMENT)

    def _begin(self) -> None:
        """In the hub itself: each goes on until it waits again, before anybody else does."""
        self._due = math.inf
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.switch(None)
