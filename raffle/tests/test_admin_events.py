"""The search for events: by day, kind, who and raffle; and what the staff changed, in a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client
from django.utils.timezone import localdate

from raffle import closing, organising
from raffle.admin.events import KINDS
from raffle.models import LedgerEntry, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.test_admin_records import url, whole_story
from raffle.tests.test_staff import browser

LIST = url(LedgerEntry, "changelist")


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def found(client: Client, raffle: Raffle, **search: Any) -> list[int]:
    """The lines of the raffle that are listed, by seq."""
    answer = client.get(LIST, {"raffle__id__exact": str(raffle.pk)} | search)
    assert answer.status_code == 200
    return sorted(entry.seq for entry in answer.context["cl"].result_list)


def day(days_ago: int) -> str:
    return f"{localdate() - timedelta(days=days_ago):%Y-%m-%d}"


def test_events_are_found_from_one_day_to_another_both_included(client: Client) -> None:
    with ago(timedelta(days=20)):
        raffle = make_raffle()  # lines 1 and 2
    with ago(timedelta(days=10)):
        buy(raffle, make_buyer())  # line 3
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")  # line 4
    assert found(client, raffle, **{"from": day(10)}) == [3, 4]
    assert found(client, raffle, to=day(10)) == [1, 2, 3]
    assert found(client, raffle, **{"from": day(10), "to": day(10)}) == [3]
    assert found(client, raffle, **{"from": day(9), "to": day(1)}) == []
    assert found(client, raffle, **{"from": "", "to": ""}) == [1, 2, 3, 4]


def test_a_day_is_a_day_where_its_reader_is() -> None:
    raffle = make_draft()
    at = raffle.ledger.get().at
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):  # hardly ever the same day
        today = f"{localdate(at, ZoneInfo(zone)):%Y-%m-%d}"
        assert found(
            browser(make_staff(time_zone=zone)), raffle, **{"from": today, "to": today}
        ) == [1]


@pytest.mark.parametrize("given", ["yesterday", "2026-13-01", "9999-12-31", "2026-11-22T10:00"])
def test_a_day_that_is_none_is_no_server_error(client: Client, given: str) -> None:
    for name in ("from", "to"):
        assert client.get(LIST, {name: given}, follow=True).status_code == 200


def test_the_days_keep_the_other_filters_and_the_other_filters_the_days(client: Client) -> None:
    raffle = make_raffle()
    page = client.get(f"{LIST}?raffle__id__exact={raffle.pk}&kind=opened&from={day(3)}&p=1").text
    form = page[page.index('class="period"') :]
    form = form[: form.index("</form>")]
    assert f'<input type="hidden" name="raffle__id__exact" value="{raffle.pk}">' in form
    assert '<input type="hidden" name="kind" value="opened">' in form
    assert 'name="p"' not in form
    assert f'name="from" value="{day(3)}"' in form
    assert f"from={day(3)}&amp;kind=closed" in page


def test_events_are_found_by_kind_and_every_kind_is_known(client: Client) -> None:
    raffle = whole_story()
    kinds = list(raffle.ledger.order_by("seq").values_list("kind", flat=True))
    assert set(kinds) <= set(KINDS)
    for kind in KINDS:
        here = [seq for seq, known in enumerate(kinds, start=1) if known == kind]
        assert found(client, raffle, kind=kind) == here
        assert found(client, raffle, q=kind.upper()) == here


def test_events_are_found_by_who_did_it(client: Client) -> None:
    raffle, stella, alice = make_raffle(), make_staff(), make_buyer()
    ticket = buy(raffle, alice).purchase.tickets.get()
    organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="Returned.")
    closing.close_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Over.")
    assert found(client, raffle, by=stella.pk) == [4]
    assert found(client, raffle, by="operator") == [1, 2]
    assert found(client, raffle, q=stella.email.upper()) == [4]
    assert found(client, raffle, q=alice.email) == []
    assert stella.email in client.get(LIST).text
    assert client.get(LIST, {"by": "x"}, follow=True).status_code == 200


def test_searches_can_be_combined(client: Client) -> None:
    raffle = whole_story()
    voided = raffle.ledger.get(kind="void")
    search = {"kind": "void", "by": voided.actor_id, "from": day(1), "to": day(0)}
    assert found(client, raffle, **search) == [voided.seq]
    assert found(client, raffle, **search | {"kind": "closed"}) == []


def test_the_list_tells_what_happened_and_who_did_it_but_not_who_bought(client: Client) -> None:
    raffle, stella, alice = make_raffle(), make_staff(), make_buyer()
    buy(raffle, alice)
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Over <b>.")
    page = client.get(f"{LIST}?raffle__id__exact={raffle.pk}").text
    assert f'<td class="field-who">{stella.email}</td>' in page
    assert '<td class="field-who">an operator</td>' in page
    assert '<td class="field-who">a buyer</td>' in page
    assert alice.email not in page
    assert "reason: Over &lt;b&gt;." in page


def test_what_staff_changed_is_a_table_of_before_and_after(client: Client) -> None:
    raffle, stella = make_draft(prizes=["A goose"], rules="One.\nTwo."), make_staff()
    changed = Raffle.objects.get(pk=raffle.pk)
    changed.prizes = ["A goose", "A <duck>"]
    changed.two_people, changed.capacity, changed.rules = True, 50, ""
    organising.change_raffle(changed, by=stella)
    entry = raffle.ledger.get(kind="changed")
    page = client.get(url(entry, "change", entry.pk)).text
    table = page[page.index('class="changes"') :]
    table = table[: table.index("</table>")]
    for element, before, after in (
        ("prizes", "1. A goose", "1. A goose<br>2. A &lt;duck&gt;"),
        ("two people", "no", "yes"),
        ("capacity", "100", "50"),
        ("rules", "One.<br>Two.", "–"),
    ):
        row = f'<th scope="row">{element}</th><td>{before}</td><td>{after}</td>'
        assert row in table
    assert stella.email in table
    assert f"{entry.at:%H:%M:%S}" in table
    opened = raffle.ledger.get(kind="created")
    assert 'class="changes"' not in client.get(url(opened, "change", opened.pk)).text


@pytest.mark.parametrize(
    ("search", "index"), [("from=2026-01-01&to=2026-01-02", "ledger_by_time"), ("by=1", "by_staff")]
)
def test_an_index_can_answer_the_search(client: Client, search: str, index: str) -> None:
    """Not that it is used for these few lines, but that it could be for millions."""
    listed = client.get(f"{LIST}?{search}").context["cl"].queryset.order_by()
    with transaction.atomic():
        sql("SET LOCAL enable_seqscan = off")
        sql("SET LOCAL enable_indexscan = off")
        assert index in listed.explain()
