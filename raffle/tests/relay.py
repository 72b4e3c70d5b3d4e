"""A drand relay on this machine: a real HTTP server with drand's own JSON, and beacons for it.

Recorded rounds of the real network are in the past. `shifted()` moves the network's clock, and
`OwnChain` signs whatever round a test wants; both are checked by the very code that checks drand.
"""
# ruff: noqa: A002 - a round of the beacon is called `round`

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from typing import Self

from py_arkworks_bls12381 import G2Point, Scalar

from raffle.beacon import EPOCH, QUICKNET, Chain, message, randomness

# Signatures that quicknet really published.
GENUINE: dict[int, str] = {
    1: "b55e7cb2d5c613ee0b2e28d6750aabbb78c39dcc96bd9d38"
    "c2c2e12198df95571de8e8e402a0cc48871c7089a2b3af4b",
    2: "b6b6a585449b66eb12e875b64fcbab3799861a00e4dbf092"
    "d99e969a5eac57dd3f798acf61e705fe4f093db926626807",
    42: "95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689"
    "319bccf79a9c8ce430a91b811fbfaf763900bc998b5d686a",
    255: "ac47b96c2937201d0fb2f108f1f0e3a05279d310906a3b01"
    "c8b09388e4aa2e9c5de30db4d78e358c2ee480d233047111",
    256: "8a0cd30f3694c151cfdbc1aa529b0e7673a8a32c07243046"
    "905bb40bf31d83769a95c838e9e16160f7af858dea860bc0",
    1_000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b1957"
    "6350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    1_001: "b33bf3667cbd5a82de3a24b4e0e9fe5513cc1a0e840368c6"
    "e31f5fcfa79bea03f73896b25883abf2853d10337fb8fa41",
    1_002: "ab066f9c12dd6de1336fca0f925192fb0c72a771c3e4c82e"
    "de1fd362c1a770f9eb05843c6308ce2530b53a99c0281a6e",
    1_003: "b104c82771698f45fd8dcfead083d482694c31ab519bcef0"
    "77f126f3736fe98c8392fd5d45d88aeb76b56ccfcb0296d7",
    13_335: "a38ab268d58c04ce2d22b8317e4b66ecda5fa8841c7215bf"
    "7733af8dbaed6c5e7d8d60b77817294a64b891f719bc1b40",
    65_535: "95aa0afea5aa88f59fe34facebcb08770ac01d38840a8c16"
    "e841c6027a293a3c90dbcaf010a8fb19b306b9ff6c46eaf9",
    65_536: "a6404de93f56ba89d4ae0360b7eee02120c7c4898c8d7980"
    "914139746890eb9b6eaa022fe688614499fa1b42fc508b6f",
    657_413: "b713718a38ae728dfd477991af2822e08d2f305e47718cef"
    "9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
    16_777_215: "84efb467b2b9f3578c169393d8bd5ccfd17da400a9753252"
    "82b2955eb10adac747904c3aafd152e48e19d23f8d416f0f",
    16_777_216: "a38ae8fa3645078723fe002a4769499a9a267557f67ac726"
    "3113339718b6b0b78a5dd59a03321240b5b6554dffeac194",
    20_791_007: "8d2c8bbc37170dbacc5e280a21d4e195cff5f32a19fd6a58"
    "633fa4e4670478b5fb39bc13dd8f8c4372c5a76191198ac5",
    31_089_008: "87b3b9c9f99cc1e7fc326e249538f33b84a1c4ef8bd85920"
    "a267af642b570bcd62bf70900a3862f742e574164b5f17f3",
    32_398_885: "8f6d5ddd520329a4ce9a25db41c0552a5ac04bd56577138c"
    "bb0ec2b9326af2b8012c7dc2c5bcddc439d922c93a281d24",
}

Reply = tuple[int, bytes]  # status and body


def shifted(round: int, in_seconds: float, now: datetime) -> Chain:
    """Quicknet with another genesis: `round` is the first that appears `in_seconds` after `now`.

    It is so too for whoever asks up to two seconds after `now`: a test may take its time. It
    appears two to three seconds later than `in_seconds`. Quicknet's signature of it stays valid.
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
        public = (G2Point() * Scalar(self.secret)).to_compressed_bytes().hex()
        return Chain(f"{self.secret:064x}", public, self.genesis, self.period)

    def sign(self, round: int) -> str:
        return (message(round) * Scalar(self.secret)).to_compressed_bytes().hex()


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
    address: str = ""

    def __enter__(self) -> Self:
        self._open = ExitStack()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = self._open.enter_context(_running(server))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

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
            with suppress(OSError):  # the client has hung up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Tests have enough to say."""

    return Handler


@contextmanager
def rude(act: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of something that accepts calls but may not even speak HTTP: `act` answers."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client has hung up
                act(self.request)

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _running(server) as address:
        yield address


@contextmanager
def _running(server: TCPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
