"""How many requests a process works on at once; the others wait at the gate, in their order.

A request holds a connection to the database until its last byte is out, so there are fewer places
than connections: whoever is let in finds one, and those who are served in front of the gate do,
too, however many pages and downloads are asked for.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST_BODY = 262_144  # bytes; what is longer the site refuses, or takes from staff alone


class Places:
    """As many as may be inside. First come, first in: a semaphore would let others push in."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._mutex = threading.Lock()

    @property
    def are_empty(self) -> bool:
        return self._free == self._count

    def enter(self) -> None:
        with self._mutex:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # until whoever leaves hands their place on

    def leave(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Gate:
    """A WSGI application around `site`, which has `places`."""

    def __init__(self, site: WSGIApplication, places: int) -> None:
        self._site, self._places = site, Places(places)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and 0 < int(length) <= LONGEST_BODY:
            body = environ["wsgi.input"].read(int(length))  # slow ones wait out here
            environ["wsgi.input"] = io.BytesIO(body)
        self._places.enter()
        try:
            parts = self._site(environ, start_response)
        except BaseException:
            self._places.leave()
            raise
        if isinstance(parts, environ.get("wsgi.file_wrapper", ())):
            self._places.leave()  # a file needs no connection, and the server sends it by itself
            return parts  # type: ignore[no-any-return]
        return _Inside(parts, self._places.leave)


class _Inside:
    """An answer on its way, whose place is free when it is closed."""

    def __init__(self, parts: Iterable[bytes], leave: Callable[[], None]) -> None:
        self._parts, self._leave = parts, leave

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        leave, self._leave = self._leave, lambda: None
        try:
            if close := getattr(self._parts, "close", None):
                close()
        finally:
            leave()
