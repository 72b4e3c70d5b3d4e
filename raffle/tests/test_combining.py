"""The combiner: nobody is forgotten, answered twice, mixed up, or left waiting for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from unittest.mock import patch

import pytest

from raffle.errors import Busy
from raffle.tests.races import kinds, race
from rafflesite.combining import HEAVIEST, Combiner


class Counter:
    """Serves a batch slowly and remembers which requests came together."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.batches: list[list[int]] = []
        self.seconds = seconds
        self.working = 0
        self.most_at_once = 0

    def serve(self, batch: Sequence[int]) -> list[int]:
        self.working += 1
        self.most_at_once = max(self.most_at_once, self.working)
        time.sleep(self.seconds)
        self.batches.append(list(batch))
        self.working -= 1
        return [request * 10 for request in batch]


def test_everybody_gets_their_own_answer_and_one_batch_runs_at_a_time() -> None:
    counter = Counter()
    combiner = Combiner(counter.serve, by=lambda request: "one line", most=7, busy=Busy)
    answers = race(*(partial(combiner.submit, n) for n in range(100)))
    assert answers == [n * 10 for n in range(100)]
    assert sorted(n for batch in counter.batches for n in batch) == list(range(100))
    assert max(map(len, counter.batches)) == 7
    assert counter.most_at_once == 1


def test_those_who_came_while_one_was_served_are_served_together_in_order() -> None:
    counter = Counter(seconds=0.2)
    combiner = Combiner(counter.serve, by=lambda request: "one line", busy=Busy)
    threads = []
    for n in range(6):
        threads.append(threading.Thread(target=combiner.submit, args=(n,)))
        threads[-1].start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert counter.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_batch_is_not_heavier_than_what_the_others_can_wait_for() -> None:
    counter = Counter(seconds=0.2)
    combiner = Combiner(
        counter.serve,
        by=lambda request: "one line",
        weight=lambda request: HEAVIEST // 2,
        busy=Busy,
    )
    race(*(partial(combiner.submit, n) for n in range(5)))
    assert max(map(len, counter.batches)) == 2
    assert sorted(n for batch in counter.batches for n in batch) == [0, 1, 2, 3, 4]


def test_who_waits_behind_one_that_could_not_get_the_lock_need_not_wait_for_it_again() -> None:
    calls: list[int] = []

    def serve(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        time.sleep(0.2)
        raise Busy

    combiner = Combiner(serve, by=lambda request: "one line", most=1, busy=Busy)
    outcomes = race(*(partial(combiner.submit, n) for n in range(6)))
    assert kinds(outcomes) == {"Busy": 6}
    assert calls == [1]
    assert combiner._queues == {}


def test_different_lines_do_not_wait_for_each_other() -> None:
    counter = Counter(seconds=0.1)
    combiner = Combiner(counter.serve, by=lambda request: request, busy=Busy)
    race(*(partial(combiner.submit, n) for n in range(4)))
    assert counter.most_at_once > 1
    assert sorted(map(len, counter.batches)) == [1, 1, 1, 1]


def test_an_exception_reaches_everybody_in_the_batch_and_the_next_batch_goes_on() -> None:
    calls: list[int] = []

    def serve(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        time.sleep(0.05)
        if len(calls) == 1:
            raise ZeroDivisionError
        return list(batch)

    combiner = Combiner(serve, by=lambda request: "one line", busy=Busy)
    outcomes = race(*(partial(combiner.submit, n) for n in range(5)))
    counted = kinds(outcomes)
    assert counted["ZeroDivisionError"] == calls[0]
    assert counted.get("int", 0) == 5 - calls[0]


def test_a_leader_that_is_told_to_exit_hands_the_lead_on() -> None:
    """gunicorn ends a worker's thread with SystemExit: the others must not wait for ever."""
    first = threading.Event()

    def serve(batch: Sequence[int]) -> list[int]:
        if not first.is_set():
            first.set()
            time.sleep(0.1)
            raise SystemExit
        return list(batch)

    combiner = Combiner(serve, by=lambda request: "one line", busy=Busy)

    def lead() -> None:
        with pytest.raises(SystemExit):
            combiner.submit(0)

    leader = threading.Thread(target=lead)
    leader.start()
    first.wait()
    assert race(partial(combiner.submit, 1), partial(combiner.submit, 2)) == [1, 2]
    leader.join()


def test_who_waits_too_long_in_the_queue_is_told_busy_and_is_not_served_later() -> None:
    counter = Counter(seconds=0.4)
    combiner = Combiner(
        counter.serve, by=lambda request: "one line", most=1, patience=0.1, busy=Busy
    )
    outcomes = race(*(partial(combiner.submit, n) for n in range(5)))
    time.sleep(0.5)
    served = [n for batch in counter.batches for n in batch]
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Busy)]
    assert refused
    assert sorted(served + refused) == list(range(5))


def test_the_line_is_forgotten_when_nobody_waits() -> None:
    combiner = Combiner(Counter().serve, by=lambda request: request, busy=Busy)
    race(*(partial(combiner.submit, n) for n in range(20)))
    assert combiner._queues == {}


def test_a_leader_that_is_told_to_exit_before_it_began_is_not_waited_for() -> None:
    counter = Counter()
    combiner = Combiner(counter.serve, by=lambda request: "one line", busy=Busy)
    with (
        patch("rafflesite.combining.time.sleep", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        combiner.submit(1)
    assert combiner.submit(2) == 20
    assert counter.batches == [[2]]


def test_an_exit_while_others_are_served_never_looks_like_an_answer() -> None:
    batches: list[int] = []

    def serve(batch: Sequence[int]) -> list[int]:
        batches.append(len(batch))
        time.sleep(0.2)
        if len(batches) == 2:
            raise SystemExit
        return list(batch)

    combiner = Combiner(serve, by=lambda request: "one line", most=5, busy=Busy)

    def submit(request: int) -> object:
        try:
            return combiner.submit(request)
        except SystemExit:
            return "exit"

    outcomes = race(*(partial(submit, 7) for _ in range(6)))
    assert kinds(outcomes) == {"int": batches[0], "str": batches[1]}
    assert combiner.submit(8) == 8


def test_after_time_outs_the_line_still_moves() -> None:
    combiner = Combiner(
        Counter(seconds=0.3).serve, by=lambda request: "one line", patience=0.1, busy=Busy
    )
    race(*(partial(combiner.submit, n) for n in range(3)))
    time.sleep(0.4)
    assert combiner.submit(9) == 90
    assert combiner._queues == {}
