"""The site as it is served: gunicorn on the test's database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

APPLICATION = "site under test"
PATIENCE = 30  # seconds


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of the static files as they are served."""
    directory = str(tmp_path_factory.mktemp("static"))
    environment = os.environ | {"STATIC_ROOT": directory, "SECRET_KEY": settings.SECRET_KEY}
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
    local = {"LOCAL": "on", "DATABASE_URL": _database_url()}
    subprocess.run(collect, env=environment | local, cwd=settings.BASE_DIR, check=True)
    return directory


@pytest.fixture(scope="session")
def site(database: None, collected: str) -> Iterator[str]:
    """The address of the running site, without a slash at the end."""
    port = _free_port()
    environment = os.environ | {
        "DATABASE_URL": _database_url(),
        "LOCAL": "on",
        "SECRET_KEY": settings.SECRET_KEY,
        "STATIC_ROOT": collected,
        "BIND": f"127.0.0.1:{port}",
        "WEB_LOG_LEVEL": "warning",
        "PGAPPNAME": APPLICATION,
    }
    python = [sys.executable, "-W", "default"]
    serve = [*python, "-m", "gunicorn", "-c", "gunicorn.conf.py", "rafflesite.wsgi"]
    with subprocess.Popen(serve, env=environment, cwd=settings.BASE_DIR) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/healthz", server)
            yield address
        finally:
            server.terminate()
    _wait_until_the_database_noticed()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _database_url() -> str:
    """DATABASE_URL for the test's own database. A host with slashes is a Unix socket's directory,
    which such an address has in its path.
    """
    told = connection.settings_dict
    user, password, host, name = (
        quote(str(told[part]), safe="") for part in ("USER", "PASSWORD", "HOST", "NAME")
    )
    server = f"{user}{password and ':'}{password}@"
    if "/" in told["HOST"]:
        return f"postgres://{server}:{told['PORT']}/{host}/{name}"
    return f"postgres://{server}{host}:{told['PORT']}/{name}"


def _wait_until_the_database_noticed() -> None:
    """A database can be dropped once its last session has ended, a moment after its client."""
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = %s",
                [APPLICATION],
            )
            if not cursor.fetchone():
                return
            time.sleep(0.05)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert server.poll() is None, "the web server ended at once"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the web server does not answer")
