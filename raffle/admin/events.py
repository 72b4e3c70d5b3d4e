"""The ledger in the admin: everything that happened, by raffle, time, kind and who did it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.timezone import make_aware
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle.admin.filters import RaffleFilter
from raffle.admin.records import RecordAdmin
from raffle.admin.terms import spelled
from raffle.models import LedgerEntry

KINDS = (
    "created", "changed", "opened", "purchase", "proposed", "void", "closed", "reconciled",
    "sealed", "drawn", "claimed", "forfeited", "cancelled",
)  # fmt: skip
FRAME = ("seq", "prev", "raffle", "at", "kind", "by")  # what every line has
LONGEST = 160  # letters of a line in the list
OPERATOR = "operator"
# Buyers' lines are found through their purchases: an index holds the others by who did them.
BY_STAFF = ~Q(kind="purchase")


class KindFilter(admin.SimpleListFilter):
    """The kinds as they are known: asking the database for them would read the whole ledger."""

    title, parameter_name = _("kind"), "kind"

    def lookups(self, *_args: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in KINDS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """Who of the staff did it, or an operator with a command."""

    title = _("who")
    parameter_name = "by"

    def lookups(self, *_args: Any) -> list[tuple[str, str]]:
        staff = _actors().order_by("email")
        return [(OPERATOR, str(_("an operator"))), *((str(user.pk), user.email) for user in staff)]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        who = self.value()
        if who is None:
            return queryset
        if who != OPERATOR and not who.isdecimal():
            raise IncorrectLookupParameters
        return queryset.filter(BY_STAFF, actor=None if who == OPERATOR else int(who))


class PeriodFilter(admin.ListFilter):
    """From one day to another, both included, in the site's time zone."""

    title = _("date")
    template = "admin/raffle/period_filter.html"
    PARAMETERS = ("from", "to")

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], by: Any
    ) -> None:
        super().__init__(request, params, model, by)
        for name in self.PARAMETERS:
            if given := params.pop(name, [""])[-1]:
                self.used_parameters[name] = given

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.PARAMETERS)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """One: what the form shows, and the other filters, which it keeps."""
        ours = {*self.PARAMETERS, PAGE_VAR}
        others = [pair for pair in changelist.params.items() if pair[0] not in ours]
        yield {"from": self._given("from"), "to": self._given("to"), "others": others}

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            first, last = (_day(self._given(name)) for name in self.PARAMETERS)
            if first:
                queryset = queryset.filter(at__gte=first)
            return queryset.filter(at__lt=last + timedelta(days=1)) if last else queryset
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error

    def _given(self, name: str) -> str:
        return str(self.used_parameters.get(name, ""))


def _actors() -> QuerySet[User]:
    """Who of the staff is in the ledger. Asked for apart: nobody else's account is looked at."""
    actors = LedgerEntry.objects.filter(BY_STAFF, actor__isnull=False).order_by()
    return User.objects.filter(pk__in=list(actors.values_list("actor", flat=True).distinct()))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _day(text: str) -> datetime | None:
    """The first moment of a day, 2026-11-22; None for no text. Raises ValueError."""
    return make_aware(datetime.combine(date.fromisoformat(text), time.min)) if text else None


@admin.register(LedgerEntry)
class LedgerEntryAdmin(RecordAdmin):
    list_display = ("seq", "kind", "at", "who", "what", "raffle")
    list_select_related = ()  # no join: a long period is sorted, and raffles are wide
    list_filter = (PeriodFilter, KindFilter, ActorFilter, RaffleFilter)
    search_fields = ("seq", "kind", "actor__email")
    search_help_text = _(
        "The number of a line, a kind such as “void”, or part of a staff member’s e-mail."
    )
    ordering = ("-raffle_id", "-seq")
    number = "seq"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return super().get_queryset(request).prefetch_related("raffle", "actor")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """A period's lines in the order of time: the newest of all raffles would be looked through
        for them otherwise, line by line.
        """
        searched = any(request.GET.get(name) for name in PeriodFilter.PARAMETERS)
        return ("-at", *self.ordering) if searched else self.ordering

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        changes = ("changes",) if obj and obj.kind == "changed" else ()
        return ("raffle", "seq", "kind", "at", "who", *changes, "line", "hash")

    def means(self, term: str) -> Q:
        if term.isdecimal():
            return super().means(term)
        if term.lower() in KINDS:
            return Q(kind=term.lower())
        return BY_STAFF & Q(actor__in=_actors().filter(email__icontains=term))

    @admin.display(description=_("by"))
    def who(self, entry: LedgerEntry) -> str:
        """A buyer's name is not a matter of the ledger: their purchase has it."""
        if entry.kind == "purchase":
            return str(_("a buyer"))
        return entry.actor.email if entry.actor else str(_("an operator"))

    @admin.display(description=_("what"))
    def what(self, entry: LedgerEntry) -> str:
        """What only a line of this kind has, cut short: the entry's own page has all of it."""
        facts = entry.says.items()
        told = " · ".join(f"{name}: {_short(value)}" for name, value in facts if name not in FRAME)
        return f"{told[:LONGEST]}…" if len(told) > LONGEST else told

    @admin.display(description=_("changes"))
    def changes(self, entry: LedgerEntry) -> str:
        says = entry.says
        rows = [
            (name.replace("_", " "), spelled(says["before"][name]), spelled(says["after"][name]))
            for name in sorted(says["after"])
        ]
        context = {"rows": rows, "at": entry.at, "who": self.who(entry)}
        return render_to_string("admin/raffle/changes.html", context)
