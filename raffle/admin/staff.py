"""What staff do to a raffle, each act on a page of its own: GET explains, POST acts.

No view here opens a transaction: the functions that act are durable, so that what they return is
committed. Each checks its rules again under the lock; what the page says before is a courtesy.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views import View

from accounts.models import User
from raffle import closing, drawing, organising
from raffle.admin.forms import ConfirmForm, DrawForm, ReasonForm
from raffle.errors import AlreadyVoid, ClosesInThePast, NotADraft, NotOpen, Refusal
from raffle.models import Draw, Raffle, Seal, Ticket, Void


@dataclass(frozen=True)
class Figures:
    """How a raffle stands."""

    raffle: Raffle
    void: int
    draw: Draw | None

    @property
    def entries(self) -> int:
        return self.raffle.sold - self.void


def figures(raffle: Raffle) -> Figures:
    """`raffle` must come from as_it_stands()."""
    return Figures(
        raffle,
        Void.objects.filter(ticket__raffle=raffle).count(),
        Draw.objects.select_related("ticket").filter(raffle=raffle).first(),
    )


class Act(View):
    """One act on one raffle, for staff with its permission."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "options"]  # type: ignore[misc]
    name: ClassVar[str]
    title: ClassVar[str]
    permission: ClassVar[str]
    raffle: Raffle

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        self.user = cast(User, request.user)
        self.look(kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def get(self, _request: HttpRequest, **_kwargs: int) -> HttpResponse:
        return self.page(self.form(), HTTPStatus.OK)

    def post(self, request: HttpRequest, **_kwargs: int) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            done = self.act(form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            self.look(self.kwargs["pk"])
            return self.page(form, refusal.status)
        if done:
            LogEntry.objects.log_actions(
                self.user.pk, [self.subject], CHANGE, done, single_object=True
            )
            messages.success(request, done)
        return HttpResponseRedirect(self.next_address(), status=HTTPStatus.SEE_OTHER)

    def page(self, form: forms.Form, status: int) -> HttpResponse:
        context = admin.site.each_context(self.request) | {
            "title": self.title,
            "act": self,
            "form": form,
            "figures": figures(self.raffle),
            "hindrance": self.hindrance(self.subject),
        }
        return render(self.request, f"admin/raffle/act_{self.name}.html", context, status=status)

    def look(self, pk: int) -> None:
        """Read what is acted on, as it stands."""
        self.raffle = get_object_or_404(Raffle.objects.as_it_stands(), pk=pk)

    @property
    def subject(self) -> Any:
        return self.raffle

    def form(self, data: Any = None) -> forms.Form:
        return ReasonForm(data)

    @classmethod
    def hindrance(cls, subject: Any) -> Refusal | None:
        """Why this cannot be done as things stand, if so."""
        return None if subject.status == Raffle.Status.OPEN else NotOpen()

    def act(self, said: dict[str, Any]) -> str:
        """Do it and return what was done, in a sentence; "" if there was nothing to do."""
        raise NotImplementedError

    def next_address(self) -> str:
        return self.back

    @property
    def back(self) -> str:
        return address_of(self.user, self.subject)

    @classmethod
    def address(cls, subject: Model) -> str:
        return reverse(f"admin:raffle_{subject._meta.model_name}_{cls.name}", args=[subject.pk])


class OpenRaffle(Act):
    name, title, permission = "open", "Open for sale", "raffle.open_raffle"

    def form(self, data: Any = None) -> forms.Form:
        return ConfirmForm(data)

    @classmethod
    def hindrance(cls, subject: Any) -> Refusal | None:
        if subject.status != Raffle.Status.DRAFT:
            return NotADraft()
        return ClosesInThePast() if subject.has_ended(subject.now) else None

    @property
    def terms(self) -> list[tuple[str, Any]]:
        labels = {field.name: str(field.verbose_name) for field in Raffle._meta.fields}
        return [(labels[name], getattr(self.raffle, name)) for name in Raffle.TERMS]

    def act(self, said: dict[str, Any]) -> str:
        organising.open_raffle(raffle_id=self.raffle.pk, by=self.user)
        return "Opened the raffle for sale."


class CloseRaffle(Act):
    name, title, permission = "close", "Close for good", "raffle.close_raffle"

    def act(self, said: dict[str, Any]) -> str:
        closing.close_raffle(raffle_id=self.raffle.pk, by=self.user, reason=said["reason"])
        return "Closed the raffle for good."


class DrawWinner(Act):
    name, title, permission = "draw", "Draw the winner", "raffle.draw_winner"

    def form(self, data: Any = None) -> forms.Form:
        return DrawForm(data, raffle=self.raffle)

    @classmethod
    def hindrance(cls, subject: Any) -> Refusal | None:
        return NotOpen() if subject.status == Raffle.Status.DRAFT else None

    def act(self, said: dict[str, Any]) -> str:
        was_drawn = Draw.objects.filter(raffle=self.raffle).exists()
        drawn = drawing.draw_winner(raffle_id=self.raffle.pk, by=self.user)
        if isinstance(drawn, Seal):
            return "Sealed the draw."
        if was_drawn or drawn.drawn_by_id != self.user.pk:
            return ""
        return f"Drew the winner: ticket {drawn.ticket.number}."

    def next_address(self) -> str:
        return self.address(self.raffle)  # which shows the winner from now on


class VoidTicket(Act):
    name, title, permission = "void", "Void a ticket", "raffle.void_ticket"
    ticket: Ticket

    def look(self, pk: int) -> None:
        tickets = Ticket.objects.select_related("buyer", "purchase", "void")
        self.ticket = get_object_or_404(tickets, pk=pk)
        super().look(self.ticket.raffle_id)
        self.ticket.raffle = self.raffle

    @property
    def subject(self) -> Any:
        return self.ticket

    @classmethod
    def hindrance(cls, subject: Any) -> Refusal | None:
        if subject.is_void:
            return AlreadyVoid(subject.number)
        return super().hindrance(subject.raffle)

    def act(self, said: dict[str, Any]) -> str:
        organising.void_ticket(ticket_id=self.ticket.pk, by=self.user, reason=said["reason"])
        return f"Voided ticket {self.ticket.number}."


RAFFLE_ACTS: tuple[type[Act], ...] = (OpenRaffle, CloseRaffle, DrawWinner)


def tools(user: User, subject: Raffle | Ticket) -> list[tuple[str, str]]:
    """Address and label of the acts that this person may do to `subject` and that make sense."""
    acts = (VoidTicket,) if isinstance(subject, Ticket) else RAFFLE_ACTS
    return [
        (act.address(subject), f"{act.title}…")
        for act in acts
        if user.has_perm(act.permission)
        and act.hindrance(subject) is None
        and not (act is DrawWinner and hasattr(subject, "draw"))
    ]


def address_of(user: User, subject: Model) -> str:
    """The admin page of `subject`, or the admin's first page for whoever may not see it."""
    model = subject._meta.model_name
    if user.has_perm(f"raffle.view_{model}") or user.has_perm(f"raffle.change_{model}"):
        return reverse(f"admin:raffle_{model}_change", args=[subject.pk])
    return reverse("admin:index")
