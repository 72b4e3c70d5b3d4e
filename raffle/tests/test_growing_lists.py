"""What must not grow with a raffle, and with the raffles: lists. bench/growth.py measures it."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.paging import FirstOnes
from raffle import organising
from raffle.admin import filters
from raffle.admin.sales import sales_of
from raffle.management import overdue
from raffle.models import Raffle
from raffle.tests.costs import asked, explained
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.reading import sold
from raffle.tests.test_staff import browser

OF_RAFFLES = (
    "ticket", "purchase", "void", "proposal", "award", "claim", "forfeit", "ledgerentry",
)  # fmt: skip
LISTS = ("ticket", "purchase", "ledgerentry")


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def void(raffle: Raffle) -> None:
    ticket = raffle.tickets.get(number=1)
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Returned.")


# --- The dashboard --------------------------------------------------------------------------------


def test_sales_over_time_never_join_the_ledger_whatever_the_planner_expects() -> None:
    raffle = sold(2)
    (sql,) = asked(lambda: sales_of([raffle]))
    plan = explained(sql, "enable_nestloop", "enable_seqscan")
    assert not re.search(r"(Hash|Merge) Join", plan), plan


def test_the_dashboard_looks_at_no_raffle_that_it_passes_over(client: Client) -> None:
    for _ in range(3):
        sold(1)
    with patch("raffle.admin.dashboard.RAFFLES_A_PAGE", 1):
        queries = asked(lambda: client.get("/admin/?page=3"))
    (passing,) = [sql for sql in queries if "OFFSET 2" in sql]
    assert "raffle_ledgerentry" not in passing


# --- The lists of the record ----------------------------------------------------------------------


@pytest.mark.parametrize("model", LISTS)
def test_a_list_is_counted_no_further_than_it_is_shown(
    client: Client, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = sold(4)
    monkeypatch.setattr(FirstOnes, "MOST", 3)
    address = reverse(f"admin:raffle_{model}_changelist")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address, {"raffle__id__exact": raffle.pk})
    assert answer.context["cl"].result_count == 3
    assert "Only the first 3 are listed." in answer.text
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 4" in counts[0]
    monkeypatch.setattr(FirstOnes, "MOST", 100)
    assert "Only the first" not in client.get(address, {"raffle__id__exact": raffle.pk}).text


def test_accounts_are_counted_no_further_either(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FirstOnes, "MOST", 1)
    page = client.get(reverse("admin:accounts_user_changelist"))
    assert "Only the first 1 are listed." in page.text


def test_a_list_offers_the_newest_raffles_and_the_one_that_is_looked_at(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffles = [sold(1) for _ in range(3)]
    monkeypatch.setattr(filters, "NEWEST", 1)
    address = reverse("admin:raffle_ticket_changelist")
    page = client.get(address, {"raffle__id__exact": raffles[0].pk})
    offered = set(map(int, re.findall(r"raffle__id__exact=(\d+)", page.text)))
    assert offered == {raffles[0].pk, raffles[2].pk}
    assert [ticket.raffle_id for ticket in page.context["cl"].result_list] == [raffles[0].pk]
    for model in OF_RAFFLES:
        page = client.get(reverse(f"admin:raffle_{model}_changelist"))
        offered = set(map(int, re.findall(r"raffle__id__exact=(\d+)", page.text)))
        assert offered == {raffles[2].pk}, model
    for nonsense in ("x", "²", "9" * 30):
        assert client.get(address, {"raffle__id__exact": nonsense}).status_code == 302


@pytest.mark.parametrize(
    "model", ["raffle_ticket", "raffle_purchase", "raffle_void", "raffle_award", "accounts_user"]
)
def test_a_buyer_who_is_named_in_full_is_found_without_a_look_at_the_others(
    client: Client, model: str
) -> None:
    alice = make_buyer()
    buy(make_raffle(), alice)
    address = reverse(f"admin:{model}_changelist")
    queries = asked(lambda: client.get(address, {"q": alice.email.upper()}))
    assert not any("LIKE" in sql for sql in queries)
    if model in {"raffle_ticket", "accounts_user"}:
        found = client.get(address, {"q": alice.email.upper()}).context["cl"].result_list
        assert len(found) == 1


def test_a_period_of_the_ledger_is_read_in_its_order_and_no_further_than_it_is_shown(
    client: Client,
) -> None:
    sold(2)
    address = reverse("admin:raffle_ledgerentry_changelist")
    queries = asked(lambda: client.get(f"{address}?from=2020-01-01"))
    (rows,) = [sql for sql in queries if '"at" DESC' in sql]
    assert "using ledger_by_time" in explained(rows, "enable_seqscan", "enable_sort"), rows


def test_void_tickets_are_looked_for_among_the_voids(client: Client) -> None:
    raffle = sold(3)
    void(raffle)
    address = reverse("admin:raffle_ticket_changelist")
    queries = asked(lambda: client.get(f"{address}?void=yes&raffle__id__exact={raffle.pk}"))
    (rows,) = [sql for sql in queries if 'FROM "raffle_ticket"' in sql and "COUNT" not in sql]
    assert 'INNER JOIN "raffle_void"' in rows


# --- The buyers' lists ----------------------------------------------------------------------------


def test_the_buyers_lists_pass_over_keys_alone() -> None:
    alice = make_buyer()
    for _ in range(3):
        buy(make_raffle(), alice, 2)
    with (
        patch("raffle.pages.views.TICKETS_A_PAGE", 2),
        patch("raffle.pages.views.RAFFLES_A_PAGE", 2),
    ):
        for address in ("/tickets/?page=2", "/?page=2"):
            queries = asked(lambda: browser(alice).get(address))  # noqa: B023 - called here
            (passing,) = [sql for sql in queries if "OFFSET 2" in sql]
            assert "organiser" not in passing
            assert "head_hash" not in passing


def test_what_waits_is_looked_up_for_many_raffles_together() -> None:
    keys = [sold(1).pk for _ in range(3)]
    raffles = list(Raffle.objects.as_it_stands().filter(pk__in=keys))
    assert len(asked(lambda: list(overdue.of_raffles(raffles)))) == 4
    assert len(asked(lambda: list(overdue.of_raffles(raffles[:1])))) == 4
