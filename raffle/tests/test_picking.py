"""Picking: every selection equally likely, and exactly what the specification says."""

from __future__ import annotations

import ast
import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

from raffle import drawing, picking

RAFFLE = UUID(int=7)


# --- Numbers and picks ----------------------------------------------------------------------------


@st.composite
def drums(draw: st.DrawFn) -> tuple[set[int], list[int]]:
    """Void numbers of 1 … n, and some or all of the others in any order."""
    size = draw(st.integers(1, 60))
    void = draw(st.sets(st.integers(1, size)))
    valid = sorted(set(range(1, size + 1)) - void)
    order = draw(st.permutations(valid))
    return void, list(order[: draw(st.integers(0, len(valid)))])


@given(drums())
def test_numbers_and_picks_are_each_others_inverse(drum: tuple[set[int], list[int]]) -> None:
    void, order = drum
    assert picking.numbers(picking.picks(order, void), void) == order


@given(drums())
def test_a_pick_counts_those_that_are_left_in_order_of_number(
    drum: tuple[set[int], list[int]],
) -> None:
    """Against the plainest way to say it: a list from which the picked ones are taken away."""
    void, order = drum
    left = [number for number in range(1, 61) if number not in void]
    assert [left.pop(index) for index in picking.picks(order, void)] == order


# --- How many -------------------------------------------------------------------------------------


@given(holders=st.lists(st.integers(0, 8), min_size=1, max_size=24), prizes=st.integers(1, 6))
def test_the_picks_wanted_are_always_enough_for_that_many_people(
    holders: list[int], prizes: int
) -> None:
    """Whatever the order: also if those with the most tickets come first."""
    often = Counter(holders)
    wanted = picking.wanted(len(holders), prizes, max(often.values()))

    def who(number: int) -> int:
        return holders[number - 1]

    worst = sorted(range(1, len(holders) + 1), key=lambda n: (-often[who(n)], who(n)))
    for order in (worst, range(1, len(holders) + 1)):
        line = picking.line_of_winners(
            order[:wanted], lambda number: str(who(number)), one_prize_each=True
        )
        assert len(list(line)) >= min(prizes, len(often))


@pytest.mark.parametrize(
    ("entries", "prizes", "limit", "wanted"),
    [
        (1, 1, 0, 1), (1, 5, 0, 1), (9, 5, 0, 5), (9, 1, 2, 1), (9, 2, 2, 3), (9, 4, 2, 7),
        (5, 4, 2, 5), (100, 3, 10, 21), (4, 4, 1, 4),
    ],
)  # fmt: skip
def test_wanted_is_what_the_specification_says_and_no_more(
    entries: int, prizes: int, limit: int, wanted: int
) -> None:
    assert picking.wanted(entries, prizes, limit) == wanted


# --- Equally likely -------------------------------------------------------------------------------


def selections(n: int, k: int, beacon: Sequence[int]) -> Counter[tuple[int, ...]]:
    """Every draw of k out of n that there is with this beacon, a sum for each set of offsets."""
    every = product(*(range(n - i) for i in range(k)))
    return Counter(
        tuple(picking.numbers(picking.combine(offsets, n, lambda i, s: beacon[i] % s), ()))
        for offsets in every
    )


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (3, 2), (4, 4), (5, 3), (6, 2), (7, 4)])
@pytest.mark.parametrize(
    "beacon", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 3, 0, 4), (6, 5, 4, 3)], ids=str
)
def test_for_any_beacon_every_ordered_selection_comes_from_exactly_one_seal(
    n: int, k: int, beacon: tuple[int, ...]
) -> None:
    """So fair offsets alone make it fair, whatever the beacon says: nobody can aim with it."""
    every = Counter(permutations(range(1, n + 1), k))
    assert selections(n, k, beacon) == every


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (3, 2), (4, 4), (5, 3), (6, 2), (7, 4)])
@pytest.mark.parametrize("offsets", ["first", "last", "mixed"])
def test_for_any_seal_every_ordered_selection_comes_from_exactly_one_beacon(
    n: int, k: int, offsets: str
) -> None:
    """So a fair beacon alone makes it fair, whatever was sealed: nobody can aim with the seal."""
    sealed = {
        "first": [0] * k,
        "last": [n - i - 1 for i in range(k)],
        "mixed": [(3 * i + 1) % (n - i) for i in range(k)],
    }[offsets]
    every = product(*(range(n - i) for i in range(k)))
    drawn = Counter(
        tuple(picking.numbers(picking.combine(sealed, n, lambda i, s, b=b: b[i]), ()))  # type: ignore[misc]
        for b in every
    )
    assert drawn == Counter(permutations(range(1, n + 1), k))


def test_the_beacons_part_does_not_depend_on_the_offset() -> None:
    """combine() asks for it with the place and the size alone, before it looks at the offset."""
    asked: list[tuple[int, int]] = []

    def beacon(pick: int, size: int) -> int:
        asked.append((pick, size))
        return 0

    picking.combine([5, 0, 2], 9, beacon)
    assert asked == [(0, 9), (1, 8), (2, 7)]


# --- The beacon's part ----------------------------------------------------------------------------


def reference(text: str, size: int) -> int:
    """b as docs/verification.md puts it, in other words."""
    for t in range(1000):
        x = int.from_bytes(hashlib.sha256(f"{text}|{t}".encode()).digest(), "big")
        if x < (2**256 // size) * size:
            return x % size
    raise AssertionError("a thousand times too high")


@given(
    raffle=st.uuids(),
    number=st.integers(1, 2**40),
    pick=st.integers(0, 10_000),
    size=st.integers(1, 10_000_000) | st.integers(2**254, 2**256),
    seed=st.binary(min_size=4, max_size=4),
)
def test_the_beacons_part_is_what_the_specification_says(
    raffle: UUID, number: int, pick: int, size: int, seed: bytes
) -> None:
    """Of sizes near 2**256 nearly every other hash is thrown away: so that is tried, too."""
    manifest, randomness = hashlib.sha256(seed).hexdigest(), hashlib.sha256(seed * 2).hexdigest()
    text = f"raffle-draw/v1|{raffle}|{manifest}|{number}|{randomness}|{pick}"
    assert picking.chance(raffle, manifest, number, randomness, pick, size) == reference(text, size)


def test_what_does_not_fit_evenly_is_hashed_anew() -> None:
    """The highest value is thrown away for 3, which does not divide 2**256, and kept for 2."""
    texts: list[str] = []

    class Digest:
        def __init__(self, text: bytes) -> None:
            texts.append(text.decode())

        def hexdigest(self) -> str:
            return "f" * 64 if len(texts) < 3 else f"{5:064x}"

    with patch.object(hashlib, "sha256", Digest):
        assert picking.chance(RAFFLE, "m", 9, "r", 4, 3) == 2
        assert [text.rsplit("|", 2)[1:] for text in texts] == [["4", "0"], ["4", "1"], ["4", "2"]]
        texts.clear()
        assert picking.chance(RAFFLE, "m", 9, "r", 4, 2) == 1
        assert len(texts) == 1


# --- The line of winners --------------------------------------------------------------------------


@pytest.mark.parametrize(("one_prize_each", "line"), [(True, [4, 2, 6]), (False, [4, 1, 2, 5, 6])])
def test_the_line_passes_over_whoever_came_before(one_prize_each: bool, line: list[int]) -> None:
    holders = {4: "alice", 1: "alice", 2: "bob", 5: "alice", 6: "charlie"}
    assert (
        list(picking.line_of_winners(holders, holders.__getitem__, one_prize_each=one_prize_each))
        == line
    )


# --- Chance ---------------------------------------------------------------------------------------

# The value that χ² stays under in 999 of 1000 fair runs, by degrees of freedom (n - 1).
CHI_SQUARED_99_9 = {0: 0.0, 1: 10.828, 2: 13.816, 98: 147.0, 99: 148.231}


@pytest.mark.parametrize("entries", [1, 2, 3, 99, 100])
def test_every_entry_is_picked_equally_often(entries: int) -> None:
    """χ² over 100,000 picks; a fair pick fails a try once in 1000, three tries never."""
    assert any(chi_squared(entries) <= CHI_SQUARED_99_9[entries - 1] for _ in range(3))


def chi_squared(entries: int, picks: int = 100_000) -> float:
    return deviation([drawing.pick(entries) for _ in range(picks)], entries)


def deviation(picked: Sequence[int], entries: int) -> float:
    expected, counts = len(picked) / entries, Counter(picked)
    return sum((counts[n] - expected) ** 2 / expected for n in range(entries))


def test_control_a_byte_modulo_100_would_be_noticed() -> None:
    with patch.object(drawing, "pick", lambda entries: secrets.randbits(8) % entries):
        assert chi_squared(100) > 10 * CHI_SQUARED_99_9[99]


@pytest.mark.parametrize("entries", [2, 3, 99, 100])
def test_every_entry_comes_first_equally_often_with_one_round_and_ever_new_seals(
    entries: int,
) -> None:
    """χ² over 100,000 draws, as above."""
    fixed = picking.chance(RAFFLE, "m" * 64, 1, "r" * 64, 0, entries)

    def tried() -> float:
        offsets = [drawing.pick(entries) for _ in range(100_000)]
        first = [picking.combine([offset], entries, lambda i, s: fixed)[0] for offset in offsets]
        return deviation(first, entries)

    assert any(tried() <= CHI_SQUARED_99_9[entries - 1] for _ in range(3))


@pytest.mark.parametrize("entries", [2, 3, 99, 100])
def test_every_entry_comes_first_equally_often_with_one_seal_and_ever_new_rounds(
    entries: int,
) -> None:
    """χ² over the same 100,000 rounds in every run: there is no chance in it."""

    def first(number: int) -> int:
        told = (RAFFLE, "m" * 64, number, "r" * 64)
        return picking.combine([0], entries, lambda i, s: picking.chance(*told, i, s))[0]

    drawn = [first(number) for number in range(100_000)]
    assert deviation(drawn, entries) <= CHI_SQUARED_99_9[entries - 1]


def test_the_draw_knows_no_chance_but_that_of_the_operating_system() -> None:
    """No module of the site imports `random`, or NumPy's; the draw calls secrets.randbelow once."""
    root = Path(drawing.__file__).parent
    for path in (path for path in root.rglob("*.py") if "tests" not in path.parts):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"random", "numpy"}, path
    assert Path(drawing.__file__).read_text().count("secrets.randbelow(") == 1
