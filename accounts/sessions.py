"""Where people are signed in. What a session says is encoded, so each has to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from accounts.models import User

NOWHERE = "0.0.0.0"  # noqa: S104 - an address that nobody has


def end_all(user: User) -> None:
    """Signs `user` out everywhere."""
    end_where(lambda says: says.get(SESSION_KEY) == str(user.pk))
    UserSession.objects.filter(user=user).delete()


def end_where(is_meant: Callable[[dict[str, Any]], bool]) -> None:
    found = [each.pk for each in Session.objects.iterator() if is_meant(each.get_decoded())]
    Session.objects.filter(pk__in=found).delete()


def forget_address(instance: UserSession, **_: Any) -> None:
    """The list of a buyer's sessions tells browsers apart without keeping from where they came."""
    if not instance.user.is_staff:
        instance.ip = NOWHERE
