"""What django-ninja must be told: who may come in, what JSON is, that errors are problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLPattern, URLResolver, re_path
from django.utils.cache import get_conditional_response, set_response_etag
from ninja import NinjaAPI
from ninja.parser import Parser

from accounts.models import User
from raffle.api.problems import (
    MEDIA_TYPE,
    CsrfFailed,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    NotJson,
    Problem,
    SecondFactor,
    SignIn,
    as_refusal,
    problem,
)
from raffle.errors import Busy

View = Callable[..., HttpResponseBase]


class SignedInRequest(HttpRequest):
    user: User


class SignedIn:
    """Lets in whoever is signed in, and holds `permission` as staff if one is named.

    What changes something needs the CSRF token too, so that no other site can press our buttons.
    """

    openapi_security_schema: ClassVar[dict[str, str]] = {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.SESSION_COOKIE_NAME,
    }

    def __init__(self, permission: str = "") -> None:
        self.permission = permission

    def __call__(self, request: HttpRequest) -> User:
        user = request.user
        if not user.is_authenticated:
            raise SignIn
        if wrong := _csrf.process_view(request, _nothing_here, (), {}):
            raise CsrfFailed(str(wrong))
        if self.permission and user.lacks_second_factor:
            raise SecondFactor
        if self.permission and not (user.is_staff and user.has_perm(self.permission)):
            raise Forbidden
        return user


class _Csrf(CsrfViewMiddleware):
    """Django's check, which leaves it to us to say no. Its process_request() has run already."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def passes_csrf(request: HttpRequest) -> bool:
    """Whether Django's check has nothing against `request`, which no middleware has seen yet."""
    _csrf.process_request(request)
    return _csrf.process_view(request, _nothing_here, (), {}) is None


class Json(Parser):
    """JSON and nothing else: UTF-8, no NaN, and said to be JSON."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise NotJson
        return _decoder.decode(request.body.decode())


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_no_such_number)


class Api(NinjaAPI):
    """An API in which every error is a problem, and its description says so."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        refusal = as_refusal(exc)
        if refusal is None:
            raise exc
        return problem(request, refusal)

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        urls: list[Any] = super()._get_urls()
        for url in urls:
            url.callback = _with_problems(url.callback)
        return [*urls, re_path("", _with_problems(_nothing_here))]

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        schema = super().get_openapi_schema(**kwargs)
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                _describe(method, operation)
        schema["components"]["securitySchemes"]["CsrfToken"] = {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRFToken",
            "description": f"The value of the cookie {settings.CSRF_COOKIE_NAME}.",
        }
        return schema


def _describe(method: str, operation: dict[str, Any]) -> None:
    """What ninja's description leaves out: the media type of problems, Retry-After, CSRF."""
    for status, answer in operation["responses"].items():
        if status >= 400:
            answer["content"] = {MEDIA_TYPE: answer["content"].pop("application/json")}
        if status in {202, Busy.status}:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    if method == "post":
        operation["security"] = [need | {"CsrfToken": []} for need in operation["security"]]


def problems(*statuses: int) -> dict[int, type[Problem]]:
    """The errors that an operation may answer with, for its description."""
    return dict.fromkeys(statuses, Problem)


def _with_problems(view: View) -> View:
    """`view`, with problems where Django would show a page, and nothing kept in any cache."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = problem(request, NotFound())
        if isinstance(response, HttpResponseNotAllowed):
            allow = response.headers["Allow"]
            response = problem(request, MethodNotAllowed())
            response.headers["Allow"] = allow
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    answer.csrf_exempt = True  # type: ignore[attr-defined]  # SignedIn looks at it
    return answer


def _nothing_here(request: HttpRequest) -> NoReturn:
    raise Http404


_csrf = _Csrf(_nothing_here)


def publicly(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Cacheable by anyone for a second, and 304 for those who have it already."""

    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = run(request, **kwargs)
        if response.status_code != 200:
            return response
        response.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=2"
        etag = set_response_etag(response).headers["ETag"]
        return get_conditional_response(request, etag=etag, response=response) or response

    return answer
