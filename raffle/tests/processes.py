"""Other processes that work on the test database, as a second server or an operator would."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def test_database_url() -> str:
    given = connection.settings_dict
    host, name, user, port = (given[part] for part in ("HOST", "NAME", "USER", "PORT"))
    login = quote(user) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    if str(host).startswith("/"):  # a Unix socket's directory
        return f"postgres://{login}@:{port}/{quote(f'{host}/{name}')}"
    return f"postgres://{login}@{host}:{port}/{name}"


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that is to use the test database."""
    return (
        os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "rafflesite.settings",
            "LOCAL": "on",
            "SECRET_KEY": settings.SECRET_KEY,
            "DATABASE_URL": test_database_url(),
            "PYTHONPATH": str(ROOT),
        }
        | more
    )
