"""The reconciliation: what was counted from the tables, beside what the ledger says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_noop as _

from raffle.ledger import Facts
from raffle.models import LedgerEntry, Raffle, Seal
from raffle.reports import figures
from raffle.reports.figures import Figures
from raffle.reports.report import LAST, Cell, Item, Report, Sums, Total, sums_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure, from both sides."""

    figure: str
    tables: int | str | Decimal
    ledger: int | str | Decimal

    @property
    def agrees(self) -> bool:
        return self.tables == self.ledger

    @property
    def verdict(self) -> str:
        return "OK" if self.agrees else "DIFFERS"


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of the ledger that says figures: who said so when, and whether it is so."""

    seq: int
    kind: str
    at: datetime
    by: str
    comparisons: tuple[Comparison, ...]


class Reconciliation(Report):
    """Valid + void + unsold = capacity, in tickets and in money, as often as somebody said so."""

    name, title = "reconciliation", _("Reconciliation")
    about = _("Valid + void + unsold = capacity, in tickets and money: tables beside ledger.")
    STATED = (_("closed"), _("reconciled"), _("sealed"), _("drawn"), _("cancelled"))

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.figures = figures.standing(raffle)
        self.statements = _statements(raffle, figures.stored(raffle))

    @property
    def agrees(self) -> bool:
        return all(told.agrees for said in self.statements for told in said.comparisons)

    @property
    def closed(self) -> Statement | None:
        return self._said("closed")

    @property
    def acknowledged(self) -> Statement | None:
        """Who confirmed the figures, and when."""
        return self._said("reconciled")

    @property
    def cancelled(self) -> Statement | None:
        return self._said("cancelled")

    @property
    def columns(self) -> tuple[str, ...]:
        return (
            _("line"),
            _("kind"),
            _("time"),
            _("by"),
            _("figure"),
            _("tables"),
            _("ledger"),
            _("verdict"),
        )

    def batch(self, after: int, size: int) -> list[Item]:
        return [] if after else self._items()

    def counted(self) -> Sums:
        return sums_of(self._items())

    def totals(self, sums: Sums) -> list[Total]:
        verdicts = [Total(verdict, sums[verdict].count) for verdict in ("OK", "DIFFERS")]
        return [*self.figures.totals(), *verdicts]

    def _said(self, kind: str) -> Statement | None:
        return next((said for said in self.statements if said.kind == kind), None)

    def _items(self) -> list[Item]:
        return [
            Item(LAST, (*_frame(said), told.figure, told.tables, told.ledger, told.verdict),
                 told.verdict)
            for said in self.statements
            for told in said.comparisons
        ]  # fmt: skip


def _frame(said: Statement) -> tuple[Cell, ...]:
    return (said.seq, said.kind, said.at, said.by)


def _statements(raffle: Raffle, counted: Figures) -> list[Statement]:
    """Of the terms first, then of every line that says figures, in order."""
    lines = LedgerEntry.objects.filter(raffle=raffle).select_related("actor").order_by("seq")
    terms: Facts = {}
    for line in lines.filter(kind__in=("created", "changed")):
        says = line.says
        terms |= says["terms"] if line.kind == "created" else says["after"]
    sealed, price = Seal.objects.filter(raffle=raffle).first(), Decimal(terms["price"])
    return [
        _statement(line, _terms(counted, terms)),
        *(
            _statement(stated, _figures(stated, counted, price, sealed))
            for stated in lines.filter(kind__in=Reconciliation.STATED)
        ),
    ]


def _statement(line: LedgerEntry, comparisons: list[Comparison]) -> Statement:
    by = line.actor.email if line.actor else "operator"
    return Statement(line.seq, line.kind, line.at, by, tuple(comparisons))


def _terms(counted: Figures, terms: Facts) -> list[Comparison]:
    """What the tables must add up to at any time, by the terms as the ledger has them."""
    price = Decimal(terms["price"])
    return [
        Comparison(_("valid + void + unsold = capacity"), counted.sold + counted.unsold,
                   terms["capacity"]),
        Comparison(_("money for all sold = sold × price"), counted.sales, counted.sold * price),
        Comparison(_("refunds due = void × price"), counted.refunds, counted.void * price),
    ]  # fmt: skip


def _figures(
    line: LedgerEntry, counted: Figures, price: Decimal, sealed: Seal | None
) -> list[Comparison]:
    """What one line says of the tickets, each figure beside the same one from the tables."""
    says = line.says
    if line.kind == "cancelled":
        void = says["tickets"]
        return [
            Comparison(_("void: every ticket sold"), counted.sold, void),
            Comparison(_("refunds due"), counted.sales, void * price),
        ]
    frozen = [Comparison(_("list (SHA-256)"), sealed.manifest, says["manifest"])] if sealed else []
    if line.kind in ("sealed", "drawn"):
        return [Comparison(_("numbers in play"), counted.valid, says["entries"]), *frozen]
    valid, void, unsold = says["sold"], says["void"], says["unsold"]
    return [
        Comparison(_("valid"), counted.valid, valid),
        Comparison(_("void"), counted.void, void),
        Comparison(_("unsold"), counted.unsold, unsold),
        Comparison(_("capacity"), counted.capacity, valid + void + unsold),
        Comparison(_("money for all sold"), counted.sales, (valid + void) * price),
        Comparison(_("refunds due"), counted.refunds, void * price),
        Comparison(_("net"), counted.net, valid * price),
        *frozen,
    ]
