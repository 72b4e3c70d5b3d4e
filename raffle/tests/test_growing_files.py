"""What is read of a whole raffle, page by page: flat in memory, and no more than must be."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts import duplicates
from accounts.models import User
from raffle import closing, comparing, drawing, ledger, organising, publishing
from raffle.models import Raffle
from raffle.reports import figures
from raffle.reports.alike import Alike
from raffle.reports.finding import Search, period
from raffle.reports.lines import Events
from raffle.reports.tickets import Tickets, Voids
from raffle.tests.costs import asked, explained
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.reading import sold
from raffle.verifying import verify


def void(raffle: Raffle) -> None:
    ticket = raffle.tickets.get(number=1)
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Returned.")


def as_it_stands(raffle: Raffle) -> Raffle:
    return Raffle.objects.as_it_stands().get(pk=raffle.pk)


# --- Files and pages of a whole raffle ------------------------------------------------------------


def test_the_manifest_is_read_with_one_statement_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    raffle = sold(5)
    void(raffle)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    standing = as_it_stands(raffle)
    monkeypatch.setattr(publishing, "PAGE", 2)
    text: list[str] = []
    queries = asked(lambda: text.extend(publishing.manifest_lines(standing)))
    assert len(queries) == 3
    frozen = closing.frozen(raffle)
    assert frozen is not None
    assert ledger.reconcile(text) == frozen
    assert frozen.void == 1


@pytest.mark.parametrize("kind", [Tickets, Voids])
def test_the_totals_of_a_list_are_told_without_counting_tickets(kind: Any) -> None:
    raffle = sold(4, price="2.50")
    void(raffle)
    standing = as_it_stands(raffle)
    told = kind(standing, people=True)
    totals: list[Any] = []
    queries = asked(lambda: totals.extend(told.totals(told.counted())))
    assert not any(re.search("raffle_(ticket|purchase)", sql) for sql in queries)
    assert figures.numbered(standing) == figures.standing(standing)
    assert figures.numbered(standing).refunds == figures.standing(standing).refunds > 0


def events(raffle: Raffle, **search: Any) -> dict[str, int]:
    """How many lines of each kind the search finds, by counting its rows and by counted()."""
    told = Events(as_it_stands(raffle), people=True, search=Search(**search))
    counted = {kind: found.count for kind, found in told.counted().items()}
    rows: dict[str, int] = {}
    for item in told.batch(0, 1000):
        rows[item.total] = rows.get(item.total, 0) + 1
    assert counted == rows
    return counted


def test_sales_are_counted_by_what_is_left_over() -> None:
    with ago(timedelta(days=3)):
        raffle = sold(3)
    with ago(timedelta(days=1)):
        buy(raffle, make_buyer())
    void(raffle)
    today = datetime.now(UTC).date()
    assert events(raffle) == {"created": 1, "opened": 1, "purchase": 4, "void": 1}
    assert events(raffle, since=today - timedelta(days=2)) == {"purchase": 1, "void": 1}
    assert events(raffle, until=today - timedelta(days=2))["purchase"] == 3
    assert events(raffle, since=today - timedelta(days=1), kind="purchase") == {"purchase": 1}
    assert events(raffle, kind="void") == {"void": 1}
    assert events(raffle, since=today + timedelta(days=1)) == {}
    assert events(raffle, until=date.max)["purchase"] == 4
    told = Events(as_it_stands(raffle), people=True)
    for sql in asked(told.counted):
        assert "NOT" in sql, "only the lines that are no sale are counted"


def test_a_day_is_found_in_a_ledger_by_halving() -> None:
    raffle = sold(12)
    standing = as_it_stands(raffle)
    today = standing.now.date()
    queries = asked(lambda: period(standing, Search(since=today, until=today)))
    assert len(queries) <= 8
    assert period(standing, Search(since=today, until=today)) == (1, 14)
    for sql in queries:
        assert "ledger_seq_once" in explained(sql, "enable_seqscan"), sql


def test_addresses_that_look_alike_are_listed_up_to_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])
    raffle = make_raffle()
    for place in range(3):
        buy(raffle, User.objects.create_user(f"{name}@{place}.example.org"))
    whole = Alike(as_it_stands(raffle), people=True)
    assert [total.count for total in whole.totals(whole.counted())] == [3, 1]
    monkeypatch.setattr(duplicates, "MOST", 2)
    cut = Alike(as_it_stands(raffle), people=True)
    listed = cut.totals(cut.counted())[0]
    assert (listed.name, listed.count) == ("buyers listed; there are more", 2)
    monkeypatch.setattr(duplicates, "MOST", 3)
    exact = Alike(as_it_stands(raffle), people=True)
    assert exact.totals(exact.counted())[0].name == "buyers listed"


# --- Who waits is told how far it is --------------------------------------------------------------


def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    monkeypatch.setattr(closing, "CHUNK", 2)
    told: list[tuple[int, int]] = []
    raffle = sold(3, capacity=5)
    closing.close_raffle(
        raffle_id=raffle.pk, by=None, reason="Over.", progress=lambda *step: told.append(step)
    )
    yield from told
    told.clear()
    drawing.draw_winner(raffle_id=raffle.pk, by=None, progress=lambda *step: told.append(step))
    yield from told


def test_closing_and_drawing_tell_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    once = [(2, 5), (4, 5), (5, 5)]
    assert list(steps(monkeypatch)) == [*once, *once]


def cursors() -> int:
    """How many the server holds open for this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '\\_django%'")
        return int(cursor.fetchone()[0])


def test_what_is_read_whole_stays_at_the_server_until_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million rows in one answer would be half a gigabyte here."""
    monkeypatch.setattr(closing, "CHUNK", 1)
    monkeypatch.setattr(comparing, "CHUNK", 1)
    raffle, held = sold(4), []
    verify(raffle.pk, lambda *_: held.append(cursors()))
    assert max(held) == 3  # lines, purchases and tickets, side by side
    held.clear()
    closing.close_raffle(
        raffle_id=raffle.pk, by=None, reason="Over.", progress=lambda *_: held.append(cursors())
    )
    assert held[0] == 1
