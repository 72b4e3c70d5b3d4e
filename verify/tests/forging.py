"""How a forgery is written: a function from a genuine record to what its forger would publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from verify.tests.genuine import GENUINE
from verify.tests.records import Facts, Files, Record

Forge = Callable[[Record], Files | Record]


@dataclass(frozen=True)
class Forgery:
    name: str
    sentence: str
    check: str  # the one that must name it
    also: frozenset[str]  # what may fail as a consequence
    needs_bls: bool  # only the signature gives it away
    of: str  # the genuine record it starts from
    forge: Forge

    def files(self) -> Files:
        forged = self.forge(GENUINE[self.of]())
        return forged if isinstance(forged, Files) else forged.files()


FORGERIES: dict[str, Forgery] = {}


def forgery(of: str, check: str, *also: str, needs_bls: bool = False) -> Callable[[Forge], Forge]:
    """Enter a forgery by its function's name; the docstring is its sentence."""

    def enter(forge: Forge) -> Forge:
        name, sentence = forge.__name__, " ".join((forge.__doc__ or "").split())
        assert name not in FORGERIES, name
        FORGERIES[name] = Forgery(name, sentence, check, frozenset(also), needs_bls, of, forge)
        return forge

    return enter


def place(record: Record, kind: str, which: int = -1) -> int:
    """The index, among all facts, of the first (0), second (1), last (-1) … fact of a kind."""
    return [index for index, facts in enumerate(record.facts) if facts["kind"] == kind][which]


def put(record: Record, index: int, kind: str, **members: object) -> Facts:
    """Put a fact in at `index`, at the same moment as the one before it."""
    facts = {"kind": kind, "at": record.facts[index - 1]["at"]} | members
    record.facts.insert(index, facts)
    return facts


def swap_lines(text: bytes, first: int, second: int) -> bytes:
    lines = text.splitlines(keepends=True)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)
