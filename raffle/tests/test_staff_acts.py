"""What each of the staff's acts needs, does, refuses and shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from raffle import closing, organising
from raffle.models import Draw, Raffle, Ticket, Void
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_staff import address, browser, record, sold_raffle, sold_ticket

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


# --- Opening and closing --------------------------------------------------------------------------


def test_opening_shows_every_term_that_will_be_frozen() -> None:
    raffle = make_draft(rules="First rule.\nSecond rule.", prizes=["A tandem <b>"], price="2.50")
    page = browser(make_staff()).get(address("open", raffle)).text
    for shown in (raffle.slug, "A tandem &lt;b&gt;", "First rule.<br>Second rule.", "2.50", "EUR"):
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


# --- Drawing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["", " and more", str.upper, str.lower])
def test_the_draw_wants_the_name_letter_for_letter(change: Any) -> None:
    raffle = sold_raffle()
    typed = change(raffle.name) if callable(change) else change and raffle.name + change
    if typed == raffle.name:
        pytest.fail("the name must differ")
    answer = browser(make_staff()).post(address("draw", raffle), {"name": typed})
    assert answer.status_code == 422
    assert "Nothing was drawn." in answer.text
    assert record(raffle)[:4] == ("OPEN", 4, 0, 0)


def test_the_draw_page_says_what_it_will_do() -> None:
    raffle = sold_raffle(3)
    ticket = Ticket.objects.get(raffle=raffle, number=2)
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Returned.")
    page = browser(make_staff()).get(address("draw", raffle)).text
    assert "This closes sales for good." in page
    assert "3 of 100" in page
    assert "from the <strong>2</strong> valid tickets" in page
    assert "97 tickets can still be bought" in page


def test_the_result_page_shows_the_winner() -> None:
    raffle, client = sold_raffle(), browser(make_staff())
    answer = client.post(address("draw", raffle), {"name": raffle.name}, follow=True)
    assert answer.redirect_chain == [(address("draw", raffle), 303)]
    winner = Draw.objects.get(raffle=raffle).ticket.number
    assert f"The winner is ticket <strong>{winner}</strong>" in answer.text
    assert "<textarea" not in answer.text
    assert 'name="name"' not in answer.text


def test_drawing_again_shows_the_same_winner_and_logs_no_second_draw() -> None:
    raffle, stella = sold_raffle(20), make_staff()
    for user in (stella, stella, make_staff()):
        client = browser(user)
        answer = client.post(address("draw", raffle), {"name": raffle.name}, follow=True)
        winner = Draw.objects.get(raffle=raffle).ticket.number
        assert f"The winner is ticket <strong>{winner}</strong>" in answer.text
    assert raffle.ledger.filter(kind="drawn").count() == 1
    assert LogEntry.objects.filter(object_repr=raffle.name).count() == 1


def test_a_name_with_odd_blanks_can_be_typed_as_it_is_shown() -> None:
    raffle = make_raffle(name=" Two  blanks and “quotes” ")
    buy(raffle, make_buyer())
    client = browser(make_staff())
    assert client.post(address("draw", raffle), {"name": raffle.name}).status_code == 303


def test_nothing_sold_is_refused_and_the_raffle_stays_open() -> None:
    raffle = make_raffle()
    answer = browser(make_staff()).post(address("draw", raffle), {"name": raffle.name})
    assert answer.status_code == 409
    assert "No valid ticket was sold" in answer.text
    assert record(raffle)[:4] == ("OPEN", 2, 0, 0)


def test_a_draft_is_not_drawn() -> None:
    raffle = make_draft()
    answer = browser(make_staff()).post(address("draw", raffle), {"name": raffle.name})
    assert answer.status_code == 409
    assert 'name="name"' not in answer.text
