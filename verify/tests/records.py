"""Genuine records, made step by step.

A Record is a list of facts. Its lines, hashes, manifest and draw.json are worked out when asked
for, so that a forger can change a fact and have everything after it follow.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from verify.tests.worked_out import (
    QUICKNET,
    SIGNATURES,
    Facts,
    Files,
    WorkedOut,
    canonical,
    parse,
    person,
    round_for,
    round_time,
    sha256,
    spell,
)

__all__ = [
    "SIGNATURES",
    "Facts",
    "Files",
    "canonical",
    "parse",
    "person",
    "round_time",
    "sha256",
    "spell",
]

SOFTWARE = "0123456789abcdef0123456789abcdef01234567"
STELLA, STAN = "57e11a00" * 4, "57a40000" * 4  # staff

TERMS: Facts = {
    "slug": "summer", "name": "Summer raffle", "organiser": "The Club", "contact": "a@example.org",
    "licence": "", "description": "For the roof.", "rules": "Be fair.", "currency": "EUR",
    "price": "2.00", "capacity": 12, "limit": 2, "opens_at": None, "closes_at": None,
    "draw_at": None, "prizes": ["A bicycle"], "alternates": 0, "one_prize_each": False,
    "method": "local", "two_people": False, "claim_days": 30,
}  # fmt: skip


class Record(WorkedOut):
    """One raffle's record while it is made. Every step is a second after the one before."""

    def __init__(self, name: str, *, start: datetime | None = None, **terms: Any) -> None:
        bits = sha256(f"raffle|{name}")
        self.raffle = f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:32]}"
        self.now = start or datetime(2026, 11, 22, 17, 3, tzinfo=UTC)
        self.facts = []
        self.add("created", terms=copy.deepcopy(TERMS) | terms, software=SOFTWARE)

    # What happens, in order

    def add(self, kind: str, *, by: str | None = STELLA, **members: Any) -> Self:
        self.now += timedelta(seconds=1)
        who = {"by": by} if by else {}
        self.facts.append({"kind": kind, "at": spell(self.now)} | who | members)
        return self

    def wait(self, **time: float) -> Self:
        self.now += timedelta(**time)
        return self

    def change(self, **after: Any) -> Self:
        before = {name: self.terms[name] for name in after}
        return self.add("changed", before=before, after=after)

    def open(self) -> Self:
        return self.add("opened", terms=self.terms)

    def sell(self, buyer: str, count: int = 1) -> Self:
        first = len(self.tickets()) + 1
        tickets = [{"number": n, "leaf": self.leaf(n)} for n in range(first, first + count)]
        return self.add("purchase", by=None, buyer=person(buyer), tickets=tickets)

    def void(self, number: int, reason: str = "paid by nobody") -> Self:
        second = {}
        if self.terms["two_people"]:
            self.add("proposed", act="void", number=number, reason=reason)
            second = {"second": STAN}
        return self.add("void", number=number, reason=reason, **second)

    def close(self) -> Self:
        return self.add("closed", reason="time is up", **self.figures())

    def reconcile(self) -> Self:
        return self.add("reconciled", **self.figures())

    def cancel(self) -> Self:
        return self.add("cancelled", reason="rain", tickets=len(self.tickets()))

    def seal(self, offsets: Sequence[int] | None = None) -> Self:
        terms, entries = self.terms, len(self.entries())
        members: Facts = {}
        if terms["two_people"] or terms["method"] == "manual":
            self.add("proposed", act="draw")
            members["second"] = STAN
        if offsets is None:
            sizes = range(entries, entries - self.wanted(), -1)
            offsets = [int(sha256(f"{self.raffle}|{size}"), 16) % size for size in sizes]
        members |= {"method": terms["method"], "manifest": self.figures()["manifest"]}
        members |= {"entries": entries, "software": SOFTWARE, "offsets": list(offsets)}
        if terms["method"] == "manual":
            members["offsets"] = []
        self.add("sealed", **members)
        if terms["method"] == "beacon":
            number = round_for(self.facts[-1]["at"])
            time = spell(round_time(number))
            self.last("sealed")["beacon"] = {"chain": QUICKNET, "round": number, "time": time}
        return self

    def draw(self, order: Sequence[int] | None = None) -> Self:
        """`order`: what came out of the drum, in the manual method."""
        sealed, members = self.last("sealed"), {}
        if "beacon" in sealed:
            number = sealed["beacon"]["round"]
            self.now = max(self.now, round_time(number) - timedelta(seconds=1))
            members["signature"] = SIGNATURES[number]
        return self.add("drawn", **members, order=list(order or ())).rework()

    def claim(self, prize: int = 1) -> Self:
        number = self.holders()[prize - 1]["number"]
        return self.add("claimed", prize=prize, number=number, code=self.code(number))

    def forfeit(self, prize: int = 1, *, given_up: bool = False) -> Self:
        number = self.holders()[prize - 1]["number"]
        passed: Facts = {
            "code": self.code(number) if given_up else None,
            "next": self.next_in_line(),
        }
        return self.add("forfeited", prize=prize, number=number, reason="not claimed", **passed)
