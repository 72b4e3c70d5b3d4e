"""What the ledger says, line by line: everything out of the ordinary, and everything there is.

The validation codes in the lines of claims and forfeits are left out.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_noop as _

from raffle.ledger import Facts
from raffle.models import LedgerEntry, Raffle
from raffle.reports.finding import Search, found, lines_of, period, staff
from raffle.reports.report import Cell, Item, Report, Sum, Sums, Total

FRAME = ("at", "kind", "prev", "raffle", "seq")  # members that every line has
PEOPLE = ("by", "buyer", "second")
HIDDEN = "code"  # of a ticket: whoever checks a claim finds it in the ledger itself


class Lines(Report):
    """Some of the ledger's lines, in their order."""

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.emails = staff(raffle)

    @abstractmethod
    def entries(self) -> QuerySet[LedgerEntry]: ...

    @abstractmethod
    def rows(self, entry: LedgerEntry, says: Facts) -> Iterator[tuple[Cell, ...]]:
        """What a line says, in one or more rows."""

    def batch(self, after: int, size: int) -> list[Item]:
        return [
            Item(entry.seq, (entry.seq, entry.at, entry.kind, *row), entry.kind)
            for entry in self.entries().filter(seq__gt=after)[:size]
            for row in self.rows(entry, entry.says)
        ]

    def counted(self) -> Sums:
        kinds = self.entries().order_by().values_list("kind").annotate(lines=Count("pk"))
        return defaultdict(Sum, {kind: Sum(lines) for kind, lines in kinds})

    def totals(self, sums: Sums) -> list[Total]:
        every = Total(_("all"), sum(counted.count for counted in sums.values()))
        return [*(Total(kind, sums[kind].count) for kind in sorted(sums)), every]

    def who(self, pseudonym: str | None) -> str | None:
        """A member of staff by e-mail address; an operator as such."""
        return self.emails.get(pseudonym, pseudonym) if pseudonym else None


class Exceptions(Lines):
    """Whatever did not have to happen: changes, voids, proposals, closes, cancelling, forfeits."""

    name, title = "exceptions", _("Exceptions")
    about = _(
        "Every change of the terms, void, proposal, close, cancelling and forfeit: who and why."
    )
    KINDS = ("changed", "proposed", "void", "closed", "cancelled", "forfeited")

    @property
    def columns(self) -> tuple[str, ...]:
        people = (_("by"), _("confirmed by"))
        return (
            _("line"),
            _("time"),
            _("kind"),
            _("element"),
            _("before"),
            _("after"),
            _("reason"),
            *people,
        )

    def entries(self) -> QuerySet[LedgerEntry]:
        return lines_of(self.raffle).filter(kind__in=self.KINDS)

    def counted(self) -> Sums:
        sums = super().counted()
        changes = self.entries().filter(kind="changed")
        sums["changed"].count = sum(len(entry.says["after"]) for entry in changes)
        return sums

    def totals(self, sums: Sums) -> list[Total]:
        return super().totals(defaultdict(Sum, {kind: sums[kind] for kind in self.KINDS}))

    def rows(self, entry: LedgerEntry, says: Facts) -> Iterator[tuple[Cell, ...]]:
        why = (says.get("reason"), self.who(says["by"]), self.who(says.get("second")))
        for element, before, after in _changes(entry.kind, says):
            yield (element, before, after, *why)


class Events(Lines):
    """The whole ledger, or what a search finds in it."""

    name, title = "events", _("Events")
    about = _("Every line of the ledger; search by time, kind and person.")

    def __init__(self, raffle: Raffle, *, people: bool, search: Search | None = None) -> None:
        super().__init__(raffle, people=people)
        self.search = search or Search()

    @property
    def columns(self) -> tuple[str, ...]:
        people = (_("by"), _("e-mail"), _("confirmed by"), _("confirmer's e-mail"))
        return (_("line"), _("time"), _("kind"), _("details"), *people, _("hash"))

    def entries(self) -> QuerySet[LedgerEntry]:
        entries = found(self.raffle, self.search, self.period, self.emails, people=self.people)
        return entries.select_related("actor") if self.people else entries

    @cached_property
    def period(self) -> tuple[int, int]:
        return period(self.raffle, self.search)

    def counted(self) -> Sums:
        """Sales are what is left over in a period of so many lines: nobody counts a million."""
        if self.search.who:
            return super().counted()
        first, last = self.period
        lines = LedgerEntry.objects.filter(raffle=self.raffle, seq__range=(first, last))
        others = lines.exclude(kind="purchase").order_by().values_list("kind")
        kinds = dict(others.annotate(lines=Count("pk")))
        kinds["purchase"] = max(0, last - first + 1) - sum(kinds.values())
        asked = self.search.kind
        counted = {kind: lines for kind, lines in kinds.items() if lines and asked in ("", kind)}
        return defaultdict(Sum, {kind: Sum(lines) for kind, lines in counted.items()})

    def rows(self, entry: LedgerEntry, says: Facts) -> Iterator[tuple[Cell, ...]]:
        by, second = says.get("by"), says.get("second")
        email = self.emails.get(by or "")
        if by is None:
            by = says.get("buyer")
            email = entry.actor.email if self.people and entry.actor else None
        told = [
            f"{name}: {_text(_numbers(value) if name == 'tickets' else value)}"
            for name, value in says.items()
            if name not in (*FRAME, *PEOPLE, HIDDEN)
        ]
        yield ("; ".join(told), by, email, second, self.emails.get(second or ""), entry.hash)


def _changes(kind: str, says: Facts) -> Iterator[tuple[str, Cell, Cell]]:
    """What a line of `kind` changed: element, before, after."""
    match kind:
        case "changed":
            for name, after in says["after"].items():
                yield name, _text(says["before"][name]), _text(after)
        case "void":
            yield f"ticket {says['number']}", "valid", "void"
        case "proposed":
            element = f"ticket {says['number']}" if says["act"] == "void" else "draw"
            yield element, None, f"{says['act']} proposed"
        case "closed":
            yield "status", "OPEN", "CLOSED"
        case "cancelled":
            yield f"all {says['tickets']} tickets", None, "void"
        case "forfeited":
            after = "nobody" if says["next"] is None else f"ticket {says['next']}"
            yield f"prize {says['prize']}", f"ticket {says['number']}", after


def _numbers(tickets: Any) -> Any:
    """Of a purchase the numbers alone: its leaves are in the ledger. They follow each other."""
    if not isinstance(tickets, list):
        return tickets
    first, last = tickets[0]["number"], tickets[-1]["number"]
    return first if first == last else f"{first}–{last}"


def _text(value: Any) -> str | None:
    """A value of the ledger: text as it is, everything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
