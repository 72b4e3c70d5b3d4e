"""Is the process alive, can it serve, and do its clock and the database's agree?"""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from unittest.mock import patch
from urllib.error import HTTPError

import pytest
from django.db import transaction
from django.test import Client

from raffle.tests.forging import sql
from raffle.tests.processes import served


def skew(answer: str) -> float:
    return float(answer.splitlines()[1].split()[2])


def test_ready_says_how_far_the_clock_is_from_the_database_s() -> None:
    assert abs(skew(Client().get("/readyz").text)) < 5
    now = time.time
    with patch("rafflesite.health.time.time", lambda: now() + 100):
        assert 95 < skew(Client().get("/readyz").text) < 105


def test_ready_needs_the_migrations_that_the_code_needs() -> None:
    newest = sql("SELECT max(id) FROM django_migrations WHERE app = 'raffle'")[0][0]
    (name,) = sql(f"SELECT name FROM django_migrations WHERE id = {newest}")[0]
    with transaction.atomic():
        sql(f"DELETE FROM django_migrations WHERE id = {newest}")
        answer = Client().get("/readyz")
        assert (answer.status_code, answer.text) == (503, f"not migrated: raffle {name}\n")
        transaction.set_rollback(True)
    assert Client().get("/readyz").status_code == 200


def test_not_ready_without_a_database_but_alive(tmp_path: Path) -> None:
    nowhere = "postgres://raffle@127.0.0.1:1/raffle"
    with served(tmp_path, DATABASE_URL=nowhere) as site:
        with pytest.raises(HTTPError) as dead:
            urllib.request.urlopen(f"{site}/readyz", timeout=20)
        assert (dead.value.code, dead.value.read()) == (503, b"no database\n")
        with urllib.request.urlopen(f"{site}/healthz", timeout=20) as answer:
            assert answer.status == 200
