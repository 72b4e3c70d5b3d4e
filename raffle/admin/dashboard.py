"""The staff's first page: how each raffle stands that is not over yet, and what it waits for.

As many questions to the database however many raffles there are, each answered by an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from raffle import watching
from raffle.admin.checking import CheckRecord
from raffle.admin.figures import Figures
from raffle.admin.organising import OpenRaffle
from raffle.admin.refused import Reason, refused_by_reason
from raffle.admin.sales import Sales, sales_of
from raffle.admin.standing import Waiting, standing, waiting_of
from raffle.admin.steps import Step, steps
from raffle.models import Award, LastCheck, Raffle

RAFFLES_A_PAGE = 8
MOST_DRAFTS = 8
UNMAILED_FOR = timedelta(minutes=15)  # from which on the mails are not only on their way


@dataclass(frozen=True)
class Card:
    """One raffle on the dashboard."""

    user: User
    figures: Figures
    sales: Sales
    refused: list[Reason]
    check: LastCheck | None
    waiting: Waiting

    @property
    def raffle(self) -> Raffle:
        return self.figures.raffle

    @property
    def light(self) -> watching.Light:
        return watching.light(self.raffle, self.check)

    @property
    def checking(self) -> CheckRecord:
        return CheckRecord.on(self.user, self.raffle, self.figures)

    @property
    def times_refused(self) -> int:
        return sum(reason.count for reason in self.refused)

    @property
    def next_step(self) -> Step | None:
        return next((s for s in steps(self.user, self.figures) if s.state == "next"), None)

    @property
    def proposals(self) -> tuple[str, str]:
        """What waits for a second person, and where it is listed."""
        count = self.waiting.voids
        if not count:
            return "", ""
        told = ngettext(
            "%(count)d void waits for a second person.",
            "%(count)d voids wait for a second person.",
            count,
        )
        address = reverse("admin:raffle_proposal_changelist")
        where = f"{address}?raffle__id__exact={self.raffle.pk}&act__exact=void"
        return told % {"count": count}, where if self.user.has_perm("raffle.view_proposal") else ""

    @property
    def mails(self) -> str:
        """That mails wait, if they should have been sent by now."""
        since = self.waiting.unmailed_since
        if since is None or self.raffle.now - since < UNMAILED_FOR:
            return ""
        return _("Mails wait to be sent. Is the mail worker (manage.py send_mail) running?")


@dataclass(frozen=True)
class Dashboard:
    """A page of it; a number of 0 means that there is no such page."""

    cards: list[Card]
    drafts: list[tuple[Raffle, OpenRaffle]]
    newer_page: int
    older_page: int


def dashboard(request: HttpRequest) -> Dashboard | None:
    """What the first page shows; nothing to those who may not look at raffles."""
    user = cast(User, request.user)
    if not (user.has_perm("raffle.view_raffle") or user.has_perm("raffle.change_raffle")):
        return None
    page = _page(request.GET.get("page", ""))
    first = (page - 1) * RAFFLES_A_PAGE
    found = list(unfinished().values_list("pk", flat=True)[first : first + RAFFLES_A_PAGE + 1])
    shown = Raffle.objects.filter(pk__in=found[:RAFFLES_A_PAGE])
    raffles = list(shown.as_it_stands().order_by("-pk"))  # each a look at its tickets and ledger
    drafts = Raffle.objects.filter(status=Raffle.Status.DRAFT).as_it_stands().order_by("-pk")
    return Dashboard(
        cards=_cards(user, raffles),
        drafts=[
            (draft, OpenRaffle.on(user, draft, Figures(draft)))
            for draft in (drafts[:MOST_DRAFTS] if page == 1 else [])
        ],
        newer_page=page - 1,
        older_page=page + 1 if len(found) > len(raffles) else 0,
    )


def unfinished() -> QuerySet[Raffle]:
    """The public raffles with something to come, the newest first."""
    awards = Award.objects.standing().filter(raffle=OuterRef("pk"), claim=None)
    raffles = Raffle.objects.public().exclude(status=Raffle.Status.CANCELLED)
    return raffles.filter(Q(draw=None) | Exists(awards)).order_by("-pk")


def _cards(user: User, raffles: list[Raffle]) -> list[Card]:
    if not raffles:
        return []
    sales, checks = sales_of(raffles), watching.last(raffles)
    refused, waiting = refused_by_reason(raffles), waiting_of(raffles)
    return [
        Card(
            user,
            figures,
            sales[figures.raffle.pk],
            refused[figures.raffle.pk],
            checks.get(figures.raffle.pk),
            waiting[figures.raffle.pk],
        )
        for figures in standing(raffles)
    ]


def _page(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
