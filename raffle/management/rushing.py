"""A rush: many signed-in people press the button in the same moment, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User
from raffle.management.lines import Line, open_line, open_lines, press
from raffle.models import Raffle, Ticket
from rafflesite.microcache import FRESH

BUSY = 503
ATTEMPTS = 10  # a press is asked again while its line breaks or the site is busy
PAUSE = 1.0  # seconds
LOOKS = 4


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


def make_buyers(count: int, stem: str = "rush") -> list[User]:
    """New people, who have no password."""
    name, nobody = f"{stem}-{uuid.uuid4().hex[:8]}", make_password(None)
    people = [User(email=f"{name}-{n}@example.invalid", password=nobody) for n in range(count)]
    return User.objects.bulk_create(people, batch_size=500)


def forget_the_empty_handed(buyers: Sequence[User]) -> None:
    """Delete those who bought nothing; whoever holds a ticket stays."""
    ids = {buyer.pk for buyer in buyers}
    holders = Ticket.objects.filter(buyer__in=ids).values_list("buyer_id", flat=True)
    User.objects.filter(pk__in=ids.difference(holders)).delete()


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
    host, port = site.hostname or "", site.port or 80
    lines = await open_lines(host, port, min(connections, len(presses)))
    waiting = iter(presses)
    answered = 0
    began = time.monotonic()

    async def work(line: Line) -> None:
        nonlocal answered
        for next_press in waiting:
            next_press.sent = time.monotonic() - began
            request = press(site.netloc, path, next_press.headers)
            for _ in range(ATTEMPTS):
                try:
                    if not line.is_open:
                        line = await open_line(host, port)
                    async with asyncio.timeout(patience):
                        next_press.status, body = await line.ask(request)
                    next_press.body = json.loads(body)
                except (OSError, ValueError):
                    # Whether it was bought is unknown: ask again, with the same key.
                    line.close()
                    await asyncio.sleep(PAUSE)
                    continue
                if next_press.status != BUSY:
                    break
                await asyncio.sleep(PAUSE)
            next_press.answered = time.monotonic() - began
            answered += 1
            progress(answered, len(presses))
        line.close()

    await asyncio.gather(*map(work, lines))


def sells_from_here(site: SplitResult, raffle: Raffle) -> bool:
    """Whether the site sells the raffle of this database. OSError if it does not answer."""
    for _ in range(LOOKS):
        asked = f"{site.geturl()}/api/raffles/{raffle.slug}/state"
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            state = json.load(answer)
        if state["ledger_head"]["hash"] == raffle.head_hash:
            return True
        time.sleep(FRESH)  # the answer may be as old as that
    return False


def disagreements(raffle: Raffle, told: Sequence[tuple[int, int]], buyers: set[int]) -> list[str]:
    """What `buyers` were told, as (number, buyer), against what is stored: ticket by ticket."""
    sold = Ticket.objects.filter(raffle=raffle).values_list("number", "buyer_id")
    stored = {ticket for ticket in sold if ticket[1] in buyers}
    wrong = [f"ticket {number} was told but not stored" for number, _ in set(told) - stored]
    wrong += [f"ticket {number} was stored but not told" for number, _ in stored - set(told)]
    if len(told) != len(set(told)):
        wrong.append("a ticket was told twice")
    return wrong
