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

from rafflesite.naming import HEADER, name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FRESH = 0.5  # seconds for which an answer serves,
STALE = 2.0  # and for which it may serve while another thread makes it anew
MOST = 1000  # answers, so that nobody fills the memory by asking under many names
# What tells visitors apart, or asks for less than the whole answer.
PERSONAL = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
# What an answer depends on beside its path: Django looks at these before it lets anybody in.
ASKED_AS = ("PATH_INFO", "HTTP_HOST", "wsgi.url_scheme", "HTTP_X_FORWARDED_PROTO")

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: str
    headers: Headers
    body: bytes
    etag: str
    made: float  # time.monotonic() when it was begun

    @property
    def may_be_kept(self) -> bool:
        told = {header.lower(): value for header, value in self.headers}
        public = "public" in told.get("cache-control", "")
        personal = "set-cookie" in told or "vary" in told
        return self.status.startswith("200 ") and public and not personal


class Microcache:
    """Serves GETs of `paths` from memory where it can; hands all else to `application`."""

    def __init__(
        self,
        application: WSGIApplication,
        paths: re.Pattern[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application, self._paths, self._clock = application, paths, clock
        self._kept: dict[tuple[Any, ...], Answer] = {}
        self._making: dict[tuple[Any, ...], threading.Lock] = {}
        self._mutex = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        plain = environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING")
        if not plain or not self._paths.fullmatch(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        named = name(environ)  # before the site is asked, whose log lines have it too
        answer = self._answer(environ)
        headers = [*answer.headers, (HEADER, named)]
        if answer.etag and answer.etag in parse_etags(environ.get("HTTP_IF_NONE_MATCH", "")):
            start_response("304 Not Modified", [h for h in headers if h[0] != "Content-Length"])
            return []
        start_response(answer.status, headers)
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        """The one at hand if it is fresh, or if somebody is making another; else a new one."""
        key = tuple(environ.get(name) for name in ASKED_AS)
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

    def _make(self, key: tuple[Any, ...], environ: WSGIEnvironment) -> Answer:
        answer = self._ask({n: told for n, told in environ.items() if n not in PERSONAL})
        if answer.may_be_kept:
            with self._mutex:
                if len(self._kept) >= MOST:
                    self._kept.clear()
                self._kept[key] = answer
        return answer

    def _ask(self, environ: WSGIEnvironment) -> Answer:
        begun = self._clock()
        told: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
            told.append((status, headers))

        parts = self._application(environ, start_response)
        try:
            body = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()
        status, headers = told[-1]
        etag = next((value for header, value in headers if header == "ETag"), "")
        return Answer(status, [h for h in headers if h[0] != HEADER], body, etag, begun)
