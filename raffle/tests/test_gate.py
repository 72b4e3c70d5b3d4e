"""The gate: as many inside as there are places, in the order in which they came."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from rafflesite.gate import Gate, Places

start_response: Any = print


def test_first_come_first_in() -> None:
    places, came = Places(1), []
    places.enter()

    def come(number: int) -> None:
        places.enter()
        came.append(number)
        time.sleep(0.01)
        places.leave()

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=come, args=(number,)))
        threads[-1].start()
        time.sleep(0.02)
    places.leave()
    for thread in threads:
        thread.join()
    assert came == list(range(8))
    assert places.are_empty


def test_whoever_comes_later_does_not_push_in() -> None:
    """The place is handed on when somebody leaves, before the one who waits has woken up."""
    places = Places(1)
    places.enter()
    waiting = threading.Thread(target=places.enter)
    waiting.start()
    time.sleep(0.05)
    places.leave()
    pushing = threading.Thread(target=places.enter, daemon=True)
    pushing.start()
    waiting.join(2)
    assert not waiting.is_alive()
    pushing.join(0.1)
    assert pushing.is_alive()
    places.leave()
    pushing.join(2)


class Answer:
    closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])

    def close(self) -> None:
        self.closed += 1


def test_a_place_is_free_when_the_answer_is_closed_and_not_before() -> None:
    answer = Answer()
    gate = Gate(lambda environ, start_response: answer, places=1)
    parts: Any = gate({}, start_response)
    assert b"".join(parts) == b"ab"
    assert gate._places._free == 0
    parts.close()
    assert answer.closed == 1
    assert gate._places._free == 1
    parts.close()
    assert gate._places._free == 1, "one place, and not two"


def test_a_place_is_free_after_a_failure() -> None:
    def fail(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise ZeroDivisionError

    gate = Gate(fail, places=1)
    with pytest.raises(ZeroDivisionError):
        gate({}, start_response)
    assert gate._places.are_empty


def test_a_file_is_the_servers_to_send_and_keeps_no_place() -> None:
    answer = Answer()
    gate = Gate(lambda environ, start_response: answer, places=1)
    assert gate({"wsgi.file_wrapper": Answer}, start_response) is answer
    assert gate._places.are_empty


def test_a_body_that_does_not_come_keeps_no_place() -> None:
    came = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            came.wait(5)
            return super().read(size)

    bodies: list[bytes] = []

    def site(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        bodies.append(environ["wsgi.input"].read())
        return []

    gate = Gate(site, places=1)
    environ = {"CONTENT_LENGTH": "4", "wsgi.input": Slow(b"slow")}
    slow = threading.Thread(target=gate, args=(environ, start_response))
    slow.start()
    time.sleep(0.05)
    assert gate._places._free == 1
    came.set()
    slow.join()
    assert bodies == [b"slow"]
