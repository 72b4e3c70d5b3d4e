"""Prizes pasted from elsewhere: what was understood is shown first, and saved as it was shown."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from raffle.admin.importing import understood
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_admin import stored
from raffle.tests.test_staff import address, browser, staff_with


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


@pytest.mark.parametrize(
    ("text", "prizes"),
    [
        ("A goose\nA duck", ["A goose", "A duck"]),
        ("1. A goose\r\n2) A duck\n\n", ["A goose", "A duck"]),
        ("- A goose\n• A duck\n* A hen", ["A goose", "A duck", "A hen"]),
        ("2 × A bottle of wine\n3x Tea", ["A bottle of wine"] * 2 + ["Tea"] * 3),
        ("1. 2 x Tea", ["Tea", "Tea"]),
        ("A goose\tgiven by\tthe baker", ["A goose, given by, the baker"]),
        ("100 m of rope\n4xl shirt\n2.5 kg tea", ["100 m of rope", "4xl shirt", "2.5 kg tea"]),
        (" \n\t\n", []),
    ],
)  # fmt: skip
def test_what_is_understood(text: str, prizes: list[str]) -> None:
    assert understood(text) == prizes


def test_the_first_press_shows_and_the_second_saves(client: Client) -> None:
    draft = make_draft()
    where, text = address("prizes", draft), "1. A <b>goose</b>\n200 x Tea"
    page = client.post(where, {"text": text}).text
    assert "201 prizes were understood. Nothing is saved yet." in page
    assert unescape(page).count("<li>Tea</li>") == 200
    assert "A &lt;b&gt;goose" in page
    assert stored(draft).prizes == ["A bicycle"]
    seen = re.findall(r'name="seen" value="(\w+)"', page)[0]
    assert client.post(where, {"text": text, "seen": seen}).status_code == 303
    assert stored(draft).prizes == ["A <b>goose</b>", *["Tea"] * 200]
    assert draft.ledger.filter(kind="changed").count() == 1
    client.post(where, {"text": text, "seen": seen})
    assert draft.ledger.filter(kind="changed").count() == 1, "a double press is harmless"


def test_what_was_not_shown_is_not_saved(client: Client) -> None:
    draft = make_draft()
    page = client.post(address("prizes", draft), {"text": "A goose"}).text
    seen = re.findall(r'name="seen" value="(\w+)"', page)[0]
    again = client.post(address("prizes", draft), {"text": "A duck", "seen": seen})
    assert "1 prize was understood." in again.text
    assert stored(draft).prizes == ["A bicycle"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Name at least one prize."),
        ("\n - \n", "Name at least one prize."),
        ("9999 x Tea", "At most 1,000 prizes can be drawn"),
        ("x" * 301, "a prize has at most 300"),
    ],
)
def test_what_cannot_be_is_refused(client: Client, text: str, sentence: str) -> None:
    answer = client.post(address("prizes", make_draft()), {"text": text})
    assert answer.status_code == 422
    assert sentence in answer.text


def test_after_the_first_sale_prizes_stay(client: Client) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    where = address("prizes", raffle)
    assert "so they stay" in client.get(where).text
    seen = {"text": "A duck", "seen": "x"}
    assert client.post(where, seen).status_code == 409
    assert stored(raffle).prizes == ["A bicycle"]


def test_it_needs_the_permission_to_change_raffles() -> None:
    where = address("prizes", make_draft())
    assert browser(staff_with("view_raffle")).get(where).status_code == 403
    assert browser(staff_with("change_raffle")).get(where).status_code == 200
