"""The fast lane: purchases as they come by the thousand, past all that other requests need.

A WSGI application around the site's. It sells to whoever has a session and a CSRF token and asks as
the API wants to be asked. Anything else about a request, and it goes to the site as it came, which
says what is wrong with it: here is no way to be let in that is not one there, and the answers are
the same to the letter (raffle/tests/test_fast_lane.py).
"""

from __future__ import annotations

import http.client
import io
import json
import logging
import math
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, connection

from accounts.preferences import speaking
from accounts.recognising import recognise
from raffle import selling
from raffle.api.frame import passes_csrf
from raffle.api.problems import MEDIA_TYPE, as_json
from raffle.errors import Refusal
from raffle.models import MOST_A_PURCHASE, Raffle
from rafflesite.answers import ASKED_AS, Answer, Headers, ask_as_nobody
from rafflesite.gate import Places
from rafflesite.naming import HEADER, SEEN, name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/api/raffles/[-a-zA-Z0-9_]+/purchase")
LONGEST_BODY = 100  # bytes: {"quantity": 1} and some blanks
A_WHILE = 1.0  # seconds after the last purchase, in which another process may still be busy
MOST_KEPT = 100  # ways in which the site is called
# Of one answer, and not of all.
ITS_OWN = {"content-type", "content-length", "www-authenticate"}

_key = re.compile(r"[!-~]{1,200}").fullmatch
log = logging.getLogger(__name__)


class Unusual(Exception):
    """The site must look at this request."""


class FastLane:
    def __init__(self, site: WSGIApplication, abreast: int) -> None:
        self._site, self._places = site, Places(abreast)
        self._left = -math.inf  # time.monotonic() when the last one had an answer
        self._learned: dict[tuple[Any, ...], Headers] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self.answer(environ) if self.sells(environ) else None
        if answer is None:
            return self._site(environ, start_response)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def sells(self, environ: WSGIEnvironment) -> bool:
        """Whether it is a purchase that is asked for."""
        return environ["REQUEST_METHOD"] == "POST" and bool(PATH.fullmatch(environ["PATH_INFO"]))

    def is_quiet(self) -> bool:
        """Whether nobody buys, nor did a moment ago."""
        return self._places.are_empty and time.monotonic() - self._left > A_WHILE

    def answer(self, environ: WSGIEnvironment) -> Answer | None:
        """The answer; None if it is the site's to give. No connection is held then or after."""
        quantity = _wanted(environ)  # a body that never comes must not keep a place
        if quantity is None:
            return None
        slug = environ["PATH_INFO"].split("/")[3]
        self._places.enter()
        try:
            return self._sell(environ, slug, quantity)
        except Unusual:
            return None
        except Exception as error:
            # The site asks again, with the same key, and tells what is wrong if it still is.
            if not isinstance(error, Error | Raffle.DoesNotExist):
                log.exception("The fast lane is blocked")
            return None
        finally:
            try:
                connection.close()  # back to the pool
            finally:
                self._places.leave()
                self._left = time.monotonic()

    def _sell(self, environ: WSGIEnvironment, slug: str, quantity: int) -> Answer:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        request = WSGIRequest(environ)
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        headers = [*self._headers(environ), (HEADER, name(environ))]
        if not _key(key) or not passes_csrf(request):
            raise Unusual
        user = recognise(session)
        if user is None or user.is_staff:
            raise Unusual
        environ[SEEN] = (environ[SEEN][0], user.pk, environ[SEEN][2])
        try:
            receipt = selling.purchase(slug=slug, buyer=user, quantity=quantity, key=key)
        except Refusal as refusal:
            with speaking(request, user):
                body = as_json(request, refusal, key=key)
            if refusal.retry_after is not None:
                headers.append(("Retry-After", str(refusal.retry_after)))
            return _answer(refusal.status, headers, MEDIA_TYPE, body)
        bought = {
            "success": True,
            "tickets": list(receipt.purchase.numbers),
            "remaining": receipt.remaining,
            "purchase": str(receipt.purchase.pk),
            "key": key,
        }
        body = json.dumps(bought).encode()
        return _answer(200, headers, "application/json; charset=utf-8", body)

    def _headers(self, environ: WSGIEnvironment) -> Headers:
        """What the site's own answers have in common, as it says them to nobody's purchase."""
        way = tuple(environ.get(name) for name in ASKED_AS)
        if way not in self._learned:
            empty = environ | {"CONTENT_LENGTH": "0", "wsgi.input": io.BytesIO()}
            answer = ask_as_nobody(self._site, empty)
            if not answer.status.startswith("401 ") or "set-cookie" in answer.told:
                raise Unusual  # it is not called by that name, or not without TLS
            if len(self._learned) >= MOST_KEPT:
                self._learned.clear()
            self._learned[way] = [h for h in answer.headers if h[0].lower() not in ITS_OWN]
        return self._learned[way]


def _wanted(environ: WSGIEnvironment) -> int | None:
    """How many tickets the body asks for, if it is a usual one. It can be read again."""
    length = environ.get("CONTENT_LENGTH", "")
    plain = environ.get("CONTENT_TYPE") == "application/json" and not environ.get("QUERY_STRING")
    if not plain or not length.isdecimal() or int(length) > LONGEST_BODY:
        return None
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    try:
        wanted = json.loads(body.decode())
    except ValueError:
        return None
    quantity = wanted.get("quantity") if isinstance(wanted, dict) and len(wanted) == 1 else None
    usual = type(quantity) is int and 1 <= quantity <= MOST_A_PURCHASE
    return quantity if usual else None


def _answer(status: int, headers: Headers, kind: str, body: bytes) -> Answer:
    told = [("Content-Type", kind), ("Content-Length", str(len(body))), *headers]
    return Answer(f"{status} {http.client.responses[status]}", told, body)
