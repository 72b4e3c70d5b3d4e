"""Closing: the list is frozen, somebody confirms the figures; or all is called off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from accounts.models import User
from raffle import closing, drawing, ledger, organising, seconding
from raffle.book import Book
from raffle.errors import (
    AlreadyReconciled,
    AlreadySealed,
    Cancelled,
    ClosedForGood,
    ManifestChanged,
    NotADraft,
    NotClosed,
    NotOpen,
    ReasonMissing,
    SalesClosed,
)
from raffle.models import LedgerEntry, Raffle
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
)
from raffle.tests.races import race, slowly
from raffle.verifying import verify


def some_sold(**terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    for buyer in make_buyers(3):
        buy(raffle, buyer)
    return raffle


def close(raffle: Raffle) -> None:
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")


def cancel(raffle: Raffle) -> Raffle:
    return closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="the prize broke")


def lines(raffle: Raffle) -> list[str]:
    return list(raffle.ledger.order_by("seq").values_list("kind", flat=True))


# --- The close ------------------------------------------------------------------------------------


def test_closing_wants_an_open_raffle_and_a_reason_and_happens_once() -> None:
    raffle, draft = make_raffle(), make_draft()
    with pytest.raises(NotOpen):
        close(draft)
    with pytest.raises(ReasonMissing):
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="  ")
    close(raffle)
    with pytest.raises(NotOpen):
        close(raffle)
    assert lines(raffle).count("closed") == 1


def test_the_close_counts_and_freezes_the_manifest() -> None:
    raffle, stella = make_raffle(capacity=4), make_staff()
    buy(raffle, make_buyer(), 2)
    buy(raffle, make_buyer())
    void = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=void.pk, by=stella, reason="a mistake")
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
    says = json.loads(raffle.ledger.get(kind="closed").line)
    leaves = {t.number: ledger.leaf(raffle.uuid, t.number, t.code) for t in raffle.tickets.all()}
    listed = f"1|SOLD|{leaves[1]}\n2|VOID\n3|SOLD|{leaves[3]}\n4|UNSOLD\n"
    assert says["manifest"] == hashlib.sha256(listed.encode()).hexdigest()
    assert (says["sold"], says["void"], says["unsold"]) == (2, 1, 1)
    assert (says["reason"], says["by"]) == ("over", raffle.pseudonym(stella.pk))


# --- The figures confirmed ------------------------------------------------------------------------


def test_the_figures_are_confirmed_once_by_name_after_the_close() -> None:
    raffle, stella = some_sold(), make_staff()
    with pytest.raises(NotClosed):
        closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    close(raffle)
    counted = closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    assert (counted.sold, counted.void, counted.unsold) == (3, 0, 97)
    says, closed = (raffle.ledger.get(kind=kind).says for kind in ("reconciled", "closed"))
    assert says["by"] == raffle.pseudonym(stella.pk)
    assert {name: says[name] for name in counted.figures()} == counted.figures()
    assert {name: closed[name] for name in counted.figures()} == counted.figures()
    with pytest.raises(AlreadyReconciled):
        closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    draw(raffle, stella)
    with pytest.raises(AlreadyReconciled):
        closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    assert lines(raffle).count("reconciled") == 1


def test_figures_that_are_not_those_of_the_close_are_not_confirmed() -> None:
    raffle = some_sold()
    close(raffle)
    other = ledger.Reconciliation(sold=3, void=0, unsold=97, manifest="0" * 64)
    with (
        patch.object(closing, "count", lambda raffle, progress: other),
        pytest.raises(ManifestChanged),
    ):
        closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    assert lines(raffle)[-1] == "closed"


def test_the_frozen_list_is_the_one_in_the_ledger_and_not_counted_again() -> None:
    raffle = some_sold()
    assert closing.frozen(raffle) is None
    close(raffle)
    with patch.object(ledger, "reconcile", side_effect=AssertionError("counted")):
        frozen = closing.frozen(raffle)
    assert frozen == closing.count(raffle)


# --- Called off -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["open", "closed", "reconciled"])
def test_a_raffle_can_be_called_off_until_it_is_sealed(state: str) -> None:
    raffle, stella = some_sold(), make_staff()
    if state != "open":
        close(raffle)
    if state == "reconciled":
        closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    cancelled = closing.cancel_raffle(raffle_id=raffle.pk, by=stella, reason="the prize broke")
    assert cancelled.status == "CANCELLED"
    says = raffle.ledger.order_by("-seq")[0].says
    assert (says["kind"], says["reason"], says["tickets"]) == ("cancelled", "the prize broke", 3)
    assert says["by"] == raffle.pseudonym(stella.pk)
    assert all(ticket.is_void for ticket in raffle.tickets.select_related("raffle"))
    assert verify(raffle.pk).failures == []


def test_a_draft_is_not_called_off_nor_a_raffle_without_a_reason_twice_or_when_sealed() -> None:
    raffle, sealed, drawn = some_sold(), some_sold(method="beacon"), some_sold()
    with pytest.raises(NotOpen):
        cancel(make_draft())
    with pytest.raises(ReasonMissing):
        closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason=" ")
    cancel(raffle)
    with pytest.raises(Cancelled):
        cancel(raffle)
    drawing.draw_winner(raffle_id=sealed.pk, by=None)
    draw(drawn)
    for no_way_back in (sealed, drawn):
        with pytest.raises(AlreadySealed):
            cancel(no_way_back)


def change(raffle: Raffle) -> None:
    raffle = Raffle.objects.get(pk=raffle.pk)
    raffle.description = "Sorry."
    organising.change_raffle(raffle, by=None)


def void(raffle: Raffle, by: User, act: Callable[..., object] = organising.void_ticket) -> object:
    return act(ticket_id=raffle.tickets.get(number=1).pk, by=by, reason="a mistake")


ACTS: dict[str, tuple[type[Exception], Callable[[Raffle, User], object]]] = {
    # and how they are refused once the raffle was called off
    "buy": (SalesClosed, lambda raffle, by: buy(raffle, make_buyer())),
    "change": (ClosedForGood, lambda raffle, by: change(raffle)),
    "open": (NotADraft, lambda raffle, by: organising.open_raffle(raffle_id=raffle.pk, by=by)),
    "void": (NotOpen, void),
    "ask for a void": (NotOpen, lambda raffle, by: void(raffle, by, seconding.propose_void)),
    "close": (NotOpen, lambda raffle, by: close(raffle)),
    "confirm": (
        NotClosed, lambda raffle, by: closing.reconcile_raffle(raffle_id=raffle.pk, by=by),
    ),
    "ask for the draw": (
        Cancelled, lambda raffle, by: seconding.propose_draw(raffle_id=raffle.pk, by=by),
    ),
    "draw": (Cancelled, lambda raffle, by: drawing.draw_winner(raffle_id=raffle.pk, by=by)),
    "cancel": (Cancelled, lambda raffle, by: cancel(raffle)),
}  # fmt: skip


@pytest.mark.parametrize("what", ACTS)
def test_nothing_happens_to_a_raffle_that_was_called_off(what: str, off: Raffle) -> None:
    expected, act = ACTS[what]
    before = off.ledger.count()
    with pytest.raises(expected):
        act(off, make_staff())
    assert off.ledger.count() == before


@pytest.fixture(scope="module")
def off() -> Raffle:
    """Reconciled, and then called off."""
    raffle = some_sold(two_people=True)
    close(raffle)
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return cancel(raffle)


# --- Races ----------------------------------------------------------------------------------------


PAIRS = [
    # in which state, and who races whom
    ("open", "cancel", "buy"),
    ("open", "cancel", "void"),
    ("open", "cancel", "close"),
    ("open", "cancel", "draw"),
    ("open", "cancel", "cancel"),
    ("open", "void", "close"),
    ("open", "void", "draw"),
    ("open", "void", "void"),
    ("open", "change", "close"),
    ("closed", "cancel", "confirm"),
    ("closed", "cancel", "draw"),
    ("closed", "confirm", "draw"),
    ("closed", "confirm", "confirm"),
]


@pytest.mark.parametrize(
    ("state", "one", "other", "method"),
    [(*pair, "local") for pair in PAIRS] + [(*pair, "beacon") for pair in PAIRS if "draw" in pair],
)
def test_two_acts_at_once_end_as_if_one_had_come_after_the_other(
    state: str, one: str, other: str, method: str
) -> None:
    def ready() -> tuple[Raffle, list[Callable[[], object]]]:
        raffle, stella = some_sold(method=method), make_staff()
        if state == "closed":
            close(raffle)
        return raffle, [partial(ACTS[name][1], raffle, stella) for name in (one, other)]

    _, (first, second) = ready()
    one_first = [*race(first), *race(second)]
    _, (second, first) = ready()
    other_first = [*race(first), *race(second)][::-1]
    raffle, acts = ready()
    append, write = LedgerEntry.objects.append, Book.write
    with (  # hold open the gap between looking and writing, in which an unlocked rival would act
        patch.object(type(LedgerEntry.objects), "append", staticmethod(slowly(append))),
        patch.object(Book, "write", slowly(write)),
    ):
        outcomes = race(*acts)
    told = [type(outcome).__name__ for outcome in outcomes]
    assert told in [[type(each).__name__ for each in run] for run in (one_first, other_first)]
    assert verify(raffle.pk).failures == []
