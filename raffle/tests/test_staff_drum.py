"""The staff's draw from a drum: two people, and the second one enters blindly."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from raffle import closing, seconding
from raffle.models import Draw, LedgerEntry, Proposal, Raffle, Ticket
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.test_staff import address, browser, confirmed_raffle, record

LIST = reverse("admin:raffle_proposal_changelist")
SEEN = ("draw", "ask", "change", "history")  # a raffle's pages that speak of the draw


def drum() -> Raffle:
    """Nine tickets of nine people; a prize and two alternates: three numbers are needed."""
    return confirmed_raffle(9, method="manual", alternates=2, limit=1)


def large_drum() -> Raffle:
    """900 tickets of one person, who may win all."""
    raffle = make_raffle(
        method="manual", alternates=2, capacity=1000, limit=1000, one_prize_each=False
    )
    buy(raffle, make_buyer(), 900)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return raffle


@pytest.mark.parametrize("text", ["7 3 5", "7, 3, 5", "7\r\n3\r\n5\r\n", " 007;3 /  5. ", "7-3-5"])
def test_the_drums_numbers_are_read_with_anything_between_them(text: str) -> None:
    raffle, stella, tom = drum(), make_staff(), make_staff()
    assert browser(stella).post(address("ask", raffle), {"numbers": text}).status_code == 303
    answer = browser(tom).post(address("draw", raffle), {"numbers": "7 3 5"}, follow=True)
    assert "The winner is ticket <strong>7</strong>" in answer.text
    assert Draw.objects.get(raffle=raffle).order == [7, 3, 5]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Enter the numbers."),
        (" , ", "There is no number in it."),
        ("7 three 5", "“three” is not a ticket number."),
        ("7 3 ٥", "is not a ticket number."),
        ("7 3 " + "9" * 5000, "is not a ticket number."),
        ("7 3", "3 numbers are needed"),
        ("7 3 7", "These numbers are there twice: 7."),
        ("7 3 99", "These were not sold, or are void: 99."),
        ("7 3 9999999999", "These were not sold, or are void: 9999999999."),
    ],
)
def test_numbers_that_cannot_be_right_are_refused_and_kept_in_the_form(
    text: str, sentence: str
) -> None:
    raffle = drum()
    before = record(raffle)
    answer = browser(make_staff()).post(address("ask", raffle), {"numbers": text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert text in answer.text
    assert record(raffle) == before


def text_of(answer: Any) -> str:
    """All of a page, but for the numbers by which a filter names the raffles."""
    return re.sub(r"raffle__id__exact=\d+", "", answer.text)


def test_the_second_person_enters_blindly() -> None:
    """No page tells what the first one entered, not even to that one."""
    raffle, stella, tom = large_drum(), make_staff(), make_staff()
    # A page is full of other numbers, ids and the like: three are read that no page has already.
    listed = [f"{LIST}?q={stella.email}", reverse("admin:index")]
    before = "".join(
        text_of(browser(stella).get(page))
        for page in (*(address(page, raffle) for page in SEEN), *listed)
    )
    before += f" {Proposal.objects.count()} {Proposal.objects.count() + 1} "  # as the list counts
    unseen = [n for n in range(900, 100, -7) if not re.search(rf"\b{n}\b", before)][:3]
    browser(stella).post(address("ask", raffle), {"numbers": " ".join(map(str, unseen))})
    asked, line = raffle.proposals.get(), raffle.ledger.get(kind="proposed")
    assert asked.numbers == unseen
    pages = [address(page, raffle) for page in SEEN]
    pages += [address(page, subject) for page in ("change", "history") for subject in (asked, line)]
    pages += listed
    for user in (stella, tom):
        for page in pages:
            answer = browser(user).get(page)
            assert answer.status_code == 200
            found = re.search(rf"\b({'|'.join(map(str, unseen))})\b", text_of(answer))
            assert not found, page


def test_the_first_ones_numbers_cannot_be_guessed_with_a_search_or_a_filter() -> None:
    raffle, client = large_drum(), browser(make_staff())
    seconding.propose_draw(raffle_id=raffle.pk, by=make_staff(), numbers=[787, 653, 541])
    for guess in ("numbers__contains", "numbers__0", "numbers__overlap", "numbers"):
        assert client.get(LIST, {guess: "787"}).status_code == 400
        for related in (Raffle, LedgerEntry, Ticket):
            page = reverse(f"admin:raffle_{related._meta.model_name}_changelist")
            for way in ("proposals", "raffle__proposals"):
                found = client.get(page, {f"{way}__{guess}": "787"})
                assert found.status_code == 400 or found.headers["Location"].endswith("?e=1")
    found = client.get(f"{LIST}?raffle__id__exact={raffle.pk}&q=787")
    assert found.context["cl"].result_count == 0


def test_other_numbers_are_refused_clearly_and_nothing_is_lost() -> None:
    raffle, stella, tom = drum(), make_staff(), make_staff()
    browser(stella).post(address("ask", raffle), {"numbers": "7 3 5"})
    before = record(raffle)
    client = browser(tom)
    answer = client.post(address("draw", raffle), {"numbers": "7 5 3"})
    assert answer.status_code == 422
    assert "These are not the numbers, in the order, that the first person entered." in answer.text
    assert "7 5 3</textarea>" in answer.text
    assert "7 3 5" not in answer.text
    assert record(raffle) == before
    assert client.post(address("draw", raffle), {"numbers": "7 3 5"}).status_code == 303


def test_who_entered_the_numbers_first_does_not_confirm_them_but_can_correct_them() -> None:
    raffle, stella, tom = drum(), make_staff(), make_staff()
    client = browser(stella)
    client.post(address("ask", raffle), {"numbers": "7 3 4"})
    page = client.get(address("draw", raffle)).text
    assert "Another member of staff must confirm it" in page
    assert f'href="{address("ask", raffle)}"' in page
    assert client.post(address("draw", raffle), {"numbers": "7 3 4"}).status_code == 409
    assert client.post(address("ask", raffle), {"numbers": "7 3 5"}).status_code == 303
    assert browser(tom).post(address("draw", raffle), {"numbers": "7 3 4"}).status_code == 422
    assert browser(tom).post(address("draw", raffle), {"numbers": "7 3 5"}).status_code == 303


def test_numbers_that_were_entered_are_logged_nowhere() -> None:
    raffle, stella = large_drum(), make_staff()
    browser(stella).post(address("ask", raffle), {"numbers": "787 653 541"})
    assert "787" not in LogEntry.objects.get(user=stella).change_message
