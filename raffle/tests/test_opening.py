"""From an empty form to an open raffle: the form's help, the preview, and the checklist."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from raffle.admin.checklist import Weight, checklist
from raffle.models import Raffle
from raffle.tests.makers import make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.reading import words
from raffle.tests.test_admin import form, stored
from raffle.tests.test_admin_records import url
from raffle.tests.test_staff import address, browser, staff_with

SOON = datetime.now(UTC) + timedelta(days=30)
LATER = SOON + timedelta(hours=2)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
READY: dict[str, Any] = {
    "contact": "club@example.org", "licence": "L 7", "rules": "Be there.", "price": "2.50",
    "closes_at": SOON, "draw_at": LATER, "method": "beacon",
}  # fmt: skip


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def told(weight: Weight, **terms: Any) -> dict[str, str]:
    """What the list says of a draft with so much weight, by field."""
    draft = Raffle.objects.as_it_stands().get(pk=make_draft(**terms).pk)
    return {item.field: item.says for item in checklist(draft) if item.weight == weight}


# --- The checklist --------------------------------------------------------------------------------


def test_of_a_raffle_with_everything_only_one_person_alone_is_left_to_think_of() -> None:
    assert told(Weight.MUST, **READY) == {}
    assert told(Weight.SHOULD, **READY).keys() == {"two_people"}


def test_of_an_empty_one_nothing_is_in_the_way_but_much_is_worth_a_look() -> None:
    assert told(Weight.MUST) == {}
    assert told(Weight.SHOULD).keys() == {
        "contact", "licence", "rules", "price", "closes_at", "draw_at", "method", "two_people",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "field", "sentence"),
    [
        ({"closes_at": LONG_AGO}, "closes_at", "The closing time lies in the past."),
        ({"draw_at": LONG_AGO}, "draw_at", "for a time in the past"),
        ({"closes_at": LATER, "draw_at": SOON}, "draw_at", "for a time before sales end"),
    ],
)
def test_what_would_break_a_promise_is_in_the_way_of_opening(
    client: Client, terms: dict[str, Any], field: str, sentence: str
) -> None:
    assert sentence in told(Weight.MUST, **terms)[field]
    draft = make_draft(**terms)
    page = client.get(address("open", draft)).text
    assert "1 thing has to be put right first." in words(page)
    assert f"{url(draft, 'change', draft.pk)}#id_{field}" in page
    assert 'type="submit" class="default"' not in page
    answer = client.post(address("open", draft), {"confirmed": "on"})
    assert answer.status_code == 409
    assert sentence in answer.text
    assert stored(draft).status == "DRAFT"


@pytest.mark.parametrize("terms", [{"two_people": True}, {"method": "manual"}])
def test_two_people_need_a_second_account_that_may_draw(terms: dict[str, Any]) -> None:
    others = User.objects.filter(is_staff=True, is_active=True)
    before = list(others.values_list("pk", flat=True))
    others.update(is_active=False)
    try:
        make_staff()
        staff_with("view_raffle")
        make_buyer()
        assert "only one account may" in told(Weight.MUST, **terms)["two_people"]
        staff_with("draw_winner")
        assert "two_people" in told(Weight.DONE, **terms)
    finally:
        User.objects.filter(pk__in=before).update(is_active=True)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"prizes": ["a", "b", "c"], "capacity": 2}, "prizes"),
        ({"capacity": 2, "limit": 2}, "limit"),
        ({"rules": " \n "}, "rules"),
    ],
)
def test_what_is_odd_is_worth_a_second_look(terms: dict[str, Any], field: str) -> None:
    assert field in told(Weight.SHOULD, **READY | terms)
    assert field not in told(Weight.SHOULD, **READY)


def test_rules_that_were_taken_over_are_worth_a_second_look() -> None:
    before = make_raffle(rules=f"One winner. {uuid.uuid4()}")
    same = READY | {"rules": before.rules}
    assert told(Weight.SHOULD, **same)["rules"] == (
        f"The rules are word for word those of “{before.name}”. Do they fit this one, too?"
    )
    assert "rules" not in told(Weight.SHOULD, **READY)


def test_shoulds_are_not_in_the_way(client: Client) -> None:
    draft = make_draft()
    page = words(client.get(address("open", draft)).text)
    assert "Should There is no contact" in page
    assert client.post(address("open", draft), {"confirmed": "on"}).status_code == 303
    assert stored(draft).status == "OPEN"


def test_a_second_press_on_open_says_that_it_is_open(client: Client) -> None:
    draft = make_draft()
    client.post(address("open", draft), {"confirmed": "on"})
    again = client.post(address("open", draft), {"confirmed": "on"})
    assert again.status_code == 409
    assert "Only a draft can be opened" in again.text
    assert draft.ledger.filter(kind="opened").count() == 1


# --- The preview ----------------------------------------------------------------------------------


def test_a_draft_is_previewed_as_buyers_will_see_it(client: Client) -> None:
    draft = make_draft(name="The <b> raffle", description="A fine thing.", price="2.50")
    page = client.get(address("preview", draft)).text
    for shown in ("The &lt;b&gt; raffle", "A fine thing.", "A bicycle", "2.50"):
        assert shown in page
    assert "This is a preview for staff." in page
    assert "Staff accounts run the draw" not in page
    assert 'data-state="idle"' in page
    assert stored(draft).status == "DRAFT"


def test_nothing_on_the_preview_does_anything(client: Client) -> None:
    draft = make_draft()
    page = client.get(address("preview", draft)).text
    assert '<fieldset class="preview" disabled>' in page
    assert "raffle.js" not in page
    assert client.post(address("preview", draft)).status_code == 405
    buyer = browser(make_buyer())
    sent = {"quantity": "1", "key": str(uuid.uuid4())}
    assert buyer.post(reverse("raffle:buy", args=[draft.slug]), sent).status_code == 404
    assert not draft.tickets.exists()


def test_a_preview_is_for_staff_who_may_look_at_raffles() -> None:
    where = address("preview", make_draft())
    assert browser(None).get(where).status_code == 302
    assert browser(make_buyer()).get(where).status_code == 302
    assert browser(staff_with("void_ticket")).get(where).status_code == 403
    assert browser(staff_with("view_raffle")).get(where).status_code == 200


def test_a_preview_of_an_upcoming_raffle_says_when_it_opens(client: Client) -> None:
    page = client.get(address("preview", make_draft(opens_at=SOON))).text
    assert 'data-stage="upcoming"' in page


def test_only_a_draft_offers_its_preview(client: Client) -> None:
    for raffle, offered in ((make_draft(), True), (make_raffle(), False)):
        page = client.get(url(raffle, "change", raffle.pk)).text
        assert (f'href="{address("preview", raffle)}"' in page) is offered


# --- The form -------------------------------------------------------------------------------------


def test_what_is_likely_the_same_as_the_last_time_is_filled_in(client: Client) -> None:
    make_draft(organiser="The Rowing Club", contact="rows@example.org", currency="CHF", rules="R!")
    page = client.get(url(Raffle, "add")).text
    for value in ("The Rowing Club", "rows@example.org", "CHF"):
        assert f'value="{value}"' in page
    assert "R!</textarea>" in page


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("price", "2,50 €", "Write an amount such as 2.50"),
        ("price", "-1", "A price cannot be below 0."),
        ("capacity", "many", "Write a whole number, such as 500."),
        ("capacity", "0", "There must be at least 1 ticket."),
        ("limit", "0", "at least 1 ticket"),
        ("claim_days", "0", "Give the winners at least 1 day."),
        ("closes_at_0", "24.12.26", "Write the day as 2027-06-30"),
        ("slug", "summer fair", "digits and hyphens only"),
    ],
)
def test_a_mistake_says_what_to_do(client: Client, field: str, typed: str, sentence: str) -> None:
    draft = make_draft()
    answer = client.post(url(draft, "change", draft.pk), form(draft, **{field: typed}))
    assert answer.status_code == 200
    assert sentence in answer.text


def test_an_address_that_is_taken_says_so(client: Client) -> None:
    taken, draft = make_raffle(), make_draft()
    answer = client.post(url(draft, "change", draft.pk), form(draft, slug=taken.slug))
    assert "Another raffle has this address already." in answer.text


def test_a_currency_in_small_letters_is_understood(client: Client) -> None:
    draft = make_draft()
    client.post(url(draft, "change", draft.pk), form(draft, currency="chf"))
    assert stored(draft).currency == "CHF"
