"""The staff's face of the prizes: who holds which, claims, and who is next in line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle import awarding
from raffle.admin.acts import Act, Page
from raffle.admin.figures import Figures
from raffle.admin.forms import ClaimForm, ForfeitForm
from raffle.errors import AlreadySettled, ClaimTooLate
from raffle.models import Award, Raffle


@dataclass(frozen=True)
class Row:
    """A prize and one who was given it; `award` is None if there was nobody left."""

    prize: int
    name: str
    award: Award | None
    is_overdue: bool


def rows(figures: Figures) -> list[Row]:
    """Every prize, the first one first, with all who were given it, the one who has it last."""
    raffle = figures.raffle
    awards = Award.objects.filter(raffle=raffle).order_by("prize", "place")
    given: dict[int, list[Award | None]] = {}
    for award in awards.select_related("ticket__buyer", "claim", "forfeit"):
        given.setdefault(award.prize, []).append(award)
    return [
        Row(prize, name, award, award is not None and award.is_overdue(raffle.now))
        for prize, name in enumerate(raffle.prizes, start=1)
        for award in given.get(prize, [None])
    ]


class Claims(Page):
    """The prizes of a raffle, and what is still to be done about them."""

    name, title = "claims", gettext_lazy("Prizes and claims")
    permissions = ("raffle.award_prize", "raffle.view_award")

    @property
    def is_offered(self) -> bool:
        return self.figures.draw is not None

    @property
    def prizes(self) -> list[Row]:
        return rows(self.figures)


class AwardAct(Act):
    """An act on one prize in one winner's hands."""

    permissions = ("raffle.award_prize",)

    def look(self, pk: int) -> None:
        awards = Award.objects.select_related("ticket__buyer", "claim", "forfeit")
        self.subject = get_object_or_404(awards, pk=pk)
        self.figures = Figures(Raffle.objects.as_it_stands().get(pk=self.subject.raffle_id))
        self.subject.raffle = self.figures.raffle

    @property
    def hindrance(self) -> str:
        return "" if self.subject.state == "unclaimed" else AlreadySettled().detail

    @property
    def is_overdue(self) -> bool:
        return bool(self.subject.is_overdue(self.raffle.now))

    @property
    def back(self) -> str:
        return reverse("admin:raffle_raffle_claims", args=[self.raffle.pk])


class ClaimPrize(AwardAct):
    name, title = "claim", gettext_lazy("Record a claim")

    def form(self, data: Any = None) -> forms.Form:
        return ClaimForm(data)

    @property
    def hindrance(self) -> str:
        return super().hindrance or (ClaimTooLate().detail if self.is_overdue else "")

    def act(self, said: dict[str, Any]) -> str:
        awarding.record_claim(award_id=self.subject.pk, by=self.user, code=said["code"])
        told = {"prize": self.subject.prize, "ticket": self.subject.ticket.number}
        return _("Prize %(prize)d was claimed with ticket %(ticket)d.") % told


class ForfeitPrize(AwardAct):
    name, title = "forfeit", gettext_lazy("Pass the prize on")

    def form(self, data: Any = None) -> forms.Form:
        return ForfeitForm(data)

    @property
    def next_number(self) -> int | None:
        """The ticket that is next in line, None if there is none."""
        draw = self.figures.draw
        given = Award.objects.filter(raffle=self.raffle).count()
        line = awarding.winners(self.raffle, draw.order if draw else [])
        return next(iter(line[given:]), None)

    def act(self, said: dict[str, Any]) -> str:
        passed_to = awarding.forfeit_prize(
            award_id=self.subject.pk, by=self.user, reason=said["reason"], code=said["code"]
        )
        told = {"ticket": self.subject.ticket.number, "prize": self.subject.prize}
        if passed_to is None:
            lost = _("Ticket %(ticket)d has forfeited prize %(prize)d. Nobody is next in line.")
            return lost % told
        lost = _("Ticket %(ticket)d has forfeited prize %(prize)d: it goes to ticket %(next)d.")
        return lost % (told | {"next": passed_to.ticket.number})
