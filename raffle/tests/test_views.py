"""The buyers' pages, as visitor, buyer and staff see them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from raffle import awarding, closing, drawing, organising, selling
from raffle.errors import Busy, OutcomeUnknown, Refusal
from raffle.models import Raffle, Ticket
from raffle.pages import lists
from raffle.pages.lists import listed
from raffle.pages.views import RAFFLES_A_PAGE
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
    sold_numbers,
)
from raffle.tests.reading import words
from rafflesite import errors

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


def browser(user: User | None = None) -> Client:
    client = Client(enforce_csrf_checks=False)
    if user:
        client.force_login(user)
    return client


def page_of(raffle: Raffle, user: User | None = None) -> str:
    response = browser(user).get(raffle.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def send(client: Client, raffle: Raffle, quantity: object = 1, key: str = "") -> Answer:
    form = {"quantity": quantity, "key": key or str(uuid.uuid4())}
    return client.post(f"{raffle.get_absolute_url()}buy", form)


def key_in(page: str) -> str:
    found = re.search(r'name="key" value="([^"]*)"', page)
    assert found
    return found[1]


def alert_in(response: Answer) -> str:
    found = re.search(r'role="alert">([^<]+)<', response.content.decode())
    assert found
    return found[1]


# --- Buying ---------------------------------------------------------------------------------------


def test_the_form_of_the_page_buys_and_leads_to_the_tickets() -> None:
    raffle, alice = make_raffle(), make_buyer()
    client = browser(alice)
    key = key_in(client.get(raffle.get_absolute_url()).content.decode())
    response = send(client, raffle, 2, key)
    assert response.status_code == 303
    assert response.headers["Location"] == f"{raffle.get_absolute_url()}#your-tickets"
    after = client.get(raffle.get_absolute_url()).content.decode()
    assert "Tickets 1 to 2 are yours" in after
    assert after.count("data-number>1<") == after.count("data-number>2<") == 1


def test_sending_the_same_form_again_buys_once() -> None:
    raffle, client = make_raffle(), browser(make_buyer())
    answers = {send(client, raffle, 1, "the-key").status_code for _ in range(3)}
    assert answers == {303}
    assert sold_numbers(raffle) == [1]


def test_every_showing_of_the_page_has_a_key_of_its_own() -> None:
    raffle, alice = make_raffle(), make_buyer()
    assert key_in(page_of(raffle, alice)) != key_in(page_of(raffle, alice))


def test_a_visitor_who_buys_signs_in_and_comes_back_to_the_raffle() -> None:
    raffle = make_raffle()
    response = send(browser(), raffle)
    assert response.headers["Location"] == (
        f"/accounts/login/?next={raffle.get_absolute_url()}%3Fquantity%3D1"
    )
    assert sold_numbers(raffle) == []


def test_looking_buys_nothing_and_is_by_get_only() -> None:
    raffle, client = make_raffle(), browser(make_buyer())
    back = client.get(f"{raffle.get_absolute_url()}buy?quantity=2&key=k")
    assert back.headers["Location"] == f"{raffle.get_absolute_url()}?quantity=2"
    assert client.put(f"{raffle.get_absolute_url()}buy").status_code == 405
    assert sold_numbers(raffle) == []
    for address in ("/", "/tickets/", raffle.get_absolute_url()):
        assert client.post(address).status_code == 405
        assert client.head(address).status_code == 200


def test_a_form_from_elsewhere_buys_nothing() -> None:
    raffle = make_raffle()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_buyer())
    response = send(client, raffle)
    assert (response.status_code, sold_numbers(raffle)) == (403, [])
    assert b"This form is too old" in response.content


def test_whoever_the_form_names_the_buyer_is_who_is_signed_in() -> None:
    raffle, alice, bob = make_raffle(), make_buyer("alice"), make_buyer("bob")
    form = {"quantity": 1, "key": "k", "buyer": bob.pk, "userId": bob.pk, "buyer_id": bob.pk}
    browser(alice).post(f"{raffle.get_absolute_url()}buy", form)
    assert [ticket.buyer for ticket in raffle.tickets.all()] == [alice]


@pytest.mark.parametrize(
    ("quantity", "key"),
    [
        ("0", "k"), ("-1", "k"), ("", "k"), ("two", "k"), ("1.5", "k"), ("1e3", "k"),
        ("10000001", "k"), ("9" * 6000, "k"), ("-" + "9" * 6000, "k"), ("1\0", "k"), ("NaN", "k"),
        ("1", "\0"), ("1", "k\0k"), ("1", "k" * 201), ("1", "   "),
    ],
)  # fmt: skip
def test_nonsense_gets_a_clear_answer_and_no_ticket(quantity: str, key: str) -> None:
    raffle = make_raffle()
    response = send(browser(make_buyer()), raffle, quantity, key)
    assert response.status_code == 422
    assert alert_in(response)
    assert sold_numbers(raffle) == []


def test_an_empty_form_gets_a_clear_answer() -> None:
    raffle = make_raffle()
    response = browser(make_buyer()).post(f"{raffle.get_absolute_url()}buy")
    assert response.status_code == 422


def test_a_raffle_that_is_not_there_cannot_be_bought_from() -> None:
    assert browser(make_buyer()).post("/raffles/no-such-raffle/buy").status_code == 404


# --- Refusals -------------------------------------------------------------------------------------


def refused(raffle: Raffle, user: User, quantity: int = 1) -> tuple[int, str]:
    before = sold_numbers(raffle)
    response = send(browser(user), raffle, quantity)
    assert sold_numbers(raffle) == before
    return response.status_code, alert_in(response)


def test_beyond_the_limit() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    sentence = "One person may hold at most 2 tickets of this raffle; you hold 2."
    assert refused(raffle, alice) == (409, sentence)
    assert sentence in page_of(raffle, alice)


def test_sold_out() -> None:
    raffle = make_raffle(capacity=1)
    buy(raffle, make_buyer())
    assert refused(raffle, make_buyer()) == (409, "Every ticket has been sold.")
    assert "Sold out" in page_of(raffle, make_buyer())


def test_not_enough_left() -> None:
    raffle = make_raffle(capacity=3)
    buy(raffle, make_buyer(), 2)
    assert refused(raffle, make_buyer(), 2) == (409, "Only 1 ticket is left. Ask for fewer.")


def test_closed() -> None:
    raffle = make_raffle()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    status, sentence = refused(raffle, make_buyer())
    assert (status, "have closed" in sentence) == (409, True)


def test_not_open_yet() -> None:
    raffle = make_raffle(opens_at=timezone.now() + timedelta(days=1))
    status, sentence = refused(raffle, make_buyer())
    assert (status, "have not started" in sentence) == (409, True)


def test_staff() -> None:
    raffle, stella = make_raffle(), make_staff()
    status, sentence = refused(raffle, stella)
    assert (status, "can never hold a ticket" in sentence) == (403, True)
    page = page_of(raffle, stella)
    assert "can never hold a ticket" in page
    assert "data-buy" not in page


def test_a_key_used_for_something_else() -> None:
    raffle, client = make_raffle(), browser(make_buyer())
    send(client, raffle, 1, "the-key")
    response = send(client, raffle, 2, "the-key")
    assert response.status_code == 422
    assert key_in(response.content.decode()) != "the-key"
    assert sold_numbers(raffle) == [1]


@pytest.mark.parametrize("refusal", [Busy(), OutcomeUnknown()])
def test_when_asking_again_is_right_the_form_stays_as_it_was(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise refusal

    raffle = make_raffle()
    monkeypatch.setattr(selling, "purchase", refuse)
    response = send(browser(make_buyer()), raffle, 2, "the-key")
    page = response.content.decode()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert alert_in(response) == refusal.detail
    assert key_in(page) == "the-key"
    assert re.search(r'value="2" required checked', page)


# --- What the page says ---------------------------------------------------------------------------


def test_the_page_says_what_a_buyer_must_know() -> None:
    closes = timezone.now().replace(microsecond=0) + timedelta(days=3)
    raffle = make_raffle(
        prizes=["A red bicycle"], rules="Be kind.", description="For the hall.", price="2.50",
        organiser="The Cyclists", closes_at=closes,
    )  # fmt: skip
    buy(raffle, make_buyer(), 2)
    page = page_of(raffle)
    for told in (
        raffle.name, "A red bicycle", "Be kind.", "For the hall.", "The Cyclists",
        "2.50 EUR a ticket", "at most 2", "chance 1 in 100",
        'data-show="entries">2<', "secrets.randbelow",
        f' datetime="{closes:%Y-%m-%dT%H:%M:%SZ}">', "UTC", 'data-show="remaining">98<',
        'max="100" value="2"', 'data-show="seq">3<',
    ):  # fmt: skip
        assert told in page, told


def test_a_visitor_is_led_to_sign_in_and_back() -> None:
    raffle = make_raffle()
    assert "data-buy>" not in page_of(raffle)
    chosen = f"{raffle.get_absolute_url()}buy?quantity=2"
    back = f"next={raffle.get_absolute_url()}%3Fquantity%3D2"
    for address, where in ((chosen, "login"), (f"{chosen}&account=new", "signup")):
        assert browser().get(address).headers["Location"] == f"/accounts/{where}/?{back}"


@pytest.mark.parametrize(
    ("told", "chosen"), [("2", 2), ("1", 1), ("3", 2), ("0", 1), ("-1", 1), ("2x", 1), ("٢", 1)]
)
def test_what_was_chosen_before_signing_in_is_chosen_still(told: str, chosen: int) -> None:
    raffle = make_raffle()
    response = browser(make_buyer()).get(raffle.get_absolute_url(), {"quantity": told})
    page = response.content.decode()
    assert re.findall(r'value="(\d)" required checked', page) == [str(chosen)]


def test_the_form_offers_no_more_than_the_buyer_may_have() -> None:
    raffle, alice = make_raffle(limit=3), make_buyer()
    buy(raffle, alice, 1)
    assert re.findall(r'name="quantity" value="(\d+)"', page_of(raffle, alice)) == ["1", "2"]
    many = make_raffle(limit=50, capacity=40)
    assert 'min="1" max="40"' in page_of(many, alice)


def test_a_void_ticket_is_shown_and_not_counted_in_the_odds() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    ticket = Ticket.objects.get(raffle=raffle, number=1)
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Paid twice")
    page = page_of(raffle, alice)
    assert page.count("stub--void") == 1
    assert 'data-show="entries">1<' in page


def test_nobody_sees_the_tickets_of_others() -> None:
    raffle, alice, bob = make_raffle(), make_buyer("alice"), make_buyer("bob")
    buy(raffle, alice, 2)
    code = Ticket.objects.filter(raffle=raffle)[0].code
    for viewer in (None, bob, make_staff()):
        page = page_of(raffle, viewer)
        assert "data-number>1<" not in page
        assert alice.email not in page
        assert code not in page
    assert code not in browser(bob).get("/tickets/").content.decode()


def test_hostile_names_are_only_text() -> None:
    evil = '<script>alert("x")</script>{{ 7 }}'
    raffle = make_raffle(
        name=evil, prizes=[evil], organiser=evil, rules=evil, description=evil, limit=1
    )
    alice = make_buyer()
    buy(raffle, alice)
    for address in ("/", "/tickets/", raffle.get_absolute_url()):
        page = browser(alice).get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        assert "{{ 7 }}" in page


# --- Drafts and winners ---------------------------------------------------------------------------


def test_a_draft_is_not_there_for_anybody() -> None:
    draft = make_draft()
    for viewer in (None, make_buyer(), make_staff()):
        client = browser(viewer)
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert draft.name not in client.get("/").content.decode()
    assert send(browser(make_buyer()), draft).status_code == 404


def test_the_winner_is_shown_once_drawn_and_told_kindly() -> None:
    raffle, alice, bob = make_raffle(capacity=2, limit=1), make_buyer("alice"), make_buyer("bob")
    buy(raffle, alice)
    buy(raffle, bob)
    for viewer in (None, alice, bob, make_staff()):
        assert "Winning ticket" not in page_of(raffle, viewer)
    drawn = draw(raffle)
    winner, loser = (alice, bob) if drawn.ticket.buyer_id == alice.pk else (bob, alice)
    assert "Winning ticket" in page_of(raffle)
    assert "You won!" in page_of(raffle, winner)
    assert "Not this time" in page_of(raffle, loser)
    assert "stub--won" in browser(winner).get("/tickets/").content.decode()
    assert "stub--won" not in browser(loser).get("/tickets/").content.decode()


def test_a_closed_raffle_has_no_winner_before_the_draw() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    page = page_of(raffle, alice)
    assert "Winning ticket" not in page
    assert "stub--won" not in page + browser(alice).get("/tickets/").content.decode()


# --- Lists ----------------------------------------------------------------------------------------


def test_raffles_are_listed_by_how_they_stand() -> None:
    drawn, closed, sold_out = make_raffle(), make_raffle(), make_raffle(capacity=1)
    upcoming = make_raffle(opens_at=timezone.now() + timedelta(days=1))
    opened, newest, cancelled = make_raffle(), make_raffle(), make_raffle()
    for raffle in (drawn, closed, sold_out):
        buy(raffle, make_buyer())
    draw(drawn)
    closing.close_raffle(raffle_id=closed.pk, by=None, reason="Enough")
    closing.cancel_raffle(raffle_id=cancelled.pk, by=None, reason="Rain")
    made = [drawn, closed, sold_out, upcoming, opened, newest, cancelled]
    assert lists.grouped(lists.listed().filter(pk__in=[raffle.pk for raffle in made])) == [
        (lists.Phase.OPEN, [newest, opened]),
        (lists.Phase.UPCOMING, [upcoming]),
        (lists.Phase.ENDED, [sold_out, closed]),
        (lists.Phase.DRAWN, [drawn]),
        (lists.Phase.CANCELLED, [cancelled]),
    ]


def test_the_list_leads_to_the_raffles() -> None:
    raffle = make_raffle(name="A raffle to be found", price="1.50")
    page = browser().get("/").content.decode()
    card = page[page.index(raffle.get_absolute_url()) :].partition("</a>")[0]
    for told in ("A raffle to be found", "Win: A bicycle", "100", "1.50 EUR a ticket"):
        assert told in card


def card(raffle: Raffle) -> str:
    """What the list says of it, on whichever of its pages."""
    before = list(listed().values_list("pk", flat=True)).index(raffle.pk)
    number = before // RAFFLES_A_PAGE + 1
    page = browser().get("/", {"page": number}).content.decode()
    return words(page[page.index(f'"{raffle.get_absolute_url()}"') :].partition("</a>")[0])


def test_cards_tell_of_several_prizes_of_seals_and_of_winners() -> None:
    raffle = make_raffle(method="beacon", prizes=["A bicycle", "A hat", "A pen"])
    buy(raffle, make_buyer())
    assert "Win: A bicycle, and 2 more prizes" in card(raffle)
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    assert "The draw is sealed, to be drawn" in card(raffle)
    drawn = make_raffle(prizes=["A bicycle", "A hat"])
    buy(drawn, make_buyer())
    draw(drawn)
    assert "First prize 1 of 100" in card(drawn)
    won = drawn.awards.select_related("ticket").get(prize=1)
    code = won.ticket.code
    awarding.forfeit_prize(award_id=won.pk, by=make_staff(), reason="Moved.", code=code)
    assert "First prize nobody’s" in card(drawn)


@pytest.mark.parametrize("number", ["0", "-1", "999999", "x", "\0", "9" * 5000])
def test_pages_that_do_not_exist_show_one_that_does(number: str) -> None:
    assert browser().get("/", {"page": number}).status_code == 200


def test_own_tickets_come_with_their_codes_and_need_a_sign_in() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    page = browser(alice).get("/tickets/").content.decode()
    for ticket in raffle.tickets.all():
        assert ticket.code in page
    assert "You hold no ticket yet" in browser(make_buyer()).get("/tickets/").content.decode()
    assert browser().get("/tickets/").headers["Location"] == "/accounts/login/?next=/tickets/"


def test_the_number_of_queries_does_not_grow() -> None:
    alice = make_buyer()
    few, many = make_raffle(limit=2), make_raffle(limit=30)
    buy(few, alice, 1)
    buy(many, alice, 30)
    client = browser(alice)
    for address, most in (("/", 6), ("/tickets/", 6), (many.get_absolute_url(), 7)):
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        assert len(queries) <= most, [query["sql"] for query in queries]
    for buyer in make_buyers(3):
        buy(few, buyer)
    with CaptureQueriesContext(connection) as queries:
        client.get(few.get_absolute_url())
    assert len(queries) <= 7


# --- Every page -----------------------------------------------------------------------------------

ACCOUNT_PAGES = (
    "login/", "signup/", "password/reset/", "password/reset/done/", "confirm-email/", "inactive/",
    "logout/", "email/", "password/change/", "reauthenticate/", "password/reset/key/done/",
)  # fmt: skip


@pytest.mark.parametrize("page", ACCOUNT_PAGES)
@pytest.mark.parametrize("signed_in", [False, True])
def test_every_account_page_looks_like_ours(page: str, signed_in: bool) -> None:
    alice = make_buyer()
    alice.password = "of no meaning"  # quicker than a real one, and enough to be asked for it
    alice.save()
    client = browser(alice if signed_in else None)
    response = client.get(f"/accounts/{page}", follow=True)
    assert response.status_code == 200
    assert b'class="brand"' in response.content


def test_pages_about_a_person_are_stored_nowhere() -> None:
    raffle, client = make_raffle(), browser(make_buyer())
    answers = [client.get(a) for a in ("/", "/tickets/", raffle.get_absolute_url())]
    answers += [send(client, raffle, "x"), send(client, raffle, 9), send(client, raffle)]
    for response in answers:
        assert {"no-store", "private"} <= set(response.headers["Cache-Control"].split(", "))


def test_nothing_in_the_pages_is_inline() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    for address in ("/", "/tickets/", raffle.get_absolute_url(), "/nowhere", "/accounts/email/"):
        page = browser(alice).get(address).content.decode()
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page)
        assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(OperationalError(), 503, b"Back in a moment"), (ValueError(), 500, b"We made a mistake")],
)
def test_pages_for_accidents_ask_nothing_of_the_database(
    error: Exception, status: int, words: bytes
) -> None:
    request: HttpRequest = RequestFactory().get("/")  # has no user, no session, no messages
    with CaptureQueriesContext(connection) as queries:
        try:
            raise error
        except (OperationalError, ValueError):
            response = errors.server_error(request)
    assert (response.status_code, len(queries)) == (status, 0)
    assert words in response.content


def test_a_page_that_is_not_there_says_so() -> None:
    response = browser().get("/nowhere")
    assert response.status_code == 404
    assert b"There is no such page" in response.content
