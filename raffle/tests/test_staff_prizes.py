"""Prizes and claims: who holds which prize, what winners show, and prizes that are passed on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from raffle import awarding
from raffle.models import Award, Claim, Forfeit
from raffle.tests.makers import draw, make_staff
from raffle.tests.past import ago
from raffle.tests.test_staff import address, browser, record, sold_raffle, staff_with, won_prize

PRIZES = ["A goose", "A duck", "An egg"]
TOO_LATE = timedelta(days=31)


@pytest.fixture
def client() -> Client:
    return browser(make_staff())


def overdue_prize(**terms: Any) -> Award:
    with ago(TOO_LATE):
        return won_prize(**terms)


def row(client: Client, award: Award) -> str:
    """What the page of prizes says of one who was given a prize."""
    page = client.get(address("claims", award.raffle)).text
    rows = page.split("<tr")
    return next(told for told in rows if f">{award.ticket.number}</a>" in told)


def wrong(code: str) -> str:
    """Another code, which differs in one digit."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


# --- The page of prizes ---------------------------------------------------------------------------


def test_before_the_draw_there_is_nothing_to_claim(client: Client) -> None:
    raffle = sold_raffle()
    assert "Nothing was drawn yet." in client.get(address("claims", raffle)).text
    assert address("claims", raffle) not in client.get(address("change", raffle)).text


def test_the_page_tells_who_holds_each_prize_its_state_and_until_when(client: Client) -> None:
    raffle = draw(sold_raffle(9, prizes=PRIZES)).raffle
    first, second, third = raffle.awards.select_related("ticket__buyer").order_by("prize")
    awarding.record_claim(award_id=first.pk, by=make_staff(), code=first.ticket.code)
    code = second.ticket.code
    passed = awarding.forfeit_prize(award_id=second.pk, by=make_staff(), reason="x", code=code)
    assert passed
    states = {first: "claimed", second: "forfeited", passed: "unclaimed", third: "unclaimed"}
    for award, state in states.items():
        told = row(client, award)
        assert f"{award.prize}. {PRIZES[award.prize - 1]}" in told
        assert award.ticket.buyer.email in told
        assert f">{state}<" in told
        acts = [address(page, award) for page in ("claim", "forfeit")]
        assert all((act in told) is (state == "unclaimed") for act in acts)
        assert (f"{award.claim_by:%B %Y}" in told) is (state == "unclaimed")
    assert "overdue" not in client.get(address("claims", raffle)).text


def test_what_nobody_claimed_in_time_is_marked(client: Client) -> None:
    award = overdue_prize()
    told = row(client, award)
    assert "<strong>overdue</strong>" in told
    assert address("forfeit", award) in told
    assert address("claim", award) not in told
    assert "1 overdue." in client.get(address("claims", award.raffle)).text


def test_who_may_only_look_is_offered_nothing_and_told_no_buyers() -> None:
    award = won_prize()
    page = browser(staff_with("view_award")).get(address("claims", award.raffle)).text
    assert award.ticket.buyer.email not in page
    assert address("claim", award) not in page
    assert address("forfeit", award) not in page


# --- Claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", [str, str.upper, lambda code: f" {code[:8]} {code[8:]} "])
def test_the_code_that_the_winner_shows_claims_the_prize(client: Client, spelled: Any) -> None:
    award = won_prize()
    said = {"code": spelled(award.ticket.code)}
    answer = client.post(address("claim", award), said, follow=True)
    assert answer.redirect_chain == [(address("claims", award.raffle), 303)]
    assert "was claimed with ticket" in answer.text
    assert Claim.objects.get(award=award).code == award.ticket.code


def test_a_wrong_code_is_refused_and_nothing_is_said_about_the_right_one(client: Client) -> None:
    award = won_prize()
    code = award.ticket.code
    before = record(award)
    texts = set()
    for typed in (wrong(code), "z" * 32, "²", code[:31], code + "0"):
        answer = client.post(address("claim", award), {"code": typed})
        assert answer.status_code == 422
        assert "That is not the validation code of the winning ticket." in answer.text
        assert typed == code + "0" or code not in answer.text
        texts.add(answer.text.count(code[:8]))
    assert texts == {0, 1}  # where it was typed
    assert record(award) == before
    assert not Claim.objects.filter(award=award).exists()


def test_the_code_is_on_no_page_of_the_staff_before_it_was_shown(client: Client) -> None:
    award = won_prize()
    ticket = award.ticket
    pages = [address(page, award) for page in ("claim", "forfeit", "change", "history")]
    pages += [address(page, award.raffle) for page in ("claims", "draw", "change", "history")]
    pages += [address(page, ticket) for page in ("change", "void", "history")]
    pages += [address("change", ticket.purchase), address("change", award.raffle.draw)]
    for page in pages:
        assert ticket.code not in client.get(page).text, page
    client.post(address("claim", award), {"code": ticket.code})
    assert ticket.code in client.get(address("change", Claim.objects.get(award=award))).text


def test_a_prize_is_claimed_once(client: Client) -> None:
    award = won_prize()
    awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)
    for page in ("claim", "forfeit"):
        assert "claimed or forfeited already" in client.get(address(page, award)).text
        said = {"code": award.ticket.code, "reason": "Again."}
        answer = client.post(address(page, award), said)
        assert answer.status_code == 409
        assert "claimed or forfeited already" in answer.text


def test_a_claim_that_comes_too_late_is_refused(client: Client) -> None:
    award = overdue_prize()
    assert "The time to claim this prize is over" in client.get(address("claim", award)).text
    answer = client.post(address("claim", award), {"code": award.ticket.code})
    assert answer.status_code == 409
    assert not Claim.objects.filter(award=award).exists()


# --- Forfeits -------------------------------------------------------------------------------------


def test_what_nobody_claimed_goes_to_the_next_in_line(client: Client) -> None:
    award = overdue_prize()
    follower = award.raffle.draw.order[1]
    page = client.get(address("forfeit", award)).text
    assert f"<strong>ticket {follower}</strong>, whose holder then has 30 days" in page
    assert "no code is needed" in page
    answer = client.post(address("forfeit", award), {"reason": "Not claimed."}, follow=True)
    assert f"it goes to ticket {follower}." in answer.text
    assert Forfeit.objects.get(award=award).reason == "Not claimed."
    assert award.raffle.awards.standing().get().ticket.number == follower


def test_before_its_time_only_the_winner_gives_a_prize_up(client: Client) -> None:
    award = won_prize()
    before = record(award)
    assert (
        "<strong>The winner still has time.</strong>" in client.get(address("forfeit", award)).text
    )
    for code, status in (("", 409), (wrong(award.ticket.code), 422)):
        answer = client.post(address("forfeit", award), {"reason": "Given up.", "code": code})
        assert answer.status_code == status
        assert "Given up." in answer.text
    assert record(award) == before
    said = {"reason": "Given up.", "code": award.ticket.code}
    assert client.post(address("forfeit", award), said).status_code == 303


def test_forfeiting_wants_a_reason(client: Client) -> None:
    award = overdue_prize()
    answer = client.post(address("forfeit", award), {"reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert not Forfeit.objects.filter(award=award).exists()


def test_where_nobody_is_left_the_page_says_so(client: Client) -> None:
    with ago(TOO_LATE):
        award = draw(sold_raffle(1)).raffle.awards.get()
    assert "there is nobody left" in client.get(address("forfeit", award)).text
    answer = client.post(address("forfeit", award), {"reason": "Not claimed."}, follow=True)
    assert "Nobody is next in line." in answer.text
    assert not Award.objects.standing().filter(raffle=award.raffle).exists()


def test_the_log_tells_what_happened_without_the_code() -> None:
    award, stella = won_prize(), make_staff()
    browser(stella).post(address("claim", award), {"code": award.ticket.code})
    entry = LogEntry.objects.get(user=stella)
    assert "Prize 1 was claimed" in entry.change_message
    assert award.ticket.code not in entry.change_message
