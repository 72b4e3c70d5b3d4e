"""A request for what is at hand in memory, and one to buy, is answered before gunicorn has made a
request of it, which would take several times as long as the answer. While people buy, whoever only
looks waits for them, until the next round.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import lru_cache
from typing import Any, ClassVar

import gevent
from gunicorn import util
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

from raffle.api.fast_lane import FastLane
from rafflesite.answers import Answer
from rafflesite.microcache import Microcache
from rafflesite.plain import read
from rafflesite.rounds import Rounds

AT_A_STRETCH = 2.0  # seconds, after which gunicorn sees that the connection is not idle


def install(worker: Any, memory: Microcache, lane: FastLane) -> None:
    """Let gunicorn's `worker` answer from `memory` so, and sell in `lane`."""
    QuickRequest.worker, QuickRequest.memory, QuickRequest.lane = worker, memory, lane
    QuickRequest.rounds = Rounds()
    RequestParser.mesg_class = QuickRequest


class QuickRequest(Request):  # type: ignore[misc]
    """The next request on a connection for which nothing is at hand. It answers those before it."""

    memory: ClassVar[Microcache]
    lane: ClassVar[FastLane]
    worker: ClassVar[Any]
    rounds: ClassVar[Rounds]
    read_last: bytes = b""
    found_last: dict[str, Any] | None = None  # in those bytes
    asked: dict[str, Any] | None = None  # the WSGI environment of a request that is not parsed yet,
    head: bytes  # and its bytes
    status: str  # of what was answered, for the log,
    sent: int  # and how many bytes

    def parse(self, unreader: Any) -> bytes:
        # Nothing of a request was read yet: where one begins is known, and that is the only place
        # at which bytes may be taken for one.
        until = time.monotonic() + AT_A_STRETCH
        while head := unreader.read():
            environ = self._plain(head)
            if not environ or time.monotonic() >= until or not self._look(environ):
                break
        if not head:
            raise StopIteration
        if environ:
            self.asked, self.head = environ, head
            self.method, self.version = environ["REQUEST_METHOD"], (1, 1)
            return b""
        unreader.unread(head)
        rest: bytes = super().parse(unreader)
        return rest

    def answer(self) -> bool:
        """Whether this could be answered now, when gunicorn no longer measures for how long its
        connection is idle. If it could not, it is parsed, and gunicorn's turn has come.
        """
        self.rounds.make_way()  # many may have come at once
        if self.asked is None:
            return False
        if self._look(self.asked) or self._sell(self.asked):
            return True
        self.unreader.unread(self.head)
        self.unreader.unread(super().parse(self.unreader))
        self.set_body_reader()
        return False

    def _plain(self, head: bytes) -> dict[str, Any] | None:
        if head != self.read_last:  # who asks again mostly does so in the same words
            self.read_last, self.found_last = head, read(head)
        if self.found_last is None or not self.worker.alive:
            return None
        address = self.peer_addr[0] if isinstance(self.peer_addr, tuple) else ""
        return self.found_last | {"REMOTE_ADDR": address}

    def _look(self, environ: dict[str, Any]) -> bool:
        began = time.monotonic()
        answer = self.memory.at_hand(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if answer is None:
            return False
        self._tell(answer, environ, began)
        # Whoever asks again at once waits until the others had a turn.
        if self.lane.is_quiet():
            gevent.sleep(0)
        else:
            self.rounds.wait()
        return True

    def _sell(self, environ: dict[str, Any]) -> bool:
        began = time.monotonic()
        answer = self.lane.answer(environ) if self.lane.sells(environ) else None
        if answer is None:
            return False
        self.rounds.make_way()  # many may have been sold to at once
        self._tell(answer, environ, began)
        return True

    def _tell(self, answer: Answer, environ: dict[str, Any], began: float) -> None:
        self.status, self.sent = answer.status, 0
        try:
            told = _as_bytes(answer, last=not self.worker.alive)
            sent = self.unreader.sock.send(told)  # all of it, but for who reads slowly; and faster
            if sent < len(told):
                self.unreader.sock.sendall(told[sent:])
            self.sent = len(answer.body)
        finally:  # who hung up may have bought: that leaves its line, too
            took = timedelta(seconds=time.monotonic() - began)
            self.worker.log.access(self, self, environ, took)


def _as_bytes(answer: Answer, *, last: bool) -> bytes:
    return (
        f"HTTP/1.1 {answer.status}\r\nServer: gunicorn\r\nDate: {_date(int(time.time()))}\r\n"
        f"Connection: {'close' if last else 'keep-alive'}\r\n{_lines(tuple(answer.headers[:-1]))}"
        f"{_line(*answer.headers[-1])}\r\n"
    ).encode("latin-1") + answer.body


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))


@lru_cache(maxsize=1000)
def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    """All headers but the last, the request's name, are the same for many."""
    return "".join(_line(name, value) for name, value in headers)


def _line(name: str, value: str) -> str:
    return f"{name}: {value}\r\n"
