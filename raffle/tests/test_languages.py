"""The reader's language: how it is chosen, and what is never translated."""

from __future__ import annotations

import pytest
from django.test import Client

from raffle.tests.makers import make_raffle


def test_the_page_is_in_the_language_that_the_browser_asks_for() -> None:
    page = Client(headers={"Accept-Language": "de-AT,de;q=0.9"}).get("/")
    assert '<html lang="de">' in page.text
    assert page.headers["Content-Language"] == "de"


def test_a_choice_is_remembered_and_leads_back() -> None:
    raffle, client = make_raffle(), Client(headers={"Accept-Language": "de"})
    address = f"{raffle.get_absolute_url()}?quantity=2"
    answer = client.get("/language/es/", {"next": address})
    assert answer.headers["Location"] == address
    assert '<html lang="es">' in client.get(address).text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_choosing_a_language_leads_nowhere_else(elsewhere: str) -> None:
    assert Client().get("/language/de/", {"next": elsewhere}).headers["Location"] == "/"


def test_a_language_that_is_not_there_is_not_found() -> None:
    assert Client().get("/language/tlh/").status_code == 404
    assert Client().get("/words/tlh.js").status_code == 404


def test_the_modules_words_come_from_the_site_and_are_kept_a_while() -> None:
    words = Client(headers={"Accept-Language": "es"}).get("/words/de.js")
    assert words.headers["Content-Type"].startswith("text/javascript")
    assert words.headers["Cache-Control"] == "public, max-age=300"
    assert "gettext" in words.text


def test_programs_get_the_same_record_in_every_language() -> None:
    raffle = make_raffle()
    for path in (f"/api/raffles/{raffle.slug}/state", f"{raffle.get_absolute_url()}ledger.jsonl"):
        answers = [
            b"".join(Client(headers={"Accept-Language": language}).get(path))
            for language in ("en", "de", "es")
        ]
        assert answers[0] == answers[1] == answers[2]
