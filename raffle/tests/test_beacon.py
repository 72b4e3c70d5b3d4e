"""The beacon: what verifies, what never does, and relays that are late, dead, slow or lie."""
# ruff: noqa: A001, A002, A006 - a round of the beacon is called `round`

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from queue import SimpleQueue

import pytest

from raffle import beacon
from raffle.beacon import QUICKNET, BeaconAway, Chain, Said, fetch, randomness
from raffle.tests.relay import GENUINE, OwnChain, Relay, Reply, drand_json, rude, shifted

SIGNATURE = GENUINE[1000]
MICROSECOND = timedelta(microseconds=1)
MODULUS = int(  # of the coordinates
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
    "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for all relays, so that tests of silence are short."""
    monkeypatch.setattr(beacon, "SECONDS", 0.5)


# What verifies.


@pytest.mark.parametrize("round", GENUINE)
def test_accepts_what_drand_published(round: int) -> None:
    assert QUICKNET.verifies(round, GENUINE[round])


def test_accepts_another_network_of_the_same_scheme_by_its_own_key_only() -> None:
    """A vector of drand's own client, made by another secret."""
    walkthrough = Chain(
        hash="af8b6fc95693b058a3a59efe586eb31c2c352fe00cf40c62a427d87c34f7a235",
        public_key="81d320f220ee9c79e60e19dedc838c31e3ab919b15481e9feb52f643628c4f6a"
        "13fdc52129493875a818109d767272ca0541cbcdcea9335f2870d781b39b845b"
        "a8cbd44fdfe4967781cf72ca5917fc9398bcf97ca0548ed5a709016c4b1ff0f3",
        genesis=1_687_506_816,
        period=3,
    )
    signature = (
        "95c93585c513ebbcb4777ff15599b3140e5ec0295faa0e483f3deadd88fa6d43"
        "f0d3703e3a4ce106e8fd6c6987f32126"
    )
    assert walkthrough.verifies(38, signature)
    assert not walkthrough.verifies(55, signature)
    assert not QUICKNET.verifies(38, signature)


@pytest.mark.parametrize(
    ("round", "published"),
    [
        (1, "1466a6cd24e327188770752f6134001c64d6efcc590ccc26b721611ad96f165a"),
        (1000, "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"),
        (657_413, "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"),
        (31_089_008, "ce7b0bc26c2f2f969bb4fa4ceb074fd13baed8557659ac0ea1af0b589c68d8bf"),
    ],
)
def test_randomness_is_what_drand_published(round: int, published: str) -> None:
    assert randomness(GENUINE[round]) == published


# What never does.


@pytest.mark.parametrize("round", [999, 1001, 0, -1000, 1000 + 2**64, 2**64 - 1])
def test_refuses_the_signature_of_another_round(round: int) -> None:
    assert not QUICKNET.verifies(round, SIGNATURE)


def test_refuses_a_signature_with_any_single_bit_changed() -> None:
    signature = int(SIGNATURE, 16)
    for bit in range(384):
        assert not QUICKNET.verifies(1000, f"{signature ^ (1 << bit):096x}"), bit


def _compressed(x: int, flags: int = 0b100) -> str:
    return f"{x + (flags << 381):096x}"


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="empty"),
        pytest.param(SIGNATURE[:-2], id="a byte short"),
        pytest.param(SIGNATURE + "00", id="a byte long"),
        pytest.param(SIGNATURE[:-1], id="half a byte short"),
        pytest.param(SIGNATURE * 2, id="twice"),
        pytest.param(SIGNATURE.upper(), id="upper-case"),
        pytest.param("0x" + SIGNATURE, id="0x"),
        pytest.param(SIGNATURE[:-2] + " 9", id="blank inside"),
        pytest.param(SIGNATURE + "\n", id="line end"),
        pytest.param(SIGNATURE[:-2] + "٣٩", id="digits of another script"),
        pytest.param("zz" * 48, id="no hex"),
        pytest.param("00" * 48, id="zeros"),
        pytest.param("ff" * 48, id="ones"),
        pytest.param(_compressed(0, 0b110), id="infinity"),
        pytest.param(_compressed(0, 0b111), id="infinity, sign set"),
        pytest.param(_compressed(1), id="not on the curve"),
        pytest.param(_compressed(0), id="of order three"),
        pytest.param(_compressed(0, 0b101), id="of order three, negated"),
        pytest.param(_compressed(MODULUS - 1), id="largest coordinate"),
        pytest.param(_compressed(MODULUS), id="coordinate too large"),
        pytest.param(
            f"{int(GENUINE[13_335], 16) + MODULUS:096x}", id="same point, coordinate too large"
        ),
        pytest.param(
            "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
            "6c55e83ff97a1aeffb3af00adb22c6bb",
            id="the generator",
        ),
    ],
)
@pytest.mark.parametrize("round", [1000, 13_335])
def test_refuses(round: int, signature: str) -> None:
    assert not QUICKNET.verifies(round, signature)


def test_refuses_the_negated_signature() -> None:
    assert not QUICKNET.verifies(1000, f"{int(SIGNATURE, 16) ^ (1 << 381):096x}")


def test_refuses_the_right_point_moved_out_of_the_subgroup() -> None:
    """SIGNATURE plus the point (0, 2), which is of order three: the pairing alone cannot tell."""
    moved = (
        "abbaa2cd356c8b543308abe2c07d92facb092294f841b0c295786b635167aba1"
        "48d4e2e86fedf3cf2c04c43b68a5aaee"
    )
    assert not QUICKNET.verifies(1000, moved)


def test_a_public_key_that_is_none_is_a_mistake_and_no_answer() -> None:
    infinity = "c0" + "00" * 95
    chain = Chain(QUICKNET.hash, infinity, QUICKNET.genesis, QUICKNET.period)
    with pytest.raises(ValueError, match="public key"):
        chain.verifies(1000, SIGNATURE)


def test_refuses_a_round_that_there_never_is() -> None:
    own = OwnChain()
    assert not own.chain.verifies(0, own.sign(0))


# When a round appears.


def test_rounds_appear_at_the_published_times() -> None:
    assert QUICKNET.time_of(1) == datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert QUICKNET.time_of(1000).timestamp() == 1_692_806_364
    assert QUICKNET.time_of(27_946_612) == datetime(2026, 4, 20, tzinfo=UTC)


def test_the_first_round_is_never_one_before_the_moment() -> None:
    for round in (2, 1000, 27_946_612, 2**36):
        appears = QUICKNET.time_of(round)
        assert QUICKNET.first_round_from(appears) == round
        assert QUICKNET.first_round_from(appears - MICROSECOND) == round
        assert QUICKNET.first_round_from(appears + MICROSECOND) == round + 1
        assert QUICKNET.first_round_from(appears - timedelta(seconds=3)) == round - 1


def test_before_the_beginning_the_first_round_is_the_first() -> None:
    assert QUICKNET.first_round_from(datetime(1970, 1, 1, tzinfo=UTC)) == 1
    assert QUICKNET.first_round_from(QUICKNET.time_of(1)) == 1


def test_a_moment_in_another_time_zone_is_the_same_moment() -> None:
    appears = QUICKNET.time_of(1000).astimezone(timezone(timedelta(hours=13, minutes=45)))
    assert QUICKNET.first_round_from(appears) == 1000


# Relays.


def test_fetches_from_a_relay() -> None:
    with Relay() as relay:
        assert fetch(QUICKNET, 1000, [relay.address]) == SIGNATURE
    assert relay.asked == [1000]


@pytest.mark.parametrize("base", ["", "/", "/drand", "/drand/"])
def test_a_relay_may_live_below_a_path(base: str) -> None:
    asked: list[bytes] = []
    with rude(lambda line: asked.append(line.recv(4096))) as address, pytest.raises(BeaconAway):
        fetch(QUICKNET, 1000, [address + base])
    path = f"{base.rstrip('/')}/{QUICKNET.hash}/public/1000"
    assert asked[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())


def test_a_relay_need_not_tell_the_randomness() -> None:
    body = json.dumps({"round": 1000, "signature": SIGNATURE}).encode()
    with Relay(reply=lambda round: (200, body)) as relay:
        assert fetch(QUICKNET, 1000, [relay.address]) == SIGNATURE


@pytest.mark.parametrize("status", [404, 425])
def test_a_round_that_is_still_to_come_is_not_yet_there(status: int) -> None:
    with Relay(reply=lambda round: (status, b"")) as relay, pytest.raises(BeaconAway) as away:
        fetch(QUICKNET, 1000, [relay.address])
    assert away.value.not_yet
    assert _said(away) == {relay.address: Said.NOT_YET}


def test_what_is_late_comes() -> None:
    with Relay(late=True) as relay:
        with pytest.raises(BeaconAway, match="not yet"):
            fetch(QUICKNET, 1000, [relay.address])
        relay.late = False
        assert fetch(QUICKNET, 1000, [relay.address]) == SIGNATURE


LIES: dict[str, Callable[[int], Reply]] = {
    "signature of another round": lambda round: (200, drand_json(round, GENUINE[1001])),
    "another round": lambda round: (200, drand_json(1001, GENUINE[1001])),
    "another round, this signature": lambda round: (200, drand_json(1001, SIGNATURE)),
    "made-up signature": lambda round: (200, drand_json(round, "8" + "0" * 95)),
    "upper-case signature": lambda round: (200, drand_json(round, SIGNATURE.upper())),
    "no hex": lambda round: (200, b'{"round": 1000, "signature": "quick"}'),
    "randomness of another round": lambda round: (
        200,
        drand_json(round, SIGNATURE).replace(randomness(SIGNATURE)[:8].encode(), b"00000000"),
    ),
    "randomness that is no text": lambda round: (
        200,
        json.dumps({"round": round, "randomness": [], "signature": SIGNATURE}).encode(),
    ),
    "signature that is no text": lambda round: (200, b'{"round": 1000, "signature": 7}'),
    "no signature": lambda round: (200, b'{"round": 1000}'),
    "no round": lambda round: (200, f'{{"signature": "{SIGNATURE}"}}'.encode()),
    "no JSON": lambda round: (200, b"<html>Please sign in to this network</html>"),
    "no text": lambda round: (200, b"\xff\xfe\x00"),
    "no object": lambda round: (200, b"[1000]"),
    "nested without end": lambda round: (200, b"[" * 60_000),
    "endless number": lambda round: (200, b'{"round": ' + b"9" * 60_000 + b"}"),
    "huge": lambda round: (200, drand_json(round, SIGNATURE) + b" " * 65_536),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_relay_that_lies_is_named_and_passed_over(lie: str) -> None:
    with Relay(reply=LIES[lie]) as liar, Relay() as honest:
        with pytest.raises(BeaconAway) as away:
            fetch(QUICKNET, 1000, [liar.address])
        assert fetch(QUICKNET, 1000, [liar.address, honest.address]) == SIGNATURE
    assert _said(away) == {liar.address: Said.LIED}
    assert not away.value.not_yet


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"")] + [(status, drand_json(1000, SIGNATURE)) for status in (203, 301, 403, 500, 503)],
)
def test_a_relay_that_has_no_answer_is_away(status: int, body: bytes) -> None:
    with Relay(reply=lambda round: (status, body)) as relay, pytest.raises(BeaconAway) as away:
        fetch(QUICKNET, 1000, [relay.address])
    assert _said(away) == {relay.address: Said.AWAY}
    assert f"status {status}" in str(away.value)


def test_a_dead_relay_is_away_and_passed_over() -> None:
    with Relay() as dead:
        pass  # its address is now nobody's
    with Relay() as alive:
        with pytest.raises(BeaconAway) as away:
            fetch(QUICKNET, 1000, [dead.address])
        assert fetch(QUICKNET, 1000, [dead.address, alive.address]) == SIGNATURE
    assert _said(away) == {dead.address: Said.AWAY}


def test_says_what_each_relay_said() -> None:
    with Relay(late=True) as late, Relay(reply=LIES["no JSON"]) as liar:
        with pytest.raises(BeaconAway, match="beacon round 1000") as away:
            fetch(QUICKNET, 1000, [late.address, liar.address])
        assert f"{late.address}: not yet (status 404)" in str(away.value)
        assert f"{liar.address}: lied (not the JSON of a round)" in str(away.value)
        assert away.value.not_yet


def test_without_relays_nobody_is_asked() -> None:
    with pytest.raises(BeaconAway, match="no relay"):
        fetch(QUICKNET, 1000, [])


@pytest.mark.parametrize("first", ["the silent one", "the honest one"])
def test_a_relay_that_hangs_keeps_nobody_waiting(first: str) -> None:
    """The honest one answers only once the silent one was asked too, which then never answers."""
    asked, released = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        released.wait(30)

    with Relay(pause=hang) as silent, Relay(pause=lambda: asked.wait(30)) as honest:
        relays = [silent.address, honest.address]
        if first == "the honest one":
            relays.reverse()
        try:
            assert fetch(QUICKNET, 1000, relays) == SIGNATURE
            assert not released.is_set()
            _no_call_is_left_open()
        finally:
            released.set()


@pytest.mark.usefixtures("impatient")
def test_a_relay_that_never_answers_is_away() -> None:
    released = threading.Event()
    with Relay(pause=lambda: released.wait(30)) as silent:
        try:
            with pytest.raises(BeaconAway) as away:
                fetch(QUICKNET, 1000, [silent.address])
            _no_call_is_left_open()
        finally:
            released.set()
    assert _said(away) == {silent.address: Said.AWAY}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", id="body of a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunk"),
    ],
)
def test_a_relay_that_answers_drop_by_drop_is_hung_up_on(start: bytes) -> None:
    hung_up = threading.Event()

    def drip(line: socket.socket) -> None:
        try:
            line.sendall(start)
            for _ in range(600):
                line.sendall(b"1")
                time.sleep(0.05)
        except OSError:
            hung_up.set()

    with rude(drip) as relay, pytest.raises(BeaconAway) as away:
        fetch(QUICKNET, 1000, [relay])
    assert _said(away) == {relay: Said.AWAY}
    assert hung_up.wait(10)
    _no_call_is_left_open()


def test_a_call_that_is_over_before_it_began_asks_nothing() -> None:
    heard: beacon.Heard = SimpleQueue()
    with Relay() as relay:
        call = beacon._Call(relay.address, QUICKNET, 1000, heard)
        call.hang_up()
        call.make()
    _, answer = heard.get(timeout=0)
    assert isinstance(answer, beacon.Answer)
    assert answer.said is Said.AWAY
    assert relay.asked == []


def test_an_endless_answer_is_cut_off() -> None:
    def flood(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.sendall(b" " * 65_536)

    with rude(flood) as relay, pytest.raises(BeaconAway, match="more than 65536 bytes"):
        fetch(QUICKNET, 1000, [relay])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"220 mail.example.org ESMTP\r\n", id="mail"),
        pytest.param(b"x" * 50_000 + b"\r\n", id="a long line"),
        pytest.param(b"\x00" * 99_999, id="zeros"),
    ],
)
def test_what_does_not_speak_http_is_away(answer: bytes) -> None:
    with rude(lambda line: line.sendall(answer)) as relay, pytest.raises(BeaconAway) as away:
        fetch(QUICKNET, 1000, [relay])
    assert _said(away) == {relay: Said.AWAY}
    assert len(str(away.value)) < 500


def test_what_does_not_speak_tls_is_away() -> None:
    with Relay() as relay, pytest.raises(BeaconAway) as away:
        fetch(QUICKNET, 1000, [relay.address.replace("http:", "https:")])
    assert set(_said(away).values()) == {Said.AWAY}
    assert relay.asked == []


def test_is_not_sent_elsewhere() -> None:
    with Relay() as elsewhere:

        def redirect(line: socket.socket) -> None:
            line.recv(4096)
            to = f"{elsewhere.address}/{QUICKNET.hash}/public/1000"
            line.sendall(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode())

        with rude(redirect) as relay, pytest.raises(BeaconAway, match="status 302"):
            fetch(QUICKNET, 1000, [relay])
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1",
        "http://192.0.2.1",
        "http://relay.invalid",
        "http://localhost.invalid",
        "http://127.0.0.1@relay.invalid",
        "ftp://127.0.0.1",
        "file:///etc/hostname",
        "https://",
        "https://[",
        "https://127.0.0.1:port",
        "https://127.0.0.1:99999",
    ],
)
def test_asks_over_https_or_on_this_machine_or_not_at_all(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    monkeypatch.setattr(socket, "create_connection", lambda *to, **how: called.append(to))
    with pytest.raises(BeaconAway, match="ValueError") as away:
        fetch(QUICKNET, 1000, [address])
    assert _said(away) == {address: Said.AWAY}
    assert called == []


def _said(away: pytest.ExceptionInfo[BeaconAway]) -> dict[str, Said]:
    return {answer.relay: answer.said for answer in away.value.answers}


def _no_call_is_left_open() -> None:
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("beacon ") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# The parts that other tests are made of.


def test_an_own_chain_signs_any_round_and_no_other_chain_takes_it() -> None:
    own = OwnChain()
    signature = own.sign(123_456_789)
    assert own.chain.verifies(123_456_789, signature)
    assert not own.chain.verifies(123_456_788, signature)
    assert not QUICKNET.verifies(123_456_789, signature)
    with Relay(sign=own.sign, chain=own.chain) as relay:
        assert fetch(own.chain, 7, [relay.address]) == own.sign(7)


@pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
def test_a_shifted_chain_makes_a_recorded_round_the_next_one(microsecond: int) -> None:
    now = datetime(2026, 11, 22, 17, 3, microsecond=microsecond, tzinfo=UTC)
    chain = shifted(1000, 120, now)
    for seconds in (120, 121, 122):
        assert chain.first_round_from(now + timedelta(seconds=seconds)) == 1000
    assert chain.verifies(1000, SIGNATURE)
