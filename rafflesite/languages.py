"""The language of the pages: the reader's choice (a cookie), else what the browser asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog


class ReadersLanguage(LocaleMiddleware):
    """Django's own, which calls every answer another one in every language: only pages are."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response


@require_safe
def choose(request: HttpRequest, language: str) -> HttpResponse:
    """Remember `language` for a year and go back to where the reader was.

    A link, no form: choosing a language harms nobody, and so public pages need no CSRF cookie.
    """
    if language not in dict(settings.LANGUAGES):
        raise Http404
    back = request.GET.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


@method_decorator(cache_control(public=True, max_age=300), name="dispatch")
class Words(JavaScriptCatalog):
    """What the site's own modules say, in one language."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if kwargs["language"] not in dict(settings.LANGUAGES):
            raise Http404
        with translation.override(kwargs["language"]):
            return super().get(request, *args, **kwargs)

    def get_paths(self, packages: Sequence[str]) -> list[str]:
        return [str(path) for path in settings.LOCALE_PATHS]
