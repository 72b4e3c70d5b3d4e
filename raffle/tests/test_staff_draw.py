"""The staff's draw by this computer: alone, and by two people."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from raffle import organising
from raffle.models import Draw, Seal, Ticket
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_staff import (
    address,
    browser,
    closed_raffle,
    confirmed_raffle,
    raffle_asked_for,
    record,
    sold_raffle,
)
from raffle.tests.test_staff_acts import equation

# --- Alone ----------------------------------------------------------------------------------------


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
    assert "you confirm these figures in your name" in page
    assert equation(page) == ["2", "1", "97", "100"]


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


def test_who_draws_confirms_the_figures_unless_somebody_has() -> None:
    stella = make_staff()
    for raffle, confirms in ((closed_raffle(), True), (confirmed_raffle(), False)):
        page = browser(stella).get(address("draw", raffle)).text
        assert ("you confirm these figures in your name" in page) is confirms
        browser(stella).post(address("draw", raffle), {"name": raffle.name})
        assert (raffle.ledger.get(kind="reconciled").actor == stella) is confirms


def test_the_page_of_the_draw_shows_every_prize_with_its_winner() -> None:
    raffle = sold_raffle(9, prizes=["A goose", "A duck <b>", "An egg"])
    drawn = draw(raffle)
    page = browser(make_staff()).get(address("draw", raffle)).text
    assert f"winner of the first prize is ticket <strong>{drawn.order[0]}</strong>" in page
    for prize, award in zip(("A goose", "A duck &lt;b&gt;", "An egg"), awards(raffle), strict=True):
        row = page[page.index(prize) :]
        row = row[: row.index("</tr>")]
        assert f">{award.ticket.number}</a>" in row
        assert "unclaimed" in row
        assert f"{award.claim_by:%B %Y}" in row


def test_a_prize_for_which_nobody_is_left_is_shown_too() -> None:
    raffle = sold_raffle(1, prizes=["A goose", "A duck"])
    draw(raffle)
    page = browser(make_staff()).get(address("draw", raffle)).text
    assert "nobody left" in page[page.index("A duck") :]


def awards(raffle: Any) -> Any:
    return raffle.awards.select_related("ticket").order_by("prize")


# --- Two people -----------------------------------------------------------------------------------


def test_two_people_draw_one_asks_and_another_one_confirms() -> None:
    raffle, stella, tom = confirmed_raffle(5, two_people=True), make_staff(), make_staff()
    asked = browser(stella).post(address("ask", raffle), {"confirmed": "on"})
    assert asked.status_code == 303
    assert not Seal.objects.filter(raffle=raffle).exists()
    page = browser(tom).get(address("draw", raffle)).text
    assert f"Asked for by {stella.email}" in page
    assert 'value="Confirm and draw"' in page
    browser(tom).post(address("draw", raffle), {"name": raffle.name})
    seal = Seal.objects.get(raffle=raffle)
    assert (seal.sealed_by, seal.confirmed_by) == (stella, tom)
    assert Draw.objects.filter(raffle=raffle).exists()


def test_who_asked_for_the_draw_is_told_who_must_confirm_and_cannot() -> None:
    raffle, stella = confirmed_raffle(two_people=True), make_staff()
    client = browser(stella)
    client.post(address("ask", raffle), {"confirmed": "on"})
    before = record(raffle)
    page = client.get(address("draw", raffle)).text
    assert "Another member of staff must confirm it" in page
    assert 'name="name"' not in page
    answer = client.post(address("draw", raffle), {"name": raffle.name})
    assert answer.status_code == 409
    assert "Two members of staff are needed" in answer.text
    assert record(raffle) == before


def test_nobody_confirms_what_nobody_asked_for() -> None:
    raffle, client = confirmed_raffle(two_people=True), browser(make_staff())
    before = record(raffle)
    page = client.get(address("draw", raffle)).text
    assert "Two members of staff are needed" in page
    assert f'href="{address("ask", raffle)}"' in page
    assert client.post(address("draw", raffle), {"name": raffle.name}).status_code == 409
    assert record(raffle) == before


@pytest.mark.parametrize("make", [sold_raffle, closed_raffle])
def test_two_people_draw_once_the_figures_are_confirmed(make: Any) -> None:
    raffle, client = make(two_people=True), browser(make_staff())
    before = record(raffle)
    for page, said in (("ask", {"confirmed": "on"}), ("draw", {"name": raffle.name})):
        assert "confirm its figures first" in client.get(address(page, raffle)).text
        assert client.post(address(page, raffle), said).status_code == 409
    assert record(raffle) == before


def test_nobody_asks_where_one_person_is_enough_or_all_is_sealed() -> None:
    alone, drawn = confirmed_raffle(), raffle_asked_for()
    draw(drawn, by=make_staff())
    client = browser(make_staff())
    for raffle, sentence in ((alone, "do it at once"), (drawn, "sealed already")):
        assert sentence in client.get(address("ask", raffle)).text
        answer = client.post(address("ask", raffle), {"confirmed": "on"})
        assert answer.status_code == 409
        assert sentence in answer.text


def test_two_people_seal_a_beacon_draw() -> None:
    raffle, tom = raffle_asked_for(method="beacon"), make_staff()
    page = browser(tom).get(address("draw", raffle)).text
    assert 'value="Confirm and seal"' in page
    assert browser(tom).post(address("draw", raffle), {"name": raffle.name}).status_code == 303
    seal = Seal.objects.get(raffle=raffle)
    assert seal.confirmed_by == tom
    assert seal.sealed_by != tom
