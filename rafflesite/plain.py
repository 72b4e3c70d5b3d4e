"""Plain requests: the few kinds of bytes of which it is clear at a glance what they ask for.

Not a parser of HTTP, which gunicorn has. What is not one whole GET, with nothing behind it and with
no header but those that are known here to change nothing or one thing, is not plain: this says so,
and leaves it to gunicorn.
"""

from __future__ import annotations

import re
from typing import Any

_GET = re.compile(
    rb"GET (/[-/\w]{1,500}) HTTP/1\.1\r\n((?:[-A-Za-z]{1,50}: ?[ -~]{0,2000}\r\n){1,50})\r\n"
)
# What a browser says of itself, which changes no answer that is the same for everybody.
_IDLE = re.compile(
    rb"(?:user-agent|accept|accept-encoding|accept-language|cookie|referer|cache-control|pragma|dnt"
    rb"|priority|sec-[-a-z]+)"
).fullmatch
_TELLING = {b"host": "HTTP_HOST", b"if-none-match": "HTTP_IF_NONE_MATCH"}


def read(head: bytes) -> dict[str, Any] | None:
    """The WSGI environment of `head`, but for who asks, if it is one whole plain request."""
    match = _GET.fullmatch(head)
    if match is None:
        return None
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": match[1].decode("ascii"),
        "QUERY_STRING": "",
        "wsgi.url_scheme": "http",
    }
    for line in match[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip()
        if name in _TELLING:
            if environ.setdefault(_TELLING[name], value.decode("ascii")) != value.decode("ascii"):
                return None  # said twice, and differently
        elif not (_IDLE(name) or (name == b"connection" and value.lower() == b"keep-alive")):
            return None
    return environ if "HTTP_HOST" in environ else None
