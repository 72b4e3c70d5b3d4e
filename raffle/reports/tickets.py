"""The tickets that were sold, and those that are void. Validation codes never appear."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from raffle.models import LedgerEntry, Raffle, Ticket
from raffle.reports import figures
from raffle.reports.figures import Figures, is_cancelled
from raffle.reports.report import Item, Report, Sum, Sums, Total


class Tickets(Report):
    """Every number that was sold, in order."""

    name, title = "tickets", _("Tickets")
    about = _(
        "Every number sold: when, for how much, in which purchase, and whether it is in play."
    )

    @property
    def columns(self) -> tuple[str, ...]:
        seen = (_("e-mail"),) if self.people else ()
        return (_("number"), _("state"), self.money, _("sold at"), _("purchase"), _("buyer"), *seen)

    def batch(self, after: int, size: int) -> list[Item]:
        seen = ("buyer__email",) if self.people else ()
        rows = list(
            _tickets(self.raffle, after).values_list(
                "number", "void__ledger_seq", "purchase__unit_price", "purchase__purchased_at",
                "purchase_id", "buyer_id", *seen,
            )[:size]
        )  # fmt: skip
        cancelled, head = is_cancelled(self.raffle), self.raffle.head_seq
        buyers = {buyer: self.raffle.pseudonym(buyer) for buyer in {row[5] for row in rows}}
        items = []
        for number, voided, price, sold_at, purchase, buyer, *email in rows:
            void = cancelled or (voided is not None and voided <= head)
            state = "void" if void else "valid"
            cells = (number, state, price, sold_at, purchase, buyers[buyer], *email)
            items.append(Item(number, cells, state, price))
        return items

    def counted(self) -> Sums:
        now = figures.numbered(self.raffle)
        return defaultdict(Sum, valid=Sum(now.valid, now.net), void=Sum(now.void, now.refunds))

    def totals(self, sums: Sums) -> list[Total]:
        valid, void = sums["valid"], sums["void"]
        unsold = self.raffle.capacity - self.raffle.sold
        sales = valid.amount + void.amount
        return Figures(
            self.raffle.capacity, valid.count, void.count, unsold, sales, void.amount
        ).totals()


class Voids(Report):
    """The numbers that were taken out of the draw, in order; all of a cancelled raffle."""

    name, title = "voids", _("Void numbers")
    about = _("Every number taken out of the draw: why, who asked for it, who confirmed it.")

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.cancelled: tuple[Any, ...] = ()  # why, by whom, confirmed by nobody, when
        if is_cancelled(raffle):
            line = LedgerEntry.objects.select_related("actor").get(raffle=raffle, kind="cancelled")
            by = line.actor.email if line.actor else "operator"
            self.cancelled = (f"Raffle cancelled: {line.says['reason']}", by, None, line.at)

    @property
    def columns(self) -> tuple[str, ...]:
        asked = (_("reason"), _("asked for by"), _("confirmed by"), _("void since"))
        return (_("number"), self.money, _("purchase"), *asked)

    def batch(self, after: int, size: int) -> list[Item]:
        tickets = _tickets(self.raffle, after)
        if not self.cancelled:
            tickets = tickets.filter(void__ledger_seq__lte=self.raffle.head_seq)
        rows = tickets.values_list(
            "number", "purchase__unit_price", "purchase_id", "void__reason",
            "void__voided_by__email", "void__confirmed_by__email", "void__voided_at",
        )[:size]  # fmt: skip
        return [
            self._item(number, price, purchase, void) for number, price, purchase, *void in rows
        ]

    def _item(self, number: int, price: Decimal, purchase: Any, void: list[Any]) -> Item:
        on_its_own = void[0] is not None  # and not only because the raffle was cancelled
        told = void if on_its_own else self.cancelled
        return Item(number, (number, price, purchase, *told), "void", price)

    def counted(self) -> Sums:
        now = figures.numbered(self.raffle)
        return defaultdict(Sum, void=Sum(now.void, now.refunds))

    def totals(self, sums: Sums) -> list[Total]:
        void = sums["void"]
        return [Total(_("void (refunds due)"), void.count, void.amount)]


def _tickets(raffle: Raffle, after: int) -> QuerySet[Ticket]:
    """In order of number, up to the last one that was sold when the report was asked for."""
    tickets = Ticket.objects.filter(raffle=raffle, number__gt=after, number__lte=raffle.sold)
    return tickets.order_by("number")
