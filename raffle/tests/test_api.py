"""The JSON API as a program meets it: through HTTP, with a session and a CSRF token."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import close_old_connections, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from raffle import closing, organising
from raffle.models import Draw, LedgerEntry, Purchase, Raffle, Ticket
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
from raffle.tests.races import race

TOKEN = "t" * 32


def visitor() -> Client:
    """A program that nobody has signed in, which keeps to the rules about CSRF."""
    client = Client(enforce_csrf_checks=True, headers={"x-csrftoken": TOKEN})
    client.cookies["csrftoken"] = TOKEN
    return client


def signed_in(user: User) -> Client:
    client = visitor()
    client.force_login(user)
    client.cookies["csrftoken"] = TOKEN
    return client


def path(raffle: Raffle, end: str) -> str:
    return f"/api/raffles/{raffle.slug}/{end}"


def admin_path(raffle: Raffle, end: str) -> str:
    return f"/api/admin/raffles/{raffle.slug}/{end}"


def post(client: Client, url: str, body: Any = None, **headers: str) -> Any:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(url, content, content_type="application/json", headers=names)


def want(client: Client, raffle: Raffle, body: Any = None, **headers: str) -> Any:
    body = {"quantity": 1} if body is None else body
    return post(client, path(raffle, "purchase"), body, **headers)


def state(raffle: Raffle) -> Any:
    return Client().get(path(raffle, "state")).json()


def assert_problem(response: Any, status: int, code: str) -> Any:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "private, no-store"
    problem = response.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/api/problems/{code}"
    assert problem["title"].endswith(".")
    assert problem["detail"]
    assert problem["instance"] == response.wsgi_request.get_full_path().partition("?")[0]
    return problem


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


# --- State ----------------------------------------------------------------------------------------


def test_the_state_says_all_that_is_public() -> None:
    opens = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    raffle = make_raffle(capacity=10, limit=3, price="2.50", currency="CHF", opens_at=opens)
    buy(raffle, make_buyer(), 3)
    head = LedgerEntry.objects.head(raffle)

    response = Client().get(path(raffle, "state"))

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json() == {
        "slug": raffle.slug,
        "name": raffle.name,
        "status": "OPEN",
        "capacity": 10,
        "sold": 3,
        "remaining": 7,
        "limit": 3,
        "price": "2.50",
        "currency": "CHF",
        "opens_at": "2026-01-02T03:04:05.678901Z",
        "closes_at": None,
        "ledger_head": {"seq": 3, "hash": head.hash},
    }


def test_the_state_is_the_same_for_everybody_and_touches_no_session(
    raffle: Raffle, alice: User
) -> None:
    for client in (Client(), signed_in(alice), signed_in(make_staff())):
        response = client.get(path(raffle, "state"))

        assert not response.cookies
        assert "Vary" not in response.headers
        assert response.headers["Cache-Control"] == "public, max-age=1"


def test_the_state_costs_one_query_also_when_drawn(raffle: Raffle, alice: User) -> None:
    drawn = make_raffle()
    buy(drawn, alice)
    draw(drawn)
    client = signed_in(alice)
    for shown in (raffle, drawn):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path(shown, "state")).status_code == 200
        assert len(queries) == 1


def test_whoever_knows_the_state_already_gets_304_until_a_sale(raffle: Raffle, alice: User) -> None:
    first = Client().get(path(raffle, "state"))
    etag = first.headers["ETag"]

    again = Client().get(path(raffle, "state"), headers={"if-none-match": etag})
    weak = Client().get(path(raffle, "state"), headers={"if-none-match": f'"x", W/{etag}'})
    buy(raffle, alice)
    after = Client().get(path(raffle, "state"), headers={"if-none-match": etag})

    assert (again.status_code, weak.status_code) == (304, 304)
    assert again.content == b""
    assert again.headers["ETag"] == etag
    assert again.headers["Cache-Control"] == "public, max-age=1"
    assert "Vary" not in again.headers
    assert after.status_code == 200
    assert after.headers["ETag"] != etag


def test_the_state_answers_head(raffle: Raffle) -> None:
    got, head = Client().get(path(raffle, "state")), Client().head(path(raffle, "state"))

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["ETag"] == got.headers["ETag"]


def test_the_state_is_open_exactly_while_tickets_can_be_bought(alice: User) -> None:
    now = datetime.now(tz=UTC)
    early = make_raffle(opens_at=now + timedelta(hours=1))
    late = make_raffle(closes_at=now + timedelta(seconds=1.5))
    closed = make_raffle()
    closing.close_raffle(raffle_id=closed.pk, by=None, reason="Enough.")
    assert state(late)["status"] == "OPEN"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep_until(%s)", [late.closes_at])

    for raffle in (early, late, closed):
        assert state(raffle)["status"] == "CLOSED"
        assert want(signed_in(alice), raffle).status_code == 409


def test_a_sold_out_raffle_is_still_open_with_nothing_left(alice: User) -> None:
    raffle = make_raffle(capacity=1)
    buy(raffle, alice)

    assert state(raffle)["status"] == "OPEN"
    assert state(raffle)["remaining"] == 0


def test_the_winning_ticket_appears_with_the_draw_and_not_before(
    raffle: Raffle, alice: User
) -> None:
    buy(raffle, alice)
    assert "winning_ticket" not in state(raffle)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough.")
    assert "winning_ticket" not in state(raffle)

    drawn = draw(raffle)

    assert state(raffle)["winning_ticket"] == drawn.ticket.number
    assert state(raffle)["status"] == "CLOSED"


def test_drafts_and_unknown_raffles_look_alike() -> None:
    draft = make_draft()
    shown = assert_problem(Client().get(path(draft, "state")), 404, "not_found")
    unknown = assert_problem(Client().get("/api/raffles/no-such/state"), 404, "not_found")

    assert shown["detail"] == unknown["detail"]


@pytest.mark.parametrize(
    "slug", ["%00", "a%00b", "a%0Ab", "%F0%9F%8E%9F", "%FF", "a.b", "x" * 5000]
)
@pytest.mark.parametrize("end", ["state", "tickets", "purchase"])
def test_no_slug_breaks_anything(slug: str, end: str, alice: User) -> None:
    response = signed_in(alice).generic(
        "POST" if end == "purchase" else "GET",
        f"/api/raffles/{slug}/{end}",
        '{"quantity": 1}',
        content_type="application/json",
    )

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


# --- Purchase -------------------------------------------------------------------------------------


def test_a_purchase_answers_with_the_tickets(raffle: Raffle, alice: User) -> None:
    response = want(signed_in(alice), raffle, {"quantity": 2}, idempotency_key="my-key")

    bought = Purchase.objects.get(buyer=alice)
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "tickets": [1, 2],
        "remaining": 98,
        "purchase": str(bought.pk),
        "key": "my-key",
    }
    assert bought.key == "my-key"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert state(raffle)["sold"] == 2


def test_without_a_key_the_server_makes_one(raffle: Raffle, alice: User) -> None:
    first, second = (want(signed_in(alice), raffle).json() for _ in range(2))

    assert uuid.UUID(first["key"]).version == 4
    assert first["key"] != second["key"]
    assert (first["tickets"], second["tickets"]) == ([1], [2])


def test_a_third_ticket_is_refused(raffle: Raffle, alice: User) -> None:
    client = signed_in(alice)
    want(client, raffle, {"quantity": 2})

    problem = assert_problem(want(client, raffle), 409, "limit_reached")

    assert problem["title"] == "Limit Reached."
    assert sold_numbers(raffle) == [1, 2]


def test_three_at_once_are_refused_whole(raffle: Raffle, alice: User) -> None:
    assert_problem(want(signed_in(alice), raffle, {"quantity": 3}), 409, "limit_reached")
    assert sold_numbers(raffle) == []


def test_many_posts_at_once_get_two_tickets_between_them(raffle: Raffle, alice: User) -> None:
    clients = [signed_in(alice) for _ in range(8)]

    statuses = race(*[lambda c=c: want(c, raffle).status_code for c in clients])

    assert sorted(map(str, statuses)) == ["200"] * 2 + ["409"] * 6
    assert sold_numbers(raffle) == [1, 2]


def test_the_same_key_gives_the_same_tickets_even_after_the_last_one_went(alice: User) -> None:
    raffle = make_raffle(capacity=3)
    client = signed_in(alice)
    first = want(client, raffle, {"quantity": 2}, idempotency_key="k").json()
    buy(raffle, make_buyer())

    again = want(client, raffle, {"quantity": 2}, idempotency_key="k")

    assert again.status_code == 200
    assert again.json() == first | {"remaining": 0}
    assert_problem(want(signed_in(make_buyer()), raffle), 409, "sold_out")


def test_a_key_means_nothing_to_another_buyer(raffle: Raffle, alice: User) -> None:
    hers = want(signed_in(alice), raffle, idempotency_key="k").json()
    his = want(signed_in(make_buyer("bob")), raffle, idempotency_key="k").json()

    assert (hers["tickets"], his["tickets"]) == ([1], [2])
    assert hers["purchase"] != his["purchase"]


def test_a_key_cannot_be_reused_for_something_else(raffle: Raffle, alice: User) -> None:
    client = signed_in(alice)
    want(client, raffle, idempotency_key="k")

    problem = want(client, raffle, {"quantity": 2}, idempotency_key="k")
    elsewhere = want(client, make_raffle(), idempotency_key="k")

    assert_problem(problem, 422, "idempotency_key_reused")
    assert_problem(elsewhere, 422, "idempotency_key_reused")


def test_a_refused_purchase_names_its_key(alice: User) -> None:
    raffle = make_raffle(capacity=1)
    client = signed_in(alice)

    given = want(client, raffle, {"quantity": 2}, idempotency_key="k")
    made_up = want(client, raffle, {"quantity": 2})

    assert assert_problem(given, 409, "not_enough_left")["key"] == "k"
    assert uuid.UUID(assert_problem(made_up, 409, "not_enough_left")["key"])


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 201, "é", "a\tb", "\x7f", "a\x00"])
def test_a_key_is_1_to_200_visible_ascii_characters(raffle: Raffle, alice: User, key: str) -> None:
    problem = assert_problem(want(signed_in(alice), raffle, idempotency_key=key), 422, "invalid")

    assert problem["errors"][0]["part"] == "header"
    assert problem["errors"][0]["name"] == "Idempotency-Key"
    assert sold_numbers(raffle) == []


@pytest.mark.parametrize("key", ["!", "~" * 200, '"quoted"'])
def test_odd_but_visible_keys_are_fine(raffle: Raffle, alice: User, key: str) -> None:
    assert want(signed_in(alice), raffle, idempotency_key=key).json()["key"] == key


def test_a_buyer_may_say_who_they_are(raffle: Raffle, alice: User) -> None:
    for said in (alice.pk, None):
        response = want(signed_in(alice), raffle, {"quantity": 1, "userId": said})
        assert response.status_code == 200


def test_nobody_buys_for_somebody_else(raffle: Raffle, alice: User) -> None:
    bob = make_buyer("bob")
    for other in (bob.pk, 0, -1, 10**400):
        response = want(signed_in(alice), raffle, {"quantity": 1, "userId": other})
        assert_problem(response, 403, "not_yourself")
    assert sold_numbers(raffle) == []


def test_staff_cannot_buy(raffle: Raffle) -> None:
    assert_problem(want(signed_in(make_staff()), raffle), 403, "staff_cannot_buy")


def test_a_draft_cannot_be_bought_from(alice: User) -> None:
    assert_problem(want(signed_in(alice), make_draft()), 404, "not_found")


@pytest.mark.parametrize(
    "quantity", ["2", 2.0, True, False, None, 0, -1, 1001, 10**400, 1e300, [], {}, "", [1], 1.5]
)
def test_a_quantity_is_a_number_from_1_to_1000(raffle: Raffle, alice: User, quantity: Any) -> None:
    response = want(signed_in(alice), raffle, {"quantity": quantity})

    problem = assert_problem(response, 422, "invalid")
    assert [(e["part"], e["name"]) for e in problem["errors"]] == [("body", "quantity")]
    assert sold_numbers(raffle) == []


@pytest.mark.parametrize("user_id", ["1", 1.0, True, [], {}])
def test_a_user_id_is_a_number(raffle: Raffle, alice: User, user_id: Any) -> None:
    response = want(signed_in(alice), raffle, {"quantity": 1, "userId": user_id})

    assert assert_problem(response, 422, "invalid")["errors"][0]["name"] == "userId"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"quantity": 1, "user_id": 1},
        {"quantity": 1, "price": 0},
        {"quantity": 1, "\ud800": 1},
        {"Quantity": 1},
        [],
        [{"quantity": 1}],
        "quantity",
        1,
        None,
        True,
    ],
)
def test_missing_and_unknown_members_are_refused(raffle: Raffle, alice: User, body: Any) -> None:
    response = post(signed_in(alice), path(raffle, "purchase"), json.dumps(body))

    assert_problem(response, 422, "invalid")
    assert sold_numbers(raffle) == []


def test_an_empty_body_is_a_missing_body(raffle: Raffle, alice: User) -> None:
    assert_problem(post(signed_in(alice), path(raffle, "purchase"), ""), 422, "invalid")


def test_nonsense_is_answered_briefly(raffle: Raffle, alice: User) -> None:
    body = {"quantity": 1} | {f"x{n}": n for n in range(2000)}

    response = want(signed_in(alice), raffle, body)

    assert len(assert_problem(response, 422, "invalid")["errors"]) == 10


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"quantity=1",
        b'{"quantity": 1,}',
        b'{"quantity": NaN}',
        b'{"quantity": -Infinity}',
        b'{"quantity": 01}',
        b'{"quantity": 1}\x00',
        b'\x00{"quantity": 1}',
        b'{"quantity\x00": 1}',
        b"\xff\xfe",
        b'{"quantity": 1, "\xff": 2}',
        '{"quantity": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"quantity": 1}',
        b"[" * 60_000,
        b'{"quantity": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_cannot_be_read(raffle: Raffle, alice: User, body: bytes) -> None:
    assert_problem(post(signed_in(alice), path(raffle, "purchase"), body), 400, "malformed")
    assert sold_numbers(raffle) == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/json-patch+json",
        "",
        ";;;",
    ],
)
def test_only_json_is_read(raffle: Raffle, alice: User, content_type: str) -> None:
    response = signed_in(alice).generic(
        "POST", path(raffle, "purchase"), '{"quantity": 1}', content_type=content_type
    )

    assert_problem(response, 415, "not_json")
    assert sold_numbers(raffle) == []


def test_json_may_name_its_charset(raffle: Raffle, alice: User) -> None:
    response = signed_in(alice).generic(
        "POST",
        path(raffle, "purchase"),
        '{"quantity": 1}',
        content_type="Application/JSON; charset=UTF-8",
    )

    assert response.status_code == 200


def test_a_body_that_is_too_large_is_not_read(raffle: Raffle, alice: User) -> None:
    body = b'{"quantity": 1' + b" " * 270_000 + b"}"

    assert_problem(post(signed_in(alice), path(raffle, "purchase"), body), 413, "too_large")
    assert sold_numbers(raffle) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_a_wrong_method_is_told_the_right_one(raffle: Raffle, alice: User, method: str) -> None:
    response = signed_in(alice).generic(method, path(raffle, "purchase"))

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    if method != "HEAD":
        assert_problem(response, 405, "method_not_allowed")


def test_the_state_cannot_be_posted_to(raffle: Raffle) -> None:
    response = visitor().post(path(raffle, "state"))

    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


# --- Who is asking --------------------------------------------------------------------------------


def everything(raffle: Raffle) -> list[tuple[str, str, Any]]:
    """All that visitors cannot do."""
    return [
        ("GET", path(raffle, "tickets"), None),
        ("POST", path(raffle, "purchase"), {"quantity": 1}),
        ("POST", admin_path(raffle, "close"), {"reason": "Enough."}),
        ("POST", admin_path(raffle, "draw-winner"), None),
    ]


def call(client: Client, method: str, url: str, body: Any) -> Any:
    return client.generic(method, url, json.dumps(body), content_type="application/json")


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
            }
            for ticket in mine
        ]
    }
    assert [ticket.number for ticket in mine] == [2, 3]
    assert response.headers["Cache-Control"] == "private, no-store"


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


def test_many_tickets_come_in_pages_of_one_query_each(alice: User) -> None:
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
        assert len(queries) == 4  # session, user, raffle, tickets
        numbers += [ticket["number"] for ticket in page["tickets"]]
        sizes.append(len(page["tickets"]))
        after = page.get("next")

    assert sizes == [500, 500, 1]
    assert numbers == list(range(1, 1002))


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "9" * 400, "10000001", "\x00", "٣x"])
def test_after_is_a_ticket_number(raffle: Raffle, alice: User, after: str) -> None:
    response = signed_in(alice).get(path(raffle, "tickets"), {"after": after})

    assert assert_problem(response, 422, "invalid")["errors"][0]["name"] == "after"


# --- Staff ----------------------------------------------------------------------------------------


def test_staff_close_a_raffle(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice)
    stella = make_staff()

    response = post(signed_in(stella), admin_path(raffle, "close"), {"reason": "Rain."})

    assert response.status_code == 200
    assert response.json() == {"success": True, "status": "CLOSED", "sold": 1, "unsold": 99}
    line = json.loads(LedgerEntry.objects.get(raffle=raffle, kind="closed").line)
    assert line["reason"] == "Rain."
    assert line["by"] == raffle.pseudonym(stella.pk)
    assert state(raffle)["status"] == "CLOSED"
    assert_problem(want(signed_in(alice), raffle), 409, "closed")


def test_a_raffle_is_closed_once(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    post(client, admin_path(raffle, "close"), {"reason": "Rain."})

    again = post(client, admin_path(raffle, "close"), {"reason": "Rain."})

    assert_problem(again, 409, "not_open")


@pytest.mark.parametrize(
    "reason", ["", " \n", "a\x00b", "\ud800", "x" * 1001, 1, None, ["Rain."]], ids=repr
)
def test_a_close_needs_a_reason(raffle: Raffle, reason: Any) -> None:
    response = post(signed_in(make_staff()), admin_path(raffle, "close"), {"reason": reason})

    assert assert_problem(response, 422, "invalid")["errors"][0]["name"] == "reason"
    assert state(raffle)["status"] == "OPEN"


def test_even_the_oddest_blank_is_no_reason(raffle: Raffle) -> None:
    response = post(signed_in(make_staff()), admin_path(raffle, "close"), {"reason": "\x1c"})

    assert_problem(response, 422, "reason_missing")


def test_staff_draw_the_winner_and_get_the_same_answer_again(raffle: Raffle) -> None:
    for buyer in make_buyers(3):
        buy(raffle, buyer, 2)
    stella, steve = signed_in(make_staff()), signed_in(make_staff("steve"))

    first = post(stella, admin_path(raffle, "draw-winner"))
    again = post(steve, admin_path(raffle, "draw-winner"))

    drawn = Draw.objects.get(raffle=raffle)
    assert first.status_code == 200
    assert first.json() == {
        "success": True,
        "winning_ticket": drawn.ticket.number,
        "entries": 6,
        "picked": drawn.ticket.number - 1,
        "manifest": drawn.manifest,
        "drawn_at": drawn.drawn_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "already_drawn": False,
    }
    assert again.json() == first.json() | {"already_drawn": True}
    assert state(raffle)["winning_ticket"] == drawn.ticket.number


def test_two_who_draw_at_once_get_the_same_winner(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice, 2)
    clients = [signed_in(make_staff()) for _ in range(4)]

    def winner_of(client: Client) -> int:
        winner: int = post(client, admin_path(raffle, "draw-winner")).json()["winning_ticket"]
        return winner

    winners = race(*[lambda c=c: winner_of(c) for c in clients])

    assert len(set(winners)) == 1


def test_nothing_can_be_drawn_from_nothing(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    assert_problem(post(client, admin_path(raffle, "draw-winner")), 409, "nothing_sold")
    assert_problem(post(client, admin_path(make_draft(), "draw-winner")), 409, "not_open")
    unknown = post(client, "/api/admin/raffles/no-such/draw-winner")
    assert_problem(unknown, 404, "not_found")


def test_only_staff_with_the_permission_may_close_and_draw(raffle: Raffle, alice: User) -> None:
    def with_permission(codename: str, **fields: Any) -> User:
        user = make_buyer("carl", **fields)
        user.user_permissions.add(Permission.objects.get(codename=codename))
        return user

    buy(raffle, alice)
    refused = {
        "close": [alice, make_buyer(is_staff=True), with_permission("close_raffle")],
        "draw-winner": [alice, make_buyer(is_staff=True), with_permission("draw_winner")],
    }
    refused["close"] += [with_permission("draw_winner", is_staff=True)]
    refused["draw-winner"] += [with_permission("close_raffle", is_staff=True)]
    for end, users in refused.items():
        for user in users:
            for found in (raffle, make_draft()):
                body = {"reason": "Because."}
                response = post(signed_in(user), admin_path(found, end), body)
                assert_problem(response, 403, "forbidden")
    assert "winning_ticket" not in state(raffle)

    closer = with_permission("close_raffle", is_staff=True)
    drawer = with_permission("draw_winner", is_staff=True)
    closed = post(signed_in(closer), admin_path(raffle, "close"), {"reason": "Because."})
    drawn = post(signed_in(drawer), admin_path(raffle, "draw-winner"))
    assert (closed.status_code, drawn.status_code) == (200, 200)


def test_forms_from_other_programs_cannot_break_the_staff_buttons(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    del client.defaults["HTTP_X_CSRFTOKEN"]
    bodies = [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=\u00e9", "x"),
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(2000))),
        ("application/x-www-form-urlencoded", "a=" + "x" * 70_000),
    ]
    for content_type, body in bodies:
        response = client.generic(
            "POST", admin_path(raffle, "draw-winner"), body, content_type=content_type
        )
        assert response.status_code in {400, 403, 413, 415}
        assert response.headers["Content-Type"] == "application/problem+json"


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
