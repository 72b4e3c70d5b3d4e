"""The staff's desk: raffles are created and changed here, everything else is only looked at
(records.py). What changes a raffle's course (open, close, draw, void) is in staff.py.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db import IntegrityError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import User
from raffle import organising
from raffle.admin import staff
from raffle.admin.forms import RaffleForm
from raffle.admin.records import StaffAdmin
from raffle.errors import Refusal
from raffle.models import Raffle

admin.site.site_header = "Raffle administration"
admin.site.site_title = "Raffle administration"
admin.site.index_title = "What would you like to do?"

MEANWHILE = (
    "Somebody changed this at the same moment, so nothing was saved. Check it and try again."
)


@admin.register(Raffle)
class RaffleAdmin(StaffAdmin):
    acts = staff.RAFFLE_ACTS
    form = RaffleForm
    list_display = (
        "name", "status", "sold", "tickets", "remaining", "winner", "opens_at", "closes_at",
    )  # fmt: skip
    list_filter = ("status", "opens_at", "closes_at")
    search_fields = ("name", "slug", "organiser", "prize", "uuid")
    ordering = ("-pk",)
    list_per_page = 50
    save_on_top = False
    fieldsets = (
        (None, {"fields": ("name", "slug", "organiser", "prize", "description", "rules")}),
        ("Tickets", {"fields": ("capacity", "limit", "price", "currency")}),
        ("Sales", {"fields": ("opens_at", "closes_at")}),
    )
    identity = ("Identity", {"fields": ("uuid",)})

    @admin.display(ordering="sold")
    def sold(self, raffle: Raffle) -> int:
        return raffle.sold

    @admin.display(ordering="capacity", description="of")
    def tickets(self, raffle: Raffle) -> int:
        return raffle.capacity

    @admin.display
    def remaining(self, raffle: Raffle) -> int:
        return raffle.remaining

    @admin.display(empty_value="")
    def winner(self, raffle: Raffle) -> str | None:
        return f"ticket {raffle.draw.ticket.number}" if hasattr(raffle, "draw") else None

    def lookup_allowed(  # type: ignore[override]
        self, lookup: str, value: str, request: HttpRequest
    ) -> bool:
        """The key behind the pseudonyms must not be guessed letter by letter with a filter."""
        return "pseudonym_key" not in lookup and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Raffle]:
        return Raffle.objects.as_it_stands().select_related("draw__ticket")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return (*fieldsets, self.identity) if obj else fieldsets

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The terms are frozen from the first sale on. But what was sent is kept as a field, so
        that a form loaded before that sale gets its refusal, and nobody loses what they typed.
        """
        frozen: tuple[str, ...] = ()
        if obj and obj.sold:
            sent = {key.removesuffix("_0") for key in request.POST}  # a date and a time: _0, _1
            frozen = tuple(name for name in Raffle.TERMS if name not in sent)
        return ("uuid", *frozen)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A closed raffle is shown without fields; a late form is still read, and refused."""
        closed = obj is not None and obj.status == Raffle.Status.CLOSED
        late = request.method == "POST"
        return super().has_change_permission(request, obj) and (not closed or late)

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        return None if obj is None or obj.status == Raffle.Status.DRAFT else obj.get_absolute_url()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "refused", "")
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A refusal on saving rolls everything back and shows the form again with its sentence."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            sentence, status = refusal.detail, refusal.status
        except IntegrityError:
            sentence, status = MEANWHILE, 409
        request.refused = sentence  # type: ignore[attr-defined]
        response = super().changeform_view(request, *args, **kwargs)
        response.status_code = status
        return response

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        user = cast(User, request.user)
        save = organising.change_raffle if change else organising.create_raffle
        save(obj, by=user)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if context["object_id"]:
            # Read again: a refused form has left what was typed in the object.
            raffle = self.get_queryset(request).get(pk=context["original"].pk)
            user = cast(User, request.user)
            context |= {
                "tools": staff.tools(user, raffle),
                "lists": self._lists(user, raffle),
                "figures": staff.figures(raffle),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _lists(self, user: User, raffle: Raffle) -> list[tuple[str, str]]:
        lists = (("ticket", "Tickets"), ("purchase", "Purchases"), ("ledgerentry", "Ledger"))
        return [
            (f"{reverse(f'admin:raffle_{model}_changelist')}?raffle__id__exact={raffle.pk}", label)
            for model, label in lists
            if user.has_perm(f"raffle.view_{model}")
        ]
