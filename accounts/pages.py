"""The pages about one's own account that allauth does not have."""

from __future__ import annotations

import json
from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import leaving, own_data
from accounts.models import User
from accounts.preferences import PreferencesForm

A_YEAR = 365 * 24 * 3600  # seconds


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Everything about one's account in one place; saves language and time zone."""
    user = _asking(request)
    form = PreferencesForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(user.language or None):
            messages.success(request, _("Your settings are saved."))
        response = HttpResponseRedirect(reverse("account_page"))
        _remember_language(request, response, user.language)
        return response
    said = {"form": form, "has_second_factor": is_mfa_enabled(user)}
    return render(request, "accounts/account.html", said)


def _remember_language(request: HttpRequest, response: HttpResponse, language: str) -> None:
    """In this browser too, where an earlier choice would count for more than the account's."""
    name = settings.LANGUAGE_COOKIE_NAME
    if not language:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name, language, max_age=A_YEAR, secure=request.is_secure(), httponly=True, samesite="Lax"
    )


@never_cache
@login_required
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """All that is kept about whoever asks, as a file."""
    text = json.dumps(
        own_data.of(_asking(request)), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False
    )
    response = HttpResponse(text, content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-raffle-data.json"'
    return response


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required  # type: ignore[untyped-decorator]
def leave(request: HttpRequest) -> HttpResponse:
    """Deletes the account of whoever asks, once they have typed its address."""
    user = _asking(request)
    refused = leaving.reason_to_stay(user)
    form = leaving.LeaveForm(request.POST or None, user=user)
    if request.method == "POST" and not refused and form.is_valid():
        refused = leaving.leave(user)
        if not refused:
            logout(request)
            done = _("Your account is deleted. Your tickets stay in the record.")
            messages.success(request, done)
            return HttpResponseRedirect(reverse("raffle:list"))
    said = {"form": form, "refused": refused, "has_tickets": user.purchases.exists()}
    status = 409 if request.method == "POST" and refused else 200
    return render(request, "accounts/leave.html", said, status=status)


def _asking(request: HttpRequest) -> User:
    return cast(User, request.user)
