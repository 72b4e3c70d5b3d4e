"""Which tickets a draw picks and who wins what: pure arithmetic, no Django, no clock, no chance.

docs/verification.md says the same in words, byte for byte.
"""

# ruff: noqa: A002 - a round of the beacon is called `round`
from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from uuid import UUID


def wanted(entries: int, prizes: int, limit: int) -> int:
    """How many picks give `prizes` (alternates included), out of `entries`.

    `limit` is 0, or how many tickets one person may hold where nobody may win twice: then enough
    picks for the case that everybody picked holds so many.
    """
    return min(entries, (prizes - 1) * limit + 1 if limit else prizes)


def chance(raffle: UUID, manifest: str, round: int, randomness: str, pick: int, size: int) -> int:
    """The beacon's own pick number `pick`: one of 0 … size - 1, each equally likely.

    What does not fit evenly into 2**256 is thrown away and hashed anew, so nothing is favoured.
    It must not depend on the offset: then a fixed beacon could not reach every ticket.
    """
    fits = 2**256 - 2**256 % size
    attempt = 0
    while True:
        text = f"raffle-draw/v1|{raffle}|{manifest}|{round}|{randomness}|{pick}|{attempt}"
        number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
        if number < fits:
            return number % size
        attempt += 1


def combine(offsets: Sequence[int], entries: int, beacon: Callable[[int, int], int]) -> list[int]:
    """(r + b) mod s for each pick, out of the s entries then left. `beacon(pick, s)` is b."""
    return [
        (offset + beacon(pick, entries - pick)) % (entries - pick)
        for pick, offset in enumerate(offsets)
    ]


def numbers(picked: Iterable[int], void: Collection[int]) -> list[int]:
    """The ticket numbers that `picked` means: each counts, from 0, the numbers 1, 2, 3, … that
    are neither void nor picked before.
    """
    taken = sorted(void)
    order = []
    for index in picked:
        # taken[j] has taken[j] - 1 - j free numbers before it.
        passed = bisect_right(range(len(taken)), index, key=lambda j: taken[j] - 1 - j)
        order.append(index + 1 + passed)
        taken.insert(passed, order[-1])
    return order


def picks(order: Iterable[int], void: Collection[int]) -> list[int]:
    """The inverse of numbers()."""
    taken = sorted(void)
    picked = []
    for number in order:
        picked.append(number - 1 - bisect_right(taken, number))
        insort(taken, number)
    return picked


def line_of_winners(
    order: Iterable[int], holder: Callable[[int], str], *, one_prize_each: bool
) -> Iterator[int]:
    """The tickets that win, one prize after the other, then the alternates: `order` without those
    whose holder comes earlier, if a person may win only once.
    """
    winners = set()
    for number in order:
        who = holder(number)
        if one_prize_each and who in winners:
            continue
        winners.add(who)
        yield number
