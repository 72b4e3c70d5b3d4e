"""The stage: a raffle for a whole room, on a projector. It shows what is published and no more."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from raffle.models import Raffle
from raffle.pages import showing
from raffle.pages.receipts import qr_code

RELOAD_AFTER = 10  # seconds, where there is no JavaScript


@never_cache
@require_safe
def live(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for everybody: whoever is signed in, nothing of theirs is on it."""
    raffle = get_object_or_404(Raffle.objects.public().as_it_stands().pictured(), slug=slug)
    address = request.build_absolute_uri(raffle.get_absolute_url())
    context = {
        "raffle": raffle,
        "page": showing.raffle_page(raffle, AnonymousUser()),
        "address": address.partition("://")[2],
        "code": qr_code(address),
        "reload_after": RELOAD_AFTER,
    }
    return render(request, "raffle/live.html", context)
