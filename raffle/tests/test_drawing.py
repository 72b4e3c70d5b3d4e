"""Close, reconcile, pick, publish: once, all together, and from every valid ticket."""

from __future__ import annotations

import ast
import hashlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, connections

from raffle import closing, drawing, ledger, organising
from raffle.errors import ManifestChanged, NothingSold, NotOpen, ReasonMissing
from raffle.models import Draw, LedgerEntry, Raffle
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
from raffle.tests.races import race
from raffle.verifying import verify


def sold_out(capacity: int = 5) -> Raffle:
    raffle = make_raffle(capacity=capacity)
    for buyer in make_buyers(capacity):
        buy(raffle, buyer)
    return raffle


def test_draws_a_sold_ticket_closes_and_publishes_in_one_step() -> None:
    raffle, stella = sold_out(), make_staff()
    drawn = draw(raffle, stella)
    raffle.refresh_from_db()
    assert raffle.status == "CLOSED"
    assert drawn.ticket.raffle_id == raffle.pk
    assert drawn.ticket.number == drawn.picked[0] + 1
    assert drawn.entries == 5
    assert drawn.drawn_by == stella
    kinds = list(raffle.ledger.order_by("seq").values_list("kind", flat=True))
    assert kinds[-2:] == ["closed", "drawn"]


def test_asking_again_gives_the_same_winner_and_no_second_line() -> None:
    raffle = sold_out()
    first = draw(raffle)
    again = draw(raffle, make_staff())
    assert (again.ticket_id, again.drawn_at) == (first.ticket_id, first.drawn_at)
    assert raffle.ledger.filter(kind="drawn").count() == 1


def test_many_at_once_draw_one_winner() -> None:
    raffle = sold_out()
    outcomes = race(*(partial(drawing.draw_winner, raffle_id=raffle.pk, by=None) for _ in range(8)))
    assert len({outcome.ticket_id for outcome in outcomes if isinstance(outcome, Draw)}) == 1
    assert all(isinstance(outcome, Draw) for outcome in outcomes)


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
    raffle, stella = sold_out(6), make_staff()
    for number in (2, 5):
        ticket = raffle.tickets.get(number=number)
        organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="a mistake")
    with patch.object(secrets, "randbelow", lambda entries: picked):
        drawn = draw(raffle, stella)
    assert drawn.ticket.number == [1, 3, 4, 6][picked]


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


def test_a_draft_cannot_be_closed_or_drawn() -> None:
    draft = make_draft()
    with pytest.raises(NotOpen):
        drawing.draw_winner(raffle_id=draft.pk, by=None)
    with pytest.raises(NotOpen):
        closing.close_raffle(raffle_id=draft.pk, by=None, reason="over")


def test_closing_wants_a_reason_and_happens_once() -> None:
    raffle = make_raffle()
    with pytest.raises(ReasonMissing):
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="  ")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    with pytest.raises(NotOpen):
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")


def test_the_close_reconciles_and_freezes_the_manifest() -> None:
    raffle, stella = make_raffle(capacity=4), make_staff()
    buy(raffle, make_buyer(), 2)
    buy(raffle, make_buyer())
    void = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=void.pk, by=stella, reason="a mistake")
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
    says = json.loads(raffle.ledger.get(kind="closed").line)
    leaves = {t.number: ledger.leaf(raffle.uuid, t.number, t.code) for t in raffle.tickets.all()}
    lines = f"1|SOLD|{leaves[1]}\n2|VOID\n3|SOLD|{leaves[3]}\n4|UNSOLD\n"
    assert says["manifest"] == hashlib.sha256(lines.encode()).hexdigest()
    assert (says["sold"], says["void"], says["unsold"]) == (2, 1, 1)
    assert says["reason"] == "over"


def test_a_list_that_changed_since_the_close_is_not_drawn_from() -> None:
    raffle = sold_out()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    with (
        patch.object(drawing, "_manifest_at_close", lambda raffle: "0" * 64),
        pytest.raises(ManifestChanged),
    ):
        draw(raffle)
    assert not Draw.objects.filter(raffle=raffle).exists()


def test_the_frozen_list_is_the_one_in_the_ledger_and_not_counted_again() -> None:
    raffle = sold_out()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    frozen = json.loads(raffle.ledger.get(kind="closed").line)["manifest"]
    other = ledger.Reconciliation(sold=5, void=0, unsold=0, manifest="0" * 64)
    with patch.object(drawing, "reconcile", lambda raffle: other), pytest.raises(ManifestChanged):
        draw(raffle)
    assert drawing._manifest_at_close(raffle) == frozen


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
    raffle.refresh_from_db()
    assert raffle.status == "OPEN"
    assert not Draw.objects.filter(raffle=raffle).exists()


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


# --- Fairness -------------------------------------------------------------------------------------

# The value that χ² stays under in 999 of 1000 fair runs, by degrees of freedom (n - 1).
CHI_SQUARED_99_9 = {0: 0.0, 1: 10.828, 2: 13.816, 98: 147.0, 99: 148.231}


@pytest.mark.parametrize("entries", [1, 2, 3, 99, 100])
def test_every_entry_is_picked_equally_often(entries: int) -> None:
    """χ² over 100,000 picks; a fair pick fails a try once in 1000, three tries never."""
    assert any(chi_squared(entries) <= CHI_SQUARED_99_9[entries - 1] for _ in range(3))


def chi_squared(entries: int, picks: int = 100_000) -> float:
    counts = [0] * entries
    for _ in range(picks):
        counts[drawing.pick(entries)] += 1
    expected = picks / entries
    return sum((count - expected) ** 2 / expected for count in counts)


def test_control_a_byte_modulo_100_would_be_noticed() -> None:
    with patch.object(drawing, "pick", lambda entries: secrets.randbits(8) % entries):
        assert chi_squared(100) > 10 * CHI_SQUARED_99_9[99]


def test_the_draw_knows_no_chance_but_that_of_the_operating_system() -> None:
    """No module of the site imports `random`, or NumPy's; the draw calls secrets.randbelow once."""
    root = Path(drawing.__file__).parent
    for path in (path for path in root.rglob("*.py") if "tests" not in path.parts):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"random", "numpy"}, path
    assert Path(drawing.__file__).read_text().count("secrets.randbelow(") == 1
