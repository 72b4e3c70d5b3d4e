"""A list of prizes from elsewhere, pasted: what was understood is shown before it is saved."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from raffle import ledger, organising
from raffle.admin.acts import Act
from raffle.admin.terms import PrizesField
from raffle.errors import ClosedForGood, Frozen
from raffle.models import MOST_PRIZES, Raffle

PLACE = re.compile(r"\s*(?:\d{1,4}\s*[.):]\s+|[-*•–](?:\s+|$))")  # “1. ”, “2) ”, “- ”
TIMES = re.compile(r"\s*(\d{1,4})\s*(?:x|×|mal)\s+(?=\S)", re.IGNORECASE)  # “3 × ”


def understood(text: str) -> list[str]:
    """The prizes that `text` names, one a line: numbers and bullets before them do not count,
    several of a kind (“3 × A bottle of wine”) are so many prizes, and columns become commas.
    """
    prizes: list[str] = []
    for line in text.splitlines():
        named = PLACE.sub("", line, count=1)
        times = TIMES.match(named)
        if times:
            named = named[times.end() :]
        named = ", ".join(cell.strip() for cell in named.split("\t") if cell.strip())
        if named:
            prizes += [named] * min(int(times[1]) if times else 1, MOST_PRIZES + 1)
    return prizes


class ImportForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("The prizes, one a line; the first prize first"),
        widget=AdminTextareaWidget(attrs={"rows": 12}),
        help_text=gettext_lazy(
            "Paste them from a list or a spreadsheet. Numbers and bullets before them are left "
            "out; “3 × A bottle of wine” makes three prizes."
        ),
        error_messages={"required": gettext_lazy("Name at least one prize.")},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if "text" in said:
            try:
                said["prizes"] = PrizesField().clean("\n".join(understood(said["text"])))
            except ValidationError as error:
                self.add_error("text", error)
        return said


class ImportPrizes(Act):
    name, title = "prizes", gettext_lazy("Import prizes")
    permissions = ("raffle.change_raffle",)
    shown: list[str] = []  # what was understood, to be saved by the second press

    def form(self, data: Any = None) -> forms.Form:
        return ImportForm(data)

    def post(self, request: HttpRequest, **kwargs: int) -> HttpResponse:
        """The first press shows what was understood; what was shown is saved by the second."""
        form = self.form(request.POST)
        if not self.hindrance and form.is_valid():
            self.shown = form.cleaned_data["prizes"]
            if form.cleaned_data["seen"] != _fingerprint(self.shown):
                text = {"text": request.POST["text"], "seen": _fingerprint(self.shown)}
                return self.page(HTTPStatus.OK, form=ImportForm(initial=text), hindrance="")
        return super().post(request, **kwargs)

    @property
    def hindrance(self) -> str:
        if self.raffle.status in (Raffle.Status.CLOSED, Raffle.Status.CANCELLED):
            return ClosedForGood().detail
        return Frozen("prizes").detail if self.raffle.sold else ""

    @property
    def is_offered(self) -> bool:
        return self.raffle.status == Raffle.Status.DRAFT

    def act(self, said: dict[str, Any]) -> str:
        raffle = Raffle.objects.get(pk=self.raffle.pk)
        raffle.prizes = said["prizes"]
        organising.change_raffle(raffle, by=self.user)
        count = len(raffle.prizes)
        told = ngettext("Saved %(count)d prize.", "Saved %(count)d prizes.", count)
        return told % {"count": count} + " " + _("They take the place of those before.")


def _fingerprint(prizes: list[str]) -> str:
    return ledger.sha256("\n".join(prizes))
