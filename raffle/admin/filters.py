"""Filters of the record's lists that offer a few choices, however much there is to choose from."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from raffle.models import Raffle, Void

NEWEST = 20  # raffles to choose from; each raffle's own page leads to its lists


class RaffleFilter(admin.SimpleListFilter):
    """The newest raffles, and the one that is looked at."""

    title, parameter_name = _("raffle"), "raffle__id__exact"

    def lookups(self, request: HttpRequest, *_args: Any) -> list[tuple[str, str]]:
        raffles = Raffle.objects.order_by("-pk")
        offered = dict(raffles.values_list("pk", "name")[:NEWEST])
        if (chosen := chosen_raffle(request)) and chosen not in offered:
            offered |= dict(raffles.filter(pk=chosen).values_list("pk", "name"))
        return [(str(key), name) for key, name in offered.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(raffle=chosen_raffle(request))


class VoidFilter(admin.SimpleListFilter):
    """Void on its own, or because the raffle was cancelled. What was voided is looked up where it
    is listed: joined to the tickets, every one of them would be read for the few that are void.
    """

    title, parameter_name = _("void"), "void"

    def lookups(self, *_args: Any) -> list[tuple[str, str]]:
        return [("no", str(_("Valid"))), ("yes", str(_("Void")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        cancelled = Raffle.objects.filter(status=Raffle.Status.CANCELLED)
        if chosen := chosen_raffle(request):
            cancelled = cancelled.filter(pk=chosen)
        raffles = list(cancelled.values_list("pk", flat=True))
        if self.value() == "no":
            return queryset.exclude(raffle__in=raffles).filter(void=None)
        if raffles:
            return queryset.filter(Q(raffle__in=raffles) | Q(pk__in=Void.objects.values("ticket")))
        return queryset.filter(void__isnull=False)


def chosen_raffle(request: HttpRequest) -> int | None:
    """The number of the raffle that the list is about. Raises IncorrectLookupParameters."""
    given = request.GET.get(RaffleFilter.parameter_name)
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise IncorrectLookupParameters
    return int(given)
