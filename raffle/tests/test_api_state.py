"""The API: how a raffle stands, for everybody, from the opening to the claims."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from raffle import awarding, closing, drawing, organising
from raffle.api.standing import state_of
from raffle.models import LedgerEntry, Raffle, Seal
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
)
from raffle.tests.programs import (
    assert_problem,
    path,
    signed_in,
    state,
    want,
)


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


def sealed_raffle() -> Raffle:
    raffle = make_raffle(method="beacon")
    buy(raffle, make_buyer())
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    return Raffle.objects.get(pk=raffle.pk)


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
        "method": "local",
        "cancelled": False,
        "ledger_head": {"seq": 3, "hash": head.hash},
    }


def test_the_state_is_the_same_for_everybody_and_touches_no_session(
    raffle: Raffle, alice: User
) -> None:
    for client in (Client(), signed_in(alice), signed_in(make_staff())):
        response = client.get(path(raffle, "state"))

        assert not response.cookies
        assert "Vary" not in response.headers
        assert response.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=2"


def test_an_open_raffle_costs_one_query_and_none_costs_more_for_more_prizes(
    raffle: Raffle, alice: User
) -> None:
    over = make_raffle(closes_at=datetime.now(tz=UTC) + timedelta(seconds=0.2))
    waiting = sealed_raffle()
    drawn = [make_raffle(prizes=["A hat"] * many, one_prize_each=False) for many in (1, 50)]
    for won in drawn:
        for buyer in make_buyers(30):
            buy(won, buyer, 2)
        draw(won)
    client = signed_in(alice)
    costs = []
    for shown in (raffle, over, waiting, *drawn):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path(shown, "state")).status_code == 200
        costs.append(len(queries))
    assert costs == [1, 1, 2, 4, 4]


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
    assert again.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=2"
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


def test_a_sealed_draw_names_its_line_and_its_round_and_no_winner() -> None:
    raffle = sealed_raffle()
    seal = Seal.objects.get(raffle=raffle)
    line = LedgerEntry.objects.get(raffle=raffle, kind="sealed")
    assert seal.round_at

    shown = state(raffle)

    assert shown["sealed"] == {
        "seq": line.seq,
        "hash": line.hash,
        "round": seal.round,
        "round_at": seal.round_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    assert (shown["status"], shown["method"]) == ("CLOSED", "beacon")
    assert shown.keys().isdisjoint({"winning_ticket", "prizes", "order", "offsets"})


def test_once_drawn_the_state_says_who_holds_which_prize() -> None:
    raffle, stella = make_raffle(prizes=["A car", "A hat", "A pen", "A nut"]), make_staff()
    for buyer in make_buyers(4):
        buy(raffle, buyer)
    void = raffle.tickets.get(number=4)
    organising.void_ticket(ticket_id=void.pk, by=stella, reason="A test.")
    drawn = draw(raffle)
    car, hat, _ = raffle.awards.select_related("ticket")
    awarding.record_claim(award_id=car.pk, by=stella, code=car.ticket.code)
    awarding.forfeit_prize(award_id=hat.pk, by=stella, reason="No hats.", code=hat.ticket.code)
    by = hat.claim_by.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    shown = state(raffle)

    assert shown["winning_ticket"] == drawn.order[0]
    assert shown["sealed"].keys() == {"seq", "hash"}
    assert shown["prizes"] == [
        {"prize": 1, "name": "A car", "number": drawn.order[0], "state": "claimed", "claim_by": by},
        {"prize": 2, "name": "A hat", "number": None, "state": "forfeited", "claim_by": None},
        {"prize": 3, "name": "A pen", "number": drawn.order[2], "state": "unclaimed",
         "claim_by": by},
        {"prize": 4, "name": "A nut", "number": None, "state": "unclaimed", "claim_by": None},
    ]  # fmt: skip


def test_a_forfeited_prize_is_shown_with_whoever_has_it_now() -> None:
    raffle, stella = make_raffle(), make_staff()
    for buyer in make_buyers(3):
        buy(raffle, buyer)
    drawn = draw(raffle)
    first = raffle.awards.select_related("ticket").get()
    awarding.forfeit_prize(award_id=first.pk, by=stella, reason="Moved.", code=first.ticket.code)

    shown = state(raffle)

    assert [prize["number"] for prize in shown["prizes"]] == [drawn.order[1]]
    assert shown["winning_ticket"] == drawn.order[0], "the number that was drawn"


def test_nothing_in_the_state_is_newer_than_its_ledger_head(alice: User) -> None:
    """The draw commits between two looks at the database: the answer is of before."""
    raffle = make_raffle()
    buy(raffle, alice)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough.")
    before = Raffle.objects.as_it_stands().get(pk=raffle.pk)
    draw(raffle)

    shown = state_of(before)

    assert shown.ledger_head.seq == before.head_seq
    assert (shown.sealed, shown.winning_ticket, shown.prizes) == (None, None, None)


def test_a_cancelled_raffle_says_so(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice)
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="Rain.")

    shown = state(raffle)

    assert (shown["status"], shown["cancelled"]) == ("CLOSED", True)


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
