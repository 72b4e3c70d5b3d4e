"""The staff's acts before the close: open a raffle, void a ticket, alone or by two people."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from raffle import organising, seconding
from raffle.admin.acts import Act
from raffle.admin.checklist import Item, NotReady, Weight, checklist
from raffle.admin.figures import Figures
from raffle.admin.forms import ConfirmForm, ConfirmVoidForm, ReasonForm
from raffle.admin.previewing import Preview
from raffle.admin.terms import spelled
from raffle.admin.words import LABELS, METHODS
from raffle.errors import (
    AlreadyVoid,
    NotADraft,
    OnePersonIsEnough,
    Refusal,
    SecondPersonNeeded,
)
from raffle.models import Proposal, Raffle, Ticket


class AskedAnew(Refusal):
    code = "asked_anew"
    title = "Asked for anew."

    def __init__(self) -> None:
        super().__init__(_("It was asked for anew meanwhile. Read the reason again, then confirm."))


class OpenRaffle(Act):
    name, title, permissions = "open", gettext_lazy("Open for sale"), ("raffle.open_raffle",)

    def form(self, data: Any = None) -> forms.Form:
        return ConfirmForm(
            data,
            label=_("I have read these terms and they are right."),
            otherwise=_("Tick the box once you have checked the terms."),
        )

    @property
    def hindrance(self) -> str:
        if not self.is_draft:
            return NotADraft().detail
        return " ".join(str(item.says) for item in self.musts)

    @property
    def is_offered(self) -> bool:
        """Its checklist says what is still in the way."""
        return self.is_draft

    @property
    def is_draft(self) -> bool:
        return self.raffle.status == Raffle.Status.DRAFT

    @cached_property
    def checklist(self) -> list[Item]:
        return checklist(self.raffle)

    @property
    def musts(self) -> list[Item]:
        return [item for item in self.checklist if item.weight == Weight.MUST]

    @property
    def preview(self) -> Preview:
        return Preview.on(self.user, self.subject, self.figures)

    @property
    def terms(self) -> list[tuple[str, Any]]:
        return [(str(LABELS[name]), self._read(name)) for name in Raffle.TERMS]

    def _read(self, name: str) -> Any:
        value = getattr(self.raffle, name)
        if name == "method":
            return METHODS[value]
        return value if isinstance(value, datetime) else spelled(value)

    def act(self, said: dict[str, Any]) -> str:
        if self.is_draft and self.musts:
            raise NotReady(self.hindrance)
        organising.open_raffle(raffle_id=self.raffle.pk, by=self.user)
        return _("Opened the raffle for sale.")


class TicketAct(Act):
    """An act on one ticket."""

    permissions = ("raffle.void_ticket",)

    def look(self, pk: int) -> None:
        tickets = Ticket.objects.select_related("buyer", "purchase", "void")
        self.subject = get_object_or_404(tickets, pk=pk)
        self.figures = Figures(Raffle.objects.as_it_stands().get(pk=self.subject.raffle_id))
        self.subject.raffle = self.figures.raffle

    @property
    def hindrance(self) -> str:
        if hasattr(self.subject, "void"):
            return AlreadyVoid(self.subject.number).detail
        return super().hindrance

    @property
    def asked(self) -> Proposal | None:
        """What another one has to confirm, where two people are needed."""
        if not self.raffle.two_people:
            return None
        return seconding.newest(self.raffle, Proposal.Act.VOID, self.subject)


class AskForVoid(TicketAct):
    """Where two people are needed: the first one."""

    name, title = "ask", gettext_lazy("Ask for the void")

    def form(self, data: Any = None) -> forms.Form:
        return ReasonForm(data)

    @property
    def hindrance(self) -> str:
        enough = "" if self.raffle.two_people else OnePersonIsEnough().detail
        return super().hindrance or enough

    @property
    def is_offered(self) -> bool:
        return super().is_offered and self.asked is None

    def act(self, said: dict[str, Any]) -> str:
        seconding.propose_void(ticket_id=self.subject.pk, by=self.user, reason=said["reason"])
        told = _("Asked for the void of ticket %(number)d: somebody else must confirm it.")
        return told % {"number": self.subject.number}


class VoidTicket(TicketAct):
    """Alone, with a reason; or the second one, who confirms what somebody else asked for."""

    name, title = "void", gettext_lazy("Void a ticket")

    @property
    def label(self) -> str:
        return _("Confirm the void") if self.raffle.two_people else super().label

    def form(self, data: Any = None) -> forms.Form:
        if not self.raffle.two_people:
            return ReasonForm(data)
        asked = self.asked
        return ConfirmVoidForm(
            data,
            initial={"asked": asked.pk if asked else 0},
            label=_("I have read the reason, and this ticket is to be void."),
            otherwise=_("Tick the box once you have checked the reason."),
        )

    @property
    def hindrance(self) -> str:
        if super().hindrance or not self.raffle.two_people:
            return super().hindrance
        asked = self.asked
        if asked is None:
            return SecondPersonNeeded().detail
        if asked.proposed_by == self.user:
            return _(
                "You have asked for this void. Another member of staff must confirm it: "
                "they sign in with their own account and open this page."
            )
        return ""

    @property
    def instead(self) -> AskForVoid | None:
        """What can be done if this cannot."""
        ask = AskForVoid.on(self.user, self.subject, self.figures)
        return ask if not ask.hindrance else None

    def act(self, said: dict[str, Any]) -> str:
        if self.raffle.two_people and (asked := self.asked) and asked.pk != said["asked"]:
            raise AskedAnew
        organising.void_ticket(
            ticket_id=self.subject.pk, by=self.user, reason=said.get("reason", "")
        )
        return _("Voided ticket %(number)d.") % {"number": self.subject.number}
