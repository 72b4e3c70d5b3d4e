"""The second factor of staff: until it was shown in this session, an account has no powers.

`is_missing` is asked once a request, where its user is looked up (accounts/middleware.py); from
then on every permission is refused (accounts/models.py), whatever page or route asks for it.
"""

from __future__ import annotations

from allauth.account.internal.flows.login import (
    get_authentication_records,
    record_authentication,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import SignIn, User

APP = [Authenticator.Type.TOTP]  # recovery codes stand in for it, and are never there without it


def is_missing(request: HttpRequest, user: User) -> bool:
    """Whether `user` is staff who have no second factor, or have not shown it in this session."""
    if not settings.STAFF_SECOND_FACTOR or not (user.is_staff or user.is_superuser):
        return False
    records = get_authentication_records(request, user)
    shown = any(record.get("method") == "mfa" for record in records)
    return not (shown and is_mfa_enabled(user, APP))


def ask(request: HttpRequest) -> HttpResponseRedirect:
    """To where staff show their second factor, or set it up; then on to where they were going."""
    going = request.GET.get("next") or request.get_full_path()
    allowed = url_has_allowed_host_and_scheme(going, {request.get_host()}, request.is_secure())
    if not allowed or request.method != "GET":
        going = resolve_url("admin:index")
    if is_mfa_enabled(request.user, APP):
        page = "mfa_reauthenticate"
    else:
        page = "mfa_activate_totp"
        messages.info(request, _("Staff need a second factor: set it up, then you can go on."))
    return HttpResponseRedirect(f"{resolve_url(page)}?{urlencode({'next': going})}")


def guard(site: AdminSite) -> None:
    """Lets nobody into `site` without a second factor, and leads staff to it instead."""
    may_enter, sign_in = site.has_permission, site.login

    def has_permission(request: HttpRequest) -> bool:
        return not _halfway(request) and may_enter(request)

    def login(request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        return ask(request) if _halfway(request) else sign_in(request, extra_context)

    site.has_permission = has_permission  # type: ignore[method-assign]
    site.login = login  # type: ignore[method-assign]


def _halfway(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.lacks_second_factor


def was_set_up(request: HttpRequest, user: User, authenticator: Authenticator, **_: object) -> None:
    """Setting it up takes a code of the app, so that it need not be asked for again."""
    if authenticator.type in APP:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


@transaction.atomic
def reset(user: User) -> bool:
    """Takes the second factor of `user` away, ends their sessions and notes it; whether there
    was one.
    """
    _count, taken = Authenticator.objects.filter(user=user).delete()
    SignIn.objects.create(user=user, kind=SignIn.Kind.RESET)
    sessions.end_all(user)
    return bool(taken)
