"""The API: who may ask, own tickets, and what holds for all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import close_old_connections, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from raffle import closing, organising
from raffle.models import LedgerEntry, Raffle, Ticket
from raffle.tests.makers import (
    buy,
    make_buyer,
    make_draft,
    make_raffle,
    make_staff,
    sold_numbers,
)
from raffle.tests.programs import (
    TOKEN,
    assert_problem,
    call,
    everything,
    path,
    signed_in,
    state,
    visitor,
    want,
)
from raffle.tests.races import race


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


# --- Who is asking --------------------------------------------------------------------------------


def test_visitors_are_asked_to_sign_in(raffle: Raffle, alice: User) -> None:
    inactive = signed_in(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    stranger = visitor()
    stranger.cookies["sessionid"] = "s" * 32

    for client in (visitor(), Client(enforce_csrf_checks=True), inactive, stranger):
        for wanted in everything(raffle):
            response = call(client, *wanted)
            assert_problem(response, 401, "sign_in")
            assert response.headers["WWW-Authenticate"]


def test_without_the_csrf_token_nothing_changes(raffle: Raffle) -> None:
    for user in (make_buyer(), make_staff()):
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        wrong = Client(enforce_csrf_checks=True, headers={"x-csrftoken": "w" * 32})
        wrong.force_login(user)
        wrong.cookies["csrftoken"] = TOKEN
        foreign = signed_in(user)
        foreign.defaults["HTTP_ORIGIN"] = "https://elsewhere.example"
        for sender in (client, wrong, foreign):
            for method, url, body in everything(raffle):
                if method == "POST":
                    assert_problem(call(sender, method, url, body), 403, "csrf")
    assert state(raffle)["status"] == "OPEN"
    assert sold_numbers(raffle) == []


def test_reading_needs_no_csrf_token(raffle: Raffle, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    assert client.get(path(raffle, "tickets")).status_code == 200


def test_the_buyer_is_whoever_is_signed_in(raffle: Raffle, alice: User) -> None:
    bob = make_buyer("bob")
    want(signed_in(bob), raffle)

    assert list(raffle.tickets.values_list("buyer", flat=True)) == [bob.pk]
    assert signed_in(alice).get(path(raffle, "tickets")).json() == {"tickets": []}


# --- Own tickets ----------------------------------------------------------------------------------


def test_own_tickets_are_listed_with_their_codes(raffle: Raffle, alice: User) -> None:
    buy(raffle, make_buyer("bob"))
    bought = buy(raffle, alice, 2).purchase
    buy(make_raffle(), alice)
    mine = list(Ticket.objects.filter(raffle=raffle, buyer=alice).order_by("number"))
    organising.void_ticket(ticket_id=mine[0].pk, by=make_staff(), reason="A test.")

    line = LedgerEntry.objects.get(raffle=raffle, seq=4)  # created, opened, Bob's, hers

    response = signed_in(alice).get(path(raffle, "tickets"))

    at = bought.purchased_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert response.json() == {
        "tickets": [
            {
                "number": ticket.number,
                "code": ticket.code,
                "void": ticket.number == 2,
                "purchased_at": at,
                "purchase": str(bought.pk),
                "receipt": f"{ticket.number}-{ticket.code}-4-{line.hash}",
            }
            for ticket in mine
        ]
    }
    assert [ticket.number for ticket in mine] == [2, 3]
    assert response.headers["Cache-Control"] == "private, no-store"


def test_tickets_of_a_cancelled_raffle_are_void(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice, 2)
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="Rain.")

    tickets = signed_in(alice).get(path(raffle, "tickets")).json()["tickets"]

    assert [ticket["void"] for ticket in tickets] == [True, True]


def test_nobody_sees_the_tickets_of_others(raffle: Raffle, alice: User) -> None:
    code = buy(raffle, alice).purchase.tickets.get().code

    for client in (signed_in(make_buyer("bob")), signed_in(make_staff())):
        response = client.get(path(raffle, "tickets"))
        assert response.json() == {"tickets": []}
    for url in ("state", "tickets"):
        assert code not in Client().get(path(raffle, url)).content.decode()


def test_tickets_of_drafts_and_unknown_raffles_are_not_found(alice: User) -> None:
    client = signed_in(alice)
    assert_problem(client.get(path(make_draft(), "tickets")), 404, "not_found")
    assert_problem(client.get("/api/raffles/no-such/tickets"), 404, "not_found")


def test_many_tickets_come_in_pages_of_as_many_queries(alice: User) -> None:
    raffle = make_raffle(capacity=1200, limit=1200)
    buy(raffle, alice, 1000)
    buy(raffle, alice)
    client = signed_in(alice)
    numbers: list[int] = []
    sizes = []
    after: int | None = 0
    while after is not None:
        with CaptureQueriesContext(connection) as queries:
            page = client.get(path(raffle, "tickets"), {"after": after}).json()
        assert len(queries) == 5  # session, user, raffle, tickets, lines of the ledger
        numbers += [ticket["number"] for ticket in page["tickets"]]
        sizes.append(len(page["tickets"]))
        after = page.get("next")

    assert sizes == [500, 500, 1]
    assert numbers == list(range(1, 1002))


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "9" * 400, "10000001", "\x00", "٣x"])
def test_after_is_a_ticket_number(raffle: Raffle, alice: User, after: str) -> None:
    response = signed_in(alice).get(path(raffle, "tickets"), {"after": after})

    assert assert_problem(response, 422, "invalid")["errors"][0]["name"] == "after"


# --- The database away ----------------------------------------------------------------------------


@pytest.fixture
def nowhere() -> Iterator[None]:
    """For as long as the test runs, the database is at a port where nobody listens."""
    here = connections["default"]
    away = here.copy("away")
    away.settings_dict["PORT"] = "1"
    away.settings_dict["OPTIONS"]["pool"] = {"min_size": 0, "max_size": 1, "timeout": 0.2}
    connections["default"] = away
    yield
    connections["default"] = here
    away.close()
    away.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def alices_client(alice: User) -> Client:
    return signed_in(alice)


def test_while_the_database_is_away_everybody_is_asked_to_wait(
    raffle: Raffle, alices_client: Client, nowhere: None
) -> None:
    for method, url, body in [("GET", path(raffle, "state"), None), *everything(raffle)]:
        response = call(alices_client, method, url, body)
        assert_problem(response, 503, "busy")
        assert int(response.headers["Retry-After"]) > 0


def test_a_connection_that_died_meanwhile_is_replaced(raffle: Raffle, alice: User) -> None:
    client = signed_in(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    assert race(lambda: _terminate(pid)) == [True]

    close_old_connections()  # as Django does before each request
    assert want(client, raffle).status_code == 200


def _terminate(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        (done,) = cursor.fetchone()
    return bool(done)


# --- Everything else below /api/ ------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/api/", "/api/nothing", "/api/raffles/", "/api/a%0Ab", "/api/é"])
@pytest.mark.parametrize("method", ["GET", "POST", "BREW"])
def test_addresses_that_do_not_exist_are_problems_too(url: str, method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, url)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert re.fullmatch("[!-~]+", response.json()["instance"])


def test_every_type_of_problem_has_an_address(raffle: Raffle, alice: User) -> None:
    kind = Client().get("/api/problems/limit_reached")

    assert kind.json() == {"code": "limit_reached", "status": 409, "title": "Limit Reached."}
    for problem in (
        Client().get("/api/no"),
        want(visitor(), raffle),
        want(signed_in(alice), raffle, 1),
    ):
        answer = problem.json()
        described = Client().get(answer["type"]).json()
        assert described == {name: answer[name] for name in ("code", "status", "title")}
    assert_problem(Client().get("/api/problems/no_such"), 404, "not_found")
