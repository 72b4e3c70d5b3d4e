"""What follows from the facts of a raffle, by docs/verification.md alone: its lines and hashes,
manifest, picks, winners and draw.json. Nothing of the site is imported here.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

Facts = dict[str, Any]

QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS, PERIOD = 1692803367, 3  # seconds of Unix time, seconds
SIGNATURES = {  # what quicknet really said in these rounds
    1000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
    657413: "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
    "41076862b98fad56e91a6b85b89cd97b",
}


@dataclass(frozen=True)
class Files:
    """What a verifier is given. `manifest` and `draw` are None if they are not there yet."""

    ledger: bytes
    manifest: bytes | None = None
    draw: bytes | None = None
    receipts: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def spell(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def round_time(number: int) -> datetime:
    return datetime.fromtimestamp(GENESIS + PERIOD * (number - 1), UTC)


def round_for(sealed_at: str) -> int:
    """The first round at or after 120 seconds after the seal."""
    due = parse(sealed_at) + timedelta(seconds=120) - round_time(1)
    return -(-due // timedelta(seconds=PERIOD)) + 1


def person(name: str) -> str:
    """A pseudonym."""
    return sha256(f"person|{name}")[:32]


class WorkedOut:
    """Facts in order, and all that follows from them, worked out whenever it is asked for."""

    raffle: str
    facts: list[Facts]

    @property
    def terms(self) -> Facts:
        terms: Facts = {}
        for facts in self.facts:
            terms |= facts["terms"] if facts["kind"] == "created" else {}
            terms |= facts["after"] if facts["kind"] == "changed" else {}
        return copy.deepcopy(terms)

    def all(self, kind: str) -> list[Facts]:
        return [facts for facts in self.facts if facts["kind"] == kind]

    def last(self, kind: str) -> Facts:
        return self.all(kind)[-1]

    def code(self, number: int) -> str:
        return sha256(f"code|{self.raffle}|{number}")[:32]

    def leaf(self, number: int) -> str:
        return sha256(f"ticket/v1|{self.raffle}|{number}|{self.code(number)}")

    def tickets(self) -> dict[int, tuple[str, str]]:
        """Number → leaf and buyer."""
        return {
            ticket["number"]: (ticket["leaf"], facts["buyer"])
            for facts in self.all("purchase")
            for ticket in facts["tickets"]
        }

    def entries(self) -> list[int]:
        void = {facts["number"] for facts in self.all("void")}
        return sorted(self.tickets().keys() - void)

    def manifest(self) -> str:
        tickets, entries = self.tickets(), set(self.entries())
        lines = []
        for number in range(1, self.terms["capacity"] + 1):
            state = f"SOLD|{tickets[number][0]}" if number in entries else "VOID"
            lines.append(f"{number}|{state if number in tickets else 'UNSOLD'}\n")
        return "".join(lines)

    def figures(self) -> Facts:
        valid, sold = len(self.entries()), len(self.tickets())
        unsold = self.terms["capacity"] - sold
        hashed = sha256(self.manifest())
        return {"sold": valid, "void": sold - valid, "unsold": unsold, "manifest": hashed}

    def wanted(self) -> int:
        """m, the number of picks."""
        terms = self.terms
        enough = len(terms["prizes"]) + terms["alternates"]
        if terms["one_prize_each"]:
            enough = (enough - 1) * terms["limit"] + 1
        return min(len(self.entries()), int(enough))

    def chance(self, pick: int, size: int) -> int:
        """b, the beacon's part of a pick."""
        sealed, randomness = self.last("sealed"), self.randomness()
        stem = f"raffle-draw/v1|{self.raffle}|{sealed['manifest']}|{sealed['beacon']['round']}"
        attempt = 0
        while True:
            x = int(sha256(f"{stem}|{randomness}|{pick}|{attempt}"), 16)
            if x < 2**256 - 2**256 % size:
                return int(x % size)
            attempt += 1

    def randomness(self) -> str:
        return hashlib.sha256(bytes.fromhex(self.last("drawn")["signature"])).hexdigest()

    def picks(self) -> list[int]:
        sealed, entries = self.last("sealed"), self.entries()
        if sealed["method"] == "manual":
            return [
                entries.index(number) - sum(earlier < number for earlier in order[:place])
                for order in [self.last("drawn")["order"]]
                for place, number in enumerate(order)
            ]
        if sealed["method"] == "local":
            return list(sealed["offsets"])
        n = len(entries)
        offsets = enumerate(sealed["offsets"])
        return [(offset + self.chance(i, n - i)) % (n - i) for i, offset in offsets]

    def line_of_winners(self, order: list[int]) -> list[int]:
        tickets, winners, line = self.tickets(), set(), []
        for number in order:
            buyer = tickets[number][1]
            if not (self.terms["one_prize_each"] and buyer in winners):
                winners.add(buyer)
                line.append(number)
        return line

    def next_in_line(self) -> int | None:
        line = self.line_of_winners(self.last("drawn")["order"])
        given = len(self.terms["prizes"]) + sum(
            f["next"] is not None for f in self.all("forfeited")
        )
        return line[given] if given < len(line) else None

    def rework(self) -> Self:
        """Work out again what follows in closed, reconciled, sealed and drawn, all in accord."""
        for facts in self.all("closed") + self.all("reconciled"):
            facts.update(self.figures())
        for facts in self.all("sealed"):
            facts.update(manifest=self.figures()["manifest"], entries=len(self.entries()))
        for facts in self.all("drawn"):
            facts.update(manifest=self.figures()["manifest"], entries=len(self.entries()))
            facts["picked"] = self.picks()
            return self.reorder()
        return self

    def reorder(self) -> Self:
        """Work out again the order and the winners from what was picked."""
        drawn, left = self.last("drawn"), self.entries()
        drawn["order"] = [left.pop(index) for index in drawn["picked"]]
        return self.award()

    def award(self) -> Self:
        """Work out again the winners from the order."""
        drawn, prizes = self.last("drawn"), len(self.terms["prizes"])
        line = self.line_of_winners(drawn["order"])
        drawn["winners"] = [*line, *[None] * prizes][:prizes]
        return self

    # As files

    def lines(self, spelling: Callable[[Facts], str] = canonical) -> list[str]:
        """A fact that says its own `seq`, `prev` or `raffle` has its way."""
        lines: list[str] = []
        prev = "0" * 64
        for seq, facts in enumerate(self.facts, 1):
            lines.append(spelling({"seq": seq, "prev": prev, "raffle": self.raffle} | facts))
            prev = sha256(lines[-1])
        return lines

    def ledger(self, spelling: Callable[[Facts], str] = canonical) -> bytes:
        return "".join(f"{line}\n" for line in self.lines(spelling)).encode()

    def head(self, kind: str | None = None) -> str:
        """`<seq>:<hash>` of the last line, or of the last one of a kind."""
        lines = self.lines()
        seqs = [seq for seq, facts in enumerate(self.facts, 1) if kind in (None, facts["kind"])]
        return f"{seqs[-1]}:{sha256(lines[seqs[-1] - 1])}"

    def receipt(self, number: int) -> str:
        for seq, facts in enumerate(self.facts, 1):
            if number in [ticket["number"] for ticket in facts.get("tickets", ())]:
                return f"{number}-{self.code(number)}-{seq}-{sha256(self.lines()[seq - 1])}"
        raise LookupError(number)

    def holders(self) -> list[Facts]:
        """The winners as draw.json shows them."""
        holders = []
        for index, name in enumerate(self.terms["prizes"]):
            drawn = self.last("drawn")
            number, state, given = drawn["winners"][index], "unclaimed", drawn["at"]
            for facts in self.facts:
                if facts.get("prize") == index + 1 and facts["kind"] == "claimed":
                    state = "claimed"
                if facts.get("prize") == index + 1 and facts["kind"] == "forfeited":
                    number, given = facts["next"], facts["at"]
                    state = "forfeited" if number is None else "unclaimed"
            until = spell(parse(given) + timedelta(days=self.terms["claim_days"]))
            until_or_null = None if number is None else until
            holders.append(
                {"prize": index + 1, "name": name, "number": number, "state": state,
                 "claim_by": until_or_null}
            )  # fmt: skip
        return holders

    def draw_json(self) -> Facts:
        sealed, terms, lines = self.last("sealed"), self.terms, self.lines()
        drawn = self.all("drawn")
        beacon = None
        if "beacon" in sealed:
            signature = drawn[-1]["signature"] if drawn else None
            heard = {"signature": signature, "randomness": self.randomness() if drawn else None}
            beacon = sealed["beacon"] | heard
        seq, hashed = self.head("sealed").split(":")
        names = {name: terms[name] for name in ("slug", "name", "organiser", "method")}
        return names | {
            "format": "raffle-draw/v1", "raffle": self.raffle, "manifest": sealed["manifest"],
            "entries": sealed["entries"], "offsets": sealed["offsets"], "beacon": beacon,
            "seal": {"seq": int(seq), "hash": hashed}, "software": sealed["software"],
            "order": drawn[-1]["order"] if drawn else [],
            "winners": self.holders() if drawn else [],
            "ledger": {"seq": len(lines), "hash": sha256(lines[-1])},
        }  # fmt: skip

    def files(self, *, spelling: Callable[[Facts], str] = canonical, **more: Any) -> Files:
        """The three files as they then are. `more` replaces files, or adds receipts and heads."""
        made: Facts = {"ledger": self.ledger(spelling)}
        if self.all("closed"):
            made["manifest"] = self.manifest().encode()
        if self.all("sealed"):
            made["draw"] = json.dumps(self.draw_json(), indent=1).encode()
        return Files(**(made | more))
