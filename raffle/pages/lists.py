"""The list of raffles, and the list of somebody's own tickets: questions only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import Case, F, Prefetch, Q, QuerySet, When
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from raffle.models import Award, ClockTimestamp, Purchase, Raffle, Ticket
from raffle.pages.showing import Held, purchases_of, wins_of


class Phase(models.IntegerChoices):
    """Where a raffle stands, in the order of the list."""

    OPEN = 0, _("Open now")
    UPCOMING = 1, _("Opening soon")
    ENDED = 2, _("Waiting for the draw")
    DRAWN = 3, _("Drawn")
    CANCELLED = 4, pgettext_lazy("raffles", "Cancelled")


def listed() -> QuerySet[Raffle]:
    """The public raffles as they stand: on sale first, then upcoming, closed and drawn ones. Each
    has `first`, a list: the award of the first prize, if somebody has it.
    """
    ended = (
        Q(status=Raffle.Status.CLOSED)
        | Q(closes_at__lte=ClockTimestamp())
        | Q(sold__gte=F("capacity"))
    )
    phase = Case(
        When(status=Raffle.Status.CANCELLED, then=Phase.CANCELLED),
        When(draw__isnull=False, then=Phase.DRAWN),
        When(ended, then=Phase.ENDED),
        When(opens_at__gt=ClockTimestamp(), then=Phase.UPCOMING),
        default=Phase.OPEN,
        output_field=models.IntegerField(),
    )
    first = Award.objects.standing().filter(prize=1).select_related("ticket")
    raffles = Raffle.objects.public().as_it_stands().annotate(phase=phase)
    return (
        raffles.pictured()
        .select_related("draw", "seal", "picture")
        .defer("draw__picked", "draw__order", "seal__offsets")
        .prefetch_related(Prefetch("awards", first, to_attr="first"))
        .order_by("phase", "-pk")
    )


def grouped(raffles: Iterable[Raffle]) -> list[tuple[Phase, list[Raffle]]]:
    """Raffles from listed(), by phase."""
    by_phase = itertools.groupby(raffles, key=attrgetter("phase"))
    return [(Phase(phase), list(group)) for phase, group in by_phase]


def tickets_of(user: User) -> QuerySet[Ticket]:
    """All tickets of one person, newest raffle first, each with what became of it."""
    awards = Award.objects.select_related("claim", "forfeit")
    return (
        Ticket.objects.filter(purchase__buyer=user)
        .select_related("raffle__draw", "raffle__seal", "purchase", "void")
        .defer("raffle__draw__picked", "raffle__draw__order", "raffle__seal__offsets")
        .prefetch_related(Prefetch("awards", awards))
        .order_by("-raffle_id", "number")
    )


class KeysFirst(Paginator):  # type: ignore[type-arg]
    """Finds out whose turn it is before it reads anything else of them: what is passed over, and
    what only the order is made from, costs next to nothing.
    """

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows: Any = self.object_list
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=keys), number, self)


@dataclass(frozen=True)
class Holding:
    """What somebody holds of one raffle."""

    raffle: Raffle
    tickets: list[Held]

    @property
    def wins(self) -> list[Held]:
        return wins_of(self.tickets)

    @property
    def purchases(self) -> list[Purchase]:
        return purchases_of(self.tickets)


def holdings(tickets: Iterable[Ticket]) -> list[Holding]:
    """Tickets from tickets_of(), by raffle."""
    by_raffle = itertools.groupby(tickets, key=attrgetter("raffle"))
    return [
        Holding(raffle, [Held(own, next(iter(own.awards.all()), None)) for own in group])
        for raffle, group in by_raffle
    ]
