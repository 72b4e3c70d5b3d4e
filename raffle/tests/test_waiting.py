"""How a web process waits for its database: as psycopg does, and others get a turn in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from rafflesite import waiting


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection[Any]:
    monkeypatch.setattr(psycopg.waiting, "wait", waiting.wait)
    return psycopg.connect(**told(), autocommit=True)


def told() -> dict[str, Any]:
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "dbname") if name in given}


def test_what_comes_at_once_what_takes_its_time_and_what_is_long(line: Any) -> None:
    with line:
        assert line.execute("SELECT 7").fetchone() == (7,)
        assert line.execute("SELECT 7 FROM pg_sleep(0.05)").fetchone() == (7,)
        (text,) = line.execute("SELECT repeat('x', 5000000)").fetchone()
        assert len(text) == 5_000_000
        assert line.execute("SELECT length(%s)", ["x" * 5_000_000]).fetchone() == (5_000_000,)
        with pytest.raises(psycopg.errors.DivisionByZero):
            line.execute("SELECT 1 / 0 FROM pg_sleep(0.01)")
        assert line.execute("SELECT 8").fetchone() == (8,)


def test_a_session_that_is_ended_meanwhile_is_an_error_and_no_hang(line: Any) -> None:
    def end() -> None:
        with psycopg.connect(**told(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [line.info.backend_pid])

    ending = threading.Timer(0.1, end)
    ending.start()
    with pytest.raises(psycopg.OperationalError):
        line.execute("SELECT pg_sleep(10)")
    ending.join()


IN_A_WEB_PROCESS = """
import gevent.monkey; gevent.monkey.patch_all()
import json, sys, time, gevent, psycopg
from rafflesite import waiting
waiting.install()
turns = [0]
def others():
    while True:
        turns[0] += 1
        gevent.sleep(0.01)
def meanwhile(act):
    begun = turns[0]
    act()
    return turns[0] - begun
gevent.spawn(others)
line = psycopg.connect(**json.loads(sys.argv[1]), autocommit=True)
slow = meanwhile(lambda: line.execute("SELECT pg_sleep(0.5)"))
import django; django.setup()
from django.contrib.auth.hashers import check_password, make_password
hashed = []
busy = meanwhile(lambda: hashed.append(make_password("open sesame")))
print(json.dumps([slow, busy, check_password("open sesame", hashed[0])]))
"""


def test_others_get_a_turn_while_the_database_works_and_while_a_password_is_hashed() -> None:
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "rafflesite.settings",
        "LOCAL": "on",
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": "postgres://localhost/unused",
    }
    command = [sys.executable, "-c", IN_A_WEB_PROCESS, json.dumps(told())]
    done = subprocess.run(
        command, env=environ, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True
    )
    slow, busy, right = json.loads(done.stdout)
    assert slow > 10
    assert busy > 5
    assert right
