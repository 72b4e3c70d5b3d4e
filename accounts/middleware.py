"""Who is asking, looked up once a request and only where somebody wants to know."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts import preferences, second_factor
from accounts.models import User


class WhoIsAsking(AuthenticationMiddleware):
    """`request.user`, who has no powers as long as their second factor is missing.

    From when they are known, the request speaks their language, in their time zone.
    """

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()  # whatever this thread's last request has left
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user(request))  # type: ignore[assignment]

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """A page's first words need to know already; the API and files are asked by too many."""
        is_page = request.path.endswith("/") and not request.path.startswith("/api/")
        if is_page and settings.SESSION_COOKIE_NAME in request.COOKIES:
            bool(request.user.is_authenticated)


def _user(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if isinstance(user, User):
        user.lacks_second_factor = second_factor.is_missing(request, user)
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) in dict(settings.LANGUAGES)
        preferences.activate(user, chosen_here=chosen)
    return user
