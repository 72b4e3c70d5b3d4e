"""Finding tickets of one raffle: by number, by validation code, by the buyer's e-mail address.

What was typed is sent in the body of a request: a validation code in an address would stay in logs
and in the browser's history. The answer never shows a code.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from raffle.admin.acts import Page
from raffle.admin.forms import LETTER_BY_LETTER
from raffle.models import Raffle, Ticket

MOST = 100  # on the page; nobody looks through more
CODE = re.compile(r"[0-9a-f]{32}")
LINE = re.compile(r"[0-9]{1,10}-([0-9a-f]{32})-[0-9]+-[0-9a-f]{64}")  # of a receipt


class FindForm(forms.Form):
    """A number, a code as a buyer reads it out, or an e-mail address."""

    q = forms.CharField(
        label=gettext_lazy("Ticket number, validation code or e-mail address"),
        max_length=300,
        widget=AdminTextInputWidget(attrs=LETTER_BY_LETTER),
        help_text=gettext_lazy(
            "The code may be in groups, in capital letters, or the whole line of a receipt."
        ),
        error_messages={"required": gettext_lazy("Type what you are looking for.")},
    )

    def clean_q(self) -> dict[str, Any]:
        """What to look for, by the name of the column."""
        typed: str = self.cleaned_data["q"]
        whole = "".join(typed.lower().split())
        if line := LINE.fullmatch(whole):
            return {"code": line[1]}
        if CODE.fullmatch(code := re.sub("[-‐–—.:]", "", whole)):
            return {"code": code}
        if re.fullmatch(r"#?[0-9]{1,9}", whole):
            return {"number": int(whole.removeprefix("#"))}
        if "@" in whole:
            return {"email": whole}
        raise forms.ValidationError(
            _(
                "That is no number, no validation code of 32 digits and letters from a to f, "
                "and no whole e-mail address."
            )
        )


class FindTickets(Page):
    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "options"]  # type: ignore[misc]
    name, title, permissions = "find", gettext_lazy("Find a ticket"), ("raffle.view_ticket",)

    def get(self, _request: HttpRequest, **_kwargs: int) -> HttpResponse:
        return self.page(HTTPStatus.OK, form=FindForm())

    def post(self, request: HttpRequest, **_kwargs: int) -> HttpResponse:
        form = FindForm(request.POST)
        if not form.is_valid():
            return self.page(HTTPStatus.UNPROCESSABLE_ENTITY, form=form)
        tickets = list(found(self.raffle, **form.cleaned_data["q"])[: MOST + 1])
        for ticket in tickets:
            ticket.raffle = self.raffle
        # What was typed is not shown again if it is a code.
        again = FindForm() if "code" in form.cleaned_data["q"] else form
        context = {"tickets": tickets[:MOST], "is_cut": len(tickets) > MOST, "searched": True}
        return self.page(HTTPStatus.OK, form=again, **context)

    @property
    def is_offered(self) -> bool:
        return self.raffle.status != Raffle.Status.DRAFT


def found(
    raffle: Raffle, number: int = 0, code: str = "", email: str = ""
) -> QuerySet[Ticket, Ticket]:
    """The tickets of `raffle` that are meant, each by an index. Without their codes."""
    tickets = Ticket.objects.filter(raffle=raffle).select_related("buyer", "purchase", "void")
    tickets = tickets.defer("code").order_by("number")
    if code:
        return tickets.filter(code=code)
    if email:
        people = User.objects.annotate(spelled=Lower("email")).filter(spelled=email)
        return tickets.filter(buyer__in=people.values("pk"))
    return tickets.filter(number=number)
