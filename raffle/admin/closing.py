"""The staff's acts on a raffle's end: close it, confirm its figures, or cancel it."""

from __future__ import annotations

from typing import Any

from django import forms

from raffle import closing
from raffle.admin.acts import Act
from raffle.admin.forms import CancelForm, ConfirmForm, ReasonForm
from raffle.errors import AlreadyReconciled, AlreadySealed, Cancelled, NotClosed, NotOpen
from raffle.models import Raffle


class CloseRaffle(Act):
    name, title, permissions = "close", "Close for good", ("raffle.close_raffle",)

    def form(self, data: Any = None) -> forms.Form:
        return ReasonForm(data)

    def act(self, said: dict[str, Any]) -> str:
        closing.close_raffle(raffle_id=self.raffle.pk, by=self.user, reason=said["reason"])
        return "Closed the raffle for good."


class ConfirmFigures(Act):
    name, title, permissions = "confirm", "Confirm the figures", ("raffle.close_raffle",)

    def form(self, data: Any = None) -> forms.Form:
        return ConfirmForm(
            data,
            label="I have checked these figures: they add up, and they are those of our sales.",
            otherwise="Tick the box once you have checked the figures.",
        )

    @property
    def hindrance(self) -> str:
        if self.figures.is_cancelled:
            return Cancelled().detail
        if not self.figures.is_closed:
            return NotClosed().detail
        return AlreadyReconciled().detail if self.figures.reconciled else ""

    def act(self, said: dict[str, Any]) -> str:
        found = closing.reconcile_raffle(raffle_id=self.raffle.pk, by=self.user)
        return (
            f"Confirmed the figures: {found.sold} valid + {found.void} void "
            f"+ {found.unsold} not sold = {self.raffle.capacity}."
        )


class CancelRaffle(Act):
    name, title, permissions = "cancel", "Cancel the raffle", ("raffle.cancel_raffle",)

    def form(self, data: Any = None) -> forms.Form:
        return CancelForm(
            data, raffle=self.raffle, to="cancel it", otherwise="Nothing was cancelled."
        )

    @property
    def hindrance(self) -> str:
        if self.raffle.status == Raffle.Status.DRAFT:
            return NotOpen().detail
        if self.figures.is_cancelled:
            return Cancelled().detail
        return AlreadySealed().detail if self.figures.seal else ""

    def act(self, said: dict[str, Any]) -> str:
        closing.cancel_raffle(raffle_id=self.raffle.pk, by=self.user, reason=said["reason"])
        return "Cancelled the raffle: all its tickets are void."
