"""What the admin shows of the record, read-only; here what is sold, void and asked for.

Nothing is ever deleted, not by superusers either. Nobody on the staff sees a validation code
before its winner has shown it: it is what a winner has to show.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.finding import named_in_full
from accounts.models import User
from accounts.paging import FirstOnes
from raffle.admin.acts import Page, tools
from raffle.admin.figures import Figures
from raffle.admin.filters import RaffleFilter, VoidFilter
from raffle.admin.organising import AskForVoid, VoidTicket
from raffle.models import Proposal, Purchase, Raffle, Ticket, Void

# A filter would give these away letter by letter: the key behind the pseudonyms, the codes, and
# what the first one read from the drum, which the second one must not know.
SECRET = {"pseudonym_key", "code", "numbers", "password"}
FEW = 1000  # people


class StaffAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """No deleting, no guessing, and the acts that make sense as buttons at the top of a page."""

    acts: tuple[type[Page], ...] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(  # type: ignore[override]
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        return SECRET.isdisjoint(lookup.split("__")) and super().lookup_allowed(
            lookup, value, request
        )

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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if self.acts and context["original"]:
            user, subject = cast(User, request.user), context["original"]
            raffle_id = subject.pk if isinstance(subject, Raffle) else subject.raffle_id
            # Read again: a refused form has left what was typed in the object.
            figures = Figures(Raffle.objects.as_it_stands().get(pk=raffle_id))
            context |= self.about(user, subject, figures)
        return super().render_change_form(request, context, *args, **kwargs)

    def about(self, user: User, subject: Model, figures: Figures) -> dict[str, Any]:
        """What the page of `subject` shows beside its fields."""
        return {"tools": tools(user, self.acts, subject, figures)}


class RecordAdmin(StaffAdmin):
    """Something that is only ever added, and not here. A raffle may have a million of them."""

    paginator = FirstOnes
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
        return Q(**{f"{self.buyer}__in": people(term)})


class OfATicketAdmin(RecordAdmin):
    """Something that happened to a ticket."""

    number, buyer = "ticket__number", "ticket__buyer"
    search_fields = ("ticket__number", "ticket__buyer__email")
    search_help_text = _("A ticket number, or part of a buyer’s e-mail.")


@admin.register(Ticket)
class TicketAdmin(RecordAdmin):
    acts = (AskForVoid, VoidTicket)
    list_display = ("number", "raffle", "buyer", "state")
    list_select_related = ("raffle", "buyer", "void")
    list_filter = (VoidFilter, RaffleFilter)
    search_fields = ("number", "buyer__email")
    search_help_text = _(
        "A ticket number, or part of a buyer’s e-mail. A validation code has no place in the "
        "address of a page: look for it on the raffle’s page, with “Find a ticket”."
    )
    ordering = ("-raffle_id", "-number")
    buyer = "purchase__buyer"  # an index holds the purchases of a person
    fields = ("raffle", "number", "state", "reason", "buyer", "slot", "purchase")

    @admin.display(description=_("state"))
    def state(self, ticket: Ticket) -> str:
        return str(_("void") if ticket.is_void else _("valid"))

    @admin.display(description=_("reason of the void"), empty_value="–")
    def reason(self, ticket: Ticket) -> str | None:
        if hasattr(ticket, "void"):
            return ticket.void.reason
        return str(_("The raffle was cancelled.")) if ticket.is_void else None

    def about(self, user: User, subject: Model, figures: Figures) -> dict[str, Any]:
        void = VoidTicket.on(user, subject, figures)
        waits = void.asked if not hasattr(subject, "void") and not figures.is_closed else None
        return super().about(user, subject, figures) | {"asked": waits}


@admin.register(Purchase)
class PurchaseAdmin(RecordAdmin):
    list_display = ("purchased_at", "raffle", "buyer", "quantity", "ticket_numbers", "unit_price")
    list_select_related = ("raffle", "buyer")
    list_filter = (RaffleFilter,)
    search_fields = ("id", "first_number", "buyer__email")
    search_help_text = _("A ticket number, a whole purchase id, or part of a buyer’s e-mail.")
    ordering = ("-raffle_id", "-ledger_seq")
    fields = (
        "id", "raffle", "buyer", "quantity", "ticket_numbers", "unit_price", "purchased_at",
        "ledger_seq", "key",
    )  # fmt: skip

    @admin.display(description=_("tickets"))
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
class VoidAdmin(OfATicketAdmin):
    list_display = ("ticket", "raffle", "reason", "voided_by", "confirmed_by", "voided_at")
    list_select_related = ("ticket", "raffle", "voided_by", "confirmed_by")
    list_filter = (RaffleFilter,)
    date_hierarchy = "voided_at"
    ordering = ("-voided_at",)
    fields = (
        "ticket", "raffle", "reason", "voided_by", "confirmed_by", "voided_at", "ledger_seq",
    )  # fmt: skip


@admin.register(Proposal)
class ProposalAdmin(OfATicketAdmin):
    """Never with the numbers: who confirms them reads them from the drum."""

    list_display = ("proposed_at", "raffle", "act", "ticket", "reason", "proposed_by")
    list_select_related = ("raffle", "ticket", "proposed_by")
    list_filter = ("act", RaffleFilter)
    date_hierarchy = "proposed_at"
    ordering = ("-proposed_at",)
    fields = (
        "raffle", "act", "ticket", "reason", "proposed_by", "proposed_at", "ledger_seq",
    )  # fmt: skip


def people(term: str) -> Any:
    """Whose e-mail address is this, without a look at all the others; or has this in it. Those who
    are few are told apart here, so that the planner knows it.
    """
    if (found := named_in_full(term)) is not None:
        return found
    named = User.objects.filter(email__icontains=term)
    some = list(named.values_list("pk", flat=True)[: FEW + 1])
    return some if len(some) <= FEW else named.values("pk")


def is_hex(term: str, digits: int) -> bool:
    return len(term) == digits and set(term.lower()) <= set("0123456789abcdef")
