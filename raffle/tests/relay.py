"""A drand relay on this machine: a real HTTP server with drand's own JSON, and beacons for it.

Recorded rounds of the real network are in the past. `shifted()` moves the network's clock, and
`OwnChain` signs whatever round a test wants; both are checked by the very code that checks drand.
"""
# ruff: noqa: A002 - a round of the beacon is called `round`

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from py_ecc.bls.g2_primitives import G1_to_pubkey, G2_to_signature
from py_ecc.optimized_bls12_381.optimized_curve import G2, multiply

from raffle.beacon import EPOCH, QUICKNET, Chain, message, randomness

# Signatures of quicknet, as they were published.
GENUINE: dict[int, str] = {
    42: "95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689319bccf79a9c8ce4"
    "30a91b811fbfaf763900bc998b5d686a",
    1000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
    657413: "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
    "41076862b98fad56e91a6b85b89cd97b",
}

Reply = tuple[int, bytes]  # status and body


def shifted(round: int, in_seconds: float, now: datetime) -> Chain:
    """Quicknet with another genesis: `round` is the first that appears `in_seconds` from `now`.

    It still is two seconds after `now`, so that a test may take its time.
    """
    due = math.ceil((now - EPOCH) / timedelta(seconds=1) + in_seconds) + QUICKNET.period - 1
    return replace(QUICKNET, genesis=due - (round - 1) * QUICKNET.period)


@dataclass(frozen=True)
class OwnChain:
    """A network of one, whose secret is no secret: `sign()` gives any round's valid signature."""

    secret: int = 20_260_731
    genesis: int = QUICKNET.genesis
    period: int = QUICKNET.period

    @cached_property
    def chain(self) -> Chain:
        public = G2_to_signature(multiply(G2, self.secret)).hex()
        return Chain(f"{self.secret:064x}", public, self.genesis, self.period)

    def sign(self, round: int) -> str:
        return G1_to_pubkey(multiply(message(round), self.secret)).hex()


def drand_json(round: int, signature: str) -> bytes:
    """What a relay of drand says of a round."""
    facts = {"round": round, "randomness": randomness(signature), "signature": signature}
    return json.dumps(facts).encode()


@dataclass
class Relay:
    """A relay at `address`, as long as the `with` lasts; it has the rounds that `sign` knows.

    `late` makes it say that a round is not there yet. `reply`, if given, is what it says instead
    of the truth: status and body. `pause` is called before it answers, and may wait.
    """

    sign: Callable[[int], str | None] = GENUINE.get
    chain: Chain = QUICKNET
    late: bool = False
    reply: Callable[[int], Reply] | None = None
    pause: Callable[[], object] = lambda: None
    asked: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str) -> Reply:
        chain, _, number = path.removeprefix("/").partition("/public/")
        if chain != self.chain.hash or not number.isdecimal():
            return 404, b"{}"
        self.asked.append(int(number))
        self.pause()
        if self.reply:
            return self.reply(int(number))
        signature = None if self.late else self.sign(int(number))
        return (200, drand_json(int(number), signature)) if signature else (404, b"{}")


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = relay.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Tests have enough to say."""

    return Handler
