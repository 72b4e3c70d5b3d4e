"""Who is asking, looked up once a request and only where somebody wants to know."""

from __future__ import annotations

from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import second_factor
from accounts.models import User


class WhoIsAsking(AuthenticationMiddleware):
    """`request.user`, who has no powers as long as their second factor is missing."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user(request))  # type: ignore[assignment]


def _user(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if isinstance(user, User):
        user.lacks_second_factor = second_factor.is_missing(request, user)
    return user
