"""What nobody on the staff sees: validation codes, and what would give away other secrets."""

from __future__ import annotations

import pytest
from django.db.models import Model
from django.test import Client

from raffle.models import Ticket
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.test_admin_records import OURS, pages_of, url, whole_story
from raffle.tests.test_staff import browser


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def test_nobody_sees_a_validation_code_that_was_not_shown(client: Client) -> None:
    raffle = whole_story()
    unclaimed = raffle.tickets.get(number=1)  # void, so nobody has to show it
    lists = (url(model, "changelist") for model in OURS)
    for page in (*pages_of(raffle), *lists, f"{url(Ticket, 'changelist')}?q=1"):
        assert unclaimed.code not in client.get(page).text, page


@pytest.mark.parametrize("model", OURS)
def test_no_filter_guesses_a_secret_letter_by_letter(client: Client, model: type[Model]) -> None:
    ways = ("", "ticket__", "tickets__", "award__ticket__", "raffle__tickets__", "proposals__")
    for secret in ("code", "pseudonym_key", "password", "numbers"):
        for way in ways:
            guess = f"{way}{secret}__startswith"
            assert client.get(url(model, "changelist"), {guess: "0"}).status_code == 400, guess
    for lookup in ("code", "code__gte", "code__regex", "code__in", "numbers__contains"):
        assert client.get(url(model, "changelist"), {lookup: "0"}).status_code == 400, lookup


def test_no_list_is_searched_for_a_code_which_would_stand_in_its_address(client: Client) -> None:
    ticket = buy(make_raffle(), make_buyer()).purchase.tickets.get()

    def found(term: str) -> int:
        answer = client.get(url(Ticket, "changelist"), {"q": term})
        return int(answer.context["cl"].result_count)

    for part in (ticket.code, ticket.code[:31], ticket.code[:31] + "%"):
        assert found(part) == 0
