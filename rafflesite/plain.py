"""Plain requests: the few kinds of bytes of which it is clear at a glance what they ask for.

Not a parser of HTTP, which gunicorn has. What is not one whole request, with nothing behind it and
with no header but those that are known here, each said once, is not plain: this says so, and leaves
it to gunicorn.
"""

from __future__ import annotations

import io
import re
from typing import Any

# Each byte fits in one way only: with two, bytes that do not fit would be tried in 2^50 ways.
_REQUEST = re.compile(
    rb"(GET|POST) (/[-/\w]{1,500}) HTTP/1\.1\r\n"
    rb"((?:[-A-Za-z]{1,50}:[ -~]{0,2000}\r\n){1,50})\r\n(.{0,200})",
    re.DOTALL,
)
_TELLING = {
    b"GET": {"host", "if-none-match"},
    # All that a sale looks at; the last three are what a proxy says.
    b"POST": {
        "host", "cookie", "content-type", "content-length", "idempotency-key", "x-csrftoken",
        "origin", "referer", "accept-language",
        "x-forwarded-for", "x-forwarded-proto", "x-request-id",
    },
}  # fmt: skip
# What a browser says of itself, which changes no answer to these two.
_IDLE = re.compile(
    r"(?:user-agent|accept|accept-encoding|accept-language|cookie|referer|cache-control|pragma|dnt"
    r"|priority|sec-[-a-z]+)"
).fullmatch


def read(head: bytes) -> dict[str, Any] | None:
    """The WSGI environment of `head`, but for who asks, if it is one whole plain request."""
    match = _REQUEST.fullmatch(head)
    if match is None:
        return None
    method, path, lines, body = match.groups()
    telling, said = _TELLING[method], dict[str, str]()
    for line in lines.decode("ascii").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" ")
        if name in telling:
            if name in said:
                return None
            said[name] = value
        elif not (_IDLE(name) or (name == "connection" and value.lower() == "keep-alive")):
            return None
    if "host" not in said or said.pop("content-length", "0") != str(len(body)):
        return None
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method.decode("ascii"),
        "PATH_INFO": path.decode("ascii"),
        "QUERY_STRING": "",
        # As gunicorn has it from a proxy that it trusts; whom to trust in this is Django's matter.
        "wsgi.url_scheme": "https" if said.get("x-forwarded-proto") == "https" else "http",
    }
    if method == b"POST":
        environ["CONTENT_TYPE"] = said.pop("content-type", "")
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
    for name, value in said.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
