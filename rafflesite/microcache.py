"""Public answers are made once in half a second a process, however many ask for them.

A WSGI application around Django's: an answer that is at hand passes no middleware and asks no
database. Nothing here decides what is public. The first to ask gets what the whole site answers to
a visitor whom it does not know, and only what that answer calls public is kept, with all its
headers. Whoever asks while it is made anew gets the last one, and only the first ones wait.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.http import parse_etags

from rafflesite.answers import ASKED_AS, Answer, ask_as_nobody
from rafflesite.naming import HEADER, name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FRESH = 0.5  # seconds for which an answer serves,
STALE = 2.0  # and for which it may serve while another thread makes it anew
MOST = 1000  # answers, so that nobody fills the memory by asking under many names


@dataclass(slots=True)
class Kept:
    """An answer at hand, and time.monotonic() when it was begun."""

    answer: Answer
    etag: str
    made: float
    sent: WSGIEnvironment | None = None  # who was sent to have it made anew


class Microcache:
    """Serves GETs of `paths` from memory where it can; hands all else to `application`."""

    def __init__(
        self,
        application: WSGIApplication,
        paths: re.Pattern[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application, self._paths, self._clock = application, paths, clock
        self._kept: dict[tuple[Any, ...], Kept] = {}
        self._making: dict[tuple[Any, ...], threading.Lock] = {}
        self._mutex = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        plain = environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING")
        if not plain or not self._paths.fullmatch(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        name(environ)  # before the site is asked, whose log lines have it too
        answer = _told(self._answer(environ), environ)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def at_hand(self, environ: WSGIEnvironment) -> Answer | None:
        """What a GET without a query would be answered from memory, if it would.

        The first who finds it old is told None, now and later, and must ask the site; the others
        are told the old answer meanwhile.
        """
        kept = self._kept.get(_key(environ))
        if kept is None or (age := self._clock() - kept.made) >= STALE:
            return None
        if age >= FRESH:
            kept.sent = kept.sent or environ
            if kept.sent is environ:
                return None
        return _told(kept, environ)

    def _answer(self, environ: WSGIEnvironment) -> Kept:
        """The one at hand if it is fresh, or if somebody is making another; else a new one."""
        key = _key(environ)
        kept, now = self._kept.get(key), self._clock()
        if kept and now - kept.made < FRESH:
            return kept
        with self._mutex:
            making = self._making.setdefault(key, threading.Lock())
        if not making.acquire(blocking=False):
            if kept and now - kept.made < STALE:
                return kept
            with making:  # wait for the one that is being made; if it was not kept, each asks alone
                kept = self._kept.get(key)
            if kept and self._clock() - kept.made < STALE:
                return kept
            return self._make(key, environ)
        try:
            kept = self._kept.get(key)  # made in the meantime?
            if kept and self._clock() - kept.made < FRESH:
                return kept
            return self._make(key, environ)
        finally:
            making.release()
            with self._mutex:
                self._making.pop(key, None)

    def _make(self, key: tuple[Any, ...], environ: WSGIEnvironment) -> Kept:
        begun = self._clock()
        answer = ask_as_nobody(self._application, environ)
        made = Kept(answer, answer.told.get("etag", ""), begun)
        if _may_be_kept(answer):
            with self._mutex:
                if len(self._kept) >= MOST:
                    self._kept.clear()
                self._kept[key] = made
        return made


def _key(environ: WSGIEnvironment) -> tuple[Any, ...]:
    return tuple(environ.get(name) for name in ("PATH_INFO", *ASKED_AS))


def _told(kept: Kept, environ: WSGIEnvironment) -> Answer:
    """`kept`, as an answer to this very request."""
    answer = kept.answer
    headers = [*answer.headers, (HEADER, name(environ))]
    had = environ.get("HTTP_IF_NONE_MATCH")
    if had and kept.etag and kept.etag in parse_etags(had):
        headers = [header for header in headers if header[0] != "Content-Length"]
        return Answer("304 Not Modified", headers, b"")
    return Answer(answer.status, headers, answer.body)


def _may_be_kept(answer: Answer) -> bool:
    told = answer.told
    public = "public" in told.get("cache-control", "")
    personal = "set-cookie" in told or "vary" in told
    return answer.status.startswith("200 ") and public and not personal
