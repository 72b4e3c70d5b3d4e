"""Every request has a name, which its answer and all its log lines carry: X-Request-ID."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from rafflesite.logs import request_id

HEADER = "X-Request-ID"
SEEN = "raffle.seen"  # in the WSGI environment: (id, account or None, address), for the log
_well_formed = re.compile(r"[A-Za-z0-9_.-]{8,64}").fullmatch


def named_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Take the name that the trusted proxy gave, or make one; tell it, and who was signed in.

    Outermost: what goes wrong in any other middleware has a name, too. It asks nobody who is signed
    in, so that a request which did not need to know costs no look into the database.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        environ = request.META  # kept: allauth takes up a form from before with other headers
        named = name(environ)
        response = get_response(request)
        if user := getattr(request, "_cached_user", None):
            environ[SEEN] = (named, user.pk, environ[SEEN][2])
        response.headers[HEADER] = named
        return response

    return middleware


def name(environ: dict[str, Any]) -> str:
    """The request's name, from now on on its log lines and in `environ` for the log of requests."""
    if SEEN in environ:
        return str(environ[SEEN][0])
    proxies: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    named, address = "", environ.get("REMOTE_ADDR", "-")
    if proxies and (forwarded := environ.get("HTTP_X_FORWARDED_FOR")):
        hops = forwarded.split(",")
        if len(hops) >= proxies:  # it came through all of them
            address = hops[-proxies].strip()[:45]
            named = environ.get("HTTP_X_REQUEST_ID", "")
    if not named or not _well_formed(named):
        named = os.urandom(8).hex()
    request_id.set(named)
    environ[SEEN] = (named, None, address)
    return named
