"""The raffle's form: prizes one a line, every term explained, and mistakes told clearly."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from raffle.models import Raffle
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_admin import form, stored
from raffle.tests.test_admin_records import url
from raffle.tests.test_staff import browser


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def send(client: Client, raffle: Raffle, **changed: Any) -> Any:
    return client.post(url(raffle, "change", raffle.pk), form(raffle, **changed))


def test_every_term_is_a_field_and_each_method_is_explained(client: Client) -> None:
    page = client.get(url(Raffle, "add")).text
    for name in (*Raffle.TERMS, "description"):
        assert f'name="{name}' in page
    for told in ("whoever runs it has to be trusted", "anybody can check", "From a drum: two"):
        assert told in page


def test_all_terms_are_stored_as_they_were_typed(client: Client) -> None:
    slug = f"new-{uuid.uuid4().hex[:8]}"
    new = Raffle(slug=slug, name="New", organiser="The Club", prizes=["x"], contact="+44 1",
                 licence="SL 1", method="beacon", alternates=0, one_prize_each=False,
                 two_people=True, claim_days=7, currency="GBP")  # fmt: skip
    sent = form(new, prizes="A goose\nA duck") | {"draw_at_0": "2030-05-01", "draw_at_1": "18:00"}
    assert client.post(url(Raffle, "add"), sent).status_code == 302
    raffle = Raffle.objects.get(slug=slug)
    told = {name: value for name, value in new.terms().items() if name not in ("prizes", "draw_at")}
    assert told.items() <= raffle.terms().items()
    assert raffle.prizes == ["A goose", "A duck"]
    assert raffle.terms()["draw_at"] == "2030-05-01T18:00:00.000000Z"


def test_prizes_are_typed_one_a_line_and_blank_lines_do_not_count(client: Client) -> None:
    raffle = make_draft()
    send(client, raffle, prizes="\n  A goose \n\n\t\nA duck, roasted\n \n")
    assert stored(raffle).prizes == ["A goose", "A duck, roasted"]
    assert "A goose\nA duck, roasted</textarea>" in client.get(
        url(raffle, "change", raffle.pk)
    ).text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("prizes", "sentence"),
    [
        ("", "Name at least one prize."),
        (" \n\n ", "Name at least one prize."),
        ("A goose\n" + "x" * 301, "Prize 2 has 301 letters; a prize has at most 300."),
        ("A goose\n" * 1001, "At most 1,000 prizes can be drawn; these are 1,001."),
    ],
)
def test_prizes_that_cannot_be_are_refused_and_kept_in_the_form(
    client: Client, prizes: str, sentence: str
) -> None:
    raffle = make_draft()
    answer = send(client, raffle, prizes=prizes)
    assert answer.status_code == 200
    assert sentence in answer.text
    assert prizes.replace("\n", "\r\n") in answer.text
    assert stored(raffle).prizes == raffle.prizes


def test_as_many_and_as_long_prizes_as_there_can_be_are_taken(client: Client) -> None:
    raffle = make_draft()
    prizes = ["x" * 300, *("y" for _ in range(999))]
    sent = {"prizes": "\n".join(prizes), "alternates": "0", "limit": "1"}
    assert send(client, raffle, **sent).status_code == 302
    assert stored(raffle).prizes == prizes


@pytest.mark.parametrize("prizes", [[" A goose ", "A duck"], ["A goose\nwith apples", "A duck"]])
def test_saving_unchanged_prizes_changes_nothing(client: Client, prizes: list[str]) -> None:
    """However they came to be stored: here with blanks around them, or a line end inside."""
    raffle = make_draft(prizes=prizes)
    assert send(client, raffle, capacity=50).status_code == 302
    assert stored(raffle).prizes == prizes
    assert list(raffle.ledger.get(kind="changed").says["after"]) == ["capacity"]


def test_a_draw_that_would_pick_too_often_is_refused_with_what_to_do(client: Client) -> None:
    raffle = make_draft()
    answer = send(client, raffle, prizes="A goose\n" * 900, limit=100)
    assert answer.status_code == 200
    assert "more than 10,000 picks. Lower one of them" in answer.text
    assert stored(raffle).limit == raffle.limit


@pytest.mark.parametrize("box", ["one_prize_each", "two_people"])
@pytest.mark.parametrize("ticked", [True, False])
def test_a_box_of_a_form_loaded_before_the_first_sale_is_refused_after_it(
    client: Client, box: str, ticked: bool
) -> None:
    """A browser sends nothing for a box that is not ticked: that is a change, too."""
    raffle = make_raffle(**{box: not ticked})
    loaded = form(raffle)
    loaded.pop(box, None)
    loaded |= {box: "on"} if ticked else {}
    buy(raffle, make_buyer())
    answer = client.post(url(raffle, "change", raffle.pk), loaded)
    assert answer.status_code == 409
    assert f"so they stay: {box}." in answer.text
    assert getattr(stored(raffle), box) is not ticked


def test_where_prizes_are_no_field_they_are_a_list_to_read(client: Client) -> None:
    raffle = make_raffle(prizes=["A goose, fat", "A duck"])
    page = url(raffle, "change", raffle.pk)
    assert "1. A goose, fat<br>" not in client.get(page).text
    buy(raffle, make_buyer())
    assert "1. A goose, fat<br>2. A duck" in client.get(page).text
    draw(raffle)
    assert "1. A goose, fat<br>2. A duck" in client.get(page).text


def test_raffles_are_found_by_a_prize(client: Client) -> None:
    prize = f"A goose called {uuid.uuid4().hex}"
    raffle = make_draft(prizes=["A duck", prize])
    found = client.get(url(Raffle, "changelist"), {"q": prize.upper()}).context["cl"].result_list
    assert list(found) == [raffle]
