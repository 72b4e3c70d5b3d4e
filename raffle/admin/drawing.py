"""The staff's face of the draw: ask for it, confirm it, seal it, publish its result."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle import drawing, seconding
from raffle.admin.acts import Act
from raffle.admin.awarding import Row, rows
from raffle.admin.forms import ConfirmForm, DrumForm, NameForm
from raffle.errors import (
    AlreadySealed,
    Cancelled,
    NothingSold,
    NotOpen,
    NotReconciled,
    OnePersonIsEnough,
    SecondPersonNeeded,
)
from raffle.models import Raffle, Seal

AFTER_THE_ROUND = 2  # seconds that the beacon's relays have to hear of the round themselves
MOST_OFFSETS = 20  # shown on a page; all of them are in the public record


class DrawAct(Act):
    permissions = ("raffle.draw_winner",)

    @property
    def from_a_drum(self) -> bool:
        return self.raffle.method == Raffle.Method.MANUAL

    @property
    def by_beacon(self) -> bool:
        return self.raffle.method == Raffle.Method.BEACON

    @property
    def least(self) -> int:
        """How many numbers the drum has to give."""
        return min(self.figures.entries, len(self.raffle.prizes) + self.raffle.alternates)

    @property
    def most(self) -> int:
        return self.raffle.picks_needed(self.figures.entries)

    @property
    def hindrance(self) -> str:
        """What stands in the way of either."""
        if self.raffle.status == Raffle.Status.DRAFT:
            return NotOpen().detail
        if self.figures.is_cancelled:
            return Cancelled().detail
        if self.figures.entries == 0:
            return NothingSold().detail
        if self.figures.needs_two and not self.figures.reconciled:
            return NotReconciled().detail
        return ""


class AskForDraw(DrawAct):
    """Where two people are needed: the first one, who enters what came from the drum, if any."""

    name, title = "ask", gettext_lazy("Ask for the draw")

    def form(self, data: Any = None) -> forms.Form:
        if self.from_a_drum:
            return DrumForm(data)
        return ConfirmForm(
            data,
            label=_("The figures are right, and this raffle is to be drawn now."),
            otherwise=_("Tick the box if the raffle is to be drawn."),
        )

    @property
    def hindrance(self) -> str:
        if not self.figures.needs_two:
            return OnePersonIsEnough().detail
        return AlreadySealed().detail if self.figures.seal else super().hindrance

    @property
    def is_offered(self) -> bool:
        """Numbers that were misread are entered anew by whoever entered them."""
        asked = self.figures.asked
        mine = asked is not None and asked.proposed_by == self.user
        return super().is_offered and (asked is None or (mine and self.from_a_drum))

    @property
    def label(self) -> str:
        if not self.from_a_drum:
            return super().label
        return _("Enter the numbers anew") if self.figures.asked else _("Enter the numbers")

    def act(self, said: dict[str, Any]) -> str:
        numbers = said.get("numbers", ())
        seconding.propose_draw(raffle_id=self.raffle.pk, by=self.user, numbers=numbers)
        return _("Asked for the draw: another member of staff must confirm it.")


class DrawWinner(DrawAct):
    """Draw alone or as the second one; seal, and publish once the beacon's round is out."""

    name, title = "draw", gettext_lazy("Draw the winner")

    @property
    def label(self) -> str:
        if self.figures.draw:
            return _("The draw")
        if self.figures.seal:
            return _("Publish the result")
        if self.figures.needs_two:
            return _("Confirm and seal") if self.by_beacon else _("Confirm and draw")
        return _("Seal the draw") if self.by_beacon else super().label

    def form(self, data: Any = None) -> forms.Form:
        if self.figures.seal and not self.figures.draw:
            return forms.Form(data)
        if self.from_a_drum:
            return DrumForm(data)
        seal = _("Type the raffle’s name to seal its draw")
        label = seal if self.by_beacon else _("Type the raffle’s name to draw its winner")
        return NameForm(data, raffle=self.raffle, label=label, otherwise=_("Nothing was drawn."))

    @property
    def hindrance(self) -> str:
        if self.figures.seal:
            return ""
        if super().hindrance or not self.figures.needs_two:
            return super().hindrance
        asked = self.figures.asked
        if asked is None:
            return SecondPersonNeeded().detail
        if asked.proposed_by == self.user:
            return _(
                "You have asked for this draw. Another member of staff must confirm it: "
                "they sign in with their own account and open this page."
            )
        return ""

    @property
    def is_offered(self) -> bool:
        return super().is_offered and self.figures.draw is None

    @property
    def instead(self) -> AskForDraw | None:
        """What can be done if this cannot."""
        ask = AskForDraw.on(self.user, self.subject, self.figures)
        return ask if not ask.hindrance else None

    @property
    def prizes(self) -> list[Row]:
        return rows(self.figures)

    @property
    def offsets(self) -> list[int]:
        return self.figures.seal.offsets[:MOST_OFFSETS] if self.figures.seal else []

    @property
    def reload_after(self) -> int:
        return self.figures.seconds_to_round + AFTER_THE_ROUND

    def act(self, said: dict[str, Any]) -> str:
        before = self.figures.draw or self.figures.seal
        drawn = drawing.draw_winner(
            raffle_id=self.raffle.pk, by=self.user, numbers=said.get("numbers", ())
        )
        if isinstance(drawn, Seal):
            mine = self.user.pk in (drawn.sealed_by_id, drawn.confirmed_by_id)
            if before or not mine:
                return ""
            told = _("Sealed the draw: its result follows from beacon round %(round)d.")
            return told % {"round": drawn.round}
        if self.figures.draw or drawn.drawn_by_id != self.user.pk:
            return ""
        told = _("Drew the winners: the first prize goes to ticket %(number)d.")
        if len(self.raffle.prizes) == 1:
            told = _("Drew the winner: ticket %(number)d.")
        return told % {"number": drawn.ticket.number}

    def next_address(self) -> str:
        return self.address  # which shows the seal, and the winners from the draw on
