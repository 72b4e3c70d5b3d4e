"""The way out of reminders: a link in each of them, which works without signing in."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from raffle import reminding


@never_cache
@csrf_exempt  # the token in the address is the authority; mail programs have no cookie (RFC 8058)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks, and changes nothing: mail filters follow links. POST does it."""
    user = reminding.whose(token)
    if user is None:
        raise Http404
    done = ""
    if request.method == "POST":
        done = "allowed" if "again" in request.POST else "stopped"
        (reminding.allow_again if done == "allowed" else reminding.stop)(user)
    return render(request, "raffle/reminders.html", {"done": done})
