"""Somebody with a password and an authenticator app, at a browser."""

from __future__ import annotations

import time

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User

PASSWORD = "correct horse battery staple"


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def with_app(user: User) -> str:
    """Sets up a second factor and returns its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def secret_of(user: User) -> str:
    return str(Authenticator.objects.get(user=user, type="totp").data["secret"])


def recovery_code(user: User) -> str:
    codes = Authenticator.objects.get(user=user, type="recovery_codes").wrap()
    return str(codes.get_unused_codes()[0])


def code(secret: str) -> str:
    """What the app shows now."""
    shown: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return shown


def sign_in(user: User, *, factor: str = "") -> Client:
    """By password, and with `factor` as the code that is asked for next."""
    cache.clear()  # all tests come from one address, and the throttle would stop them
    client = Client()
    said = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert said.status_code == 302, said.text
    if factor:
        said = client.post(reverse("mfa_authenticate"), {"code": factor})
        assert said.status_code == 302, said.text
    return client
