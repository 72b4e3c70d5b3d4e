"""How a raffle stands: what the staff's pages tell of it, each looked up once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from django.db.models import Count, Q

from raffle import closing, seconding
from raffle.ledger import Reconciliation
from raffle.models import Award, ClockTimestamp, Draw, LedgerEntry, Proposal, Raffle, Seal, Void


@dataclass(frozen=True, slots=True)
class Due:
    """Prizes that nobody has claimed yet, and how many of them nobody can claim any more."""

    waiting: int = 0
    overdue: int = 0


@dataclass
class Figures:
    """`raffle` must come from as_it_stands()."""

    raffle: Raffle

    @property
    def is_closed(self) -> bool:
        return self.raffle.status == Raffle.Status.CLOSED

    @property
    def is_cancelled(self) -> bool:
        return self.raffle.status == Raffle.Status.CANCELLED

    @cached_property
    def void(self) -> int:
        if self.is_cancelled:
            return self.raffle.sold
        return Void.objects.filter(raffle=self.raffle).count()

    @property
    def entries(self) -> int:
        """The tickets that can win."""
        return self.raffle.sold - self.void

    @cached_property
    def frozen(self) -> Reconciliation | None:
        """The list as it was frozen at the close."""
        return closing.frozen(self.raffle) if self.is_closed else None

    @cached_property
    def reconciled(self) -> LedgerEntry | None:
        """The line that says who has confirmed the figures."""
        return LedgerEntry.objects.newest(self.raffle, "reconciled") if self.is_closed else None

    @cached_property
    def cancelled(self) -> LedgerEntry | None:
        return LedgerEntry.objects.newest(self.raffle, "cancelled") if self.is_cancelled else None

    @property
    def needs_two(self) -> bool:
        """Whether one person asks for the draw and another one confirms it."""
        return seconding.needed(self.raffle, Proposal.Act.DRAW)

    @cached_property
    def asked(self) -> Proposal | None:
        """The last person's wish to draw."""
        return seconding.newest(self.raffle, Proposal.Act.DRAW)

    @cached_property
    def seal(self) -> Seal | None:
        return Seal.objects.select_related("sealed_by", "confirmed_by").filter(
            raffle=self.raffle
        ).first()  # fmt: skip

    @property
    def seconds_to_round(self) -> int:
        """Until the sealed beacon round appears, by the database's clock; 0 once it is out."""
        if self.seal is None or self.seal.round_at is None:
            return 0
        return max(0, ceil((self.seal.round_at - self.raffle.now).total_seconds()))

    @cached_property
    def draw(self) -> Draw | None:
        return Draw.objects.select_related("ticket").filter(raffle=self.raffle).first()

    @cached_property
    def due(self) -> Due:
        return due_of([self.raffle.pk]).get(self.raffle.pk, Due())


def due_of(raffles: Sequence[int]) -> dict[int, Due]:
    """The prizes that wait, by the raffle's number, where there are any."""
    waiting = Award.objects.standing().filter(raffle__in=raffles, claim=None).order_by()
    counted = waiting.values_list("raffle").annotate(
        every=Count("pk"), late=Count("pk", filter=Q(claim_by__lt=ClockTimestamp()))
    )
    return {raffle: Due(every, late) for raffle, every, late in counted}
