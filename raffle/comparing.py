"""Comparing: the tables against the ledger, line by line, in one stream whatever its length."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from raffle import ledger, publishing
from raffle.ledger import Facts
from raffle.models import (
    Award,
    Claim,
    Draw,
    Forfeit,
    LedgerEntry,
    Proposal,
    Purchase,
    Raffle,
    Seal,
    Ticket,
    Void,
)

CHUNK = 2000  # rows fetched at a time
MOST_PROBLEMS = 50  # a thoroughly broken record must not fill the memory with complaints
STATUS_AFTER = {
    "created": "DRAFT", "opened": "OPEN", "closed": "CLOSED", "cancelled": "CANCELLED",
}  # fmt: skip

Rows = dict[int, dict[str, Facts]]  # by the ledger's line: what the tables say of it, by noun


class Comparison:
    """`problems` lists what does not agree. `raffle`: as_it_stands()."""

    def __init__(self, raffle: Raffle) -> None:
        self.raffle = raffle
        self.problems: list[tuple[str, str]] = []
        self.sold = self.void = 0
        self.terms: Facts = {}
        self.status = ""
        self.order: list[int] = []
        self.tickets = self._stream_tickets()
        self.purchases = self._stream_purchases()
        self.rows = _rows(raffle)

    def expect(self, holds: bool, check: str, problem: str) -> None:
        if not holds and len(self.problems) < MOST_PROBLEMS:
            self.problems.append((check, problem))

    def run(self, progress: Callable[[int], None]) -> None:
        """Calls `progress` now and then with the number of the line it has come to."""
        lines = LedgerEntry.objects.filter(raffle=self.raffle).order_by("seq")
        for entry in lines.iterator(chunk_size=CHUNK):
            try:
                self._compare(entry)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                self.expect(False, "tables", f"line {entry.seq} cannot be read")
            if entry.seq % CHUNK == 0:
                progress(entry.seq)
        self._compare_what_is_left()

    def _compare(self, entry: LedgerEntry) -> None:
        says: Facts = json.loads(entry.line)
        actor = self.raffle.pseudonym(entry.actor_id) if entry.actor_id else "operator"
        self.expect(
            entry.seq == says["seq"]
            and entry.kind == says["kind"]
            and entry.hash == ledger.sha256(entry.line)
            and ledger.timestamp(entry.at) == says["at"]
            and actor == says.get("buyer", says.get("second", says.get("by"))),
            "tables",
            f"line {entry.seq} is stored with other facts than it says",
        )
        self.status = STATUS_AFTER.get(entry.kind, self.status)
        self.terms |= says.get("terms", {}) | says.get("after", {})
        self.order = says.get("order", self.order)
        if entry.kind == "purchase":
            self._compare_purchase(entry.seq, says)
        elif entry.kind == "void":
            self.void += 1
        told, stored = _facts(says, self.terms, self.order), self.rows.pop(entry.seq, {})
        for noun in sorted(told.keys() | stored.keys()):
            same = told.get(noun) == stored.get(noun)
            self.expect(same, "tables", f"line {entry.seq} is not the stored {noun}")

    def _compare_purchase(self, seq: int, says: Facts) -> None:
        purchase = next(self.purchases, None)
        self.expect(
            purchase is not None
            and purchase["ledger_seq"] == seq
            and purchase["quantity"] == len(says["tickets"])
            and purchase["first_number"] == says["tickets"][0]["number"]
            and f"{purchase['unit_price']:.2f}" == self.terms["price"]
            and ledger.timestamp(purchase["purchased_at"]) == says["at"]
            and self.raffle.pseudonym(purchase["buyer_id"]) == says["buyer"],
            "tables",
            f"line {seq} is not the stored purchase",
        )
        for told in says["tickets"]:
            self._compare_ticket(told, purchase)

    def _compare_ticket(self, told: Facts, purchase: Mapping[str, Any] | None) -> None:
        self.sold += 1
        row, number, limit = next(self.tickets, None), told["number"], self.terms["limit"]
        self.expect(
            row is not None
            and row["number"] == number
            and ledger.leaf(self.raffle.uuid, number, row["code"]) == told["leaf"]
            and purchase is not None
            and row["purchase_id"] == purchase["id"]
            and row["buyer_id"] == purchase["buyer_id"]
            and row["raffle_capacity"] == self.terms["capacity"]
            and row["raffle_limit"] == limit
            and 1 <= row["slot"] <= limit,
            "tables",
            f"number {number} is not the stored ticket",
        )
        if row is not None:
            self.expect(not row["buyer__is_staff"], "staff", f"number {number} is held by staff")

    def _compare_what_is_left(self) -> None:
        for name, rest in (("ticket", self.tickets), ("purchase", self.purchases)):
            self.expect(next(rest, None) is None, "tables", f"a {name} that the ledger has not")
        for seq, nouns in sorted(self.rows.items()):
            self.expect(False, "tables", f"a {min(nouns)} of line {seq}, which does not say so")
        status, terms = self.raffle.status, self.raffle.terms()
        self.expect(status == self.status, "tables", f"stored as {status}, told {self.status}")
        self.expect(terms == self.terms, "tables", "the terms are not those of the ledger")

    def _stream_tickets(self) -> Iterator[Mapping[str, Any]]:
        rows = Ticket.objects.filter(raffle=self.raffle).order_by("number")
        return rows.values(
            "number", "code", "purchase_id", "buyer_id", "slot", "raffle_capacity",
            "raffle_limit", "buyer__is_staff",
        ).iterator(chunk_size=CHUNK)  # fmt: skip

    def _stream_purchases(self) -> Iterator[Mapping[str, Any]]:
        rows = Purchase.objects.filter(raffle=self.raffle).order_by("ledger_seq")
        return rows.values(
            "id", "buyer_id", "quantity", "first_number", "unit_price", "ledger_seq", "purchased_at"
        ).iterator(chunk_size=CHUNK)


def _facts(says: Facts, terms: Facts, order: list[int]) -> dict[str, Facts]:
    """What the tables must have because of this line."""
    frame = ("at", "by", "second")

    def pick(*names: str) -> Facts:
        return {name: says.get(name) for name in (*frame, *names)}

    def award(number: int) -> Facts:
        until = datetime.fromisoformat(says["at"]) + timedelta(days=terms["claim_days"])
        return {
            "at": says["at"],
            "claim_by": ledger.timestamp(until),
            "number": number,
            "place": order.index(number) + 1,
        }

    match says["kind"]:
        case "void":
            return {"void": pick("number", "reason")}
        case "proposed":
            return {"proposal": pick("act", "number", "reason")}
        case "sealed":
            return {"seal": pick("method", "manifest", "entries", "offsets", "software", "beacon")}
        case "drawn":
            awards = {
                f"award of prize {prize}": award(number)
                for prize, number in enumerate(says["winners"], start=1)
                if number is not None
            }
            names = ("manifest", "entries", "picked", "order", "signature")
            return {"draw": pick(*names) | {"number": says["order"][0]}} | awards
        case "claimed":
            return {"claim": pick("prize", "number", "code")}
        case "forfeited":
            forfeit = {"forfeit": pick("prize", "number", "reason", "code")}
            if says["next"] is None:
                return forfeit
            return forfeit | {f"award of prize {says['prize']}": award(says["next"])}
    return {}


def _rows(raffle: Raffle) -> Rows:
    """The small tables, told as the ledger would."""
    rows: Rows = {}

    def name(user_id: int | None) -> str:
        return raffle.pseudonym(user_id) if user_id else "operator"

    def put(noun: str, row: Any, at: datetime, by: int | None, **facts: Any) -> None:
        frame = {"at": ledger.timestamp(at), "by": name(by), "second": None}
        rows.setdefault(row.ledger_seq, {})[noun] = frame | facts

    def second(user_id: int | None) -> str | None:
        return name(user_id) if user_id else None

    def of(model: Any, *related: str) -> Any:
        return model.objects.filter(raffle=raffle).select_related(*related).iterator(CHUNK)

    for v in of(Void, "ticket"):
        put("void", v, v.voided_at, v.voided_by_id, second=second(v.confirmed_by_id),
            number=v.ticket.number, reason=v.reason)  # fmt: skip
    for p in of(Proposal, "ticket"):
        put("proposal", p, p.proposed_at, p.proposed_by_id, act=p.act, reason=p.reason or None,
            number=p.ticket.number if p.ticket else None)  # fmt: skip
    for s in of(Seal):
        put("seal", s, s.sealed_at, s.sealed_by_id, second=second(s.confirmed_by_id),
            method=s.method, manifest=s.manifest, entries=s.entries, offsets=s.offsets,
            software=s.software, beacon=publishing.beacon_round(s))  # fmt: skip
    for d in of(Draw, "ticket"):
        put("draw", d, d.drawn_at, d.drawn_by_id, manifest=d.manifest, entries=d.entries,
            picked=d.picked, order=d.order, signature=d.signature or None,
            number=d.ticket.number)  # fmt: skip
    for c in of(Claim, "award__ticket"):
        put("claim", c, c.claimed_at, c.recorded_by_id, prize=c.award.prize,
            number=c.award.ticket.number, code=c.code)  # fmt: skip
    for f in of(Forfeit, "award__ticket"):
        put("forfeit", f, f.forfeited_at, f.recorded_by_id, prize=f.award.prize,
            number=f.award.ticket.number, reason=f.reason, code=f.code or None)  # fmt: skip
    for a in of(Award, "ticket"):
        rows.setdefault(a.ledger_seq, {})[f"award of prize {a.prize}"] = {
            "at": ledger.timestamp(a.awarded_at),
            "claim_by": ledger.timestamp(a.claim_by),
            "number": a.ticket.number,
            "place": a.place,
        }
    return rows
