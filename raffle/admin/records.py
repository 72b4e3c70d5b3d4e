"""What the admin shows of the record: tickets, purchases, voids, draws and the ledger, read-only.

Nothing is ever deleted, not by superusers either.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from accounts.models import User
from raffle.admin import staff
from raffle.models import Draw, LedgerEntry, Purchase, Ticket, Void

KINDS = ("created", "changed", "opened", "purchase", "void", "closed", "drawn")


class StaffAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """No deleting, and the acts that make sense as buttons at the top of a page."""

    acts: tuple[type[staff.Act], ...] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<int:pk>/{act.name}/",
                self.admin_site.admin_view(act.as_view()),
                name=f"raffle_{self.opts.model_name}_{act.name}",
            )
            for act in self.acts
        ]
        return own + super().get_urls()


class RecordAdmin(StaffAdmin):
    """Something that is only ever added, and not here. A raffle may have a million of them."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = None
    sortable_by = ()  # only the order that an index holds
    number = "number"  # where digits are looked for
    buyer = "buyer"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Each kind of word is looked for in its own place, so that an index can answer."""
        term = search_term.strip()
        return (queryset.filter(self.means(term)) if term else queryset), False

    def means(self, term: str) -> Q:
        if term.isdecimal():
            return Q(**{self.number: int(term)})
        people = User.objects.filter(email__icontains=term)
        return Q(**{f"{self.buyer}__in": people})


class VoidFilter(admin.SimpleListFilter):
    title = parameter_name = "void"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [("no", "Valid"), ("yes", "Void")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("no", "yes"):
            return queryset.filter(void__isnull=self.value() == "no")
        return queryset


class KindFilter(admin.SimpleListFilter):
    """The kinds as they are known: asking the database for them would read the whole ledger."""

    title = parameter_name = "kind"

    def lookups(self, *_: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in KINDS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Ticket)
class TicketAdmin(RecordAdmin):
    acts = (staff.VoidTicket,)
    list_display = ("number", "raffle", "buyer", "state")
    list_select_related = ("raffle", "buyer", "void")
    list_filter = (VoidFilter, "raffle")
    search_fields = ("number", "code", "buyer__email")
    search_help_text = "A ticket number, a whole validation code, or part of a buyer’s e-mail."
    ordering = ("-raffle_id", "-number")
    fields = ("raffle", "number", "state", "reason", "buyer", "slot", "purchase", "code")

    @admin.display
    def state(self, ticket: Ticket) -> str:
        return "void" if ticket.is_void else "valid"

    @admin.display(description="reason of the void", empty_value="–")
    def reason(self, ticket: Ticket) -> str | None:
        return ticket.void.reason if ticket.is_void else None

    def means(self, term: str) -> Q:
        return Q(code=term.lower()) if is_hex(term, 32) else super().means(term)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if ticket := context["original"]:
            context["tools"] = staff.tools(cast(User, request.user), ticket)
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Purchase)
class PurchaseAdmin(RecordAdmin):
    list_display = ("purchased_at", "raffle", "buyer", "quantity", "ticket_numbers", "unit_price")
    list_select_related = ("raffle", "buyer")
    list_filter = ("raffle",)
    search_fields = ("id", "first_number", "buyer__email")
    search_help_text = "A ticket number, a whole purchase id, or part of a buyer’s e-mail."
    ordering = ("-raffle_id", "-ledger_seq")
    fields = (
        "id", "raffle", "buyer", "quantity", "ticket_numbers", "unit_price", "purchased_at",
        "ledger_seq", "key",
    )  # fmt: skip

    @admin.display(description="tickets")
    def ticket_numbers(self, purchase: Purchase) -> str:
        first, last = purchase.numbers[0], purchase.numbers[-1]
        return str(first) if first == last else f"{first}–{last}"

    def means(self, term: str) -> Q:
        if is_hex(term.replace("-", ""), 32):
            return Q(pk=term)
        if term.isdecimal():
            return Q(pk__in=Ticket.objects.filter(number=int(term)).values("purchase"))
        return super().means(term)


@admin.register(Void)
class VoidAdmin(RecordAdmin):
    list_display = ("ticket", "raffle", "reason", "voided_by", "voided_at")
    list_select_related = ("ticket__raffle", "voided_by")
    list_filter = ("ticket__raffle",)
    search_fields = ("ticket__number", "ticket__buyer__email")
    search_help_text = "A ticket number, or part of a buyer’s e-mail."
    date_hierarchy = "voided_at"
    ordering = ("-voided_at",)
    fields = ("ticket", "raffle", "reason", "voided_by", "voided_at")
    number, buyer = "ticket__number", "ticket__buyer"

    @admin.display
    def raffle(self, void: Void) -> str:
        return void.ticket.raffle.name


@admin.register(Draw)
class DrawAdmin(RecordAdmin):
    list_display = ("raffle", "ticket", "entries", "drawn_by", "drawn_at")
    list_select_related = ("raffle", "ticket", "drawn_by")
    search_fields = ("raffle__name", "ticket__number")
    search_help_text = "A winning number, or part of a raffle’s name."
    date_hierarchy = "drawn_at"
    ordering = ("-drawn_at",)
    fields = ("raffle", "ticket", "entries", "picked", "manifest", "drawn_by", "drawn_at")
    number = "ticket__number"

    def means(self, term: str) -> Q:
        by_name = Q(raffle__name__icontains=term)
        return super().means(term) | by_name if term.isdecimal() else by_name


@admin.register(LedgerEntry)
class LedgerEntryAdmin(RecordAdmin):
    list_display = ("seq", "kind", "at", "line", "raffle")
    list_select_related = ("raffle",)
    list_filter = (KindFilter, "raffle")
    search_fields = ("seq", "kind")
    search_help_text = "The number of a line, or a kind such as “void”."
    ordering = ("-raffle_id", "-seq")
    fields = ("raffle", "seq", "kind", "at", "line", "hash")
    number = "seq"

    def means(self, term: str) -> Q:
        return super().means(term) if term.isdecimal() else Q(kind=term.lower())


def is_hex(term: str, digits: int) -> bool:
    return len(term) == digits and set(term.lower()) <= set("0123456789abcdef")
