"""A raffle's page from the end of the sales to the claims."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from raffle import awarding, closing, drawing, organising, seconding
from raffle.models import LedgerEntry, Raffle, Seal
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_raffle,
    make_staff,
)
from raffle.tests.past import ago
from raffle.tests.reading import TAG, page_of, sold, words


def sealed(**terms: Any) -> Raffle:
    raffle = sold(**{"method": "beacon"} | terms)
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    return raffle


def stage(page: str) -> str:
    found = re.search(r'data-stage="(\w+)"', page)
    assert found
    return found[1]


# --- What a buyer is told before buying -----------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "promise", "limit"),
    [
        ("local", "The computer picks from the valid sold tickets with Python’s secrets.randbelow",
         "This is an operator-trusted draw"),
        ("beacon", "neither side alone can choose one",
         "The proof that nobody could pick needs one thing from outside"),
        ("manual", "only if both enter the same ones, in the same order, do they count",
         "it cannot see whether the drum was full and well mixed"),
    ],
)  # fmt: skip
def test_each_method_is_explained_with_its_limits(method: str, promise: str, limit: str) -> None:
    page = words(page_of(make_raffle(method=method), make_buyer()))
    assert promise in page
    assert limit in page


@pytest.mark.parametrize(
    ("prizes", "told"),
    [
        (1, "With all 100 tickets sold, each one wins with chance 1 in 100. With those sold so far"
            " it would be 1 in 4"),
        (3, "With all 100 tickets sold, each one wins a prize with chance 3 in 100. With those sold"
            " so far it would be 3 in 4"),
        (9, "each one wins a prize with chance 9 in 100. With those sold so far it would be 4 in"
            " 4"),
    ],
)  # fmt: skip
def test_the_chance_is_that_of_any_prize(prizes: int, told: str) -> None:
    raffle = sold(4, prizes=[f"Prize {place}" for place in range(1, prizes + 1)])
    assert told in words(page_of(raffle, make_buyer()))


# --- From the end of the sales to the draw --------------------------------------------------------


def test_a_raffle_whose_time_has_passed_waits_for_its_close() -> None:
    raffle = sold(closes_at=datetime.now(tz=UTC) + timedelta(seconds=1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep_until(%s)", [raffle.closes_at])
    page = page_of(raffle, make_buyer())
    assert stage(page) == "ended"
    assert "Sales are over" in page
    assert "data-buy" not in page


def test_a_closed_raffle_shows_the_sum_that_is_then_confirmed() -> None:
    raffle = sold(3, capacity=10)
    void = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=void.pk, by=make_staff(), reason="Paid twice")
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    closed = page_of(raffle)
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    confirmed = page_of(raffle)
    assert (stage(closed), stage(confirmed)) == ("closed", "confirmed")
    for page in (closed, confirmed):
        assert "valid 2 void 1 unsold 7 in all 10" in words(page)
        assert "2 valid tickets take part: each one wins with chance 1 in 2." in words(page)
    assert "has confirmed that its figures add up" in words(confirmed)
    assert "has confirmed" not in words(closed)


def test_files_are_offered_once_they_are_there() -> None:
    raffle = sold()
    offered = []
    closing_acts = (
        lambda: None,
        lambda: closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough"),
        lambda: draw(raffle),
    )
    for act in closing_acts:
        act()
        links = re.findall(r'href="([^"]+\.(?:jsonl|txt|json))"', page_of(raffle))
        offered.append([link.rpartition("/")[2] for link in links])
        assert [Client().get(link).status_code for link in links] == [200] * len(links)
    ledger, manifest, result = "ledger.jsonl", "manifest.txt", "draw.json"
    assert offered == [[ledger], [ledger, manifest], [ledger, manifest, result]]


def test_a_sealed_draw_says_all_that_the_result_will_follow_from() -> None:
    raffle = sealed(prizes=["a", "b", "c"], alternates=20, one_prize_each=False)
    seal = Seal.objects.get(raffle=raffle)
    line = LedgerEntry.objects.get(raffle=raffle, kind="sealed")
    page = page_of(raffle)
    assert seal.round_at
    assert stage(page) == "sealed"
    for told in (
        ", ".join(map(str, seal.offsets)), str(seal.round), seal.manifest, line.hash,
        f"{seal.round_at:%H:%M:%S} UTC",
    ):  # fmt: skip
        assert told in words(page), told
    assert f'href="https://api.drand.sh/{seal.chain}/public/{seal.round}"' in page
    assert re.search(rf'data-countdown="{seal.round_at:%Y-%m-%dT%H:%M:%S}\.0+Z"', page)
    assert re.search(r'<p class="note" data-after hidden>', page)


def test_many_offsets_are_folded_and_all_there() -> None:
    raffle = sealed(count=20, prizes=["a"] * 20, one_prize_each=False)
    shown, folded = page_of(raffle).partition('class="digits"')[2].split("<details", 1)
    numbers = [*map(int, re.findall(r"\d+", TAG.sub("", shown)))]
    folded = folded.partition("</summary>")[2].partition("</details>")[0]
    assert len(numbers) == 12
    assert [*numbers, *map(int, folded.split(","))] == Seal.objects.get(raffle=raffle).offsets


def test_a_beacon_that_is_late_is_said_to_be_and_that_nothing_depends_on_it() -> None:
    with ago(timedelta(minutes=3)):
        raffle = sealed()
    page = page_of(raffle)
    assert stage(page) == "sealed"
    assert re.search(r'<p class="note" data-after>', page)
    assert "The result is fixed already" in words(page)
    assert "Due since" in words(page)


# --- Drawn ----------------------------------------------------------------------------------------


@pytest.fixture
def drum() -> tuple[Raffle, list[User]]:
    """Tickets 1 to 5 of as many people; drawn were 4, 2, 5, for three prizes, then 1, 3."""
    raffle, people = (
        make_raffle(method="manual", prizes=["A car", "A hat", "A pen"], alternates=2),
        [],
    )
    for _ in range(5):
        people.append(make_buyer())
        buy(raffle, people[-1])
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    order = [4, 2, 5, 1, 3]
    seconding.propose_draw(raffle_id=raffle.pk, by=make_staff(), numbers=order)
    drawing.draw_winner(raffle_id=raffle.pk, by=make_staff(), numbers=order)
    return raffle, people


def winners(page: str) -> list[str]:
    return [words(row) for row in re.findall(r'<li class="winner">(.*?)</li>', page, re.DOTALL)]


def give_up(raffle: Raffle, number: int) -> None:
    award = raffle.awards.select_related("ticket").get(ticket__number=number)
    code = award.ticket.code
    awarding.forfeit_prize(award_id=award.pk, by=make_staff(), reason="Moved.", code=code)


def test_all_prizes_are_shown_with_their_tickets(drum: tuple[Raffle, list[User]]) -> None:
    raffle, _ = drum
    page = page_of(raffle)
    by = raffle.awards.all()[0].claim_by
    until = f"to be claimed by {by.day} {by:%B %Y, %H:%M} UTC"
    assert winners(page) == [
        f"1. A car Ticket 4 {until}", f"2. A hat Ticket 2 {until}", f"3. A pen Ticket 5 {until}",
    ]  # fmt: skip
    assert "First prize: ticket 4 of 100" in words(page)
    assert "5 valid tickets took part in the draw, for 3 prizes: a chance of 3 in 5" in words(page)
    assert "data-countdown" not in page


def test_winners_are_told_which_prize_and_others_that_it_was_not_them(
    drum: tuple[Raffle, list[User]],
) -> None:
    raffle, people = drum
    hat, nothing = page_of(raffle, people[1]), page_of(raffle, people[2])
    assert "You won! Ticket 2 wins prize 2: A hat ." in words(hat)
    assert hat.count("stub--won") == 1
    assert "Not this time" in words(nothing)
    assert "stub--won" not in nothing
    mine = page_of(raffle, people[1], "/tickets/")
    assert "Ticket 2 won prize 2: A hat." in words(mine)
    assert "stub--won" not in page_of(raffle, people[2], "/tickets/")


def test_a_claimed_prize_is_marked(drum: tuple[Raffle, list[User]]) -> None:
    raffle, people = drum
    car = raffle.awards.select_related("ticket").get(prize=1)
    awarding.record_claim(award_id=car.pk, by=make_staff(), code=car.ticket.code)
    assert winners(page_of(raffle))[0] == "1. A car Ticket 4 claimed"
    assert "You have claimed it." in words(page_of(raffle, people[3]))


def test_a_forfeited_prize_goes_to_the_next_and_in_the_end_to_nobody(
    drum: tuple[Raffle, list[User]],
) -> None:
    raffle, people = drum
    give_up(raffle, 2)
    page = page_of(raffle)
    assert winners(page)[1].startswith("2. A hat Ticket 1 to be claimed")
    assert winners(page)[1].endswith("after ticket 2 forfeited it")
    assert "You won! Ticket 1 wins prize 2" in words(page_of(raffle, people[0]))
    assert "Prize 2 forfeited" in words(page_of(raffle, people[1]))
    give_up(raffle, 1)
    give_up(raffle, 3)
    assert winners(page_of(raffle))[1] == "2. A hat – forfeited, and nobody is left in line"


def test_prizes_without_winners_are_said_to_be() -> None:
    raffle = sold(1, prizes=["A car", "A hat"])
    draw(raffle)
    assert winners(page_of(raffle))[1].startswith("2. A hat – nobody")


def test_a_prize_that_was_not_claimed_in_time_is_said_to_be() -> None:
    with ago(timedelta(days=2)):
        raffle, alice = make_raffle(claim_days=1), make_buyer()
        buy(raffle, alice)
        draw(raffle)
    assert winners(page_of(raffle)) == ["A bicycle Ticket 1 not claimed in time"]
    assert "it can now be passed on" in words(page_of(raffle, alice))


def test_hundreds_of_prizes_cost_no_more_queries_than_one() -> None:
    costs = []
    for many in (1, 200):
        terms = {"limit": 300, "capacity": 400, "one_prize_each": False}
        raffle, alice = sold(5, prizes=["A pen"] * many, **terms), make_buyer()
        buy(raffle, alice, 250)
        draw(raffle)
        client = Client()
        client.force_login(alice)
        for address in (raffle.get_absolute_url(), "/tickets/"):
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            costs.append(len(queries))
    assert costs[:2] == costs[2:]
    assert max(costs) <= 10


# --- Cancelled ------------------------------------------------------------------------------------


def test_a_cancelled_raffle_gives_its_reason_and_voids_all_tickets() -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="The <b>storm</b>.")
    page = page_of(raffle, alice)
    assert stage(page) == "cancelled"
    assert "The &lt;b&gt;storm&lt;/b&gt;." in page
    assert page.count("stub--void") == 2
    assert "data-buy" not in page
    assert "How the winner" not in page
    mine = page_of(raffle, alice, "/tickets/")
    assert "The raffle was cancelled" in mine
    assert mine.count("stub--void") == 2


# --- Own purchases --------------------------------------------------------------------------------


def test_own_purchases_lead_to_their_receipts() -> None:
    raffle, alice = make_raffle(limit=5), make_buyer()
    one, more = buy(raffle, alice, 1).purchase, buy(raffle, alice, 3).purchase
    client = Client()
    client.force_login(alice)
    for address in (raffle.get_absolute_url(), "/tickets/"):
        page = client.get(address).content.decode().partition("<template")[0]
        links = re.findall(r'class="receipt-link" href="([^"]+)">([^<]+)<', page)
        assert links == [
            (f"/receipts/{one.pk}/", "ticket 1"), (f"/receipts/{more.pk}/", "tickets 2 to 4"),
        ]  # fmt: skip
        assert [client.get(link).status_code for link, _ in links] == [200, 200]
