"""The log of sign-ins: who of the staff came, left, or failed to come in, when and from where.

Buyers are not in it: that is nobody's business, and the rush must not wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import login_code_rejected
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
)
from django.contrib.auth import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import SignIn, User

log = logging.getLogger(__name__)


def listen() -> None:
    for signal, receiver in (
        (user_logged_in, came),
        (user_logged_out, left),
        (user_login_failed, failed),
        (login_code_rejected, failed_code),
        (authentication_failed, failed_second_factor),
        (authenticator_added, set_up),
        (authenticator_removed, taken_away),
    ):
        signal.connect(receiver, dispatch_uid=f"sign-in log: {receiver.__name__}")


def came(request: HttpRequest | None, user: User, **_: Any) -> None:
    _note(user, SignIn.Kind.IN, request)


def left(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    _note(user, SignIn.Kind.OUT, request)


def failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """What was typed is kept only if it is the address of staff: the rest may be a password."""
    typed = str(credentials.get("email") or credentials.get("username") or "").lower()
    with _harmless():
        people = User.objects.alias(address=Lower("email"))  # which is what the index holds
        for user in people.filter(address=typed, is_staff=True):
            _note(user, SignIn.Kind.FAILED, request)


def failed_code(request: HttpRequest, user: User, **_: Any) -> None:
    """A wrong code in place of the password."""
    _note(user, SignIn.Kind.FAILED, request)


def failed_second_factor(request: HttpRequest, user: User, **_: Any) -> None:
    """The first one was right: somebody knows the password, or reads the mail."""
    _note(user, SignIn.Kind.FACTOR, request)


def set_up(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        _note(user, SignIn.Kind.SET_UP, request)


def taken_away(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        _note(user, SignIn.Kind.TAKEN, request)


def _note(user: User | None, kind: SignIn.Kind, request: HttpRequest | None) -> None:
    if user is not None and user.is_staff:
        with _harmless():
            SignIn.objects.create(user=user, kind=kind, address=_address(request))


@contextmanager
def _harmless() -> Iterator[None]:
    """Whoever may sign in, signs in: what goes wrong in here is logged, and undone."""
    try:
        with transaction.atomic():
            yield
    except Exception:
        log.exception("A sign-in was not noted")


def _address(request: HttpRequest | None) -> str | None:
    """Where the request came from, as the throttle sees it: behind the trusted proxies."""
    if request is None:
        return None
    try:
        address: str = get_adapter().get_client_ip(request)
    except (ImproperlyConfigured, PermissionDenied):
        return None
    return address
