"""The rush hour in small: real gunicorn, real HTTP, everybody at once, and an exact audit."""

from __future__ import annotations

import json

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from accounts.models import User
from raffle.tests.makers import make_draft, make_raffle, sold_numbers
from raffle.tests.test_commands import run


def test_everybody_at_once_sells_exactly_the_capacity(site: str) -> None:
    raffle = make_raffle(capacity=100)
    sessions = Session.objects.count()
    done = run(
        "rush", raffle.slug, "--url", site, "--json",
        "--buyers", "500", "--tries", "3", "--connections", "500",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["violations"] == []
    assert report["sold"] == 100
    assert report["most_held_by_one"] <= 2
    assert sum(report["outcomes"].values()) == 1500
    assert set(report["outcomes"]) <= {"sold", "sold_out", "limit_reached"}
    assert sold_numbers(raffle) == list(range(1, 101))
    assert Session.objects.count() == sessions, "nobody stays signed in"
    holders = raffle.tickets.values("buyer").distinct().count()
    assert User.objects.filter(email__endswith="@example.invalid").count() == holders


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:8000",  # a documentation address: nobody's
        "http://10.0.0.1",
        "https://127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://no-such-host.invalid",
        "nonsense",
    ],
)
def test_refuses_any_other_machine_before_it_does_anything(url: str) -> None:
    people = User.objects.count()
    with pytest.raises(CommandError, match="not a loopback address") as refused:
        call_command("rush", make_raffle().slug, "--url", url)
    assert refused.value.returncode == 2
    assert User.objects.count() == people


def test_refuses_a_raffle_that_is_not_open() -> None:
    with pytest.raises(CommandError, match="not open") as refused:
        call_command("rush", make_draft().slug)
    assert refused.value.returncode == 4


def test_says_so_when_no_site_is_there() -> None:
    with pytest.raises(CommandError, match="does not answer") as refused:
        call_command("rush", make_raffle().slug, "--url", "http://127.0.0.1:9")
    assert refused.value.returncode == 75
