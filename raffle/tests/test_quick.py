"""Requests that are answered before they are requests: which, and that nothing else ever is."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from raffle.api.fast_lane import FastLane
from raffle.management.rushing import sign_in
from raffle.models import Raffle
from raffle.tests.makers import make_buyer, make_raffle, sold_numbers
from rafflesite.answers import Answer
from rafflesite.plain import read
from rafflesite.quick import QuickRequest

HEAD = b"GET /api/raffles/spring/state HTTP/1.1\r\nHost: raffle.example\r\n"
PLAIN = HEAD + b"\r\n"


def test_what_a_browser_sends_is_plain() -> None:
    told = (
        b"User-Agent: Mozilla/5.0 (X11)\r\nAccept: */*\r\nAccept-Language: de,en;q=0.5\r\n"
        b"accept-encoding: gzip\r\nCookie: sessionid=abc; csrftoken=def\r\nSec-Fetch-Mode: cors\r\n"
        b'sec-ch-ua: "Chromium";v="140"\r\nConnection: keep-alive\r\nIf-None-Match: "e"\r\n\r\n'
    )
    assert read(HEAD + told) == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/raffles/spring/state",
        "QUERY_STRING": "",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "raffle.example",
        "HTTP_IF_NONE_MATCH": '"e"',
    }


@pytest.mark.parametrize(
    "head",
    [
        b"", b"\r\n", PLAIN[:-1], PLAIN + b"\r\n", PLAIN + PLAIN, PLAIN + b"x", b"\r\n" + PLAIN,
        PLAIN.replace(b"GET", b"HEAD"), PLAIN.replace(b"GET", b"get"),
        PLAIN.replace(b"1.1", b"1.0"), PLAIN.replace(b"state ", b"state?x=1 "),
        PLAIN.replace(b"/api", b"http://other.example/api"), PLAIN.replace(b"spring", b"%73pring"),
        PLAIN.replace(b"\r\n", b"\n"), PLAIN.replace(b"Host", b"Hoster"),
        PLAIN.replace(b"Host:", b"Host :"), PLAIN.replace(b"Host: raffle.example\r\n", b""),
        PLAIN.replace(b"example", b"ex\x00mple"), PLAIN.replace(b"example", b"ex\xe4mple"),
        PLAIN.replace(b"example", b"example\r\n and more"),
    ],
)  # fmt: skip
def test_what_is_not_one_whole_get_is_not_plain(head: bytes) -> None:
    assert read(head) is None


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Connection: close",
        b"Connection: upgrade", b"Upgrade: h2c", b"Expect: 100-continue", b"TE: trailers",
        b"Authorization: Basic eDp5", b"Range: bytes=0-1", b"If-Modified-Since: x", b"If-Match: x",
        b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https", b"X-Request-ID: abcdefgh",
        b"X-HTTP-Method-Override: POST", b"Host: other.example", b"Forwarded: for=1.2.3.4",
        b"User_Agent: x", b"Cookie\t: x", b"Unheard-Of: x",
    ],
)  # fmt: skip
def test_a_header_that_may_mean_something_is_not_plain(header: bytes) -> None:
    assert read(HEAD + header + b"\r\n\r\n") is None


BUY = (
    b"POST /api/raffles/spring/purchase HTTP/1.1\r\nHost: raffle.example\r\nCookie: a=b\r\n"
    b"Content-Type: application/json\r\nX-CSRFToken: t\r\nIdempotency-Key: k\r\n"
)
WANTS = b"Content-Length: 14\r\n\r\n" + b'{"quantity":1}'


def test_what_a_browser_sends_to_buy_is_plain() -> None:
    behind = b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-ID: abcdefgh\r\n"
    told = read(BUY + b"Sec-Fetch-Site: same-origin\r\nAccept: */*\r\n" + behind + WANTS)
    assert told
    assert told.pop("wsgi.input").read() == b'{"quantity":1}'
    assert told == {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/raffles/spring/purchase",
        "QUERY_STRING": "",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "14",
        "HTTP_HOST": "raffle.example",
        "HTTP_COOKIE": "a=b",
        "HTTP_X_CSRFTOKEN": "t",
        "HTTP_IDEMPOTENCY_KEY": "k",
        "HTTP_X_FORWARDED_FOR": "1.2.3.4",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_REQUEST_ID": "abcdefgh",
    }


@pytest.mark.parametrize(
    "asked",
    [
        BUY + WANTS[:-1], BUY + WANTS + b"x", BUY + WANTS + PLAIN, BUY + WANTS[20:],
        BUY + WANTS.replace(b"14", b"014"), BUY + WANTS.replace(b"14", b"+14"),
        BUY + b"Content-Length: 14\r\n" + WANTS, BUY + b"Transfer-Encoding: chunked\r\n" + WANTS,
        BUY + b"Cookie: a=b\r\n" + WANTS, BUY + b"Idempotency-Key: l\r\n" + WANTS,
        BUY + b"Expect: 100-continue\r\n" + WANTS, BUY + b"Connection: close\r\n" + WANTS,
        BUY + b"Authorization: Basic eDp5\r\n" + WANTS, BUY + b"Content-Encoding: gzip\r\n" + WANTS,
        BUY + b"X-HTTP-Method-Override: PUT\r\n" + WANTS, BUY + b"X_CSRFToken: u\r\n" + WANTS,
    ],
)  # fmt: skip
def test_what_is_not_one_whole_purchase_is_not_plain(asked: bytes) -> None:
    assert read(BUY + WANTS) is not None
    assert read(asked) is None


@pytest.mark.parametrize("rest", [b"", b"\n", b"\x00", b"\r\n" + b"x" * 201])
def test_what_is_almost_plain_is_seen_through_as_fast(rest: bytes) -> None:
    """Nobody can keep a process busy with a few bytes: once, each header doubled the time."""
    head = HEAD + b"Accept: a\r\n" * 45 + rest
    began = time.perf_counter()
    assert read(head) is None
    assert time.perf_counter() - began < 1


class Lane(FastLane):
    """Answers nothing, and tells how often it was asked."""

    def __init__(self) -> None:
        super().__init__(WSGIHandler(), abreast=1)
        self.asked = 0

    def answer(self, environ: dict[str, Any]) -> None:
        self.asked += 1


def test_a_purchase_is_made_only_when_the_connection_no_longer_counts_as_idle() -> None:
    """gunicorn closes one that idles for long, whatever it is doing then, until it has parsed."""
    lane = Lane()
    worker = SimpleNamespace(alive=True)
    ours, theirs = socket.socketpair()
    asked = BUY + b"Content-Length: 14\r\n\r\n" + b'{"quantity":1}'
    with (
        ours, theirs, patch.object(QuickRequest, "lane", lane, create=True),
        patch.object(QuickRequest, "worker", worker, create=True),
        patch.object(RequestParser, "mesg_class", QuickRequest),
        patch.object(QuickRequest, "rounds", create=True) as rounds,
    ):  # fmt: skip
        theirs.sendall(asked)
        parser = RequestParser(Config(), ours, ("127.0.0.1", 1))
        request = next(parser)
        assert (request.asked is not None, lane.asked, rounds.make_way.called) == (True, 0, False)
        assert request.answer() is False  # the lane did not want it: gunicorn goes on with it
        assert (lane.asked, rounds.make_way.called) == (1, True)
        assert (request.method, request.body.read()) == ("POST", b'{"quantity":1}')
        assert ("IDEMPOTENCY-KEY", "k") in request.headers
        theirs.sendall(asked.replace(b"-Key: k", b"-Key: l"))
        assert next(parser).asked["HTTP_IDEMPOTENCY_KEY"] == "l"


@pytest.mark.parametrize("is_quiet", [True, False])
def test_who_looks_again_waits_for_the_next_round_while_others_buy(is_quiet: bool) -> None:
    lane = FastLane(WSGIHandler(), abreast=1)
    if not is_quiet:
        lane._places.enter()
    memory = SimpleNamespace(at_hand=lambda environ: Answer("200 OK", [("A", "b")], b"state"))
    worker = SimpleNamespace(alive=True, log=SimpleNamespace(access=lambda *line: None))
    ours, theirs = socket.socketpair()
    with (
        ours, theirs, patch.object(QuickRequest, "lane", lane, create=True),
        patch.object(QuickRequest, "worker", worker, create=True),
        patch.object(QuickRequest, "memory", memory, create=True),
        patch.object(QuickRequest, "rounds", create=True) as rounds,
        patch.object(RequestParser, "mesg_class", QuickRequest),
    ):  # fmt: skip
        theirs.sendall(PLAIN)
        rounds.wait.side_effect = lambda: theirs.shutdown(socket.SHUT_WR)
        if is_quiet:
            theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(StopIteration):
            next(RequestParser(Config(), ours, ("127.0.0.1", 1)))
        assert theirs.recv(1000).endswith(b"\r\n\r\nstate")
        assert rounds.wait.call_count == (0 if is_quiet else 1)


def test_who_was_sold_to_is_told_after_a_round_that_is_due_and_whole_if_they_read_slowly() -> None:
    """Of so many bytes the network takes three at first."""
    said, told = list[str](), bytearray()

    def send(piece: bytes) -> int:
        said.append("send")
        told.extend(piece[:3])
        return 3

    lane = SimpleNamespace(
        sells=lambda environ: True, answer=lambda environ: Answer("200 OK", [("A", "b")], b"yours")
    )
    request = QuickRequest.__new__(QuickRequest)
    sock = SimpleNamespace(send=send, sendall=told.extend)
    request.unreader = SimpleNamespace(sock=sock)
    log = SimpleNamespace(access=lambda *line: said.append("log"))
    with (
        patch.object(QuickRequest, "lane", lane, create=True),
        patch.object(QuickRequest, "worker", SimpleNamespace(alive=True, log=log), create=True),
        patch.object(QuickRequest, "rounds", create=True) as rounds,
    ):
        rounds.make_way.side_effect = lambda: said.append("make way")
        assert request._sell({"REQUEST_METHOD": "POST"}) is True
    assert said == ["make way", "send", "log"]
    assert bytes(told).startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes(told).endswith(b"A: b\r\n\r\nyours")


# --- On the wire ----------------------------------------------------------------------------------


class Wire:
    """A connection to the site, and what came back on it."""

    def __init__(self, site: str) -> None:
        told = urlsplit(site)
        assert told.hostname
        assert told.port
        self.name = told.netloc
        self.line = socket.create_connection((told.hostname, told.port), timeout=10)
        self.read = self.line.makefile("rb")

    def get(self, raffle: Raffle, more: str = "") -> bytes:
        path = f"/api/raffles/{raffle.slug}/state"
        return f"GET {path} HTTP/1.1\r\nHost: {self.name}\r\n{more}\r\n".encode()

    def buy(self, raffle: Raffle, more: str, quantity: int = 1) -> bytes:
        body = json.dumps({"quantity": quantity})
        return (
            f"POST /api/raffles/{raffle.slug}/purchase HTTP/1.1\r\nHost: {self.name}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Idempotency-Key: the-same\r\n{more}\r\n{body}"
        ).encode()

    def answer(self) -> tuple[str, dict[str, str], bytes]:
        status = self.read.readline().decode().strip()
        headers = {}
        while line := self.read.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers, self.read.read(int(headers.get("Content-Length", 0)))

    def says_no_more(self) -> bool:
        self.line.settimeout(0.3)
        try:
            return not self.line.recv(1)
        except TimeoutError:
            return True
        finally:
            self.line.settimeout(10)


@pytest.fixture
def wire(site: str) -> Iterator[Wire]:
    wire = Wire(site)
    yield wire
    wire.read.close()
    wire.line.close()


def test_the_quick_answer_is_the_same_as_the_long_one(wire: Wire) -> None:
    raffle = make_raffle()
    told = []
    for more in ("", "Unheard-Of: it\r\n", ""):
        wire.line.sendall(wire.get(raffle, more))
        status, headers, body = wire.answer()
        assert len(headers.pop("X-Request-ID")) == 16
        headers.pop("Date")
        told.append((status, headers, body))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == "HTTP/1.1 200 OK"
    assert json.loads(told[0][2])["slug"] == raffle.slug


def test_who_has_it_already_is_told_so(wire: Wire) -> None:
    raffle = make_raffle()
    wire.line.sendall(wire.get(raffle))
    etag = wire.answer()[1]["ETag"]
    for _ in range(2):
        wire.line.sendall(wire.get(raffle, f"If-None-Match: {etag}\r\n"))
        status, headers, body = wire.answer()
        assert (status, body) == ("HTTP/1.1 304 Not Modified", b"")
        assert headers["ETag"] == etag


def test_requests_that_come_together_are_answered_in_their_order(wire: Wire) -> None:
    first, second = make_raffle(), make_raffle()
    for raffle in (first, second):  # both at hand
        wire.line.sendall(wire.get(raffle))
        wire.answer()
    wire.line.sendall(wire.get(first) + wire.get(second) + wire.get(first))
    slugs = [json.loads(wire.answer()[2])["slug"] for _ in range(3)]
    assert slugs == [first.slug, second.slug, first.slug]
    assert wire.says_no_more()


def test_a_request_that_comes_in_pieces_is_answered_once(wire: Wire) -> None:
    raffle = make_raffle()
    for piece in (wire.get(raffle)[:9], wire.get(raffle)[9:-2], wire.get(raffle)[-2:]):
        wire.line.sendall(piece)
        time.sleep(0.05)
    assert wire.answer()[0] == "HTTP/1.1 200 OK"
    assert wire.says_no_more()


def test_a_body_that_looks_like_a_request_is_a_body(wire: Wire) -> None:
    raffle = make_raffle()
    wire.line.sendall(wire.get(raffle))
    wire.answer()
    inner = wire.get(raffle)
    path = f"/api/raffles/{raffle.slug}/purchase"
    wire.line.sendall(
        f"POST {path} HTTP/1.1\r\nHost: {wire.name}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n".encode()
    )
    time.sleep(0.1)
    wire.line.sendall(inner)
    assert wire.answer()[0] == "HTTP/1.1 401 Unauthorized"
    assert wire.says_no_more()
    wire.line.sendall(wire.get(raffle))
    assert wire.answer()[0] == "HTTP/1.1 200 OK"


@pytest.fixture
def hers() -> dict[str, str]:
    return sign_in([make_buyer()])[0]


def lines(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


@pytest.mark.parametrize("quantity", [1, 3, 0])
def test_a_purchase_is_answered_the_same_the_quick_and_the_long_way(
    wire: Wire, hers: dict[str, str], quantity: int
) -> None:
    raffle = make_raffle(limit=2)
    told = []
    for more in ("", "Unheard-Of: it\r\n", ""):
        wire.line.sendall(wire.buy(raffle, lines(hers) + more, quantity))
        status, headers, body = wire.answer()
        assert len(headers.pop("X-Request-ID")) == 16
        headers.pop("Date")
        told.append((status, headers, body))
    assert told[0] == told[1] == told[2]
    assert sold_numbers(raffle) == ([1] if quantity == 1 else [])


def test_who_may_not_buy_is_told_so_by_the_site(wire: Wire, hers: dict[str, str]) -> None:
    raffle = make_raffle()
    for headers in ({}, hers | {"X-CSRFToken": "another"}, {"X-CSRFToken": hers["X-CSRFToken"]}):
        wire.line.sendall(wire.buy(raffle, lines(headers)))
        assert wire.answer()[0] in {"HTTP/1.1 401 Unauthorized", "HTTP/1.1 403 Forbidden"}
    wire.line.sendall(wire.buy(raffle, lines(hers)) + wire.get(raffle))  # not plain together
    assert wire.answer()[0] == "HTTP/1.1 200 OK"
    assert json.loads(wire.answer()[2])["sold"] == 1
    assert wire.says_no_more()


def test_a_connection_that_polls_without_a_pause_lives_on(wire: Wire) -> None:
    """Longer than one stretch, after which gunicorn sees a request and its clock begins anew."""
    raffle, until = make_raffle(), time.monotonic() + 2.5
    while time.monotonic() < until:
        wire.line.sendall(wire.get(raffle))
        assert wire.answer()[0] == "HTTP/1.1 200 OK"
        time.sleep(0.01)
