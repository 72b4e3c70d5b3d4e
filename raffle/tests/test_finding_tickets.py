"""Finding a ticket of one raffle: by number, by code as a buyer reads it, by e-mail address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Lower
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from raffle.admin.finding import FindForm, found
from raffle.models import Raffle, Ticket
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_admin_records import url
from raffle.tests.test_staff import address, browser, staff_with


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


@pytest.fixture
def ticket() -> Ticket:
    raffle = make_raffle(limit=3)
    buy(raffle, make_buyer(), 2)
    buy(raffle, make_buyer("ada"), 3)
    return raffle.tickets.get(number=4)


def find(client: Client, raffle: Raffle, typed: str) -> Any:
    return client.post(address("find", raffle), {"q": typed})


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200
    return [int(n) for n in re.findall(r'<th scope="row"><a href="[^"]+">(\d+)</a>', answer.text)]


@pytest.mark.parametrize("typed", ["4", " 4 ", "#4", "0004"])
def test_by_number(client: Client, ticket: Ticket, typed: str) -> None:
    assert numbers(find(client, ticket.raffle, typed)) == [4]


@pytest.mark.parametrize(
    "spelled",
    [
        lambda code: code,
        lambda code: code.upper(),
        lambda code: " ".join(re.findall("....", code)),
        lambda code: "-".join(re.findall("........", code)),
        lambda code: f"4-{code}-4-{'0' * 64}",
    ],
    ids=["as it is", "capitals", "groups", "hyphens", "a receipt's line"],
)
def test_by_code_as_a_buyer_reads_it(client: Client, ticket: Ticket, spelled: Any) -> None:
    answer = find(client, ticket.raffle, spelled(ticket.code))
    assert numbers(answer) == [4]
    assert ticket.code not in answer.text.lower().replace(" ", "").replace("-", "")


def test_by_the_buyers_address_in_any_letters(client: Client, ticket: Ticket) -> None:
    for typed in (ticket.buyer.email, f" {ticket.buyer.email.upper()} "):
        answer = find(client, ticket.raffle, typed)
        assert numbers(answer) == [3, 4, 5]
        assert "3 tickets found" in answer.text


def test_only_tickets_of_this_raffle_are_found(client: Client, ticket: Ticket) -> None:
    other = make_raffle()
    buy(other, make_buyer())
    for typed in ("4", ticket.code, ticket.buyer.email):
        answer = find(client, other, typed)
        assert numbers(answer) == []
        assert "No ticket of this raffle is like that." in answer.text


@pytest.mark.parametrize(
    "typed", ["", "  ", "ab", "9" * 10, "%", "0" * 31, "0" * 31 + "g", "ada", "²", "-1", "4' OR"]
)
def test_what_is_nothing_of_it_is_said_to_be(client: Client, ticket: Ticket, typed: str) -> None:
    answer = find(client, ticket.raffle, typed)
    assert answer.status_code == 422
    assert "Nothing was looked for" in answer.text


def test_no_part_of_a_code_or_of_an_address_finds_anything(client: Client, ticket: Ticket) -> None:
    for typed in (ticket.code[:31], ticket.code[:31] + "%"):
        assert find(client, ticket.raffle, typed).status_code == 422
    assert numbers(find(client, ticket.raffle, ticket.buyer.email[1:])) == []


def test_a_code_is_never_part_of_an_address(client: Client, ticket: Ticket) -> None:
    page = client.get(address("find", ticket.raffle), {"q": ticket.code}).text
    assert "found" not in page
    assert '<form method="post" role="search"' in page


def test_it_needs_the_permission_to_see_tickets(ticket: Ticket) -> None:
    may, may_not = staff_with("view_ticket"), staff_with("view_raffle", "change_raffle")
    assert numbers(find(browser(may), ticket.raffle, "4")) == [4]
    assert find(browser(may_not), ticket.raffle, "4").status_code == 403
    assert find(browser(make_buyer()), ticket.raffle, "4").status_code == 302
    forged = browser(may, enforce_csrf_checks=True)
    assert find(forged, ticket.raffle, "4").status_code == 403


def test_it_asks_as_much_whatever_it_finds(client: Client, ticket: Ticket) -> None:
    def asked(typed: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            find(client, ticket.raffle, typed)
        return len(queries)

    asked("4")
    assert asked("4") == asked(ticket.buyer.email) == asked("999") <= 6


@pytest.mark.parametrize("kind", ["number", "code", "email"])
def test_each_way_has_its_index(ticket: Ticket, kind: str) -> None:
    typed = {"number": "4", "code": ticket.code, "email": ticket.buyer.email}[kind]
    form = FindForm({"q": typed})
    assert form.is_valid()
    tickets = found(ticket.raffle, **form.cleaned_data["q"])
    for _ in range(3):  # of a handful, one index is as good as another
        buy(make_raffle(limit=1000, capacity=1000), make_buyer(), 1000)
    buy(full := make_raffle(limit=1000, capacity=1000), make_buyer(), 999)
    tickets = found(full, **form.cleaned_data["q"]) if kind == "number" else tickets
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE raffle_ticket")
        cursor.execute("SET enable_seqscan = off")
        try:
            plan = tickets.explain()
            people = User.objects.annotate(spelled=Lower("email")).filter(spelled=typed).explain()
        finally:
            cursor.execute("RESET enable_seqscan")
    assert "Seq Scan" not in plan, plan
    if kind == "email":  # which table comes first depends on their sizes; people are found by it
        plan = people
    index = {"number": "ticket_number_once", "code": "code", "email": "user_email_once"}[kind]
    assert index in plan, plan


def test_it_is_offered_on_the_raffles_page_and_not_for_a_draft(
    client: Client, ticket: Ticket
) -> None:
    for raffle, offered in ((ticket.raffle, True), (make_draft(), False)):
        page = client.get(url(raffle, "change", raffle.pk)).text
        assert (f'href="{address("find", raffle)}"' in page) is offered


def test_the_ticket_list_finds_an_address_without_a_look_at_all_others(
    client: Client, ticket: Ticket
) -> None:
    where = url(Ticket, "changelist")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(where, {"q": ticket.buyer.email.upper()})
    assert answer.context["cl"].result_count == 3
    assert not any("LIKE" in query["sql"] for query in queries)
