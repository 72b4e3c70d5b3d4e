"""Raffles in the admin: what staff may change, and what they promised and may not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from raffle import closing, organising
from raffle.models import Raffle, Ticket
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_admin_records import pages_of, url, whole_story
from raffle.tests.test_staff import browser, staff_with


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def form(raffle: Raffle, **changed: Any) -> dict[str, Any]:
    """What a browser sends back from the raffle's form: line ends as browsers write them."""
    sent: dict[str, Any] = {"description": raffle.description}
    for name in Raffle.TERMS:
        value = getattr(raffle, name)
        if isinstance(value, bool):
            sent |= {name: "on"} if value else {}
        elif name.endswith("_at"):
            sent[f"{name}_0"] = f"{value:%Y-%m-%d}" if value else ""
            sent[f"{name}_1"] = f"{value:%H:%M:%S}" if value else ""
        else:
            sent[name] = "\n".join(value) if name == "prizes" else str(value)
    return {name: str(value).replace("\n", "\r\n") for name, value in (sent | changed).items()}


RAFFLE_ACTS = ("open", "close", "confirm", "ask", "draw", "claims", "cancel")


def stored(raffle: Raffle) -> Raffle:
    return Raffle.objects.get(pk=raffle.pk)


# --- Raffles: adding and changing -----------------------------------------------------------------


def test_a_raffle_is_created_as_a_draft_and_its_ledger_begins(client: Client) -> None:
    slug = f"new-{uuid.uuid4().hex[:8]}"
    new = Raffle(slug=slug, name="New", organiser="The Club", prizes=["A bicycle"])
    answer = client.post(url(Raffle, "add"), form(new, status="OPEN"))
    raffle = Raffle.objects.get(slug=slug)
    assert answer["Location"] == url(raffle, "change", raffle.pk), "not where its next steps are"
    assert (raffle.status, raffle.capacity, raffle.limit) == ("DRAFT", 100, 2)
    assert [entry.kind for entry in raffle.ledger.all()] == ["created"]


def test_a_draft_changes_with_a_line_in_the_ledger_and_in_the_log(client: Client) -> None:
    raffle = make_draft()
    answer = client.post(url(raffle, "change", raffle.pk), form(raffle, capacity=50))
    assert answer.status_code == 302
    assert stored(raffle).capacity == 50
    assert '"after":{"capacity":50}' in raffle.ledger.get(kind="changed").line
    assert LogEntry.objects.filter(object_id=str(raffle.pk), object_repr=raffle.name).exists()


def test_saving_what_a_browser_makes_of_unchanged_text_changes_nothing(client: Client) -> None:
    raffle = make_draft(rules="One.\nTwo.\n", description=" Indented\n")
    assert client.post(url(raffle, "change", raffle.pk), form(raffle)).status_code == 302
    assert stored(raffle).terms() == raffle.terms()
    assert not raffle.ledger.filter(kind="changed").exists()


def test_a_raffle_cannot_close_before_it_opens(client: Client) -> None:
    raffle = make_draft()
    times = {"opens_at_0": "2030-01-02", "opens_at_1": "10:00"}
    times |= {"closes_at_0": "2030-01-01", "closes_at_1": "10:00"}
    answer = client.post(url(raffle, "change", raffle.pk), form(raffle, **times))
    assert answer.status_code == 200
    assert "A raffle must open before it closes." in answer.text


def test_after_the_first_sale_only_the_description_is_a_field(client: Client) -> None:
    raffle = make_raffle()
    page = url(raffle, "change", raffle.pk)
    assert 'name="capacity"' in client.get(page).text
    buy(raffle, make_buyer())
    text = client.get(page).text
    assert 'name="description"' in text
    for name in Raffle.TERMS:
        assert f'name="{name}' not in text
    assert client.post(page, {"description": "More about it."}).status_code == 302
    assert stored(raffle).description == "More about it."


@pytest.mark.parametrize(
    ("term", "forged"), [("capacity", 500), ("limit", 50), ("price", "0.01"), ("name", "Other")]
)
def test_a_forged_term_is_refused_after_the_first_sale(
    client: Client, term: str, forged: Any
) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    page = url(raffle, "change", raffle.pk)
    alone = {"description": "", term: forged}
    for sent in (form(raffle, **{term: forged}), alone):
        answer = client.post(page, sent)
        assert answer.status_code == 409
        assert "Tickets have been sold on these terms" in answer.text
        assert stored(raffle).terms() == raffle.terms()


def test_a_sale_while_somebody_edits_gives_a_clear_error_and_loses_nothing(client: Client) -> None:
    raffle = make_raffle(rules="One.\nTwo.")
    loaded = form(raffle, capacity=777, description="Typed for half an hour.")
    buy(raffle, make_buyer())
    answer = client.post(url(raffle, "change", raffle.pk), loaded)
    assert answer.status_code == 409
    assert "Tickets have been sold on these terms, so they stay: capacity." in answer.text
    assert 'value="777"' in answer.text
    assert "Typed for half an hour." in answer.text
    assert stored(raffle).terms() == raffle.terms()
    assert stored(raffle).description == ""
    loaded["capacity"] = str(raffle.capacity)
    assert client.post(url(raffle, "change", raffle.pk), loaded).status_code == 302
    assert stored(raffle).description == "Typed for half an hour."


def test_what_only_the_database_refuses_is_a_clear_error_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise IntegrityError("raffle_frozen_since_first_sale")

    raffle = make_draft()
    monkeypatch.setattr(organising, "change_raffle", refuse)
    answer = client.post(url(raffle, "change", raffle.pk), form(raffle, capacity=777))
    assert answer.status_code == 409
    assert "Somebody changed this at the same moment" in answer.text
    assert 'value="777"' in answer.text


def test_a_closed_raffle_is_shown_and_not_changed(client: Client) -> None:
    raffle = make_raffle()
    loaded = form(raffle, description="Typed too long.", capacity=5)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    page = url(raffle, "change", raffle.pk)
    assert 'name="_save"' not in client.get(page).text
    assert "<textarea" not in client.get(page).text
    answer = client.post(page, loaded)
    assert answer.status_code == 409
    assert "is closed" in answer.text
    assert "Typed too long." in answer.text
    assert stored(raffle).description == ""
    assert stored(raffle).capacity == 100


@pytest.mark.parametrize("name", ["status", "uuid", "pseudonym_key", "id"])
def test_no_form_sets_what_is_not_a_field(client: Client, name: str) -> None:
    raffle = make_draft()
    forged = {"status": "OPEN", "uuid": uuid.uuid4(), "pseudonym_key": "0" * 64, "id": 1}[name]
    client.post(url(raffle, "change", raffle.pk), form(raffle, **{name: forged}))
    assert getattr(stored(raffle), name) == getattr(raffle, name)


# --- Raffles: what the pages show -----------------------------------------------------------------


def test_the_page_of_a_raffle_offers_the_acts_that_make_sense(client: Client) -> None:
    raffle = make_draft()
    page = url(raffle, "change", raffle.pk)
    acts = {act: url(raffle, act, raffle.pk) for act in RAFFLE_ACTS}

    def offered() -> set[str]:
        text = client.get(page).text
        return {act for act, address in acts.items() if f'href="{address}"' in text}

    assert offered() == {"open"}
    public = f'href="{raffle.get_absolute_url()}"'
    assert public not in client.get(page).text
    organising.open_raffle(raffle_id=raffle.pk, by=None)
    assert offered() == {"close", "cancel"}
    assert public in client.get(page).text
    buy(raffle, make_buyer())
    assert offered() == {"close", "draw", "cancel"}
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    assert offered() == {"confirm", "draw", "cancel"}
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    assert offered() == {"draw", "cancel"}
    draw(raffle)
    assert offered() == {"claims"}


def test_the_page_of_a_raffle_offers_only_what_is_permitted() -> None:
    raffle = make_raffle()
    page = browser(staff_with("view_raffle")).get(url(raffle, "change", raffle.pk)).text
    for address in (
        *(url(raffle, act, raffle.pk) for act in RAFFLE_ACTS),
        url(Ticket, "changelist"),
    ):
        assert address not in page


def test_the_page_of_a_ticket_offers_to_void_it_while_that_is_possible(client: Client) -> None:
    raffle = make_raffle()
    ticket = buy(raffle, make_buyer()).purchase.tickets.get()
    page, void = url(ticket, "change", ticket.pk), url(ticket, "void", ticket.pk)
    assert f'href="{void}"' in client.get(page).text
    assert void not in browser(staff_with("view_ticket")).get(page).text
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason="Returned.")
    assert void not in client.get(page).text
    assert "Returned." in client.get(page).text


def test_the_list_of_raffles_shows_figures_and_the_winner_once_drawn(client: Client) -> None:
    raffle = whole_story()
    page = client.get(url(Raffle, "changelist"), {"q": raffle.slug}).text
    assert '<td class="field-sold">3</td>' in page
    assert '<td class="field-remaining">97</td>' in page
    assert f'<td class="field-winner">ticket {raffle.draw.ticket.number}</td>' in page
    assert "pseudonym" not in page


def test_nothing_tells_of_a_winner_before_the_draw(client: Client) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer(), 2)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    for page in pages_of(raffle):
        text = client.get(page).text
        assert "The winner is ticket" not in text
        assert "<dt>Winner" not in text
        assert '<td class="field-winner">ticket' not in text


# --- The way in -----------------------------------------------------------------------------------


def test_staff_sign_in_where_everybody_does() -> None:
    answer = Client().get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert Client().post(reverse("admin:login"), {"username": "x"}).status_code == 302


def test_a_buyer_does_not_get_in() -> None:
    answer = browser(make_buyer()).get(reverse("admin:index"), follow=True)
    assert answer.status_code == 403


def test_the_admin_says_where_one_is(client: Client) -> None:
    assert "Raffle administration" in client.get(reverse("admin:index")).text
    assert admin.site.site_title == "Raffle administration"
