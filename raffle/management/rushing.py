"""A rush: many signed-in people press the button in the same moment, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import resource
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User

BUSY = 503
ATTEMPTS = 10  # a press is asked again while its line breaks or the site is busy
PAUSE = 1.0  # seconds


@dataclass(slots=True)
class Press:
    """One press of the button and what came back. Times are seconds since the release."""

    buyer: User
    headers: str
    sent: float = 0.0
    answered: float = 0.0
    status: int = 0  # 0: no answer
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        return self.body["tickets"] if self.status == 200 else []

    @property
    def outcome(self) -> str:
        return "sold" if self.status == 200 else self.body.get("code", f"error {self.status}")


def sign_in(buyers: Sequence[User]) -> list[dict[str, str]]:
    """The request headers of each buyer's browser: session and CSRF cookies of their own."""
    expires = timezone.now() + timedelta(hours=1)
    sessions, headers = [], []
    for buyer in buyers:
        session, csrf = get_random_string(32), get_random_string(32)
        holds = {
            SESSION_KEY: str(buyer.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: buyer.get_session_auth_hash(),
        }
        data = SessionStore().encode(holds)
        sessions.append(Session(session_key=session, session_data=data, expire_date=expires))
        cookies = {settings.SESSION_COOKIE_NAME: session, settings.CSRF_COOKIE_NAME: csrf}
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers.append({"Cookie": cookie, "X-CSRFToken": csrf})
    Session.objects.bulk_create(sessions, batch_size=500)
    return headers


@contextmanager
def signed_in(buyers: Sequence[User]) -> Iterator[list[str]]:
    """The lines of sign_in(), and signs them out again."""
    headers = sign_in(buyers)
    names = f"{settings.SESSION_COOKIE_NAME}="
    sessions = [told["Cookie"].partition(names)[2].partition(";")[0] for told in headers]
    try:
        yield ["".join(f"{name}: {value}\r\n" for name, value in told.items()) for told in headers]
    finally:
        Session.objects.filter(pk__in=sessions).delete()


async def press_all(
    site: SplitResult,
    path: str,
    presses: Sequence[Press],
    connections: int,
    progress: Callable[[int, int], None],
    patience: float = 60.0,
) -> None:
    """Open all connections, then let the presses go; fill in what came of each.

    A buyer's presses stand side by side, and each goes out as soon as a connection is free.
    """
    _allow_open_files(connections + 100)
    lines = [
        await asyncio.open_connection(site.hostname, site.port)
        for _ in range(min(connections, len(presses)))
    ]
    waiting = iter(presses)
    answered = 0
    began = time.monotonic()

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        for press in waiting:
            press.sent = time.monotonic() - began
            request = _request(site, path, press)
            for _ in range(ATTEMPTS):
                try:
                    writer.write(request)
                    async with asyncio.timeout(patience):
                        press.status, press.body = await _response(reader)
                except (OSError, EOFError, ValueError, TimeoutError):
                    # Whether it was bought is unknown: ask again, with the same key.
                    writer.close()
                    await asyncio.sleep(PAUSE)
                    with suppress(OSError):
                        reader, writer = await asyncio.open_connection(site.hostname, site.port)
                    continue
                if press.status != BUSY:
                    break
                await asyncio.sleep(PAUSE)
            press.answered = time.monotonic() - began
            answered += 1
            progress(answered, len(presses))
        writer.close()

    await asyncio.gather(*(work(*line) for line in lines))


def _request(site: SplitResult, path: str, press: Press) -> bytes:
    body = '{"quantity":1}'
    return (
        f"POST {path} HTTP/1.1\r\nHost: {site.netloc}\r\n{press.headers}"
        f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _response(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return int(head[0].split(" ", 2)[1]), json.loads(body) if body else {}


def _allow_open_files(count: int) -> None:
    """Every connection is a file, and many systems begin with 1024 or 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
