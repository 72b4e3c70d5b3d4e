"""What the admin shows of the record, read-only: what was sealed, drawn, awarded and settled."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from raffle.admin.awarding import ClaimPrize, ForfeitPrize
from raffle.admin.filters import RaffleFilter
from raffle.admin.records import OfATicketAdmin, RecordAdmin
from raffle.models import Award, Claim, ClockTimestamp, Draw, Forfeit, Seal


class OfARaffleAdmin(RecordAdmin):
    """Something that a raffle has one of."""

    search_fields: ClassVar[tuple[str, ...]] = ("raffle__name",)
    search_help_text = _("Part of a raffle’s name.")

    def means(self, term: str) -> Q:
        return Q(raffle__name__icontains=term)


@admin.register(Seal)
class SealAdmin(OfARaffleAdmin):
    list_display = ("raffle", "method", "entries", "round_at", "sealed_by", "sealed_at")
    list_select_related = ("raffle", "sealed_by")
    list_filter = ("method",)
    date_hierarchy = "sealed_at"
    ordering = ("-sealed_at",)
    fields = (
        "raffle", "method", "entries", "manifest", "offsets", "chain", "round", "round_at",
        "software", "sealed_by", "confirmed_by", "sealed_at", "ledger_seq",
    )  # fmt: skip


@admin.register(Draw)
class DrawAdmin(OfARaffleAdmin):
    list_display = ("raffle", "ticket", "entries", "drawn_by", "drawn_at")
    list_select_related = ("raffle", "ticket", "drawn_by")
    search_fields = ("raffle__name", "ticket__number")
    search_help_text = _("The first prize’s number, or part of a raffle’s name.")
    date_hierarchy = "drawn_at"
    ordering = ("-drawn_at",)
    fields = (
        "raffle", "ticket", "entries", "picked", "order", "manifest", "signature", "drawn_by",
        "drawn_at", "ledger_seq",
    )  # fmt: skip

    def means(self, term: str) -> Q:
        number = Q(ticket__number=int(term)) if term.isdecimal() else Q()
        return super().means(term) | number if number else super().means(term)


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = _("state"), "state"
    STATES = {
        "unclaimed": Q(claim=None, forfeit=None),
        "overdue": Q(claim=None, forfeit=None, claim_by__lt=ClockTimestamp()),
        "claimed": Q(claim__isnull=False),
        "forfeited": Q(forfeit__isnull=False),
    }

    def lookups(self, *_args: Any) -> list[tuple[str, str]]:
        return [
            ("unclaimed", str(_("Unclaimed"))),
            ("overdue", str(_("Overdue"))),
            ("claimed", str(_("Claimed"))),
            ("forfeited", str(_("Forfeited"))),
        ]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.STATES.get(self.value() or "")
        return queryset.filter(chosen) if chosen else queryset


@admin.register(Award)
class AwardAdmin(OfATicketAdmin):
    acts = (ClaimPrize, ForfeitPrize)
    list_display = ("prize", "name", "raffle", "ticket", "state", "claim_by")
    list_select_related = ("raffle", "ticket", "claim", "forfeit")
    list_filter = (StateFilter, RaffleFilter)
    date_hierarchy = "claim_by"
    ordering = ("-raffle_id", "prize", "place")
    fields = (
        "raffle", "prize", "name", "ticket", "place", "state", "awarded_at", "claim_by",
        "ledger_seq",
    )  # fmt: skip


class SettledAdmin(OfATicketAdmin):
    """How a prize was settled. Its code, if there is one, is public from then on."""

    number, buyer = "award__ticket__number", "award__ticket__buyer"
    search_fields = ("award__ticket__number", "award__ticket__buyer__email")
    list_select_related = ("raffle", "award__ticket", "recorded_by")
    list_filter = (RaffleFilter,)

    @admin.display(ordering="award__ticket__number")
    def ticket(self, settled: Claim | Forfeit) -> int:
        return settled.award.ticket.number


@admin.register(Claim)
class ClaimAdmin(SettledAdmin):
    list_display = ("award", "raffle", "ticket", "code", "recorded_by", "claimed_at")
    date_hierarchy = "claimed_at"
    ordering = ("-claimed_at",)
    fields = ("award", "raffle", "ticket", "code", "recorded_by", "claimed_at", "ledger_seq")


@admin.register(Forfeit)
class ForfeitAdmin(SettledAdmin):
    list_display = ("award", "raffle", "ticket", "reason", "code", "recorded_by", "forfeited_at")
    date_hierarchy = "forfeited_at"
    ordering = ("-forfeited_at",)
    fields = (
        "award", "raffle", "ticket", "reason", "code", "recorded_by", "forfeited_at", "ledger_seq",
    )  # fmt: skip
