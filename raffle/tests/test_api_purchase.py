"""The API: buying, and every request that is not quite one."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from accounts.models import User
from raffle.models import Purchase, Raffle
from raffle.tests import programs
from raffle.tests.front import FrontClient
from raffle.tests.makers import (
    buy,
    make_buyer,
    make_draft,
    make_raffle,
    make_staff,
    sold_numbers,
)
from raffle.tests.programs import (
    assert_problem,
    path,
    post,
    signed_in,
    state,
    visitor,
    want,
)
from raffle.tests.races import race


@pytest.fixture(params=["the site", "by the fast lane"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs meet the fast lane first: what is told here must be true both ways."""
    if request.param == "by the fast lane":
        monkeypatch.setattr(programs, "Client", FrontClient)


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


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
