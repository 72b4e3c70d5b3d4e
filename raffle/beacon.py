"""drand, the public beacon: the round of a moment, its signature from relays, and its check.

drand is a network of independent organisations that together sign the number of a round every few
seconds. Nobody can foretell a signature, and everybody can check it against one public key. So no
relay has to be trusted, and nothing is taken from one before it was checked. No Django here.
"""
# ruff: noqa: A002 - a round of the beacon is called `round`

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from py_arkworks_bls12381 import GT, G1Point, G2Point

# The League of Entropy's own relays, as drand's documentation lists them.
DEFAULT_RELAYS = (
    "https://api.drand.sh",
    "https://api2.drand.sh",
    "https://api3.drand.sh",
    "https://drand.cloudflare.com",
)
SECONDS = 3.0  # for all relays together, however slowly one of them talks
LARGEST_ANSWER = 65_536  # bytes; a genuine one has about 200
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"  # of the scheme bls-unchained-g1-rfc9380
SIGNATURE = re.compile(r"[0-9a-f]{96}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chain:
    """A drand network of the scheme bls-unchained-g1-rfc9380, as its /info document tells it."""

    hash: str
    public_key: str
    genesis: int  # when round 1 appears, in seconds of Unix time
    period: int  # seconds from one round to the next

    def time_of(self, round: int) -> datetime:
        """When `round` (>= 1) appears, in UTC."""
        return EPOCH + timedelta(seconds=self.genesis + (round - 1) * self.period)

    def first_round_from(self, at: datetime) -> int:
        """The first round that appears at `at` or later, to the microsecond."""
        waited = at - EPOCH - timedelta(seconds=self.genesis)
        return max(1, 1 - (-waited // timedelta(seconds=self.period)))

    def verifies(self, round: int, signature: str) -> bool:
        """Whether `signature` is this network's for `round`; False too for anything malformed."""
        return _verifies(self.public_key, round, signature)


QUICKNET = Chain(
    hash="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
    "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
    "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    genesis=1_692_803_367,
    period=3,
)


def randomness(signature: str) -> str:
    """SHA-256 of the signature's bytes, in hex."""
    return hashlib.sha256(bytes.fromhex(signature)).hexdigest()


def message(round: int) -> G1Point:
    """The point that the network signs for `round`: it multiplies it with its secret key."""
    digest = hashlib.sha256(round.to_bytes(8, "big")).digest()
    return G1Point.hash_to_curve(digest, DOMAIN)


def _verifies(public_key: str, round: int, signature: str) -> bool:
    if not 1 <= round < 2**64 or not SIGNATURE.fullmatch(signature):
        return False
    try:
        point = G1Point.from_compressed_bytes(bytes.fromhex(signature))
    except ValueError:  # not on the curve, or not in its subgroup
        return False
    return GT.pairing_check([point, -message(round)], [G2Point(), _key(public_key)])


def _key(public_key: str) -> G2Point:
    """The point of a public key. Raises ValueError if it is none: the site is set up wrongly."""
    point = G2Point.from_compressed_bytes(bytes.fromhex(public_key))
    if point == G2Point.identity():
        raise ValueError("the beacon's public key is not in the group")
    return point


class Said(StrEnum):
    """What a relay had to say instead of a valid signature."""

    NOT_YET = "not yet"
    AWAY = "away"
    LIED = "lied"


@dataclass(frozen=True, slots=True)
class Answer:
    """One relay's answer that was of no use. `detail` is for the operator's log."""

    relay: str
    said: Said
    detail: str

    def __str__(self) -> str:
        return f"{self.relay}: {self.said} ({self.detail[:200]})"


class BeaconAway(Exception):
    """No relay gave a valid signature of the round. Ask again later: it will be the same one."""

    def __init__(self, round: int, answers: Sequence[Answer]) -> None:
        heard = "; ".join(map(str, answers)) or "there is no relay to ask"
        super().__init__(f"No valid signature of beacon round {round}. {heard}")
        self.round = round
        self.answers = tuple(answers)

    @property
    def not_yet(self) -> bool:
        """Whether a relay answered properly that the round is still to come."""
        return any(answer.said is Said.NOT_YET for answer in self.answers)


Heard = SimpleQueue[tuple["_Call", "str | Answer"]]  # who called, and what came of it


def fetch(chain: Chain, round: int, relays: Sequence[str]) -> str:
    """The signature of `round`: of all relays, asked at once, the first one that verifies.

    Takes as long as the fastest honest relay and one check; a false signature costs one check
    more. Raises BeaconAway if nobody gave a valid one within SECONDS.
    """
    heard: Heard = SimpleQueue()
    calls = [_Call(relay, chain, round, heard) for relay in relays]
    for call in calls:
        threading.Thread(target=call.make, name=f"beacon {call.relay}", daemon=True).start()
    try:
        return _first_valid(chain, round, calls, heard)
    finally:
        for call in calls:
            call.hang_up()


def _first_valid(chain: Chain, round: int, calls: Sequence[_Call], heard: Heard) -> str:
    deadline = time.monotonic() + SECONDS
    silent, answers = list(calls), []
    while silent:
        try:
            # What came in while a false signature was being checked still counts.
            call, said = heard.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        silent.remove(call)
        if isinstance(said, Answer):
            answers.append(said)
        elif chain.verifies(round, said):
            return said
        else:
            answers.append(Answer(call.relay, Said.LIED, "the signature is false"))
    late = [Answer(call.relay, Said.AWAY, f"no answer in {SECONDS:g} s") for call in silent]
    raise BeaconAway(round, answers + late)


@dataclass(eq=False)
class _Call:
    """One question to one relay, in a thread of its own."""

    relay: str
    chain: Chain
    round: int
    heard: Heard
    lock: threading.Lock = field(default_factory=threading.Lock)
    line: socket.socket | None = None
    over: bool = False

    def make(self) -> None:
        """Put a signature, unchecked, or the Answer without one into `heard`."""
        try:
            status, body = self._ask()
        except (OSError, HTTPException, ValueError) as error:
            said: str | Answer = Answer(self.relay, Said.AWAY, f"{type(error).__name__}: {error}")
        else:
            said = self._understand(status, body)
        self.heard.put((self, said))

    def hang_up(self) -> None:
        """End the call, even in the middle of an answer that comes drop by drop."""
        with self.lock:
            self.over = True
            if self.line:
                with self.line, suppress(OSError):  # it may have ended by itself
                    self.line.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> tuple[int, bytes]:
        base = urlsplit(self.relay)
        connection = _connection(base.scheme, base.hostname or "", base.port)
        try:
            connection.connect()
            self._hold(connection.sock)
            path = f"{base.path.rstrip('/')}/{self.chain.hash}/public/{self.round}"
            connection.request("GET", path, headers={"User-Agent": "raffle"})
            with connection.getresponse() as response:  # a redirect is an answer like any other
                return response.status, response.read(LARGEST_ANSWER + 1)
        finally:
            connection.close()

    def _hold(self, line: socket.socket) -> None:
        """Keep a handle of our own on `line`: the thread that reads from it closes only its own."""
        with self.lock:
            if self.over:
                raise TimeoutError("hung up before there was a line")
            self.line = socket.socket(fileno=os.dup(line.fileno()))

    def _understand(self, status: int, body: bytes) -> str | Answer:
        if status in {404, 425}:  # no such round so far; too early
            return Answer(self.relay, Said.NOT_YET, f"status {status}")
        if status != 200 or not body:  # drand says nothing at all of a round that it missed
            return Answer(self.relay, Said.AWAY, f"status {status}, {len(body)} bytes")
        if len(body) > LARGEST_ANSWER:
            return Answer(self.relay, Said.LIED, f"more than {LARGEST_ANSWER} bytes")
        try:
            told = json.loads(body)
            signature = told["signature"]
            if told["round"] != self.round:
                return Answer(self.relay, Said.LIED, "another round")
            if told.get("randomness") not in {None, randomness(signature)}:
                return Answer(self.relay, Said.LIED, "randomness of another signature")
        except (ValueError, TypeError, LookupError, RecursionError):
            return Answer(self.relay, Said.LIED, "not the JSON of a round")
        return str(signature)


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    """A connection over https; over http only within this machine. Raises ValueError."""
    if scheme == "https" and host:
        return HTTPSConnection(host, port, timeout=SECONDS)
    if scheme == "http" and _is_this_machine(host):
        return HTTPConnection(host, port, timeout=SECONDS)
    raise ValueError("a relay's address starts with https://")


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
