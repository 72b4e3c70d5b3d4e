"""The record of a raffle as plain text and hashes: pure functions, no Django, no clock, no chance.

A ledger is one JSON object a line. A line's hash is SHA-256 of its UTF-8 bytes, and every line
carries the hash of the line before it as `prev`, so nothing can be changed, dropped or put in
later without changing every hash after it. `sha256sum` is enough to check it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

Facts = dict[str, Any]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of a ledger: how many lines there are, and its hash."""

    seq: int = 0
    hash: str = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, ready to be stored."""

    seq: int
    kind: str
    at: datetime
    line: str
    hash: str

    @property
    def head(self) -> Head:
        return Head(self.seq, self.hash)


_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(facts: Facts) -> str:
    """The one spelling of `facts`: sorted keys, no blanks, ASCII. Raises ValueError on NaN."""
    return _encoder.encode(facts)


def timestamp(at: datetime) -> str:
    """UTC with microseconds, always of the same length: 2026-11-22T17:03:00.000000Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry(head: Head, raffle: UUID, kind: str, at: datetime, facts: Facts) -> Entry:
    """The line that follows `head`."""
    seq = head.seq + 1
    frame = {
        "at": timestamp(at),
        "kind": kind,
        "prev": head.hash,
        "raffle": str(raffle),
        "seq": seq,
    }
    line = canonical(facts | frame)
    return Entry(seq, kind, at, line, sha256(line))


def leaf(raffle: UUID, number: int, code: str) -> str:
    """A ticket's public fingerprint: its holder, who has the code, finds it; nobody else can."""
    return sha256(f"ticket/v1|{raffle}|{number}|{code}")


def pseudonym(raffle_key: str, user_id: int) -> str:
    """Who, without saying who: the same within one raffle, unlinkable between two."""
    digest = hmac.new(bytes.fromhex(raffle_key), str(user_id).encode(), hashlib.sha256)
    return digest.hexdigest()[:32]


def manifest(capacity: int, tickets: Iterable[tuple[int, str | None]]) -> Iterator[str]:
    """One line a number 1…capacity. `tickets`: (number, leaf; None if void), in number order."""
    number = 0
    for number, ticket_leaf in tickets:
        yield f"{number}|SOLD|{ticket_leaf}\n" if ticket_leaf else f"{number}|VOID\n"
    for unsold in range(number + 1, capacity + 1):
        yield f"{unsold}|UNSOLD\n"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The closed list in figures: valid sold + void + unsold = capacity, and its hash."""

    sold: int
    void: int
    unsold: int
    manifest: str

    def figures(self) -> Facts:
        """As they stand in a line of the ledger."""
        return dataclasses.asdict(self)


def reconcile(lines: Iterable[str]) -> Reconciliation:
    """Count and hash a manifest in one pass, so that a million lines need no memory."""
    digest = hashlib.sha256()
    counts = {"SOLD": 0, "VOID": 0, "UNSOLD": 0}
    for line in lines:
        digest.update(line.encode())
        counts[line.split("|", 2)[1].rstrip("\n")] += 1
    return Reconciliation(counts["SOLD"], counts["VOID"], counts["UNSOLD"], digest.hexdigest())
