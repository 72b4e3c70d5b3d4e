"""A draft as buyers will see it once it is open. Nothing on it does anything."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle.admin.acts import Page
from raffle.models import Raffle
from raffle.pages.showing import raffle_page


class Preview(Page):
    name, title = "preview", _("Preview")
    permissions = ("raffle.view_raffle", "raffle.change_raffle", "raffle.open_raffle")

    @property
    def is_offered(self) -> bool:
        return self.raffle.status == Raffle.Status.DRAFT

    def page(self, status: int, **context: object) -> HttpResponse:
        """The buyers' own page, for somebody who has bought nothing yet; an open raffle's too."""
        raffle = self.raffle
        if self.is_offered:
            raffle.status = Raffle.Status.OPEN  # in memory alone
        shown = {
            "raffle": raffle,
            "page": raffle_page(raffle, AnonymousUser()),
            "user": User(email="you@example.org"),
            "quantity": 1,
            "act": self,
        }
        return render(self.request, "admin/raffle/preview.html", shown | context, status=status)
