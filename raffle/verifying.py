"""Verifying: replay the ledger, hold it against the tables, and find whatever does not agree.

It reads only what is stored, in one snapshot, and shares no rule with selling.py or drawing.py:
every invariant is worked out here a second time. A million tickets pass through in one stream.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from raffle import guards, ledger
from raffle.models import Draw, LedgerEntry, Purchase, Raffle, Ticket, Void

CHUNK = 2000  # rows fetched at a time
MOST_PROBLEMS = 50  # a thoroughly broken record must not fill the memory with complaints

# What is checked, in the order in which it is reported.
CHECKS = {
    "chain": "Every line of the ledger follows from the one before",
    "life": "Created, opened, sold, closed, drawn: in this order, each once",
    "numbers": "Ticket numbers are 1, 2, 3, … and never more than the capacity",
    "limit": "Nobody holds more tickets than the limit",
    "window": "Nothing was sold before opening or after closing",
    "tables": "The tables say what the ledger says, no more and no less",
    "staff": "No member of staff holds a ticket",
    "manifest": "At the close, valid sold + void + unsold = capacity, and the list is that list",
    "draw": "The winner is the picked one of all valid tickets",
    "guards": "The database's own guards are all in force",
}

Progress = Callable[[int, int], None]  # lines replayed, of how many


@dataclass(slots=True)
class Verdict:
    """What was found: no problems, or which check failed and how."""

    raffle: str
    entries: int = 0
    sold: int = 0
    void: int = 0
    head: str = ""
    winner: int | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        return [f"{check}: {problem}" for check, problem in self.problems]

    def failed(self, check: str) -> bool:
        return any(name == check for name, _ in self.problems)


def verify(raffle_id: int, progress: Progress = lambda done, total: None) -> Verdict:
    """Check every invariant of a raffle. Changes nothing; sales may go on meanwhile."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it thinks, too
            cursor.execute("SET LOCAL statement_timeout = 0")
        raffle = Raffle.objects.get(pk=raffle_id)
        return _Verifier(raffle, progress).run()


class _Verifier:
    def __init__(self, raffle: Raffle, progress: Progress) -> None:
        self.raffle, self.progress = raffle, progress
        self.verdict = Verdict(raffle.slug)
        self.status = ""  # as the ledger tells it: "", DRAFT, OPEN, CLOSED, DRAWN
        self.terms: ledger.Facts = {}
        self.held: Counter[str] = Counter()
        self.voided: dict[int, tuple[str, str, str]] = {}  # number: reason, time, by whom
        self.closed: ledger.Facts = {}
        self.drawn: ledger.Facts = {}
        self.tickets = self._stream_tickets()
        self.purchases = self._stream_purchases()

    def fail(self, check: str, problem: str) -> None:
        if len(self.verdict.problems) < MOST_PROBLEMS:
            self.verdict.problems.append((check, problem))

    def expect(self, holds: bool, check: str, problem: str) -> None:
        if not holds:
            self.fail(check, problem)

    def run(self) -> Verdict:
        self._replay()
        self._compare_what_is_left()
        self._check_manifest()
        self._check_draw()
        self._check_guards()
        return self.verdict

    # --- The ledger -------------------------------------------------------------------------------

    def _replay(self) -> None:
        lines = LedgerEntry.objects.filter(raffle=self.raffle).order_by("seq")
        total, head = lines.count(), ledger.Head()
        for row in lines.iterator(chunk_size=CHUNK):
            says = self._check_chain(head, row)
            head = ledger.Head(row.seq, row.hash)
            handler = getattr(self, f"_on_{says.get('kind')}", None)
            if handler is None:
                self.fail("life", f"line {row.seq} is of the unknown kind {says.get('kind')!r}")
            else:
                try:
                    handler(row.seq, says)
                except (KeyError, TypeError, ValueError) as error:
                    self.fail("life", f"line {row.seq} cannot be read: {error!r}")
            if row.seq % CHUNK == 0:
                self.progress(row.seq, total)
        self.progress(total, total)
        self.verdict.entries, self.verdict.head = head.seq, head.hash

    def _check_chain(self, head: ledger.Head, row: LedgerEntry) -> ledger.Facts:
        try:
            says: ledger.Facts = json.loads(row.line)
        except ValueError:
            self.fail("chain", f"line {row.seq} is not JSON")
            return {}
        follows = (
            row.seq == head.seq + 1 == says.get("seq")
            and says.get("prev") == head.hash
            and row.hash == ledger.sha256(row.line)
            and says.get("raffle") == str(self.raffle.uuid)
            and row.kind == says.get("kind")
            and ledger.timestamp(row.at) == says.get("at")
            and row.line == ledger.canonical(says)
        )
        self.expect(follows, "chain", f"line {row.seq} does not follow from line {head.seq}")
        return says

    def _move(self, seq: int, before: str, after: str) -> None:
        self.expect(
            self.status == before, "life", f"line {seq}: {after} while {self.status or 'unborn'}"
        )
        self.status = after

    def _on_created(self, seq: int, says: ledger.Facts) -> None:
        self._move(seq, "", "DRAFT")
        self.terms = says["terms"]

    def _on_changed(self, seq: int, says: ledger.Facts) -> None:
        after = says["after"]
        promised = set(after) - {"description"}
        self.expect(
            not (promised and self.verdict.sold), "life", f"line {seq}: terms changed after a sale"
        )
        self.terms |= after

    def _on_opened(self, seq: int, says: ledger.Facts) -> None:
        self._move(seq, "DRAFT", "OPEN")
        self.expect(says["terms"] == self.terms, "life", f"line {seq}: opened on other terms")

    def _on_purchase(self, seq: int, says: ledger.Facts) -> None:
        self.expect(self.status == "OPEN", "window", f"line {seq}: sold while {self.status}")
        for end, wrong in (("opens_at", says["at"].__lt__), ("closes_at", says["at"].__ge__)):
            bound = self.terms[end]  # times are spelled so that they sort as text
            self.expect(bound is None or not wrong(bound), "window", f"line {seq}: beyond {end}")
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
            self._on_ticket(seq, says["buyer"], told, purchase)
        held = self.held[says["buyer"]] = self.held[says["buyer"]] + len(says["tickets"])
        self.expect(held <= self.terms["limit"], "limit", f"line {seq}: one buyer holds {held}")

    def _on_ticket(
        self, seq: int, buyer: str, told: ledger.Facts, purchase: Mapping[str, Any] | None
    ) -> None:
        self.verdict.sold += 1
        number = told["number"]
        self.expect(
            number == self.verdict.sold <= self.terms["capacity"],
            "numbers",
            f"line {seq}: number {number} is the {self.verdict.sold}th of {self.terms['capacity']}",
        )
        row = next(self.tickets, None)
        self.expect(
            row is not None
            and row["number"] == number
            and ledger.leaf(self.raffle.uuid, number, row["code"]) == told["leaf"]
            and purchase is not None
            and row["purchase_id"] == purchase["id"]
            and row["buyer_id"] == purchase["buyer_id"]
            and row["raffle_capacity"] == self.terms["capacity"]
            and row["raffle_limit"] == self.terms["limit"]
            and 1 <= row["slot"] <= self.terms["limit"],
            "tables",
            f"number {number} is not the stored ticket",
        )
        if row is not None:
            self.expect(not row["buyer__is_staff"], "staff", f"number {number} is held by staff")

    def _on_void(self, seq: int, says: ledger.Facts) -> None:
        number = says["number"]
        self.expect(self.status == "OPEN", "life", f"line {seq}: void while {self.status}")
        self.expect(1 <= number <= self.verdict.sold, "numbers", f"line {seq}: never sold")
        self.expect(number not in self.voided, "life", f"line {seq}: {number} is void twice")
        self.voided[number] = (says["reason"], says["at"], says["by"])
        self.verdict.void = len(self.voided)

    def _on_closed(self, seq: int, says: ledger.Facts) -> None:
        self._move(seq, "OPEN", "CLOSED")
        self.closed = says

    def _on_drawn(self, seq: int, says: ledger.Facts) -> None:
        self._move(seq, "CLOSED", "DRAWN")
        self.drawn = says
        self.verdict.winner = says["number"]

    # --- The tables -------------------------------------------------------------------------------

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

    def _compare_what_is_left(self) -> None:
        for name, rest in (("ticket", self.tickets), ("purchase", self.purchases)):
            self.expect(next(rest, None) is None, "tables", f"a {name} that the ledger has not")
        voids = Void.objects.filter(ticket__raffle=self.raffle)
        rows = voids.select_related("ticket", "voided_by").iterator(chunk_size=CHUNK)
        stored = {
            void.ticket.number: (
                void.reason,
                ledger.timestamp(void.voided_at),
                self.raffle.name_in_ledger(void.voided_by),
            )
            for void in rows
        }
        self.expect(stored == self.voided, "tables", "the voids are not those of the ledger")
        raffle, status = self.raffle, "CLOSED" if self.status == "DRAWN" else self.status
        self.expect(raffle.status == status, "tables", f"stored as {raffle.status}, told {status}")
        self.expect(raffle.terms() == self.terms, "tables", "the terms are not those of the ledger")

    def _check_manifest(self) -> None:
        if not self.closed:
            return
        counted = ledger.reconcile(ledger.manifest(self.raffle.capacity, self._leaves()))
        self.expect(
            counted.sold + counted.void + counted.unsold == self.terms.get("capacity"),
            "manifest",
            "valid sold + void + unsold is not the capacity",
        )
        told = tuple(self.closed.get(name) for name in ("sold", "void", "unsold", "manifest"))
        found = (counted.sold, counted.void, counted.unsold, counted.manifest)
        self.expect(told == found, "manifest", f"the close says {told}, the tickets say {found}")

    def _leaves(self) -> Iterator[tuple[int, str | None]]:
        """From the ledger's own voids and the codes, which the replay held against its leaves."""
        rows = Ticket.objects.filter(raffle=self.raffle).order_by("number")
        for number, code in rows.values_list("number", "code").iterator(chunk_size=CHUNK):
            void = number in self.voided
            yield number, None if void else ledger.leaf(self.raffle.uuid, number, code)

    def _check_draw(self) -> None:
        stored = (
            Draw.objects.select_related("ticket", "drawn_by").filter(raffle=self.raffle).first()
        )
        if stored is None or not self.drawn:
            agree = stored is None and not self.drawn
            self.expect(agree, "draw", "only one of ledger and tables knows of a draw")
            return
        told = self.drawn
        valid = (n for n in range(1, self.verdict.sold + 1) if n not in self.voided)
        winner = next((n for place, n in enumerate(valid) if place == told["picked"]), None)
        entries = self.verdict.sold - len(self.voided)
        self.expect(told["entries"] == entries, "draw", f"{told['entries']} entries of {entries}")
        self.expect(told["number"] == winner, "draw", f"{told['number']} won, picked was {winner}")
        self.expect(
            told["manifest"] == self.closed.get("manifest"), "draw", "drawn from another list"
        )
        self.expect(
            (stored.ticket.number, stored.entries, stored.picked, stored.manifest)
            == tuple(told[name] for name in ("number", "entries", "picked", "manifest"))
            and ledger.timestamp(stored.drawn_at) == told["at"]
            and self.raffle.name_in_ledger(stored.drawn_by) == told["by"],
            "draw",
            "the stored draw is not that of the ledger",
        )

    def _check_guards(self) -> None:
        self.expect(not guards.missing(), "guards", f"not in force: {', '.join(guards.missing())}")
