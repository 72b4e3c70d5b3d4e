#!/usr/bin/env python3
"""Check a raffle from its public record alone. Needs Python 3.11 and nothing else.

    python3 verify_raffle.py https://raffle.example.org/raffles/summer/
    python3 verify_raffle.py --ledger ledger.jsonl --manifest manifest.txt --draw draw.json
    python3 verify_raffle.py … --receipt '41-9f0c…-25-d1a4…' --witness '25:d1a4…'

It shares no code with the site. What it checks, and what that proves, is written in
docs/verification.md; the checks here have the names that they have there. One package is used if
it is there: py_arkworks_bls12381, for the signature of a beacon's round.

Exit status: 0 all that is there agrees, 1 something does not, 2 wrong usage, 3 files could not
be read.

Sections: the verdict · spelling and shapes · the ledger, line by line · the draw and the prizes ·
the beacon · the other files · how far the proof goes · fetching and printing.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import ipaddress
import json
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

Line = dict[str, Any]  # one fact of the ledger
Source = Path | bytes | Iterable[bytes | str]  # a file, its bytes, or its lines with their ends

MAX_LINE = 16 * 2**20  # bytes: room for half a million picks
MAX_FILE = 4 * 2**30  # bytes
MAX_FAILURES = 50
TIMEOUT = 30  # seconds without a byte

# --- The verdict ------------------------------------------------------------------------------

CHECKS = {
    "chain": "every line follows from the one before",
    "life": "everything happened in its order",
    "terms": "the terms stayed what they were",
    "numbers": "ticket numbers are 1, 2, 3, … up to the capacity",
    "limit": "nobody holds more tickets than allowed",
    "window": "nothing was sold before opening or after closing",
    "void": "only sold tickets were made void, once",
    "manifest": "the closed list is what was sold",
    "reconciled": "the figures add up and somebody confirmed them",
    "seal": "the draw was announced on that list",
    "beacon": "the public random number is the right one",
    "draw": "the picks follow from the seal and the beacon",
    "winners": "prizes, claims and forfeits follow the rules",
    "two_people": "a second person was there where one was needed",
    "draw_file": "draw.json says what the ledger says",
    "receipt": "your tickets are in the ledger",
    "witness": "the heads that you kept are in the ledger",
}
STATES = {
    "nothing": "nothing was created",
    "draft": "the raffle is not open yet",
    "open": "the raffle is open",
    "closed": "the raffle is closed, and not sealed",
    "sealed": "the draw is sealed, and not made",
    "drawn": "the raffle is drawn",
    "cancelled": "the raffle is cancelled",
}


@dataclass
class Verdict:
    """What holds, what does not, and how far that proves anything."""

    level: str = "L0"
    failures: list[dict[str, str]] = field(default_factory=list)  # check and problem
    unlisted: int = 0  # failures beyond MAX_FAILURES
    checks: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CHECKS, "absent"))
    winners: list[Line] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)  # whose receipts hold
    questions: dict[str, dict[str, str]] = field(default_factory=dict)
    not_proven: list[str] = field(default_factory=list)
    state: str = "nothing"

    @property
    def ok(self) -> bool:
        return not self.failures

    def fail(self, check: str, problem: str) -> None:
        self.checks[check] = "failed"
        if len(self.failures) < MAX_FAILURES:
            self.failures.append({"check": check, "problem": problem})
        else:
            self.unlisted += 1

    def hold(self, *checks: str) -> None:
        """These were looked at: each is ok unless it failed."""
        self.checks |= {check: "ok" for check in checks if self.checks[check] != "failed"}


# --- Spelling and shapes ----------------------------------------------------------------------


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# The one spelling of a JSON value.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def refuse_fraction(number: str) -> Any:
    raise ValueError(f"{short(number)} is not a whole number")


def refuse_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(members)) < len(members):
        raise ValueError("a member stands there twice")
    return dict(members)


LINES = json.JSONDecoder(parse_float=refuse_fraction, parse_constant=refuse_fraction)
FILES = json.JSONDecoder(parse_float=refuse_fraction, parse_constant=refuse_fraction,
                         object_pairs_hook=refuse_duplicates)  # fmt: skip


def read_object(text: str, decoder: json.JSONDecoder) -> dict[str, Any]:
    """A JSON object of whole numbers. Raises ValueError, however deeply it is nested."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, 1000))  # beyond it, deep nesting would crash Python itself
    try:
        value = decoder.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)
    if type(value) is not dict:
        raise ValueError("it is not a JSON object")
    return value


def microseconds(time: str) -> int:
    """Since 1970. Raises ValueError if it is not spelled 2026-11-22T17:03:00.000000Z."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", time):
        raise ValueError(f"{short(time)} is not a time")
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(microseconds=1)


def spell(moment: int) -> str:
    """The inverse of microseconds(). What is beyond the year 9999 stays in it."""
    moment = min(moment, microseconds("9999-12-31T23:59:59.999999Z"))
    return (EPOCH + timedelta(microseconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_time(value: Any) -> bool:
    with suppress(ValueError):
        return type(value) is str and microseconds(value) is not None
    return False


def is_whole(value: Any) -> bool:  # neither true nor false, and exact in every language
    return type(value) is int and abs(value) < 2**53


def spelled(pattern: str) -> Callable[[Any], bool]:
    fits = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and fits(value) is not None


def listed(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and all(map(fits, value))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHAPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: type(value) is str,
    "whole": is_whole,
    "count": lambda value: is_whole(value) and value >= 0,
    "some": lambda value: is_whole(value) and value >= 1,
    "truth": lambda value: type(value) is bool,
    "time": is_time,
    "object": lambda value: type(value) is dict,
    "hash": spelled("[0-9a-f]{64}"),
    "code": spelled("[0-9a-f]{32}"),
    "person": spelled("[0-9a-f]{32}"),
    "staff": spelled("[0-9a-f]{32}|operator"),
    "uuid": spelled("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "price": spelled(r"(0|[1-9][0-9]*)\.[0-9]{2}"),
    "method": spelled("local|beacon|manual"),
    "act": spelled("void|draw"),
    "prizes": lambda value: listed(lambda name: type(name) is str)(value) and value != [],
    "numbers": listed(is_whole),
    "winners": listed(lambda value: value is None or is_whole(value)),
    "tickets": listed(lambda value: misfit(value, "number:whole leaf:hash") is None),
    "beacon": lambda value: misfit(value, "chain:hash round:whole time:time") is None,
}
FRAME = "seq:whole prev:hash raffle:uuid at:time kind:text "
FIGURES = "sold:count void:count unsold:count manifest:hash"
KINDS = {
    "created": "by:staff terms:object software:text",
    "changed": "by:staff before:object after:object",
    "opened": "by:staff terms:object",
    "purchase": "buyer:person tickets:tickets",
    "proposed": "by:staff act:act",
    "void": "by:staff number:whole reason:text",
    "closed": "by:staff reason:text " + FIGURES,
    "reconciled": "by:staff " + FIGURES,
    "sealed": "by:staff method:text manifest:hash entries:whole offsets:numbers software:text",
    "drawn": "by:staff manifest:hash entries:whole picked:numbers order:numbers winners:winners",
    "claimed": "by:staff prize:whole number:whole code:code",
    "forfeited": "by:staff prize:whole number:whole reason:text code:code? next:whole?",
    "cancelled": "by:staff reason:text tickets:whole",
}
TERMS = (
    "slug:text name:text organiser:text contact:text licence:text description:text rules:text "
    "currency:text price:price capacity:some limit:some opens_at:time? closes_at:time? "
    "draw_at:time? prizes:prizes alternates:count one_prize_each:truth method:method "
    "two_people:truth claim_days:count"
)


@cache
def members(shape: str) -> dict[str, Callable[[Any], bool]]:
    """`name:shape …` as a table; `?` allows null."""

    def fits(kind: str) -> Callable[[Any], bool]:
        if kind.endswith("?"):
            return lambda value: value is None or SHAPES[kind[:-1]](value)
        return SHAPES[kind]

    return {name: fits(kind) for name, kind in (each.split(":") for each in shape.split())}


def misfit(value: Any, shape: str) -> str | None:
    """What is wrong with an object that must have exactly these members, if anything."""
    table = members(shape)
    if type(value) is not dict or value.keys() != table.keys():
        return "it has not exactly the members that it must have"
    for name, fits in table.items():
        if not fits(value[name]):
            return f"its {name} is malformed"
    return None


def parse(raw: bytes) -> Line:
    """A line of the ledger, every member of it as it must be. Raises ValueError."""
    if not raw.endswith(b"\n"):
        raise ValueError("it does not end, or is far too long")
    line = read_object(raw.decode("ascii"), LINES)
    if canonical(line).encode() != raw[:-1]:
        raise ValueError("it is not in the canonical form")
    kind = line.get("kind")
    if type(kind) is not str or kind not in KINDS:
        raise ValueError("it is of no kind that there is")
    shape = FRAME + KINDS[kind]
    if kind == "proposed" and line.get("act") == "void":
        shape += " number:whole reason:text"
    if kind == "sealed" and line.get("method") == "beacon":
        shape += " beacon:beacon"
    if kind in ("void", "sealed") and "second" in line:
        shape += " second:staff"
    if kind == "drawn" and "signature" in line:
        shape += " signature:text"
    if problem := misfit(line, shape):
        raise ValueError(problem)
    return line


# --- The ledger, line by line -----------------------------------------------------------------

MAY_STAND = {  # in which states of the raffle
    "created": ("nothing",),
    "changed": ("draft", "open", "closed", "sealed", "drawn"),  # the check of terms says more
    "opened": ("draft",),
    "purchase": ("open",),
    "proposed": ("open", "closed"),
    "void": ("open",),
    "closed": ("open",),
    "reconciled": ("closed",),
    "sealed": ("closed",),
    "drawn": ("sealed",),
    "claimed": ("drawn",),
    "forfeited": ("drawn",),
    "cancelled": ("open", "closed"),
}
LEADS_TO = {"created": "draft", "opened": "open", "closed": "closed", "sealed": "sealed",
            "drawn": "drawn", "cancelled": "cancelled"}  # fmt: skip


class Ledger:
    """The raffle as its ledger tells it. A ticket takes 48 bytes of memory, a buyer about 150."""

    def __init__(self, verdict: Verdict, chain: Chain, keep: set[int]) -> None:
        self.verdict, self.chain = verdict, chain
        self.readable = False  # to its end
        self.numbered = True  # so that tickets can be told by their numbers
        self.seq, self.hash, self.at, self.raffle = 0, "0" * 64, "", ""
        self.state = "nothing"
        self.terms: Line = {}
        self.last = 0  # the highest number sold
        self.leaves, self.owners = bytearray(), bytearray()  # 32 and 16 bytes a ticket
        self.held: dict[bytes, int] = {}
        self.void: set[int] = set()
        self.proposed: set[tuple[str, int | None, str]] = set()
        self.facts: dict[str, Line] = {}  # closed, reconciled, sealed, drawn
        self.hashes: dict[str, str] = {}  # of these lines
        self.keep = keep  # the lines that receipts and kept heads speak of
        self.kept: dict[int, tuple[str, Line]] = {}
        self.randomness: str | None = None
        self.signature = ""  # or "unchecked", "true", "false"
        self.holders: list[Line] = []  # of the prizes, as in draw.json
        self.line_of_winners: Iterator[int] = iter(())

    def fail(self, check: str, problem: str) -> None:
        self.verdict.fail(check, f"Line {self.seq} {problem}.")

    def read(self, lines: Iterable[bytes]) -> None:
        for raw in lines:
            self.seq += 1
            try:
                line = parse(raw)
            except ValueError as problem:
                self.fail("chain", f"cannot be read: {short(problem)}")
                break  # what comes after it would make no sense
            self.follow(line)
            self.hash, self.at = hashlib.sha256(raw[:-1]).hexdigest(), line["at"]
            if self.seq in self.keep:
                self.kept[self.seq] = self.hash, line
            try:
                self.happen(line)
            except Malformed as problem:
                self.fail("terms", f"has malformed terms: {problem}")
                break
        else:
            self.readable = self.seq > 0
            if not self.readable:
                self.fail("chain", "is missing: the ledger is empty")

    def follow(self, line: Line) -> None:
        """The chain: one complaint a line is enough."""
        self.raffle = self.raffle or line["raffle"]
        if line["seq"] != self.seq:
            self.fail("chain", f"calls itself {line['seq']}")
            self.seq = line["seq"]  # so that the lines after it are not blamed
        elif line["prev"] != self.hash:
            self.fail("chain", "does not follow: its prev is not the hash of the line before")
        elif line["raffle"] != self.raffle:
            self.fail("chain", "belongs to another raffle")
        elif line["at"] < self.at:
            self.fail("chain", "is dated before the line before it")

    def happen(self, line: Line) -> None:
        """What the line says, against all before it."""
        kind, state = line["kind"], self.state
        if state not in MAY_STAND[kind] or (kind == "reconciled" and kind in self.facts):
            self.fail("life", f"says {kind} out of order: {STATES[state]}")
            if (kind, state) not in (("purchase", "draft"), ("sealed", "sealed")):
                return  # as if it were not there: complaining once is enough
        self.state = LEADS_TO.get(kind, state)
        if kind in ("closed", "reconciled", "sealed", "drawn"):
            self.facts[kind], self.hashes[kind] = line, self.hash
        if self.numbered or kind not in ("drawn", "claimed", "forfeited"):
            getattr(self, f"on_{kind}")(line)

    def on_created(self, line: Line) -> None:
        self.set_terms(line["terms"], TERMS)

    def set_terms(self, terms: Line, shape: str) -> None:
        if problem := misfit(terms, shape):
            raise Malformed(problem)
        self.terms = self.terms | terms

    def on_changed(self, line: Line) -> None:
        before, after = line["before"], line["after"]
        if canonical(before) != canonical({name: self.terms.get(name) for name in after}):
            self.fail("terms", "says that the terms had been other ones than they were")
        elif "closed" in self.facts:
            self.fail("terms", "changes terms after the close")
        elif self.last and after.keys() != {"description"}:
            self.fail("terms", f"changes {short(', '.join(after))} after the first sale")
        self.set_terms(
            after, " ".join(term for term in TERMS.split() if term.split(":")[0] in after)
        )

    def on_opened(self, line: Line) -> None:
        if canonical(line["terms"]) != canonical(self.terms):
            self.fail("terms", "opens the raffle on other terms than it had")

    def on_purchase(self, line: Line) -> None:
        terms, numbers = self.terms, [ticket["number"] for ticket in line["tickets"]]
        if not numbers or numbers != list(range(self.last + 1, self.last + 1 + len(numbers))):
            self.fail("numbers", f"sells {short(numbers)}, and {self.last + 1} was next")
            self.numbered = False
        elif numbers[-1] > terms["capacity"]:
            self.fail("numbers", f"sells number {numbers[-1]} of {terms['capacity']}")
            self.numbered = False
        if self.numbered:
            self.leaves += bytes.fromhex("".join(ticket["leaf"] for ticket in line["tickets"]))
            self.owners += bytes.fromhex(line["buyer"]) * len(numbers)
        self.last = numbers[-1] if numbers else self.last

        buyer = bytes.fromhex(line["buyer"])
        held = self.held.get(buyer, 0)
        self.held[buyer] = held + len(numbers)
        if held <= terms["limit"] < self.held[buyer]:
            self.fail("limit", f"gives {line['buyer']} {self.held[buyer]} of {terms['limit']}")
        if terms["opens_at"] and line["at"] < terms["opens_at"]:
            self.fail("window", f"sells before {terms['opens_at']}")
        if terms["closes_at"] and line["at"] >= terms["closes_at"]:
            self.fail("window", f"sells though sales ended at {terms['closes_at']}")

    def on_void(self, line: Line) -> None:
        number = line["number"]
        self.check_second(line, "void", number)
        if number in self.void:
            self.fail("void", f"makes number {number} void, which was void")
        elif not 1 <= number <= self.last:
            self.fail("void", f"makes number {number} void, which was not sold")
        else:
            self.void.add(number)

    def on_cancelled(self, line: Line) -> None:
        if line["tickets"] != self.last:
            self.fail("void", f"makes {line['tickets']} of {self.last} tickets void")

    def on_proposed(self, line: Line) -> None:
        if line["act"] == "void" and self.state != "open":
            self.fail("life", f"proposes a void too late: {STATES[self.state]}")
        self.proposed.add((line["act"], line.get("number"), line["by"]))

    def check_second(self, line: Line, act: str, number: int | None = None) -> None:
        by, second, terms = line["by"], line.get("second"), self.terms
        needed = terms["two_people"] or (act == "draw" and terms["method"] == "manual")
        if second is None and needed:
            self.fail("two_people", "names one person where two are needed")
        elif second is not None and second == by:
            self.fail("two_people", "names the same person twice")
        elif second is not None and "operator" in (by, second):
            self.fail("two_people", "names a command on the server as one of two people")
        elif second is not None and (act, number, by) not in self.proposed:
            self.fail("two_people", "is by somebody who had not proposed it")

    def entries(self) -> int:
        return len(self.leaves) // 32 - len(self.void)

    def on_closed(self, line: Line) -> None:
        capacity, figures = self.terms["capacity"], (line["sold"], line["void"], line["unsold"])
        true = self.entries(), len(self.void), capacity - self.last
        if sum(figures) != capacity:
            self.fail("reconciled", f"says sold, void, unsold {figures}, which is not {capacity}")
        elif self.numbered and figures != true:
            self.fail("reconciled", f"says sold, void, unsold {figures}; it is {true}")

    def on_reconciled(self, line: Line) -> None:
        if any(line[figure] != self.facts["closed"][figure] for figure in members(FIGURES)):
            self.fail("reconciled", "confirms other figures than were closed")

    def wanted(self) -> tuple[int, int]:
        """The fewest and the most numbers to be picked; only a drum leaves the choice."""
        prizes, limit = len(self.terms["prizes"]) + self.terms["alternates"], self.terms["limit"]
        most = (prizes - 1) * limit + 1 if self.terms["one_prize_each"] else prizes
        return min(self.entries(), prizes), min(self.entries(), most)

    def on_sealed(self, line: Line) -> None:
        self.check_second(line, "draw")
        if "reconciled" not in self.facts:
            self.fail("reconciled", "seals a list that nobody confirmed")
        entries, offsets = self.entries(), line["offsets"]
        wanted = 0 if line["method"] == "manual" else self.wanted()[1]
        wrong = [i for i, r in enumerate(offsets) if not 0 <= r < entries - i]
        if line["method"] != self.terms["method"]:
            self.fail("seal", "is for another way of drawing than was promised")
        elif line["manifest"] != self.facts["closed"]["manifest"]:
            self.fail("seal", "is on another list than was closed")
        elif self.numbered and line["entries"] != entries:
            self.fail("seal", f"says {line['entries']} entries; it is {entries}")
        elif self.numbered and len(offsets) != wanted:
            self.fail("seal", f"has {len(offsets)} offsets; it must be {wanted}")
        elif self.numbered and wrong:
            self.fail("seal", f"has an offset out of range: number {wrong[0]}")
        if "beacon" in line:
            self.check_round(line["beacon"], line["at"])

    def check_round(self, beacon: Line, sealed_at: str) -> None:
        number = self.chain.round_after(microseconds(sealed_at))
        if beacon["chain"] != self.chain.hash:
            self.fail("beacon", f"names another network: {beacon['chain']}")
        elif beacon["round"] != number:
            self.fail("beacon", f"names round {beacon['round']}; by the rule it is {number}")
        elif beacon["time"] != spell(self.chain.time_of(number)):
            self.fail("beacon", f"says another time than that of round {number}")
        else:
            self.signature = "unchecked"

    # --- The draw and the prizes --------------------------------------------------------------

    def on_drawn(self, line: Line) -> None:
        sealed = self.facts["sealed"]
        if ("beacon" in sealed) != ("signature" in line):
            self.fail("beacon", "lacks a signature, or has one without a beacon")
        elif "beacon" in sealed:
            self.check_signature(sealed["beacon"]["round"], line["signature"], line["at"])
        if (line["manifest"], line["entries"]) != (sealed["manifest"], sealed["entries"]):
            self.fail("draw", "draws from another list than was sealed")
        else:
            self.check_picks(line, sealed)
        self.award(line)

    def check_signature(self, number: int, signature: str, drawn_at: str) -> None:
        with suppress(ValueError):
            self.randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
        if not self.signature:
            return  # it is not even the right round
        if microseconds(drawn_at) < self.chain.time_of(number):
            self.fail("beacon", f"is dated before round {number}")
        if not spelled("[0-9a-f]{96}")(signature):
            self.fail("beacon", "has a signature that is not 96 hexadecimal digits")
            return
        self.signature = self.chain.signed(number, signature)
        if self.signature == "false":
            self.fail("beacon", f"has a signature that is not round {number}'s")

    def check_picks(self, line: Line, sealed: Line) -> None:
        picked, order, (least, most) = line["picked"], line["order"], self.wanted()
        if sealed["method"] != "manual" and ("beacon" not in sealed or self.randomness):
            must = list(self.picks(sealed))
            if picked != must:
                self.fail("draw", f"says {short(picked)} was picked; it must be {short(must)}")
                return
        elif not least <= len(picked) <= most:
            self.fail("draw", f"has {len(picked)} picks; it must be {least} to {most}")
            return
        left = Left(self.last, self.void)
        if order != (numbers := [left.take(index) for index in picked]):
            self.fail("draw", f"says {short(order)} was drawn; by the picks, {short(numbers)}")

    def picks(self, sealed: Line) -> Iterator[int]:
        """What must have been picked, in the local and the beacon method."""
        entries = self.entries()
        for i, offset in enumerate(sealed["offsets"][:entries]):
            chance = 0
            if "beacon" in sealed:
                chance = self.chance(f"{sealed['manifest']}|{sealed['beacon']['round']}", i)
            yield (offset + chance) % (entries - i)

    def chance(self, stem: str, i: int) -> int:
        """The beacon's part in pick i: what is above `fits` would favour some tickets."""
        size, attempt = self.entries() - i, 0
        fits = 2**256 - 2**256 % size
        while True:
            text = f"raffle-draw/v1|{self.raffle}|{stem}|{self.randomness}|{i}|{attempt}"
            if (x := int(sha256(text), 16)) < fits:
                return x % size
            attempt += 1

    def award(self, drawn: Line) -> None:
        """The prizes go along the order, whoever made it."""
        self.line_of_winners = self.in_line(drawn["order"])
        prizes, winners = self.terms["prizes"], drawn["winners"]
        must = [next(self.line_of_winners, None) for _ in prizes]
        if winners != must:
            self.fail("winners", f"names {short(winners)}; by the order it is {short(must)}")
        for place, name in enumerate(prizes, 1):
            holder = {"prize": place, "name": name, "state": "unclaimed"}
            given = winners[place - 1] if len(winners) == len(prizes) else must[place - 1]
            self.holders.append(holder | self.given(given, drawn["at"]))

    def in_line(self, order: list[int]) -> Iterator[int]:
        """The tickets that get a prize, one after the other."""
        winners = set()
        for number in order:
            owner = bytes(self.owners[16 * number - 16 : 16 * number])
            if not owner:
                continue  # never sold, as the check of the draw has said
            if not (self.terms["one_prize_each"] and owner in winners):
                winners.add(owner)
                yield number

    def given(self, number: int | None, at: str) -> Line:
        if number is None:
            return {"number": None, "claim_by": None}
        until = microseconds(at) + self.terms["claim_days"] * 24 * 60 * 60 * 10**6
        return {"number": number, "claim_by": spell(until)}

    def holder(self, line: Line) -> Line:
        """Of the prize that the line is about; empty if there is none."""
        return self.holders[line["prize"] - 1] if 1 <= line["prize"] <= len(self.holders) else {}

    def fits(self, line: Line) -> bool:
        leaf = self.leaves[32 * line["number"] - 32 : 32 * line["number"]].hex()
        return sha256(f"ticket/v1|{self.raffle}|{line['number']}|{line['code']}") == leaf

    def on_claimed(self, line: Line) -> None:
        holder = self.holder(line)
        if (line["number"], "unclaimed") != (holder.get("number"), holder.get("state")):
            self.fail("winners", f"is about no unclaimed prize of ticket {line['number']}")
        elif line["at"] > holder["claim_by"]:
            self.fail("winners", f"claims too late: it was possible until {holder['claim_by']}")
        elif not self.fits(line):
            self.fail("winners", f"shows a code that is not ticket {line['number']}'s")
        holder["state"] = "claimed"

    def on_forfeited(self, line: Line) -> None:
        holder, must, number = self.holder(line), next(self.line_of_winners, None), line["next"]
        if (line["number"], "unclaimed") != (holder.get("number"), holder.get("state")):
            self.fail("winners", f"is about no unclaimed prize of ticket {line['number']}")
        elif line["code"] and not self.fits(line):
            self.fail("winners", f"shows a code that is not ticket {line['number']}'s")
        elif not line["code"] and line["at"] <= holder["claim_by"]:
            self.fail("winners", f"comes too early: claims are possible until {holder['claim_by']}")
        elif number != must:
            self.fail("winners", f"passes the prize on to {number}; it must be {must}")
        holder |= self.given(number, line["at"])
        holder["state"] = "forfeited" if number is None else "unclaimed"


class Malformed(Exception):
    """Terms are not as terms must be; the sentence says how."""


class Left:
    """The entries that are left, taken by their place in order of number, from 0.

    A Fenwick tree: tree[i] counts those left among the last (i & -i) numbers up to i.
    """

    def __init__(self, size: int, void: set[int]) -> None:
        self.tree, self.left = array("q", bytes(8 * (size + 1))), size - len(void)
        for i in range(1, size + 1):
            self.tree[i] += i not in void
            if i + (i & -i) <= size:
                self.tree[i + (i & -i)] += self.tree[i]

    def take(self, index: int) -> int | None:
        if not 0 <= index < self.left:
            return None
        i, step = 0, 1 << len(self.tree).bit_length()
        while step := step >> 1:
            if i + step < len(self.tree) and self.tree[i + step] <= index:
                i += step
                index -= self.tree[i]
        taken = i = i + 1
        while i < len(self.tree):
            self.tree[i] -= 1
            i += i & -i
        self.left -= 1
        return taken


# --- The beacon -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """A drand network: rounds at fixed times, each with a signature that nobody can foresee."""

    hash: str
    public_key: str
    period: int  # seconds
    genesis_time: int  # of round 1, Unix time
    scheme: str = "bls-unchained-g1-rfc9380"

    def time_of(self, number: int) -> int:
        """In microseconds since 1970."""
        return (self.genesis_time + self.period * (number - 1)) * 10**6

    def round_after(self, sealed_at: int) -> int:
        """The first round at or after 120 seconds after the seal."""
        wait = sealed_at + 120 * 10**6 - self.time_of(1)
        return max(1, -(-wait // (self.period * 10**6)) + 1)

    def signed(self, number: int, signature: str) -> str:
        """Whether this is the round's signature: "true", "false", or "unchecked"."""
        try:
            bls: Any = import_module("py_arkworks_bls12381")
        except ImportError:
            return "unchecked"
        message = hashlib.sha256(number.to_bytes(8, "big")).digest()
        hashed = bls.G1Point.hash_to_curve(message, b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_")
        try:  # this refuses points outside the subgroup, of which some would pass the pairing
            point = bls.G1Point.from_compressed_bytes(bytes.fromhex(signature))
            key = bls.G2Point.from_compressed_bytes(bytes.fromhex(self.public_key))
        except ValueError:
            return "false"
        true = bls.GT.pairing_check([point, -hashed], [bls.G2Point(), key])
        return "true" if true and key != bls.G2Point.identity() else "false"


QUICKNET = Chain(
    hash="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3a"
    "c6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5"
    "a6e9c76a4bc09e76eae8991ef5ece45a",
    period=3,
    genesis_time=1692803367,
)


def read_chain(info: str) -> Chain:
    """A drand network's own /info document. Raises ValueError."""
    says = read_object(info, FILES)
    if says.get("schemeID") != QUICKNET.scheme:
        raise ValueError(f"only networks whose schemeID is {QUICKNET.scheme} can be checked")
    names = ("hash", "public_key", "period", "genesis_time")
    shape = "hash:hash public_key:text period:some genesis_time:count"
    problem = misfit({name: says.get(name) for name in names}, shape)
    if problem or not spelled("[0-9a-f]{192}")(says["public_key"]):
        raise ValueError(problem or "its public_key is malformed")
    return Chain(**{name: says[name] for name in names})


# --- The other files --------------------------------------------------------------------------


def check_manifest(verdict: Verdict, ledger: Ledger, manifest: Source) -> None:
    """Line by line, up to the first that is not what the ledger adds up to."""
    verdict.hold("manifest")
    if "closed" not in ledger.facts:
        verdict.fail("manifest", "There is a manifest, but the raffle was not closed.")
        return
    capacity, digest, number = ledger.terms["capacity"], hashlib.sha256(), 0
    for number, raw in enumerate(lines_of(manifest), 1):
        state = f"SOLD|{ledger.leaves[32 * number - 32 : 32 * number].hex()}"
        state = "VOID" if number in ledger.void else state
        must = f"{number}|{state}\n" if number <= ledger.last else f"{number}|UNSOLD\n"
        if number > capacity or raw != must.encode():
            verdict.fail("manifest", f"Line {number} says {short(raw)}; the ledger: {short(must)}.")
            return
        digest.update(raw)
    if number < capacity:
        verdict.fail("manifest", f"It ends after number {number} of {capacity}.")
    elif digest.hexdigest() != ledger.facts["closed"]["manifest"]:
        verdict.fail("manifest", "It adds up from the ledger, but another list was frozen.")


def check_draw_file(verdict: Verdict, ledger: Ledger, draw: bytes) -> None:
    verdict.hold("draw_file")
    if "sealed" not in ledger.facts:
        verdict.fail("draw_file", "There is a draw.json, but nothing was sealed.")
        return
    terms, sealed, drawn = ledger.terms, ledger.facts["sealed"], ledger.facts.get("drawn", {})
    heard = {"signature": drawn.get("signature"), "randomness": ledger.randomness}
    must = {
        "format": "raffle-draw/v1",
        "raffle": ledger.raffle,
        **{name: terms[name] for name in ("slug", "name", "organiser", "method")},
        **{name: sealed[name] for name in ("manifest", "entries", "offsets", "software")},
        "seal": {"seq": sealed["seq"], "hash": ledger.hashes["sealed"]},
        "beacon": sealed["beacon"] | heard if "beacon" in sealed else None,
        "order": drawn.get("order", []),
        "winners": ledger.holders,
        "ledger": {"seq": ledger.seq, "hash": ledger.hash},
    }
    try:
        if len(draw) > MAX_LINE:
            raise ValueError("it is far too long")
        says = read_object(draw.decode(), FILES)
    except ValueError as problem:
        verdict.fail("draw_file", f"It cannot be read: {short(problem)}.")
        return
    wrong = [name for name in must | says if name not in must or name not in says
             or canonical(must[name]) != canonical(says[name])]  # fmt: skip
    if wrong:
        verdict.fail("draw_file", f"It says other things than the ledger: {short(wrong)}.")


RECEIPT = re.compile("([1-9][0-9]{0,14})-([0-9a-f]{32})-([1-9][0-9]{0,14})-([0-9a-f]{64})")
HEAD = re.compile("([1-9][0-9]{0,14}):([0-9a-f]{64})")


def check_receipt(verdict: Verdict, ledger: Ledger, receipt: str) -> None:
    verdict.hold("receipt")
    if not (match := RECEIPT.fullmatch(receipt.strip())):
        verdict.fail("receipt", f"{short(receipt)} is not spelled number-code-line-hash.")
        return
    number, seq = int(match[1]), int(match[3])
    hashed, line = ledger.kept.get(seq, ("", {}))
    leaf = sha256(f"ticket/v1|{ledger.raffle}|{number}|{match[2]}")
    if hashed != match[4]:
        verdict.fail("receipt", f"Ticket {number}: line {seq} is not what it was at the sale.")
    elif {"number": number, "leaf": leaf} not in line.get("tickets", ()):
        verdict.fail("receipt", f"Ticket {number}: line {seq} does not have its leaf.")
    else:
        void = number in ledger.void or ledger.state == "cancelled"
        verdict.tickets.append(f"{number} (void)" if void else f"{number}")


def check_head(verdict: Verdict, ledger: Ledger, head: str) -> None:
    verdict.hold("witness")
    if not (match := HEAD.fullmatch(head.strip())):
        verdict.fail("witness", f"{short(head)} is not spelled line:hash.")
    elif int(match[1]) not in ledger.kept:
        verdict.fail("witness", f"Line {match[1]} is not there: the ledger ends before it.")
    elif ledger.kept[int(match[1])][0] != match[2]:
        verdict.fail("witness", f"Line {match[1]} has not the hash that was kept.")


# --- How far the proof goes -------------------------------------------------------------------


def verify(
    ledger: Source,
    manifest: Source | None = None,
    draw: bytes | None = None,
    receipts: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    chain: Chain = QUICKNET,
    *,
    complete: bool = False,
) -> Verdict:
    """Check all that is given; if it is `complete`, a file that should be there and is not, fails.

    Whatever the files say, this raises nothing but OSError in reading them.
    """
    verdict = Verdict()
    lines = [(RECEIPT.fullmatch(each.strip()), 3) for each in receipts]
    lines += [(HEAD.fullmatch(each.strip()), 1) for each in witnesses]
    book = Ledger(verdict, chain, {int(match[group]) for match, group in lines if match})
    book.read(lines_of(ledger))
    verdict.state = book.state
    if book.readable:
        facts, drum = book.facts, book.terms["method"] == "manual"
        looked_at = {
            "reconciled": "reconciled" in facts,
            "seal": "sealed" in facts and book.numbered,
            "beacon": book.signature == "true",
            "draw": "drawn" in facts and book.numbered,
            "winners": "drawn" in facts and book.numbered,
            "two_people": book.terms["two_people"] or (drum and "sealed" in facts),
        }
        verdict.hold("chain", "life", "terms", "numbers", "limit", "window", "void")
        verdict.hold(*(check for check, looked in looked_at.items() if looked))
        if manifest is not None and book.numbered:
            check_manifest(verdict, book, manifest)
        elif manifest is None and complete and "closed" in facts:
            verdict.fail("manifest", "The raffle is closed, but the site has no manifest.txt.")
        if draw is not None and book.numbered:
            check_draw_file(verdict, book, draw)
        elif draw is None and complete and "sealed" in facts:
            verdict.fail("draw_file", "The draw is sealed, but the site has no draw.json.")
        for receipt in receipts:
            check_receipt(verdict, book, receipt)
        for head in witnesses:
            check_head(verdict, book, head)
        verdict.winners = book.holders
    judge(verdict, book, [int(each.split(":")[0]) for each in witnesses] if verdict.ok else [])
    return verdict


def judge(verdict: Verdict, book: Ledger, heads: Sequence[int]) -> None:
    """The level, an answer to each of the four questions, and what remains unproven."""
    facts, sealed, drawn = book.facts, book.facts.get("sealed", {}), "drawn" in book.facts
    number = sealed["beacon"]["round"] if "beacon" in sealed else 0
    closed = verdict.ok and verdict.checks["manifest"] == "ok"
    late = [seq for seq in heads if closed and seq >= facts["closed"]["seq"]]
    round_at = spell(book.chain.time_of(number)) if number and verdict.ok else ""
    # A line that is itself as late as the round cannot have been kept before it.
    early = [seq for seq in late if book.signature == "true" and seq >= sealed["seq"]
             and book.kept[seq][1]["at"] < round_at]  # fmt: skip
    level = 3 if early else 2 if late else 1 if closed else 0
    verdict.level = f"L{level}"

    until = max(early or late or heads, default=0)
    since = f"line {until} has the hash that was kept" if until else "no kept head was given"
    fixed = ("no", "against the staff", "yes", "yes")[level]
    tickets = f"Receipts agree for ticket {', '.join(verdict.tickets)}."
    if not verdict.ok:
        why = ["Something does not agree, so nothing here can be relied on."] * 4
    else:
        why = [
            f"The closed list is what was sold and what was frozen; {since}.",
            tickets if verdict.tickets else "No receipt was given.",
            f"Every line carries the hash of the one before; {since}.",
            f"Round {number}, whose signature was checked, decided, together with numbers that "
            f"were sealed before, on condition that line {until} was kept before {round_at}.",
        ]
    if verdict.ok and not closed:
        why[0] = why[2] = f"There is no closed list yet, or none was given; {since}."
    if verdict.ok and level < 3:
        why[3] = (
            "Nothing is drawn." if not drawn
            else f"The method is {book.terms['method']}: who drew must be trusted." if not number
            else f"The signature of round {number} was not checked." if book.signature != "true"
            else f"No head was given that shows the seal and was kept before {round_at}: the "
            "sealed numbers could have been chosen when the round was known."
        )  # fmt: skip
    mine = closed and any(ticket.isdecimal() for ticket in verdict.tickets)  # not only void ones
    answers = [fixed, "yes" if mine else "no", fixed, "yes" if level == 3 else "no"]
    asked = ["the list was fixed", "my ticket is in it", "unchanged since", "nobody could pick"]
    verdict.questions = {
        key: {"question": question, "answer": answer, "because": because}
        for key, question, answer, because in zip("abcd", asked, answers, why, strict=True)
    }
    if number and drawn and book.signature == "unchecked":
        verdict.not_proven.append(
            f"The signature of round {number} was not checked, so level L3 is not reached: "
            "pip install py_arkworks_bls12381 and run this again, or compare it by hand with what "
            f"a drand relay shows at /{book.chain.hash}/public/{number}"
        )
    if number and book.chain != QUICKNET:
        verdict.not_proven.append(
            "The beacon is not the League of Entropy's quicknet, but the network of the file given "
            "with --beacon: whoever runs that could know its rounds beforehand."
        )
    if level >= 2:
        verdict.not_proven.append(
            "When a head was kept, only who kept it can say: one copied from the site today "
            "proves nothing."
        )
    if any(holder["state"] != "unclaimed" for holder in book.holders):
        verdict.not_proven.append(
            "A validation code is known to its ticket's holder and to the site, which made it."
        )
    verdict.not_proven.append(
        "No level proves that an e-mail address is a person, that every ticket was paid for, or "
        "that a prize was handed over."
    )


# --- Fetching and printing --------------------------------------------------------------------


class Unreadable(Exception):
    """A file could not be had; the sentence says why."""


def lines_of(source: Source) -> Iterator[bytes]:
    """Lines with their ends. One that is far too long comes in pieces, which have none."""
    if isinstance(source, Path | bytes):
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            yield from iter(lambda: file.readline(MAX_LINE), b"")
    else:
        for line in source:
            yield line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line


def with_progress(lines: Iterable[bytes]) -> Iterator[bytes]:
    """On a terminal, say how far it is."""
    for number, line in enumerate(lines, 1):
        if number % 10_000 == 0 and sys.stderr.isatty():
            print(f"\r{number} lines …", end="\r", file=sys.stderr, flush=True)
        yield line


def printable(text: str) -> str:
    """Without what could move a terminal's cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def short(value: object) -> str:
    text = printable(value.decode("latin-1") if isinstance(value, bytes) else str(value)[:400])
    return text if len(text) <= 120 else f"{text[:120]}…"


def allowed(address: str) -> bool:
    """https, or http to this very machine. Raises ValueError."""
    parts = urllib.parse.urlsplit(address)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    return parts.scheme == "https" or (
        parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    )


class SameRules(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *request: Any) -> Any:
        if not allowed(request[-1]):
            raise urllib.error.URLError("it leads on to an address that is not https")
        return super().redirect_request(*request)


def fetch(url: str, target: Path) -> Path | None:
    """Save a file of the raffle. None if the site does not have it. Raises Unreadable."""
    direct = [urllib.request.ProxyHandler({})] if url.startswith("http:") else []
    opener = urllib.request.build_opener(SameRules, *direct)
    try:
        with opener.open(url, timeout=TIMEOUT) as answer, target.open("wb") as file:
            while piece := answer.read(2**16):
                file.write(piece)
                if file.tell() > MAX_FILE:
                    raise Unreadable(f"{url} is larger than {MAX_FILE >> 30} GiB.")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise Unreadable(f"{url} answers with status {error.code}.") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why: object = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(error, TimeoutError) or isinstance(why, TimeoutError):
            why = f"nothing came for {TIMEOUT} seconds"
        raise Unreadable(f"{url} could not be fetched: {why}.") from None
    return target


def from_site(page: str, check: Callable[..., Verdict]) -> Verdict:
    """Fetch what there is and check it; again if the record grew between two of the files."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            names = ("ledger.jsonl", "manifest.txt", "draw.json")
            ledger, *others = (fetch(page + name, Path(folder) / name) for name in names)
            if ledger is None:
                raise Unreadable(f"{page}ledger.jsonl is not there: no such raffle?")
            verdict = check(ledger, *others, complete=True)
            if "failed" not in (verdict.checks["manifest"], verdict.checks["draw_file"]):
                break
    return verdict


def page_of(address: str) -> str:
    """The raffle's page, below which the files are. Raises ValueError."""
    if not allowed(address):
        raise ValueError("it must be https, or http to this machine")
    parts = urllib.parse.urlsplit(address)
    path = parts.path.rstrip("/").removesuffix("/verify")
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, f"{path}/", "", ""))


def as_text(verdict: Verdict) -> Iterator[str]:
    words = {"ok": "ok", "failed": "FAILED", "absent": "not seen"}
    yield f"So far {STATES[verdict.state]}."
    for check, meaning in CHECKS.items():
        yield f"  {words[verdict.checks[check]]:<10}{check:<11} {meaning}"
        for failure in verdict.failures:
            if failure["check"] == check:
                yield f"    → {failure['problem']}"
    if verdict.unlisted:
        yield f"    → and {verdict.unlisted} more"
    outcome = "all that is there agrees" if verdict.ok else "DO NOT TRUST THIS RECORD"
    yield f"Level {verdict.level}: {outcome}"
    for key, each in verdict.questions.items():
        yield f"  ({key}) {each['question']}: {each['answer'].upper()}. {each['because']}"
    yield "Not proven"
    for sentence in verdict.not_proven:
        yield f"  - {sentence}"
    for winner in verdict.winners:
        who = f"ticket {winner['number']}" if winner["number"] else "nobody"
        yield f"Prize {winner['prize']}, {winner['name']}: {who}, {winner['state']}"


def as_json(verdict: Verdict) -> str:
    names = ("level", "ok", "failures", "checks", "winners", "questions", "not_proven", "state")
    return json.dumps({name: getattr(verdict, name) for name in names}, indent=1)


def arguments(given: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        description="Check a raffle from its public record alone.",
        epilog="Exit status: 0 all that is there agrees, 1 something does not, 2 wrong usage, "
        "3 files could not be read.",
    )
    add = parser.add_argument
    add("address", nargs="?", help="the raffle's page, with or without verify/ at its end")
    add("--ledger", type=Path, help="ledger.jsonl, as a file")
    add("--manifest", type=Path, help="manifest.txt")
    add("--draw", type=Path, help="draw.json")
    add("--receipt", action="append", default=[], help="a receipt line; once for each ticket")
    add("--witness", action="append", default=[], metavar="SEQ:HASH", help="a head that was kept")
    add("--beacon", type=Path, metavar="INFO", help="/info of a drand network, if not quicknet")
    add("--json", action="store_true", help="print the verdict as JSON")
    options = parser.parse_args(given)
    if bool(options.address) == bool(options.ledger):
        parser.error("give either the address of the raffle's page or --ledger")
    if options.address and (options.manifest or options.draw):
        parser.error("--manifest and --draw go with --ledger")
    try:
        options.page = page_of(options.address) if options.address else None
    except ValueError as problem:
        parser.error(f"{options.address}: {problem}")
    return options


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)

    def check(ledger: Path, manifest: Path | None, draw: Path | None, **how: bool) -> Verdict:
        with draw.open("rb") if draw else nullcontext() as file:
            summary = file.read(MAX_LINE + 1) if file else None
        return verify(with_progress(lines_of(ledger)), manifest, summary, options.receipt,
                      options.witness, chain, **how)  # fmt: skip

    try:
        chain = read_chain(options.beacon.read_text("utf-8")) if options.beacon else QUICKNET
        if options.page:
            verdict = from_site(options.page, check)
        else:
            verdict = check(options.ledger, options.manifest, options.draw)
    except (Unreadable, OSError, ValueError) as problem:
        print(printable(str(problem)), file=sys.stderr)
        return 3
    lines = [as_json(verdict)] if options.json else map(printable, as_text(verdict))
    with suppress(BrokenPipeError):  # who reads it may have seen enough
        sys.stdout.buffer.write("\n".join([*lines, ""]).encode())
        sys.stdout.flush()
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
