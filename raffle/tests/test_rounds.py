"""Rounds, and taking turns at accepting: in gevent's own loop, as a web process runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import Timeout, socket
from gevent.server import StreamServer
from gunicorn.workers import ggevent

from rafflesite.accepting import TakingTurns
from rafflesite.rounds import Rounds
from rafflesite.worker import Worker

EVERY = 0.05  # seconds


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with Timeout(10):
        yield


def test_who_waits_goes_on_together_and_in_the_same_order_each_time() -> None:
    rounds, told = Rounds(EVERY), []

    def look(who: int) -> None:
        for turn in range(3):
            gevent.sleep(EVERY / 10 * (turn == 0) * who)  # they come one after the other
            rounds.wait()
            told.append((turn, who))

    gevent.joinall([gevent.spawn(look, who) for who in range(5)], raise_error=True)
    assert told == [(turn, who) for turn in range(3) for who in range(5)]


def test_a_round_is_due_so_long_after_the_first_began_to_wait() -> None:
    rounds, began = Rounds(EVERY), time.monotonic()
    for _ in range(3):
        rounds.wait()
    assert time.monotonic() - began + 0.001 >= 3 * EVERY
    assert time.monotonic() - began < 6 * EVERY


def test_when_a_round_is_due_whoever_works_makes_way() -> None:
    """Without that, all who are ready to work would do so first."""

    def worked_before_the_round(make_way: Any) -> int:
        rounds = Rounds(EVERY)
        done: list[int] = []

        def work() -> None:
            while len(done) < 200:
                make_way(rounds)
                time.sleep(EVERY / 25)
                done.append(1)

        workers = [gevent.spawn(work) for _ in range(50)]
        rounds.wait()
        before = len(done)
        gevent.joinall(workers, raise_error=True)
        return before

    assert worked_before_the_round(Rounds.make_way) <= 30
    assert worked_before_the_round(lambda rounds: gevent.sleep(0)) > 40


def test_who_is_told_to_stop_while_they_wait_does_not_stop_the_others() -> None:
    rounds = Rounds(EVERY)
    waiting = [gevent.spawn(rounds.wait) for _ in range(3)]
    gevent.sleep(0)
    waiting[0].kill()
    gevent.joinall(waiting, raise_error=True)
    assert all(waiter.ready() for waiter in waiting)


def listening() -> socket.socket:
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    line.listen(100)
    return line


def shared_out(kind: type[StreamServer]) -> list[int]:
    """How many connections each of two servers of this `kind` takes, of many that come at once."""
    line = listening()
    taken = [0, 0]

    def take(which: int) -> Any:
        def handle(*connection: Any) -> None:
            taken[which] += 1

        return handle

    asking = [socket.create_connection(line.getsockname()) for _ in range(60)]
    servers = [kind(line, take(which)) for which in range(2)]
    for server in servers:
        server.start()
    while sum(taken) < len(asking):
        gevent.sleep(0.01)
    for server in servers:
        server.stop()
    for connection in (*asking, line):
        connection.close()
    return taken


def test_processes_take_turns_to_accept() -> None:
    assert max(shared_out(StreamServer)) == 60  # the first takes all
    assert min(shared_out(TakingTurns)) >= 20
    assert issubclass(Worker, ggevent.GeventWorker)
    assert ggevent.StreamServer is TakingTurns  # the one that gunicorn makes


def test_a_server_that_is_full_waits_until_somebody_leaves() -> None:
    line = listening()
    leave, taken = gevent.event.Event(), []

    def handle(*connection: Any) -> None:
        taken.append(1)
        leave.wait()

    server = TakingTurns(line, handle, spawn=2)
    server.start()
    asking = [socket.create_connection(line.getsockname()) for _ in range(9)]
    gevent.sleep(0.05)
    assert len(taken) == 2
    leave.set()
    while len(taken) < len(asking):
        gevent.sleep(0.01)
    server.stop()
    for connection in (*asking, line):
        connection.close()
