"""Other processes that work on the test database, as a second server or an operator would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from raffle.tests.conftest import _free_port, _wait_for

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


@contextmanager
def served(out: Path, **more: str) -> Iterator[str]:
    """The site's address; its stdout and stderr go to files in `out`."""
    with serving(out, **more) as (address, _):
        yield address


@contextmanager
def serving(out: Path, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As served(), with the process."""
    port = _free_port()
    settings = {"BIND": f"127.0.0.1:{port}", "WEB_WORKERS": "1", "LOG_FORMAT": "json"} | more
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "rafflesite.wsgi"]
    with (
        (out / "stdout").open("w") as stdout,
        (out / "stderr").open("w") as stderr,
        subprocess.Popen(
            command, cwd=ROOT, env=environment(**settings), stdout=stdout, stderr=stderr
        ) as server,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.terminate()
