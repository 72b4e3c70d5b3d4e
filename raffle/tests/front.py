"""A test client whose requests come in through the front, by the fast lane, as on a real site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

from raffle.api.fast_lane import FastLane


class Passed(list[bytes]):
    """What the site itself answered."""

    response: Any


class Front(ClientHandler):
    def __init__(self, **asked: Any) -> None:
        super().__init__(**asked)
        self.lane = FastLane(self._site, abreast=9)

    def __call__(self, environ: dict[str, Any]) -> Any:
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            told.append((status, headers))

        parts = self.lane(environ, start_response)
        if isinstance(parts, Passed):
            return parts.response
        status, headers = told[-1]
        response = HttpResponse(b"".join(parts), status=int(status[:3]), headers=dict(headers))
        response.wsgi_request = WSGIRequest(environ)  # type: ignore[attr-defined]
        return response

    def _site(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response: Any = super().__call__(environ)
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        parts = Passed([response.content])
        parts.response = response
        return parts


class FrontClient(Client):
    def __init__(self, enforce_csrf_checks: bool = False, **asked: Any) -> None:
        super().__init__(enforce_csrf_checks=enforce_csrf_checks, **asked)
        self.handler = Front(enforce_csrf_checks=enforce_csrf_checks)
