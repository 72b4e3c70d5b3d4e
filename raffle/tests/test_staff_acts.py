"""The staff's acts up to the draw: what each needs, does, refuses and shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from raffle import closing, drawing, organising
from raffle.models import Raffle, Void
from raffle.tests.makers import make_draft, make_raffle, make_staff
from raffle.tests.test_staff import (
    address,
    browser,
    closed_raffle,
    confirmed_raffle,
    record,
    sold_raffle,
    sold_ticket,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


# --- Opening and closing --------------------------------------------------------------------------


def test_opening_shows_every_term_that_will_be_frozen() -> None:
    raffle = make_draft(rules="First rule.\nSecond rule.", prizes=["A tandem <b>"], price="2.50")
    page = browser(make_staff()).get(address("open", raffle)).text
    told = ("A tandem &lt;b&gt;", "First rule.<br>Second rule.", "2.50", "EUR", "By this computer")
    for shown in (raffle.slug, "<dt>Two people needed</dt><dd>no</dd>", *told):
        assert shown in page


def test_opening_wants_the_terms_confirmed() -> None:
    raffle = make_draft()
    answer = browser(make_staff()).post(address("open", raffle))
    assert answer.status_code == 422
    assert "Tick the box" in answer.text
    assert Raffle.objects.get(pk=raffle.pk).status == "DRAFT"


def test_a_raffle_opens_once() -> None:
    raffle = make_raffle()
    answer = browser(make_staff()).post(address("open", raffle), {"confirmed": "on"})
    assert answer.status_code == 409
    assert "Only a draft can be opened" in answer.text


def test_a_raffle_whose_end_has_passed_does_not_open() -> None:
    raffle = make_draft(closes_at=LONG_AGO)
    answer = browser(make_staff()).post(address("open", raffle), {"confirmed": "on"})
    assert answer.status_code == 409
    assert "closing time lies in the past" in answer.text


@pytest.mark.parametrize("reason", ["", "   \n "])
def test_closing_and_voiding_want_a_reason(reason: str) -> None:
    ticket, client = sold_ticket(), browser(make_staff())
    for answer in (
        client.post(address("close", ticket.raffle), {"reason": reason}),
        client.post(address("void", ticket), {"reason": reason}),
    ):
        assert answer.status_code == 422
        assert "Say why" in answer.text
    assert record(ticket)[:4] == ("OPEN", 3, 0, 0)


def test_the_reason_of_the_close_is_in_the_ledger() -> None:
    raffle = make_raffle()
    browser(make_staff()).post(address("close", raffle), {"reason": "Rain."})
    assert '"reason":"Rain."' in raffle.ledger.get(kind="closed").line


def test_a_closed_raffle_is_neither_closed_again_nor_opened() -> None:
    raffle = make_raffle()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    client = browser(make_staff())
    assert client.post(address("close", raffle), {"reason": "Again."}).status_code == 409
    assert client.post(address("open", raffle), {"confirmed": "on"}).status_code == 409


# --- Voiding --------------------------------------------------------------------------------------


def test_voiding_shows_the_ticket_and_keeps_who_and_why() -> None:
    ticket, stella = sold_ticket(), make_staff()
    client = browser(stella)
    page = client.get(address("void", ticket)).text
    assert ticket.buyer.email in page
    client.post(address("void", ticket), {"reason": "Sold to a child."})
    void = Void.objects.get(ticket=ticket)
    assert (void.reason, void.voided_by) == ("Sold to a child.", stella)
    assert "Sold to a child." in client.get(address("void", ticket)).text


def test_a_ticket_is_voided_once() -> None:
    ticket = sold_ticket()
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="First.")
    answer = browser(make_staff()).post(address("void", ticket), {"reason": "Second."})
    assert answer.status_code == 409
    assert "void already" in answer.text
    assert Void.objects.get(ticket=ticket).reason == "First."


def test_no_ticket_is_voided_after_the_close() -> None:
    ticket = sold_ticket()
    closing.close_raffle(raffle_id=ticket.raffle_id, by=None, reason="Over.")
    answer = browser(make_staff()).post(address("void", ticket), {"reason": "Late."})
    assert answer.status_code == 409
    assert not Void.objects.filter(ticket=ticket).exists()


# --- Confirming the figures -----------------------------------------------------------------------


def test_the_figures_are_shown_as_a_sum_with_the_fingerprint_of_the_list() -> None:
    raffle = sold_raffle(3, capacity=8)
    ticket = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Returned.")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    page = browser(make_staff()).get(address("confirm", raffle)).text
    assert equation(page) == ["2", "1", "5", "8"]
    assert raffle.ledger.get(kind="closed").says["manifest"] in page


def test_confirming_wants_a_tick_and_puts_the_name_under_the_figures() -> None:
    raffle, stella = closed_raffle(), make_staff()
    client = browser(stella)
    answer = client.post(address("confirm", raffle))
    assert answer.status_code == 422
    assert "Tick the box" in answer.text
    assert not raffle.ledger.filter(kind="reconciled").exists()
    assert client.post(address("confirm", raffle), {"confirmed": "on"}).status_code == 303
    line = raffle.ledger.get(kind="reconciled")
    assert line.actor == stella
    assert line.says["sold"] + line.says["void"] + line.says["unsold"] == raffle.capacity
    page = client.get(address("confirm", raffle)).text
    assert "confirmed already" in page
    assert stella.email in page[page.index("Confirmed by") :]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (make_raffle, "Close the raffle first"),
        (confirmed_raffle, "confirmed already"),
    ],
)
def test_figures_are_confirmed_after_the_close_and_once(make: Any, sentence: str) -> None:
    raffle, client = make(), browser(make_staff())
    before = record(raffle)
    assert sentence in client.get(address("confirm", raffle)).text
    answer = client.post(address("confirm", raffle), {"confirmed": "on"})
    assert answer.status_code == 409
    assert sentence in answer.text
    assert record(raffle) == before


# --- Cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "name", "sentence"),
    [
        ("Rain.", "", "Type the raffle’s name. Nothing was cancelled."),
        ("Rain.", "Another raffle", "letter for letter. Nothing was cancelled."),
        (" ", "The raffle", "Say why"),
    ],
)
def test_cancelling_wants_a_reason_and_the_name(reason: str, name: str, sentence: str) -> None:
    raffle = sold_raffle(name="The raffle")
    said = {"reason": reason, "name": name}
    answer = browser(make_staff()).post(address("cancel", raffle), said)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert record(raffle)[0] == "OPEN"


def test_cancelling_says_how_many_tickets_become_void_and_then_shows_why() -> None:
    raffle, client = sold_raffle(3), browser(make_staff())
    assert "All 3 tickets sold become void" in client.get(address("cancel", raffle)).text
    said = {"reason": "The hall burned down.", "name": raffle.name}
    answer = client.post(address("cancel", raffle), said, follow=True)
    assert answer.redirect_chain == [(address("change", raffle), 303)]
    assert "The hall burned down." in answer.text
    assert record(raffle)[0] == "CANCELLED"
    ticket = client.get(address("change", raffle.tickets.all()[0])).text
    assert "The raffle was cancelled." in ticket
    assert address("void", raffle.tickets.all()[0]) not in ticket
    assert client.get(address("void", raffle.tickets.all()[0])).status_code == 200


def test_a_cancelled_raffle_is_left_alone() -> None:
    raffle, client = sold_raffle(), browser(make_staff())
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="Rain.")
    before = record(raffle)
    said = {"reason": "Again.", "name": raffle.name, "confirmed": "on"}
    for page in ("open", "close", "confirm", "ask", "draw", "cancel"):
        assert address(page, raffle) not in client.get(address("change", raffle)).text
        assert client.post(address(page, raffle), said).status_code == 409
    assert record(raffle) == before


@pytest.mark.parametrize("method", ["local", "beacon"])
def test_what_is_sealed_is_not_cancelled(method: str) -> None:
    raffle = sold_raffle(method=method)
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    client = browser(make_staff())
    assert "no way back" in client.get(address("cancel", raffle)).text
    answer = client.post(address("cancel", raffle), {"reason": "Rain.", "name": raffle.name})
    assert answer.status_code == 409
    assert record(raffle)[0] == "CLOSED"


def test_a_draft_is_not_cancelled() -> None:
    raffle = make_draft()
    said = {"reason": "Rain.", "name": raffle.name}
    assert browser(make_staff()).post(address("cancel", raffle), said).status_code == 409


def equation(page: str) -> list[str]:
    """The numbers of sold and valid + void + not sold = in all."""
    told = page[page.index('class="equation"') :]
    return re.findall(r"<b>(\d+)</b>", told[: told.index("</p>")])
