"""How the API says no: one kind of JSON for every refusal and every bad request (RFC 9457)."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from django.utils.encoding import escape_uri_path
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from raffle.errors import Busy, Refusal

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 10  # so that a body full of nonsense cannot ask for an answer as long as itself

logger = logging.getLogger("raffle.api")


class Fault(BaseModel):
    """One thing that is wrong with a request, and where it is."""

    part: str
    name: str
    detail: str


class Problem(BaseModel):
    """Why there is nothing better to give. Decide by `code`; show `title` and `detail`."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    key: str | SkipJsonSchema[None] = None  # of a purchase: for asking again
    errors: list[Fault] | SkipJsonSchema[None] = None


# --- What can be wrong with a request before any rule of the raffle is asked ----------------------


class BadCall(Refusal):
    """A request that never came as far as the rules."""

    sentence = ""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.sentence)


class Malformed(BadCall):
    code = "malformed"
    status = 400
    title = "Not readable."
    sentence = "The body must be one JSON object in UTF-8."


class SignIn(BadCall):
    code = "sign_in"
    status = 401
    title = "Sign in first."
    sentence = "This is for people who are signed in."


class CsrfFailed(BadCall):
    code = "csrf"
    status = 403
    title = "The CSRF token is missing or wrong."
    sentence = "Send the value of the CSRF cookie in the header X-CSRFToken too."


class Forbidden(BadCall):
    code = "forbidden"
    status = 403
    title = "Not allowed."
    sentence = "Only staff with the permission for it may do this."


class SecondFactor(BadCall):
    code = "second_factor"
    status = 403
    title = "The second factor is missing."
    sentence = "Staff sign in with their second factor first, in the same session."


class NotFound(BadCall):
    code = "not_found"
    status = 404
    title = "Not found."
    sentence = "There is nothing at this address."


class MethodNotAllowed(BadCall):
    code = "method_not_allowed"
    status = 405
    title = "Wrong method."
    sentence = "This address does not know that method; the header Allow says which it knows."


class TooLarge(BadCall):
    code = "too_large"
    status = 413
    title = "Too large."
    sentence = "The body is larger than any request needs to be."


class NotJson(BadCall):
    code = "not_json"
    status = 415
    title = "Not JSON."
    sentence = "Send the body as application/json."


class Invalid(BadCall):
    code = "invalid"
    status = 422
    title = "Not valid."
    sentence = "Something is missing, unknown, of the wrong type or out of range; see errors."

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults


class DatabaseAway(Busy):
    """Asking twice does no harm: a purchase has its key, a close and a draw happen once."""

    def __init__(self) -> None:
        Refusal.__init__(self, "The database does not answer at the moment. Ask again.")


# --- From exceptions to answers -------------------------------------------------------------------


def problem(request: HttpRequest, refusal: Refusal, **more: Any) -> HttpResponse:
    """`refusal` as an answer; `more` are further members, such as the idempotency key."""
    body = as_json(request, refusal, **more)
    response = HttpResponse(body, status=refusal.status, content_type=MEDIA_TYPE)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == SignIn.status:
        response.headers["WWW-Authenticate"] = 'Cookie realm="raffle"'
    return response


def as_json(request: HttpRequest, refusal: Refusal, **more: Any) -> bytes:
    if isinstance(refusal, Invalid):
        more["errors"] = [fault.model_dump() for fault in refusal.faults]
    body = {
        "type": f"/api/problems/{refusal.code}",
        "title": str(refusal.title),
        "status": refusal.status,
        "detail": str(refusal.detail),
        "code": refusal.code,
        "instance": escape_uri_path(request.path),
    }
    return json.dumps(body | more).encode()


def as_refusal(error: Exception) -> Refusal | None:
    """The refusal that `error` amounts to; None if it is a bug of ours."""
    refusal: Refusal | None = None
    match error:
        case Refusal():
            refusal = error
        case HttpError(__cause__=Refusal() as cause):  # ninja wraps what its parser raises
            refusal = cause
        case ValidationError():
            refusal = Invalid([_fault(**wrong) for wrong in error.errors[:MOST_FAULTS]])
        case Http404():
            refusal = NotFound()
        case RequestDataTooBig():
            refusal = TooLarge()
        case OperationalError() | InterfaceError() | InternalError():
            logger.warning("The database is away: %s", error)
            refusal = DatabaseAway()
        case RawPostDataException() | MultiPartParserError():  # Django has met a form in the body
            refusal = NotJson()
        case HttpError() | SuspiciousOperation() | UnreadablePostError():
            refusal = Malformed()
    return refusal


def _fault(*, loc: tuple[str | int, ...], msg: str, **_: Any) -> Fault:
    """`loc` is ("header", name), or ("body", ninja's name for the body, member, …)."""
    part, *path = loc
    inner = path[1:] if part == "body" else path
    return Fault(part=str(part), name=".".join(map(str, inner)), detail=msg)


def kinds() -> dict[str, type[Refusal]]:
    """Every refusal by its code."""
    found: dict[str, type[Refusal]] = {}
    waiting = [Refusal]
    while waiting:
        family = waiting.pop().__subclasses__()
        found |= {kind.code: kind for kind in family if kind is not BadCall}
        waiting += family
    return found
