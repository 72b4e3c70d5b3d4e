"""What staff may do to a raffle before the draw, and the line that each act leaves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from raffle import awarding, closing, drawing, organising, seconding
from raffle.errors import (
    AlreadyVoid,
    ClosedForGood,
    ClosesInThePast,
    Frozen,
    NotADraft,
    NothingSold,
    NotOpen,
    OnePersonIsEnough,
    ReasonMissing,
)
from raffle.models import Raffle, Void
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff


def lines(raffle: Raffle) -> list[dict[str, object]]:
    return [
        json.loads(line) for line in raffle.ledger.order_by("seq").values_list("line", flat=True)
    ]


def change(raffle: Raffle, **terms: object) -> None:
    raffle = Raffle.objects.get(pk=raffle.pk)
    for name, value in terms.items():
        setattr(raffle, name, value)
    organising.change_raffle(raffle, by=None)


def test_every_act_leaves_its_line_and_who_did_it() -> None:
    stella, draft = make_staff(), make_draft()
    organising.change_raffle(draft, by=stella)  # nothing changed: no line
    draft.prizes = ["A tandem"]
    organising.change_raffle(draft, by=stella)
    raffle = organising.open_raffle(raffle_id=draft.pk, by=stella)
    buy(raffle, make_buyer())
    organising.void_ticket(ticket_id=raffle.tickets.get().pk, by=stella, reason="a mistake")
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
    created, changed, opened, _, void, closed = lines(raffle)
    assert [says["kind"] for says in lines(raffle)] == [
        "created", "changed", "opened", "purchase", "void", "closed",
    ]  # fmt: skip
    assert created["by"] == "operator"
    assert {says["by"] for says in (changed, opened, void, closed)} == {raffle.pseudonym(stella.pk)}
    assert created["terms"] == opened["terms"] | {"prizes": ["A bicycle"]}  # type: ignore[operator]
    assert (changed["before"], changed["after"]) == (
        {"prizes": ["A bicycle"]},
        {"prizes": ["A tandem"]},
    )
    assert (void["number"], void["reason"]) == (1, "a mistake")


def test_the_draw_says_who_drew() -> None:
    raffle, stella = make_raffle(), make_staff()
    buy(raffle, make_buyer())
    draw(raffle, stella)
    assert {says["by"] for says in lines(raffle)[-2:]} == {raffle.pseudonym(stella.pk)}


def test_a_raffle_is_created_once() -> None:
    draft = make_draft()
    with pytest.raises(IntegrityError):
        organising.create_raffle(draft, by=None)
    assert len(lines(draft)) == 1


@pytest.mark.parametrize(
    "terms", [{"prizes": ["A pencil"]}, {"prizes": ["A pencil"], "description": "New."}]
)
def test_terms_are_frozen_from_the_first_sale_on_and_the_description_is_not(
    terms: dict[str, str],
) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    with pytest.raises(Frozen, match="prizes"):
        change(raffle, **terms)
    change(raffle, description="Now with a bell.")
    raffle.refresh_from_db()
    assert (raffle.prize, raffle.description) == ("A bicycle", "Now with a bell.")


def test_a_closed_raffle_is_not_changed_any_more() -> None:
    raffle = make_raffle()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    with pytest.raises(ClosedForGood):
        change(raffle, description="x")


def test_a_change_that_was_begun_before_the_opening_does_not_take_it_back() -> None:
    stale = make_draft()
    organising.open_raffle(raffle_id=stale.pk, by=None)
    stale.prizes = ["A tandem"]
    organising.change_raffle(stale, by=None)
    stale.refresh_from_db()
    assert (stale.status, stale.prize) == ("OPEN", "A tandem")


def test_only_a_draft_is_opened_and_not_after_its_closing_time() -> None:
    with pytest.raises(NotADraft):
        organising.open_raffle(raffle_id=make_raffle().pk, by=None)
    late = make_draft(closes_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ClosesInThePast):
        organising.open_raffle(raffle_id=late.pk, by=None)
    late.refresh_from_db()
    assert late.status == "DRAFT"


def test_a_void_wants_a_reason_an_open_raffle_and_a_ticket_that_is_not_void() -> None:
    raffle, stella = make_raffle(), make_staff()
    buy(raffle, make_buyer(), 2)
    first, second = raffle.tickets.order_by("number")
    with pytest.raises(ReasonMissing):
        organising.void_ticket(ticket_id=first.pk, by=stella, reason=" ")
    organising.void_ticket(ticket_id=first.pk, by=stella, reason="a mistake")
    with pytest.raises(AlreadyVoid):
        organising.void_ticket(ticket_id=first.pk, by=stella, reason="again")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    with pytest.raises(NotOpen):
        organising.void_ticket(ticket_id=second.pk, by=stella, reason="late")
    assert Void.objects.filter(ticket__raffle=raffle).count() == 1


def test_every_act_locks_the_raffle_before_it_looks() -> None:
    stella, draft = make_staff(), make_draft()
    with CaptureQueriesContext(connection) as captured:
        organising.open_raffle(raffle_id=draft.pk, by=stella)
        change(draft, prizes=["A tandem"])
        buy(draft, make_buyer())
        organising.void_ticket(ticket_id=draft.tickets.get().pk, by=stella, reason="a mistake")
        closing.close_raffle(raffle_id=draft.pk, by=stella, reason="over")
        closing.reconcile_raffle(raffle_id=draft.pk, by=stella)
        with pytest.raises(NothingSold):
            drawing.draw_winner(raffle_id=draft.pk, by=stella)
        with pytest.raises(OnePersonIsEnough):
            seconding.propose_draw(raffle_id=draft.pk, by=stella)
        closing.cancel_raffle(raffle_id=draft.pk, by=stella, reason="nobody is left")
    locks = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert len(locks) == 9


def test_acts_that_answer_publicly_cannot_be_undone_by_a_transaction_around_them() -> None:
    raffle, stella = make_raffle(), make_staff()
    buy(raffle, make_buyer())
    ticket = raffle.tickets.get().pk
    for act in (
        lambda: organising.open_raffle(raffle_id=raffle.pk, by=None),
        lambda: organising.void_ticket(ticket_id=ticket, by=stella, reason="a mistake"),
        lambda: seconding.propose_void(ticket_id=ticket, by=stella, reason="a mistake"),
        lambda: seconding.propose_draw(raffle_id=raffle.pk, by=stella),
        lambda: closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over"),
        lambda: closing.reconcile_raffle(raffle_id=raffle.pk, by=None),
        lambda: closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="off"),
        lambda: draw(raffle),
        lambda: awarding.record_claim(award_id=1, by=stella, code="x"),
        lambda: awarding.forfeit_prize(award_id=1, by=stella, reason="x"),
    ):
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            act()
