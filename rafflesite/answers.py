"""An answer of the site as a value, for those who stand around it and ask it themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rafflesite.naming import HEADER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

# What an answer depends on beside its path: Django looks at these before it lets anybody in.
ASKED_AS = ("HTTP_HOST", "wsgi.url_scheme", "HTTP_X_FORWARDED_PROTO")
# What tells visitors apart, or asks for less than the whole answer.
PERSONAL = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, but for the name of the request that it answered."""

    status: str
    headers: Headers
    body: bytes

    @property
    def told(self) -> dict[str, str]:
        """The headers by their names in small letters."""
        return {header.lower(): value for header, value in self.headers}


def ask_as_nobody(site: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """What `site` answers to the same request of a visitor whom it does not know."""
    told: list[tuple[str, Headers]] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
        told.append((status, headers))

    asked = {name: value for name, value in environ.items() if name not in PERSONAL}
    parts = site(asked, start_response)
    try:
        body = b"".join(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    status, headers = told[-1]
    return Answer(status, [header for header in headers if header[0] != HEADER], body)
