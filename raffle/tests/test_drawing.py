"""Close, reconcile, seal, pick, publish: once, all together, and from every valid ticket."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import DatabaseError, connections

from raffle import closing, drawing, ledger, organising
from raffle.errors import Cancelled, ManifestChanged, NothingSold, NotOpen, WrongNumbers
from raffle.models import Award, Draw, LedgerEntry, Raffle, Seal
from raffle.tests.forging import sql
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
)
from raffle.tests.processes import environment
from raffle.tests.races import kinds, race, slowly
from raffle.verifying import verify


def sold_out(capacity: int = 5, **terms: Any) -> Raffle:
    raffle = make_raffle(capacity=capacity, **terms)
    for buyer in make_buyers(capacity):
        buy(raffle, buyer)
    return raffle


def lines(raffle: Raffle) -> list[str]:
    return list(raffle.ledger.order_by("seq").values_list("kind", flat=True))


def test_draws_a_sold_ticket_closes_and_publishes_in_one_step() -> None:
    raffle, stella = sold_out(), make_staff()
    drawn = draw(raffle, stella)
    raffle.refresh_from_db()
    assert raffle.status == "CLOSED"
    assert drawn.ticket.raffle_id == raffle.pk
    assert drawn.ticket.number == drawn.order[0] == drawn.picked[0] + 1
    assert drawn.entries == 5
    assert drawn.drawn_by == stella
    assert lines(raffle)[-4:] == ["closed", "reconciled", "sealed", "drawn"]


def test_asking_again_gives_the_same_winner_and_no_second_line() -> None:
    raffle = sold_out()
    first = draw(raffle)
    again = draw(raffle, make_staff())
    assert (again.ticket_id, again.drawn_at) == (first.ticket_id, first.drawn_at)
    for kind in ("closed", "reconciled", "sealed", "drawn"):
        assert raffle.ledger.filter(kind=kind).count() == 1


def test_many_who_close_confirm_and_draw_at_once_make_one_seal_one_draw_and_one_winner() -> None:
    raffle = sold_out(prizes=["A bicycle", "A hat"])
    known: dict[str, Any] = {"raffle_id": raffle.pk, "by": None}
    draws = [partial(drawing.draw_winner, **known) for _ in range(6)]
    closes = [partial(closing.close_raffle, **known, reason="over") for _ in range(3)]
    reconciles = [partial(closing.reconcile_raffle, **known) for _ in range(3)]
    outcomes = race(*draws, *closes, *reconciles)
    assert {outcome.ticket_id for outcome in outcomes[:6] if isinstance(outcome, Draw)} == {
        raffle.draw.ticket_id
    }
    assert kinds(outcomes[:6]) == {"Draw": 6}
    assert set(kinds(outcomes[6:9])) <= {"Raffle", "NotOpen"}
    assert set(kinds(outcomes[9:])) <= {"Reconciliation", "AlreadyReconciled", "NotClosed"}
    assert lines(raffle)[-4:] == ["closed", "reconciled", "sealed", "drawn"]
    assert raffle.awards.count() == 2
    assert verify(raffle.pk).failures == []


def test_two_processes_at_once_draw_the_same_winner() -> None:
    raffle = sold_out(50)
    connections.close_all()
    script = (
        "import django; django.setup();"
        "from django.conf import settings;"
        "from raffle import drawing;"
        f"print(drawing.draw_winner(raffle_id={raffle.pk}, by=None).ticket.number)"
    )
    processes = [
        subprocess.Popen(  # the test database is named to them, as to any other process
            [sys.executable, "-c", script],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    winners = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert winners == {str(raffle.draw.ticket.number)}


def test_void_tickets_never_win_and_keep_their_number() -> None:
    raffle, stella = make_raffle(capacity=3), make_staff()
    for buyer in make_buyers(2):
        buy(raffle, buyer)
    first = raffle.tickets.get(number=1)
    organising.void_ticket(ticket_id=first.pk, by=stella, reason="sold by mistake")
    assert list(buy(raffle, make_buyer()).purchase.numbers) == [3], "number 1 is not sold again"
    with patch.object(drawing, "pick", lambda entries: 0):
        drawn = draw(raffle, stella)
    assert (drawn.ticket.number, drawn.entries) == (2, 2)


@pytest.mark.parametrize("picked", range(4))
def test_every_valid_ticket_can_win_and_no_other(picked: int) -> None:
    raffle, stella = sold_out(6, alternates=0), make_staff()
    for number in (2, 5):
        ticket = raffle.tickets.get(number=number)
        organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="a mistake")
    with patch.object(secrets, "randbelow", return_value=picked) as randbelow:
        drawn = draw(raffle, stella)
    assert [call.args for call in randbelow.call_args_list] == [(4,)]
    assert drawn.ticket.number == [1, 3, 4, 6][picked]


def test_the_prizes_go_along_the_order_and_who_is_missing_is_nobody() -> None:
    raffle = sold_out(3, prizes=["A bicycle", "A hat", "A pen", "A cap"], alternates=2)
    drawn = draw(raffle)
    assert sorted(drawn.order) == [1, 2, 3], "as many picks as there are tickets"
    awards = raffle.awards.select_related("ticket").order_by("prize")
    told = [(award.prize, award.place, award.ticket.number) for award in awards]
    assert told == [(place, place, number) for place, number in enumerate(drawn.order, start=1)]
    assert raffle.ledger.get(kind="drawn").says["winners"] == [*drawn.order, None]


def test_nobody_wins_twice_unless_the_terms_allow_it() -> None:
    alice, bob = make_buyers(2)
    for one_prize_each, winners in ((True, [1, 3]), (False, [1, 2])):
        raffle = make_raffle(prizes=["A bicycle", "A hat"], one_prize_each=one_prize_each)
        for buyer in (alice, alice, bob, bob):
            buy(raffle, buyer)
        with patch.object(drawing, "pick", lambda entries: 0):
            drawn = draw(raffle)
        assert drawn.order == [1, 2, 3, 4]
        assert [award.ticket.number for award in raffle.awards.order_by("prize")] == winners


def test_a_raffle_of_one_ticket_has_one_winner() -> None:
    raffle = sold_out(1, prizes=["A bicycle", "A hat"])
    drawn = draw(raffle)
    assert (drawn.order, drawn.picked, raffle.seal.offsets) == ([1], [0], [0])
    assert verify(raffle.pk).failures == []


def test_the_seal_and_the_draw_are_what_the_ledger_says() -> None:
    raffle, stella = sold_out(), make_staff()
    drawn = draw(raffle, stella)
    seal = raffle.seal
    sealed, published = (raffle.ledger.get(kind=kind) for kind in ("sealed", "drawn"))
    assert (seal.ledger_seq, drawn.ledger_seq) == (sealed.seq, published.seq)
    assert sealed.says["offsets"] == seal.offsets == drawn.picked
    assert sealed.says["manifest"] == closing.count(raffle).manifest == drawn.manifest
    assert (sealed.says["entries"], sealed.says["method"]) == (5, "local")
    assert sealed.says["software"] == settings.SOFTWARE
    assert "second" not in sealed.says
    assert "signature" not in published.says
    assert (published.says["picked"], published.says["order"]) == (drawn.picked, drawn.order)
    assert (seal.sealed_by, seal.confirmed_by, seal.round) == (stella, None, None)


@pytest.mark.parametrize("method", ["local", "beacon"])
def test_numbers_from_a_drum_are_refused_where_there_is_none(method: str) -> None:
    raffle = sold_out(method=method)
    with pytest.raises(WrongNumbers, match="not drawn from a drum"):
        drawing.draw_winner(raffle_id=raffle.pk, by=make_staff(), numbers=[1])
    assert lines(raffle)[-1] == "purchase"


def test_the_seal_is_dated_after_the_count_however_long_that_took() -> None:
    """A beacon's round is reckoned from it, and the database refuses one that is too near."""
    raffle, reconcile = sold_out(method="beacon"), ledger.reconcile
    with patch.object(ledger, "reconcile", slowly(reconcile, 0.3)):
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    closed = raffle.ledger.get(kind="closed").at
    assert raffle.seal.sealed_at - closed >= timedelta(seconds=0.5), "it was counted twice"
    assert raffle.ledger.get(kind="sealed").at == raffle.seal.sealed_at


def test_nothing_sold_is_refused_and_changes_nothing() -> None:
    raffle = make_raffle()
    with pytest.raises(NothingSold):
        draw(raffle)
    raffle.refresh_from_db()
    assert raffle.status == "OPEN", "the close was rolled back with it"
    assert not raffle.ledger.filter(kind="closed").exists()


def test_only_void_tickets_is_nothing_sold() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    ticket = raffle.tickets.get()
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="a mistake")
    with pytest.raises(NothingSold):
        draw(raffle)


def test_a_draft_or_a_cancelled_raffle_is_not_drawn() -> None:
    draft, cancelled = make_draft(), sold_out()
    with pytest.raises(NotOpen):
        drawing.draw_winner(raffle_id=draft.pk, by=None)
    closing.cancel_raffle(raffle_id=cancelled.pk, by=None, reason="off")
    with pytest.raises(Cancelled):
        drawing.draw_winner(raffle_id=cancelled.pk, by=None)


@pytest.mark.parametrize("reconciled", [False, True])
def test_a_list_that_changed_since_the_close_is_not_drawn_from(reconciled: bool) -> None:
    raffle = sold_out()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    if reconciled:
        closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    other = ledger.Reconciliation(sold=5, void=0, unsold=0, manifest="0" * 64)
    with (
        patch.object(closing, "count", lambda raffle, progress: other),
        pytest.raises(ManifestChanged),
    ):
        draw(raffle)
    assert not Draw.objects.filter(raffle=raffle).exists()


def test_a_raffle_closed_behind_the_ledgers_back_is_not_drawn_from() -> None:
    raffle = sold_out()
    sql("UPDATE raffle_raffle SET status = 'CLOSED' WHERE id = %s", raffle.pk)
    with pytest.raises(ManifestChanged):
        draw(raffle)


def test_a_list_of_millions_may_take_longer_than_a_sale_may_rest() -> None:
    """Hashing it is thinking between statements, which ends a sale's session after 5 seconds."""
    raffle = make_raffle(capacity=1000)
    buy(raffle, make_buyer())
    sql("SET idle_in_transaction_session_timeout = '200ms'")
    manifest = ledger.manifest

    def slow(*known: Any) -> Iterator[str]:
        time.sleep(0.6)
        return manifest(*known)

    with patch.object(ledger, "manifest", slow):
        draw(raffle)
        assert verify(raffle.pk).failures == []
    connections.close_all()


def test_a_crash_before_the_commit_leaves_no_winner_anywhere() -> None:
    raffle = sold_out()
    append = LedgerEntry.objects.append

    def crash(raffle: Raffle, kind: str, *args: object, **facts: object) -> None:
        append(raffle, kind, *args, **facts)  # type: ignore[arg-type]
        if kind == "drawn":
            raise DatabaseError("the machine went down")

    with (
        patch.object(type(LedgerEntry.objects), "append", staticmethod(crash)),
        pytest.raises(DatabaseError),
    ):
        draw(raffle)
    assert_untouched(raffle)


def assert_untouched(raffle: Raffle) -> None:
    raffle.refresh_from_db()
    assert raffle.status == "OPEN"
    assert lines(raffle)[-1] == "purchase"
    for model in (Seal, Draw, Award):
        assert not model.objects.filter(raffle=raffle).exists()


@pytest.mark.parametrize("where", ["drawing._seal", "drawing._publish", "awarding.give"])
def test_killed_on_the_way_it_has_done_nothing_and_can_be_repeated(where: str) -> None:
    raffle = sold_out()
    connections.close_all()
    script = (
        "import django, os; django.setup();"
        "from raffle import awarding, drawing;"
        f"{where} = lambda *known: os.kill(os.getpid(), 9);"
        f"drawing.draw_winner(raffle_id={raffle.pk}, by=None)"
    )
    dead = subprocess.run([sys.executable, "-c", script], env=environment(), check=False)
    assert dead.returncode == -9
    assert_untouched(raffle)
    draw(raffle)
    assert verify(raffle.pk).failures == []


def test_a_crash_between_draw_and_answer_gives_the_same_winner_on_retry() -> None:
    """A process draws and dies before it can say who won; the next one says it."""
    raffle = sold_out(50)
    connections.close_all()
    script = (
        "import django, os; django.setup();"
        "from raffle import drawing;"
        f"drawing.draw_winner(raffle_id={raffle.pk}, by=None); os.kill(os.getpid(), 9)"
    )
    dead = subprocess.run([sys.executable, "-c", script], env=environment(), check=False)
    assert dead.returncode == -9
    stored = Draw.objects.get(raffle=raffle)
    with patch.object(drawing, "pick", side_effect=AssertionError("a second pick")):
        assert draw(raffle).ticket_id == stored.ticket_id
