"""The buyers' pages: parse, call one function, show."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from raffle import selling
from raffle.errors import Busy, OutcomeUnknown, Refusal
from raffle.models import Raffle
from raffle.pages import lists, showing
from raffle.pages.forms import PurchaseForm

RAFFLES_A_PAGE = 24
TICKETS_A_PAGE = 60
QUANTITY = re.compile("[1-9][0-9]{0,3}")


class SeeOther(HttpResponseRedirect):
    """The answer to a form that did its work: reloading what follows sends nothing again."""

    status_code = HTTPStatus.SEE_OTHER


@never_cache
@require_safe
def list_raffles(request: HttpRequest) -> HttpResponse:
    page = lists.KeysFirst(lists.listed(), RAFFLES_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "raffle/list.html", {"page": page, "groups": lists.grouped(page)})


@never_cache
@require_safe
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    return _raffle_page(request, slug, quantity=_quantity(request.GET))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """POST buys. GET brings whoever has chosen a quantity to where they can, with what they chose:
    by way of signing in, or of signing up.
    """
    page = reverse("raffle:detail", args=[slug])
    if request.method != "POST" or not isinstance(request.user, User):
        chosen = request.POST if request.method == "POST" else request.GET
        back = f"{page}?quantity={_quantity(chosen)}"
        if request.user.is_authenticated:
            return HttpResponseRedirect(back)
        new = "account_signup" if "account" in chosen else None
        return redirect_to_login(back, login_url=new)
    form = PurchaseForm(request.POST)
    if not form.is_valid():
        return _raffle_page(request, slug, HTTPStatus.UNPROCESSABLE_ENTITY, problem=form.sentence())
    try:
        receipt = selling.purchase(slug=slug, buyer=request.user, **form.cleaned_data)
    except Raffle.DoesNotExist:
        raise Http404 from None
    except Refusal as refused:
        return _refused(request, slug, form, refused)
    messages.success(request, _good_news(receipt.purchase.numbers))
    return SeeOther(f"{page}#your-tickets")


@never_cache
@login_required
@require_safe
def tickets(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - for mypy: login_required saw to it
    pages = lists.KeysFirst(lists.tickets_of(request.user), TICKETS_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {"page": page, "holdings": lists.holdings(page)}
    return render(request, "raffle/tickets.html", context)


def _refused(request: HttpRequest, slug: str, form: PurchaseForm, refused: Refusal) -> HttpResponse:
    """The raffle's page with the reason. The key stays where asking again must not buy twice."""
    kept = dict(form.cleaned_data)
    if not isinstance(refused, Busy | OutcomeUnknown):
        del kept["key"]
    response = _raffle_page(request, slug, refused.status, problem=refused.detail, **kept)
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def _raffle_page(
    request: HttpRequest, slug: str, status: int = HTTPStatus.OK, **said: object
) -> HttpResponse:
    raffle = get_object_or_404(Raffle.objects.public().as_it_stands().pictured(), slug=slug)
    page = showing.raffle_page(raffle, request.user)
    context = {"raffle": raffle, "page": page, "key": uuid.uuid4(), "quantity": 1} | said
    context["quantity"] = min(cast(int, context["quantity"]), page.most)
    return render(request, "raffle/detail.html", context, status=status)


def _quantity(chosen: QueryDict) -> int:
    """How many tickets somebody chose before they were asked to sign in; 1 if it makes no sense."""
    told = chosen.get("quantity", "")
    return int(told) if QUANTITY.fullmatch(told) else 1


def _good_news(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return _("Ticket %s is yours. Good luck!") % numbers[0]
    return _("Tickets %(first)s to %(last)s are yours. Good luck!") % {
        "first": numbers[0],
        "last": numbers[-1],
    }
