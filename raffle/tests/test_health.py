"""Is the process alive, can it serve, and do its clock and the database's agree?"""

from __future__ import annotations

import time
from unittest.mock import patch

from django.db import OperationalError
from django.test import Client


def skew(answer: str) -> float:
    return float(answer.splitlines()[1].split()[2])


def test_ready_says_how_far_the_clock_is_from_the_database_s() -> None:
    assert abs(skew(Client().get("/readyz").text)) < 5
    now = time.time
    with patch("rafflesite.health.time.time", lambda: now() + 100):
        assert 95 < skew(Client().get("/readyz").text) < 105


def test_not_ready_without_a_database_but_alive() -> None:
    with patch("rafflesite.health.connection.cursor", side_effect=OperationalError):
        assert Client().get("/readyz").status_code == 503
        assert Client().get("/healthz").status_code == 200
