"""Lock the raffle, COUNT, insert, COMMIT: one purchase after the other, and every refusal as well.

Correct, and on the same tables under the same constraints and triggers; behind the same sign-in,
CSRF check and middleware. It refuses nothing before the lock, combines nothing and caches nothing.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import User
from raffle import ledger
from raffle.models import LedgerEntry, Purchase, Raffle, Ticket
from rafflesite.urls import urlpatterns as of_the_site


@require_POST
def purchase(request: HttpRequest, slug: str) -> HttpResponse:
    if not isinstance(request.user, User):
        return JsonResponse({"code": "not_signed_in"}, status=401)
    code, numbers = buy(slug, request.user, request.headers["Idempotency-Key"])
    if code:
        return JsonResponse({"code": code}, status=409)
    return JsonResponse({"success": True, "tickets": numbers})


@transaction.atomic
def buy(slug: str, buyer: User, key: str) -> tuple[str, list[int]]:
    """Why not, or the ticket's number."""
    raffle = get_object_or_404(Raffle.objects.select_for_update(no_key=True), slug=slug)
    if made := Purchase.objects.filter(raffle=raffle, buyer=buyer, key=key).first():
        return "", list(made.numbers)
    now = timezone.now()
    sold = raffle.tickets.count()
    held = raffle.tickets.filter(buyer=buyer).count()
    if not raffle.is_selling(now):
        return "closed", []
    if sold >= raffle.capacity:
        return "sold_out", []
    if held >= raffle.limit:
        return "limit_reached", []
    ticket = Ticket(
        raffle=raffle,
        buyer=buyer,
        number=sold + 1,
        slot=held + 1,
        raffle_capacity=raffle.capacity,
        raffle_limit=raffle.limit,
    )
    leaf = ledger.leaf(raffle.uuid, ticket.number, ticket.code)
    facts = {
        "buyer": raffle.pseudonym(buyer.pk),
        "tickets": [{"number": ticket.number, "leaf": leaf}],
    }
    entry = ledger.entry(LedgerEntry.objects.head(raffle), raffle.uuid, "purchase", now, facts)
    LedgerEntry.objects.add(raffle, [entry], [buyer.pk])
    ticket.purchase = Purchase.objects.create(
        raffle=raffle,
        buyer=buyer,
        key=key,
        quantity=1,
        first_number=ticket.number,
        unit_price=raffle.price,
        ledger_seq=entry.seq,
        purchased_at=now,
    )
    ticket.save(force_insert=True)
    return "", [ticket.number]


urlpatterns = [path("api/raffles/<slug:slug>/purchase", purchase), *of_the_site]
