"""Lines to a site: HTTP/1.1 over kept connections, as cheap as asyncio can be, for many at once.

Knows nothing of Django, so that a process that only presses buttons starts at once and is small.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import resource
import socket
import uuid
from contextlib import suppress
from typing import cast
from urllib.parse import SplitResult, urlsplit

# What ends an answer, and whether the site closes the line after it.
FRAMING = re.compile(rb"\r\n(?:content-length: *(\d+)|connection: *(close))", re.IGNORECASE)
BODILESS = (204, 304)
WANTED = b'{"quantity":1}'
AT_ONCE = 50  # connections being opened

Answer = tuple[int, bytes]  # status and body


class Line(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._got = b""

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """The answer to `request`; OSError or ValueError if the line broke before it was there."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport and self.is_open:
            self._transport.write(request)
        else:
            self._waiting.set_exception(ConnectionResetError("closed by the site"))
        return self._waiting

    def close(self) -> None:
        self.is_open = False
        if self._transport:
            self._transport.abort()

    # --- What asyncio calls -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n") + 4
        if end < 4:
            self._got = got
            return
        status, length = int(got[9:12]), -1
        for told in FRAMING.finditer(got, 0, end - 2):
            if told[2]:
                self.is_open = False
            else:
                length = int(told[1])
        if length < 0 and status not in BODILESS:
            self._break(ValueError("an answer without a Content-Length"))
        elif len(got) < end + max(length, 0):
            self._got = got
        else:
            self._got = b""
            if self._waiting and not self._waiting.done():
                self._waiting.set_result((status, got[end:]))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._break(error or ConnectionResetError("closed by the site"))

    def _break(self, error: Exception) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)
        self.close()


def loopback(url: str) -> SplitResult | None:
    """The address in parts, if it is this very machine's: a rush against others is an attack."""
    parts = urlsplit(url)
    found = []
    with suppress(OSError):
        found = socket.getaddrinfo(parts.hostname, None)
    addresses = {ipaddress.ip_address(info[4][0]) for info in found}
    if parts.scheme != "http" or not addresses or not all(a.is_loopback for a in addresses):
        return None
    return parts if parts.port else urlsplit(f"http://{parts.hostname}:80")


async def open_line(host: str, port: int) -> Line:
    _, line = await asyncio.get_running_loop().create_connection(Line, host, port)
    return line


async def open_lines(host: str, port: int, count: int) -> list[Line]:
    """`count` open lines, all ready before the first is used."""
    _allow_open_files(count + 100)
    lines: list[Line] = []
    while len(lines) < count:
        some = min(AT_ONCE, count - len(lines))
        lines += await asyncio.gather(*(open_line(host, port) for _ in range(some)))
    return lines


def press(host: str, path: str, headers: str) -> bytes:
    """A request to buy one ticket, with an idempotency key of its own. `headers` end in CRLF."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Idempotency-Key: {uuid.uuid4()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(WANTED)}\r\n\r\n"
    ).encode() + WANTED


def poll(host: str, path: str) -> bytes:
    """A request to look, by nobody in particular."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def _allow_open_files(count: int) -> None:
    """Every connection is a file, and many systems begin with 1024 or 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
