"""What the site writes down while it serves: one line each, in JSON, with no secret in it.

Pure: Django's settings and gunicorn, which starts before them, both take their logging from here.
Every line that is written while a request is answered has the request's id.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import environ

LONGEST_PATH = 500  # characters; a line of up to 4096 bytes is never mixed with another process's
AWAY = {"OperationalError", "InterfaceError", "InternalError", "PoolTimeout"}

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# Codes, tokens and keys in a path are long and have digits; addresses of raffles may be like that.
_KEY = re.compile(r"(?<!/raffles)/(?=[^/\s]*\d)[\w:=.~+-]{40,}")
_SECRETS = (
    (re.compile(r"^\s*(DETAIL|CONTEXT):.*\n?", re.MULTILINE), ""),  # PostgreSQL: whole rows
    (re.compile(r"://[^/\s@]*@"), "://…@"),
    (re.compile(r"[^\s@<>\"'()=,;:/]+@[^\s@<>\"'()=,;:/]+"), "…@…"),
    (re.compile(r"(/[^\s?\"']*)\?[^\s\"')]*"), r"\1"),  # query strings
    (_KEY, "/…"),
    (re.compile(r"\b(?=\w*\d)[a-z0-9]{32}\b"), "…"),  # validation codes, sessions
)


def form() -> str:
    """json; on a developer's machine short on a terminal, else quiet: no line for each request."""
    env = environ.Env()
    local = env.bool("LOCAL", default=False)
    usual = ("short" if sys.stdout.isatty() else "quiet") if local else "json"
    return str(env.str("LOG_FORMAT", default="") or usual)


def clean(text: str) -> str:
    """`text` without what may identify or let in: addresses, codes, keys, passwords, queries."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def clean_path(path: str) -> str:
    return _KEY.sub("/…", path)[:LONGEST_PATH]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Line(logging.Formatter):
    """A record on one clean line; with the traceback below it, if it has one."""

    def format(self, record: logging.LogRecord) -> str:
        told = f"{now()} {record.levelname} {record.name} [{request_id.get()}]"
        return clean("\n".join([f"{told}: {record.getMessage()}", *self.traceback(record)]))

    def traceback(self, record: logging.LogRecord) -> list[str]:
        """Only the end of it for a database that is away: thousands a second would say the same."""
        if not record.exc_info or not record.exc_info[0]:
            return []
        kind, error, _ = record.exc_info
        if kind.__name__ in AWAY:
            return [f"{kind.__name__}: {error}"]
        return [self.formatException(record.exc_info)]


class JsonLine(Line):
    """A record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        says: dict[str, Any] = {
            "time": now(),
            "level": record.levelname,
            "request": request_id.get(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        for traceback in self.traceback(record):
            says["error"] = clean(traceback)
        return json.dumps(says, ensure_ascii=False)


def config(form: str) -> Mapping[str, Any]:
    """Django's LOGGING, to stderr: on stdout are the served requests, or a command's result."""
    line = JsonLine if form == "json" else Line
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": line}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "raffle": {"level": "INFO"},
            # A refusal is an answer, not an incident: thousands a second would drown what matters.
            # Django's own handlers would write each line again, or mail it with all its settings.
            "django": {"handlers": [], "level": "INFO"},
            "django.request": {"level": "ERROR"},
        },
    }
