"""The staff's first page: how the raffles stand, and what each waits for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from raffle import awarding, closing, seconding, watching
from raffle.admin import dashboard
from raffle.models import LastCheck, MailedUpTo, Raffle, RefusalCount
from raffle.tests.makers import draw, make_draft, make_staff
from raffle.tests.past import ago
from raffle.tests.reading import sold, words
from raffle.tests.test_staff import (
    address,
    browser,
    closed_raffle,
    confirmed_raffle,
    raffle_asked_for,
    staff_with,
    ticket_asked_for,
    won_prize,
)

FRONT = reverse("admin:index")


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def front(client: Client) -> str:
    answer = client.get(FRONT)
    assert answer.status_code == 200
    return answer.text


def card(client: Client, raffle: Raffle) -> str:
    """What the page says of one raffle, and its links."""
    page = front(client)
    start = page.index(f'aria-labelledby="raffle-{raffle.pk}"')
    return page[start : page.index("</article>", start)]


def is_there(client: Client, raffle: Raffle) -> bool:
    return f'id="raffle-{raffle.pk}"' in front(client)


# --- Which raffles --------------------------------------------------------------------------------


def test_a_raffle_is_there_from_its_opening_until_nothing_is_left_to_do(client: Client) -> None:
    raffle = sold(3)
    assert is_there(client, raffle)
    draw(raffle)
    assert is_there(client, raffle), "its prize is still to be claimed"
    award = raffle.awards.get()
    awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)
    assert not is_there(client, raffle)


def test_a_cancelled_raffle_is_over(client: Client) -> None:
    raffle = sold(1)
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="Rain.")
    assert not is_there(client, raffle)


def test_drafts_are_listed_with_the_way_to_open_them(client: Client) -> None:
    draft = make_draft()
    page = front(client)
    assert not is_there(client, draft)
    assert f'href="{address("open", draft)}"' in page
    assert draft.name in page


def test_more_raffles_than_fit_are_on_further_pages(client: Client) -> None:
    oldest = sold(0)
    for _ in range(dashboard.RAFFLES_A_PAGE):
        sold(0)
    assert not is_there(client, oldest)
    assert 'href="?page=2"' in front(client)
    assert f'id="raffle-{oldest.pk}"' in client.get(FRONT, {"page": "2"}).text


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "²", "99999", "9" * 30])
def test_a_page_that_is_none_is_no_error(client: Client, page: str) -> None:
    assert client.get(FRONT, {"page": page}).status_code == 200


def test_whoever_may_not_look_at_raffles_sees_the_list_alone() -> None:
    raffle = sold(1)
    page = front(browser(staff_with("void_ticket", "view_ticket")))
    assert raffle.name not in page
    assert "How the raffles stand" not in page


def test_the_stock_list_stays_below(client: Client) -> None:
    page = front(client)
    assert page.index("How the raffles stand") < page.index('class="app-raffle')


# --- What it says ---------------------------------------------------------------------------------


def test_it_tells_what_is_sold_and_left(client: Client) -> None:
    raffle = sold(3, capacity=40)
    page = card(client, raffle)
    assert "3 of 40 sold · 37 left" in words(page)
    assert '<progress max="40" value="3"' in page


def test_sales_over_time_are_a_picture_and_a_table(client: Client) -> None:
    raffle = sold(3)
    page = card(client, raffle)
    assert len(re.findall(r"<rect ", page)) == len(re.findall(r"<th scope=\"row\">\d", page)) > 0
    assert "style=" not in page
    assert re.search(r'<td class="number">3</td><td class="number">3</td>', page)


def test_refusals_are_told_by_reason_the_most_frequent_first(client: Client) -> None:
    raffle = sold(1)
    hours = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2))
    for hour, count in zip(hours, (4, 5), strict=True):
        RefusalCount.objects.create(raffle=raffle, code="sold_out", hour=hour, count=count)
    RefusalCount.objects.create(
        raffle=raffle, code="limit_reached", hour=datetime(2026, 1, 1, tzinfo=UTC), count=2
    )
    told = words(card(client, raffle))
    assert "11 in all Reason Times Sold out 9 Limit Reached 2" in told


@pytest.mark.parametrize(
    ("make", "step", "page"),
    [
        (lambda: sold(1), "Close.", "close"),
        (closed_raffle, "Confirm the figures.", "confirm"),
        (confirmed_raffle, "Draw.", "draw"),
        (lambda: confirmed_raffle(two_people=True), "Draw.", "ask"),
        (raffle_asked_for, "Draw.", "draw"),
        (lambda: won_prize().raffle, "Claims.", "claims"),
    ],
    ids=["on sale", "closed", "confirmed", "two people", "asked for", "drawn"],
)
def test_it_says_what_needs_doing_next_and_where(
    client: Client, make: Any, step: str, page: str
) -> None:
    raffle = make()
    told = card(client, raffle)
    assert step in words(told)
    assert f'href="{address(page, raffle)}"' in told


def test_prizes_that_nobody_claimed_in_time_are_to_be_passed_on(client: Client) -> None:
    with ago(timedelta(days=2)):
        raffle = draw(sold(3, claim_days=1, alternates=1)).raffle
    assert "1 overdue: pass on what nobody claimed." in words(card(client, raffle))


def test_voids_that_wait_for_a_second_person_are_counted_each_once(client: Client) -> None:
    ticket = ticket_asked_for()
    seconding.propose_void(ticket_id=ticket.pk, by=make_staff(), reason="Once more.")
    told = card(client, ticket.raffle)
    assert "1 void waits for a second person." in words(told)
    assert f"raffle__id__exact={ticket.raffle_id}" in told


def test_mails_that_wait_too_long_are_told(client: Client) -> None:
    with ago(timedelta(hours=1)):
        raffle = sold(0)
    MailedUpTo.objects.create(raffle=raffle, seq=1)
    assert "Mails wait to be sent." in words(card(client, raffle))
    MailedUpTo.objects.filter(raffle=raffle).update(seq=2)
    assert "Mails wait" not in words(card(client, raffle))


def test_mails_on_their_way_are_no_news(client: Client) -> None:
    raffle = sold(1)
    MailedUpTo.objects.create(raffle=raffle, seq=1)
    assert "Mails wait" not in words(card(client, raffle))


# --- The light ------------------------------------------------------------------------------------


def test_the_light_says_in_words_what_it_means(client: Client) -> None:
    raffle = sold(1)
    assert "The record was never checked." in words(card(client, raffle))
    watching.check(raffle)
    assert "The record is as it should be." in words(card(client, raffle))
    LastCheck.objects.filter(raffle=raffle).update(problem="tables: number 1 is not stored")
    told = words(card(client, raffle))
    assert "Something is wrong with the record. tables: number 1 is not stored" in told
    LastCheck.objects.filter(raffle=raffle).update(
        problem="", checked_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    assert "The record was not checked lately." in words(card(client, raffle))


def test_a_check_now_is_done_and_shown(client: Client) -> None:
    raffle = sold(1)
    where = address("check", raffle)
    assert "The record was never checked." in words(client.get(where).text)
    answer = client.post(where, follow=True)
    assert "The record is as it should be." in words(answer.text)


def test_a_second_press_is_no_second_check(client: Client) -> None:
    raffle = sold(1)
    client.post(address("check", raffle))
    first = LastCheck.objects.get(raffle=raffle).checked_at
    client.post(address("check", raffle))
    assert LastCheck.objects.get(raffle=raffle).checked_at == first


def test_what_takes_too_long_for_a_page_is_left_to_the_command(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = sold(2)
    monkeypatch.setattr(watching, "FEW", 1)
    page = client.get(address("check", raffle)).text
    assert "check_raffles" in page
    assert "Check it now" not in page
    assert client.post(address("check", raffle)).status_code == 409
    assert not LastCheck.objects.filter(raffle=raffle).exists()


# --- What it costs, and what it does not say ------------------------------------------------------


def test_it_asks_as_much_for_eight_raffles_as_for_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for make in (closed_raffle, confirmed_raffle, raffle_asked_for):
        make()
    won_prize()
    ticket_asked_for()
    sold(2)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            front(client)
        return len(queries)

    asked()
    many = asked()
    monkeypatch.setattr(dashboard, "RAFFLES_A_PAGE", 1)
    assert asked() == many
    assert many <= 18  # fourteen of its own; the session, the person and the admin's own list


def test_no_large_table_is_read_through(client: Client) -> None:
    sold(2)
    closed_raffle()
    with CaptureQueriesContext(connection) as queries:
        front(client)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            for query in queries:
                if query["sql"].startswith(("SELECT", "\nWITH")):
                    cursor.execute(f"EXPLAIN {query['sql']}")
                    plan = "\n".join(line for (line,) in cursor.fetchall())
                    assert not re.search(
                        r"Seq Scan on raffle_(purchase|ticket|ledgerentry|void|award|proposal)",
                        plan,
                    ), plan
        finally:
            cursor.execute("RESET enable_seqscan")


def test_it_says_nothing_of_a_winner_before_the_draw(client: Client) -> None:
    raffle = confirmed_raffle(tickets=3, method="beacon")
    before = words(card(client, raffle))
    client.post(address("draw", raffle), {"name": raffle.name})
    sealed = words(card(client, raffle))
    assert "The draw is sealed." in sealed
    assert "offset" not in sealed.lower()
    assert re.findall(r"\d+", sealed.partition("Claims")[0])[:4] == re.findall(r"\d+", before)[:4]
