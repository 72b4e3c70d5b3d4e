"""What people see of raffles: questions only, nothing here changes anything."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, F, Q, QuerySet, When

from accounts.models import User
from raffle.book import refusal
from raffle.errors import Refusal, StaffCannotBuy
from raffle.models import MOST_A_PURCHASE, ClockTimestamp, Draw, Raffle, Ticket, Void

FEW = 6  # choices that fit beside each other; more are typed as a number

Viewer = User | AnonymousUser


class Phase(models.IntegerChoices):
    """Where a raffle stands, in the order of the list."""

    OPEN = 0, "Open now"
    UPCOMING = 1, "Opening soon"
    ENDED = 2, "Waiting for the draw"
    DRAWN = 3, "Drawn"


def listed() -> QuerySet[Raffle]:
    """The public raffles as they stand: on sale first, then upcoming, closed and drawn ones."""
    ended = (
        Q(status=Raffle.Status.CLOSED)
        | Q(closes_at__lte=ClockTimestamp())
        | Q(sold__gte=F("capacity"))
    )
    phase = Case(
        When(draw__isnull=False, then=Phase.DRAWN),
        When(ended, then=Phase.ENDED),
        When(opens_at__gt=ClockTimestamp(), then=Phase.UPCOMING),
        default=Phase.OPEN,
        output_field=models.IntegerField(),
    )
    raffles = Raffle.objects.public().as_it_stands().select_related("draw__ticket")
    return raffles.annotate(phase=phase).order_by("phase", "-pk")


def grouped(raffles: Iterable[Raffle]) -> list[tuple[Phase, list[Raffle]]]:
    """Raffles from listed(), by phase."""
    by_phase = itertools.groupby(raffles, key=attrgetter("phase"))
    return [(Phase(phase), list(group)) for phase, group in by_phase]


def tickets_of(user: User) -> QuerySet[Ticket]:
    """All tickets of one person, newest raffle first, each with what became of it."""
    return (
        Ticket.objects.filter(purchase__buyer=user)
        .select_related("raffle__draw__ticket", "purchase", "void")
        .order_by("-raffle_id", "number")
    )


@dataclass(frozen=True)
class Choice:
    """A number of tickets to buy, and what they cost together."""

    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class RafflePage:
    """One raffle as one viewer sees it."""

    raffle: Raffle
    tickets: Sequence[Ticket]
    void: int
    draw: Draw | None
    refused: Refusal | None  # why this viewer cannot buy even one ticket

    @property
    def state(self) -> str:
        """The state of the buy button: idle, or the code of what stands against buying."""
        return self.refused.code if self.refused else "idle"

    @property
    def selling(self) -> bool:
        return self.raffle.is_selling(self.raffle.now)

    @property
    def held(self) -> int:
        return len(self.tickets)

    @property
    def most(self) -> int:
        """The most that one form can ask for; before the opening, what it will be."""
        return max(1, min(self.raffle.limit - self.held, self.raffle.remaining, MOST_A_PURCHASE))

    @property
    def choices(self) -> list[Choice]:
        """What to choose from, if it is few enough to be shown."""
        if self.most > FEW:
            return []
        return [Choice(n, n * self.raffle.price) for n in range(1, self.most + 1)]

    @property
    def entries(self) -> int:
        """How many tickets take part in the draw as things stand."""
        return self.raffle.sold - self.void

    @property
    def won(self) -> bool:
        return self.draw is not None and any(t.pk == self.draw.ticket_id for t in self.tickets)


def raffle_page(raffle: Raffle, viewer: Viewer) -> RafflePage:
    """`raffle` must come from as_it_stands(). A draw exists only once the raffle is closed."""
    tickets: list[Ticket] = []
    if isinstance(viewer, User):
        tickets = list(
            raffle.tickets.filter(buyer=viewer).select_related("void").order_by("number")
        )
    refused = refusal(raffle, raffle.now, raffle.sold, len(tickets), quantity=1)
    if viewer.is_staff and not refused:
        refused = StaffCannotBuy()
    return RafflePage(
        raffle=raffle,
        tickets=tickets,
        void=Void.objects.filter(ticket__raffle=raffle).count(),
        draw=Draw.objects.select_related("ticket").filter(raffle=raffle).first(),
        refused=refused,
    )
