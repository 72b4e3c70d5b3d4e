"""The staff's desk: raffles are created and changed here, everything else is only looked at
(records.py, results.py, events.py). What changes a raffle's course has pages of its own (acts.py).
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle import organising
from raffle.admin.awarding import Claims
from raffle.admin.checking import CheckRecord
from raffle.admin.closing import CancelRaffle, CloseRaffle, ConfirmFigures
from raffle.admin.drawing import AskForDraw, DrawWinner
from raffle.admin.figures import Figures
from raffle.admin.finding import FindTickets
from raffle.admin.importing import ImportPrizes
from raffle.admin.organising import OpenRaffle
from raffle.admin.picture import ChangePicture
from raffle.admin.previewing import Preview
from raffle.admin.records import StaffAdmin
from raffle.admin.steps import steps
from raffle.admin.terms import FIELDSETS, RaffleForm, spelled
from raffle.errors import Refusal
from raffle.models import Raffle

admin.site.site_header = admin.site.site_title = _("Raffle administration")
admin.site.index_title = _("What would you like to do?")

MEANWHILE = _(
    "Somebody changed this at the same moment, so nothing was saved. Check it and try again."
)
SAME_AS_LAST_TIME = ("organiser", "contact", "currency", "rules")
BOXES = {"one_prize_each", "two_people"}  # a browser does not send a box that is not ticked


@admin.register(Raffle)
class RaffleAdmin(StaffAdmin):
    acts = (
        ImportPrizes, ChangePicture, Preview, OpenRaffle, CloseRaffle, ConfirmFigures,
        AskForDraw, DrawWinner, Claims, FindTickets, CheckRecord, CancelRaffle,
    )  # fmt: skip
    form = RaffleForm
    list_display = (
        "name", "status", "sold", "tickets", "remaining", "winner", "opens_at", "closes_at",
    )  # fmt: skip
    list_filter = ("status", "method", "opens_at", "closes_at")
    search_fields = ("name", "slug", "organiser", "prizes", "licence", "uuid")
    ordering = ("-pk",)
    list_per_page = 50
    save_on_top = False
    fieldsets = FIELDSETS
    identity = (_("Identity"), {"fields": ("uuid",)})

    @admin.display(ordering="sold", description=_("sold"))
    def sold(self, raffle: Raffle) -> int:
        return raffle.sold

    @admin.display(ordering="capacity", description=_("of"))
    def tickets(self, raffle: Raffle) -> int:
        return raffle.capacity

    @admin.display(description=_("remaining"))
    def remaining(self, raffle: Raffle) -> int:
        return raffle.remaining

    @admin.display(empty_value="", description=_("winner"))
    def winner(self, raffle: Raffle) -> str | None:
        if not hasattr(raffle, "draw"):
            return None
        return str(_("ticket %(number)d")) % {"number": raffle.draw.ticket.number}

    @admin.display(description=_("prizes"))
    def all_prizes(self, raffle: Raffle) -> str:
        return spelled(raffle.prizes)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Raffle]:
        return Raffle.objects.as_it_stands().select_related("draw__ticket")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where the prizes are no field they are a list to read."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        if "prizes" in self.get_readonly_fields(request, obj) or not self.has_change_permission(
            request, obj
        ):
            fieldsets = [(title, {"fields": _listed(told["fields"])}) for title, told in fieldsets]
        return (*fieldsets, self.identity)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What is likely the same as the last time."""
        last = Raffle.objects.order_by("-pk").values(*SAME_AS_LAST_TIME).first()
        return (last or {}) | super().get_changeform_initial_data(request)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Stays with the draft, where its picture, the preview and the opening are."""
        if not self.has_view_or_change_permission(request, obj):
            return super().response_post_save_add(request, obj)
        return redirect("admin:raffle_raffle_change", obj.pk)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The terms are frozen from the first sale on. But what was sent is kept as a field, so
        that a form loaded before that sale gets its refusal, and nobody loses what they typed.
        """
        frozen: tuple[str, ...] = ()
        if obj and obj.sold:
            sent = {key.removesuffix("_0") for key in request.POST}  # a date and a time: _0, _1
            if not sent.isdisjoint(Raffle.TERMS):
                sent |= BOXES
            frozen = tuple(name for name in Raffle.TERMS if name not in sent)
        return ("uuid", "all_prizes", *frozen)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A closed raffle is shown without fields; a late form is still read, and refused."""
        over = obj is not None and obj.status in (Raffle.Status.CLOSED, Raffle.Status.CANCELLED)
        late = request.method == "POST"
        return super().has_change_permission(request, obj) and (not over or late)

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
            sentence, status = str(MEANWHILE), 409
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

    def about(self, user: User, subject: Model, figures: Figures) -> dict[str, Any]:
        return super().about(user, figures.raffle, figures) | {
            "figures": figures,
            "steps": steps(user, figures),
            "lists": _lists(user, figures.raffle),
        }


def _listed(fields: Any) -> tuple[str, ...]:
    return tuple("all_prizes" if name == "prizes" else name for name in fields)


def _lists(user: User, raffle: Raffle) -> list[tuple[str, str]]:
    """Where to read more of this raffle."""
    records = (
        ("ticket", _("Tickets")),
        ("purchase", _("Purchases")),
        ("ledgerentry", _("Ledger")),
    )
    lists = [
        (f"{reverse(f'admin:raffle_{model}_changelist')}?raffle__id__exact={raffle.pk}", str(label))
        for model, label in records
        if user.has_perm(f"raffle.view_{model}")
    ]
    if user.has_perm("raffle.read_reports"):
        lists.append((reverse("reports:index", args=[raffle.slug]), str(_("Reports"))))
    return lists
