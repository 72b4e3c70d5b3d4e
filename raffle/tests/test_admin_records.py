"""The admin's lists and pages: records are only shown, nothing is deleted, every page opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from raffle import awarding, closing, organising, seconding
from raffle.models import (
    Award,
    Claim,
    Draw,
    Forfeit,
    LedgerEntry,
    Proposal,
    Purchase,
    Raffle,
    Seal,
    Ticket,
    Void,
)
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.test_staff import browser, staff_with

RECORDS: tuple[type[Model], ...] = (
    Ticket, Purchase, Void, Proposal, Seal, Draw, Award, Claim, Forfeit, LedgerEntry,
)  # fmt: skip
OURS: tuple[type[Model], ...] = (Raffle, *RECORDS)
RAFFLE_PAGES = (
    "open", "close", "confirm", "ask", "draw", "claims", "cancel", "history",
)  # fmt: skip


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def url(model: type[Model] | Model, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def whole_story() -> Raffle:
    """A raffle with one of everything: sold, void, closed, drawn, claimed, forfeited; by two."""
    raffle = make_raffle(price="1.50", two_people=True, prizes=["A goose", "A duck"])
    first = buy(raffle, make_buyer(), 2).purchase.tickets.get(number=1)
    buy(raffle, make_buyer())
    stella, tom = make_staff(), make_staff()
    seconding.propose_void(ticket_id=first.pk, by=stella, reason="Returned <unused>.")
    organising.void_ticket(ticket_id=first.pk, by=tom)
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Over.")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    seconding.propose_draw(raffle_id=raffle.pk, by=stella)
    draw(raffle, by=tom)
    given, kept = raffle.awards.select_related("ticket").order_by("prize")
    awarding.record_claim(award_id=kept.pk, by=stella, code=kept.ticket.code)
    code = given.ticket.code
    awarding.forfeit_prize(award_id=given.pk, by=stella, reason="Given up.", code=code)
    return raffle


def pages_of(raffle: Raffle) -> Iterator[str]:
    yield from (f"{url(Raffle, 'changelist')}?q={raffle.slug}", url(raffle, "change", raffle.pk))
    yield from (url(raffle, page, raffle.pk) for page in RAFFLE_PAGES)
    for record in (*raffle.tickets.all(), *raffle.purchases.all(), *raffle.ledger.all()):
        yield url(record, "change", record.pk)
        yield url(record, "history", record.pk)
    for ticket in raffle.tickets.all():
        yield from (url(ticket, act, ticket.pk) for act in ("ask", "void"))
    for award in raffle.awards.all():
        yield from (url(award, act, award.pk) for act in ("claim", "forfeit"))
    for model in RECORDS[2:-1]:
        for record in model._default_manager.filter(raffle=raffle):
            yield url(record, "change", record.pk)
    for model in RECORDS:
        yield f"{url(model, 'changelist')}?raffle__id__exact={raffle.pk}"


# --- Nothing is deleted or forged -----------------------------------------------------------------


def test_nobody_deletes_anything(client: Client) -> None:
    raffle = whole_story()
    stories: list[Model] = [raffle]
    for model in RECORDS:
        stories += model._default_manager.filter(raffle=raffle)[:1]
    for record in stories:
        for answer in (
            client.get(url(record, "delete", record.pk)),
            client.post(url(record, "delete", record.pk), {"post": "yes"}),
        ):
            assert answer.status_code == 403
        forged = {"action": "delete_selected", "_selected_action": str(record.pk), "post": "yes"}
        client.post(url(record, "changelist"), forged)
        assert "delete_selected" not in client.get(url(record, "changelist")).text
        record.refresh_from_db()


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_neither_added_nor_changed(client: Client, model: type[Model]) -> None:
    whole_story()
    record = model._default_manager.order_by("-pk")[0]
    assert client.get(url(model, "add")).status_code == 403
    assert client.post(url(model, "add"), {"number": 1}).status_code == 403
    page = url(model, "change", record.pk)
    assert client.post(page, {"number": 1, "reason": "x", "line": "x"}).status_code == 403
    text = client.get(page).text
    assert 'name="_save"' not in text


@pytest.mark.parametrize("model", OURS)
def test_each_model_is_seen_with_its_own_permission_only(model: type[Model]) -> None:
    name = model._meta.model_name
    others = (f"view_{other._meta.model_name}" for other in OURS if other is not model)
    assert browser(staff_with(*others)).get(url(model, "changelist")).status_code == 403
    assert browser(staff_with(f"view_{name}")).get(url(model, "changelist")).status_code == 200


# --- Every page -----------------------------------------------------------------------------------


class Inline(HTMLParser):
    """Collects what the content security policy would not let run or show."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        inline = tag == "style" or (tag == "script" and "src" not in names)
        if inline or "style" in names or any(name.startswith("on") for name in names):
            self.found.append(self.get_starttag_text() or tag)


def inline_parts(page: str) -> list[str]:
    parser = Inline()
    parser.feed(page)
    return parser.found


def test_every_page_of_ours_opens_with_nothing_inline(client: Client) -> None:
    raffle = whole_story()
    lists = [*(url(model, "changelist") for model in OURS), url(User, "changelist")]
    starts = [reverse("admin:index"), reverse("admin:app_list", args=["raffle"])]
    drafts = pages_of(make_draft(name="<script>alert(1)</script> " + "long" * 40))
    for page in (*starts, *lists, url(Raffle, "add"), *pages_of(raffle), *drafts):
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert inline_parts(answer.text) == [], page
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("model", OURS)
@pytest.mark.parametrize("term", ["2", "9" * 30, "a b", "ab" * 16, "%_\\'\"", "x@example.org", "²"])
def test_every_list_can_be_searched_for_anything(
    client: Client, model: type[Model], term: str
) -> None:
    assert client.get(url(model, "changelist"), {"q": term}).status_code == 200


def test_tickets_and_purchases_are_found_by_number_and_buyer(client: Client) -> None:
    raffle = make_raffle()
    alice = make_buyer("alice")
    buy(raffle, make_buyer("bob"))
    purchase = buy(raffle, alice, 2).purchase
    here = {"raffle__id__exact": raffle.pk}
    ticket = purchase.tickets.get(number=3)

    def found(model: type[Model], term: str) -> set[Any]:
        answer = client.get(url(model, "changelist"), here | {"q": term})
        return {row.pk for row in answer.context["cl"].result_list}

    assert found(Ticket, "3") == {ticket.pk}
    assert found(Ticket, alice.email.upper()) == {t.pk for t in purchase.tickets.all()}
    assert found(Purchase, "3") == {purchase.pk}
    assert found(Purchase, str(purchase.pk)) == {purchase.pk}
    assert found(Purchase, alice.email) == {purchase.pk}
    assert found(LedgerEntry, "purchase") == found(LedgerEntry, "3") | found(LedgerEntry, "4")


def test_filters_work(client: Client) -> None:
    raffle = whole_story()
    tickets = {"raffle__id__exact": raffle.pk}
    for void, numbers in (("yes", [1]), ("no", [3, 2])):
        answer = client.get(url(Ticket, "changelist"), tickets | {"void": void})
        assert [t.number for t in answer.context["cl"].result_list] == numbers
    for state, prizes in {"claimed": [2], "forfeited": [1], "unclaimed": [], "overdue": []}.items():
        answer = client.get(url(Award, "changelist"), tickets | {"state": state})
        assert [award.prize for award in answer.context["cl"].result_list] == prizes


def test_the_tickets_of_a_cancelled_raffle_are_void(client: Client) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="Rain.")
    for void, count in (("yes", 1), ("no", 0)):
        found = client.get(f"{url(Ticket, 'changelist')}?raffle={raffle.pk}&void={void}")
        assert found.context["cl"].result_count == count


def test_overdue_prizes_are_found(client: Client) -> None:
    with ago(timedelta(days=2)):
        raffle = make_raffle(claim_days=1)
        buy(raffle, make_buyer())
        draw(raffle)
    found = client.get(f"{url(Award, 'changelist')}?raffle={raffle.pk}&state=overdue")
    assert found.context["cl"].result_count == 1


@pytest.mark.parametrize("model", OURS)
def test_a_list_takes_few_queries_however_long_it_is(client: Client, model: type[Model]) -> None:
    for _ in range(3):
        whole_story()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get(url(model, "changelist"))
    assert len(answer.context["cl"].result_list) >= 3
    assert len(queries) <= 10, [q["sql"] for q in queries.captured_queries]
