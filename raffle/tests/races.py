"""Staged races: threads released together, a gap held open by patching, and what came of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from django.db import connections

T = TypeVar("T")
P = ParamSpec("P")


def race(*acts: Callable[[], T]) -> list[T | Exception]:
    """Run all `acts` at once, a thread each; their results or exceptions, in order."""
    outcomes: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(place: int, act: Callable[[], T]) -> None:
        try:
            barrier.wait()
            outcomes[place] = act()
        except Exception as error:
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def slowly(act: Callable[P, T], seconds: float = 0.1) -> Callable[P, T]:
    """`act`, but only after a pause: holds the gap between looking and writing open."""

    def slow(*args: P.args, **kwargs: P.kwargs) -> T:
        time.sleep(seconds)
        return act(*args, **kwargs)

    return slow


def kinds(outcomes: Sequence[object]) -> dict[str, int]:
    """How many outcomes of each type, as {"Receipt": 1, "SoldOut": 4}."""
    counted: dict[str, int] = {}
    for outcome in outcomes:
        name = type(outcome).__name__
        counted[name] = counted.get(name, 0) + 1
    return counted
