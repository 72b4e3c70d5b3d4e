"""Refusals are counted, and whoever is refused does not wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from raffle import refusals, selling
from raffle.errors import LimitReached, Refusal
from raffle.models import Raffle, RefusalCount
from raffle.tests.makers import buy, make_buyer, make_buyers, make_raffle, make_staff
from raffle.tests.processes import ROOT, environment
from raffle.tests.programs import signed_in, want
from raffle.tests.races import kinds, race
from raffle.tests.test_staff import browser

PATIENCE = 10  # seconds


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is handed over in the background, and nothing is left of other tests."""
    refusals.forget()
    monkeypatch.setattr(refusals, "EVERY", 3600.0)
    yield
    refusals.forget()


def counts(raffle: Raffle) -> dict[str, int]:
    return dict(RefusalCount.objects.filter(raffle=raffle).values_list("code", "count"))


def refused(raffle: Raffle, how: Callable[..., object] = buy) -> None:
    """Somebody wants a ticket more than one person may have."""
    with pytest.raises(LimitReached):
        how(raffle, make_buyer(), raffle.limit + 1)


def test_each_refusal_is_counted_under_its_code() -> None:
    raffle = make_raffle(capacity=2)
    refused(raffle)
    refused(raffle)
    buy(raffle, make_buyer(), 2)
    with pytest.raises(Refusal):
        buy(raffle, make_buyer())
    with pytest.raises(Refusal):
        buy(raffle, make_staff())
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 2, "sold_out": 1, "staff_cannot_buy": 1}


def test_sales_are_not_counted_and_nothing_is_counted_twice() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    refusals.flush()
    assert counts(raffle) == {}
    refused(raffle)
    refusals.flush()
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 1}


def test_refusals_on_pages_and_in_the_api_are_counted_alike() -> None:
    raffle = make_raffle()
    page = reverse("raffle:buy", args=[raffle.slug])
    sent = {"quantity": "3", "key": str(uuid.uuid4())}
    assert browser(make_buyer()).post(page, sent).status_code == 409
    answer = want(signed_in(make_buyer()), raffle, {"quantity": 3}, idempotency_key="k")
    assert answer.status_code == 409
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 2}


def test_a_refused_purchase_makes_no_query_more() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())  # its address is looked up once
    plain: Callable[..., object] = selling.purchase.__wrapped__  # type: ignore[attr-defined]

    def asked(purchase: Callable[..., object]) -> list[str]:
        buyer = make_buyer()
        with CaptureQueriesContext(connection) as queries, pytest.raises(LimitReached):
            purchase(slug=raffle.slug, buyer=buyer, quantity=3, key=str(uuid.uuid4()))
        return [query["sql"].split()[0] for query in queries]

    assert asked(selling.purchase) == asked(plain)
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 1}, "the other was the plain one"


def test_whoever_is_refused_does_not_wait_for_the_table() -> None:
    raffle = make_raffle()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE raffle_refusalcount IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert race(lambda: refused(raffle)) == [None]
        assert time.monotonic() - began < 2  # the statement would wait for three seconds


def test_many_at_once_are_all_counted() -> None:
    raffle = make_raffle()
    buyers = make_buyers(24)

    assert kinds(race(*(partial(buy, raffle, buyer, 3) for buyer in buyers))) == {
        "LimitReached": 24
    }
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 24}


def test_the_counts_of_several_processes_add_up() -> None:
    raffle = make_raffle()
    program = (
        "import sys, django; django.setup()\n"
        "from raffle import refusals\n"
        "for _ in range(200):\n"
        "    refusals.note(sys.argv[1], 'sold_out'); refusals.note(sys.argv[1], 'busy')\n"
        "    refusals.flush()\n"
    )
    command = [sys.executable, "-c", program, raffle.slug]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment()) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert counts(raffle) == {"sold_out": 400, "busy": 400}


def test_they_are_handed_over_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "EVERY", 0.05)
    raffle = make_raffle()
    for times in (1, 2):  # the second time with a thread of its own
        refused(raffle)
        deadline = time.monotonic() + PATIENCE
        while counts(raffle) != {"limit_reached": times} and time.monotonic() < deadline:
            time.sleep(0.02)
        assert counts(raffle) == {"limit_reached": times}


def test_while_the_database_is_away_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    raffle = make_raffle()
    refused(raffle)
    with monkeypatch.context() as patch:
        patch.setattr(refusals, "ADD", "SELECT 1 / 0, %s, %s, %s")
        with pytest.raises(Error):
            refusals.flush()
    refused(raffle)
    refusals.flush()
    assert counts(raffle) == {"limit_reached": 2}


def test_a_forked_child_counts_only_its_own() -> None:
    refusals.note("whatever", "sold_out")
    child = os.fork()
    if child == 0:
        os._exit(len(refusals._kept.counts) or int(refusals._kept.timer is not None))
    assert os.waitpid(child, 0)[1] == 0


def test_what_nobody_sells_is_not_counted() -> None:
    before = RefusalCount.objects.count()
    with pytest.raises(Refusal):
        selling.purchase(slug="no-such-raffle", buyer=make_staff(), quantity=1, key="k")
    refusals.flush()
    assert RefusalCount.objects.count() == before
