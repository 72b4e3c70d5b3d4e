"""The figures of a raffle, counted from its tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, QuerySet, Sum
from django.utils.translation import gettext_noop as _

from raffle.models import Purchase, Raffle, Ticket, Void
from raffle.reports.report import NOTHING, Total


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of tickets, and the money for them. What was voided is refunded."""

    capacity: int
    valid: int
    void: int
    unsold: int
    sales: Decimal  # of all tickets ever sold
    refunds: Decimal  # of the void ones

    @property
    def sold(self) -> int:
        return self.valid + self.void

    @property
    def net(self) -> Decimal:
        return self.sales - self.refunds

    def if_cancelled(self) -> Figures:
        """The same, with every ticket void."""
        return replace(self, valid=0, void=self.sold, refunds=self.sales)

    def totals(self) -> list[Total]:
        """As they stand at the end of the reports."""
        return [
            Total(_("valid (numbers in play)"), self.valid, self.net),
            Total(_("void (refunds due)"), self.void, self.refunds),
            Total(_("sold (valid and void)"), self.sold, self.sales),
            Total(_("unsold"), self.unsold),
            Total(_("valid + void + unsold"), self.sold + self.unsold),
            Total(_("capacity"), self.capacity),
        ]


def numbered(raffle: Raffle) -> Figures:
    """As the numbers tell, without a look at the tickets: the highest is how many were sold, and
    all at one price, which the database sees to. Whether the rows agree is what stored() counts.
    """
    void = Void.objects.filter(raffle=raffle).count()
    figures = Figures(
        capacity=raffle.capacity,
        valid=raffle.sold - void,
        void=void,
        unsold=raffle.capacity - raffle.sold,
        sales=raffle.sold * raffle.price,
        refunds=void * raffle.price,
    )
    return figures.if_cancelled() if is_cancelled(raffle) else figures


def stored(raffle: Raffle) -> Figures:
    """As the tables have them, whether or not the raffle was cancelled. `raffle`: as_it_stands().

    Valid and void tickets are counted row by row, unsold ones from the highest number: only a
    list without gaps adds up to the capacity.
    """
    tickets = Ticket.objects.filter(raffle=raffle)
    void = Void.objects.filter(raffle=raffle)
    return Figures(
        capacity=raffle.capacity,
        valid=tickets.count() - (voided := void.count()),  # each is of one ticket of this raffle
        void=voided,
        unsold=raffle.capacity - raffle.sold,
        sales=_sum(Purchase.objects.filter(raffle=raffle), F("quantity") * F("unit_price")),
        refunds=_sum(void, F("ticket__purchase__unit_price")),
    )


def standing(raffle: Raffle) -> Figures:
    """As they count: all tickets of a cancelled raffle are void."""
    figures = stored(raffle)
    return figures.if_cancelled() if is_cancelled(raffle) else figures


def is_cancelled(raffle: Raffle) -> bool:
    return raffle.status == Raffle.Status.CANCELLED


def _sum(rows: QuerySet[Any], money: Any) -> Decimal:
    kind: DecimalField[Any, Any] = DecimalField(max_digits=30, decimal_places=2)
    total: Decimal | None = rows.aggregate(total=Sum(money, output_field=kind))["total"]
    return NOTHING if total is None else total
