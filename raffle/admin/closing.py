"""The staff's acts on a raffle's end: close it, confirm its figures, or cancel it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle import closing
from raffle.admin.acts import Act
from raffle.admin.forms import CancelForm, ConfirmForm, ReasonForm
from raffle.errors import AlreadyReconciled, AlreadySealed, Cancelled, NotClosed, NotOpen
from raffle.models import Raffle


class CloseRaffle(Act):
    name, title, permissions = "close", gettext_lazy("Close for good"), ("raffle.close_raffle",)

    def form(self, data: Any = None) -> forms.Form:
        return ReasonForm(data)

    def act(self, said: dict[str, Any]) -> str:
        closing.close_raffle(raffle_id=self.raffle.pk, by=self.user, reason=said["reason"])
        return _("Closed the raffle for good.")


class ConfirmFigures(Act):
    name, title, permissions = (
        "confirm",
        gettext_lazy("Confirm the figures"),
        ("raffle.close_raffle",),
    )

    def form(self, data: Any = None) -> forms.Form:
        return ConfirmForm(
            data,
            label=_("I have checked these figures: they add up, and they are those of our sales."),
            otherwise=_("Tick the box once you have checked the figures."),
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
        return _(
            "Confirmed the figures: %(sold)d valid + %(void)d void + %(unsold)d not sold "
            "= %(capacity)d."
        ) % {
            "sold": found.sold,
            "void": found.void,
            "unsold": found.unsold,
            "capacity": self.raffle.capacity,
        }


class CancelRaffle(Act):
    name, title, permissions = (
        "cancel",
        gettext_lazy("Cancel the raffle"),
        ("raffle.cancel_raffle",),
    )

    def form(self, data: Any = None) -> forms.Form:
        return CancelForm(
            data,
            raffle=self.raffle,
            label=_("Type the raffle’s name to cancel it"),
            otherwise=_("Nothing was cancelled."),
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
        return _("Cancelled the raffle: all its tickets are void.")
