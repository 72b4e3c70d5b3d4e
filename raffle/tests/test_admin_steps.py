"""What needs doing next, told on a raffle's page, to each what they may do."""

from __future__ import annotations

import re
from datetime import timedelta

from django.urls import reverse

from accounts.models import User
from raffle import awarding, closing, drawing, organising, seconding
from raffle.models import Raffle
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.test_staff import address, browser, staff_with

NEXT = re.compile(r'<li class="next" aria-current="step"><b>([^<]*)</b>\s*<p>(.*?)</p>', re.DOTALL)


def upcoming(raffle: Raffle, user: User) -> tuple[str, str]:
    """The next step, and what is said of it."""
    found = NEXT.findall(browser(user).get(address("change", raffle)).text)
    assert len(found) == 1
    return str(found[0][0]), str(found[0][1])


def leads_to(raffle: Raffle, user: User, step: str, page: str) -> None:
    name, says = upcoming(raffle, user)
    assert name == step
    assert f'href="{address(page, raffle)}"' in says


def test_the_way_from_draft_to_claimed_prizes() -> None:
    raffle, stella = make_draft(), make_staff()
    leads_to(raffle, stella, "Open", "open")
    organising.open_raffle(raffle_id=raffle.pk, by=stella)
    buy(raffle, make_buyer())
    leads_to(raffle, stella, "Close", "close")
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Over.")
    leads_to(raffle, stella, "Confirm the figures", "confirm")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    leads_to(raffle, stella, "Draw", "draw")
    award = draw(raffle, by=stella).raffle.awards.get()
    leads_to(raffle, stella, "Claims", "claims")
    assert "1 prize is still to be claimed." in upcoming(raffle, stella)[1]
    awarding.record_claim(award_id=award.pk, by=stella, code=award.ticket.code)
    page = browser(stella).get(address("change", raffle)).text
    assert page.count('<li class="done">') == 5
    assert not NEXT.search(page)


def test_the_next_step_is_told_to_all_and_offered_to_who_may_take_it() -> None:
    raffle = make_raffle()
    name, says = upcoming(raffle, staff_with("view_raffle"))
    assert (name, "href" in says) == ("Close", False)
    leads_to(raffle, staff_with("view_raffle", "close_raffle"), "Close", "close")


def test_where_two_people_are_needed_the_second_one_is_led_to_confirm() -> None:
    raffle, stella, tom = make_raffle(two_people=True), make_staff(), make_staff()
    buy(raffle, make_buyer())
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Over.")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    leads_to(raffle, stella, "Draw", "ask")
    seconding.propose_draw(raffle_id=raffle.pk, by=stella)
    leads_to(raffle, tom, "Draw", "draw")
    assert f"{stella.email} has asked" in upcoming(raffle, tom)[1]
    assert "href" not in upcoming(raffle, stella)[1]


def test_a_sealed_raffle_waits_for_its_beacon() -> None:
    raffle, stella = make_raffle(method="beacon"), make_staff()
    buy(raffle, make_buyer())
    drawing.draw_winner(raffle_id=raffle.pk, by=stella)
    leads_to(raffle, stella, "Draw", "draw")
    assert "The draw is sealed." in upcoming(raffle, stella)[1]


def test_a_raffle_that_sold_nothing_is_not_drawn() -> None:
    raffle, stella = make_raffle(), make_staff()
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Over.")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
    name, says = upcoming(raffle, stella)
    assert (name, "href" in says) == ("Draw", False)
    assert "No valid ticket was sold" in says


def test_overdue_prizes_are_told() -> None:
    with ago(timedelta(days=40)):
        raffle = make_raffle()
        buy(raffle, make_buyer())
        draw(raffle)
    assert "1 overdue" in upcoming(raffle, make_staff())[1]


def test_a_cancelled_raffle_has_no_next_step() -> None:
    raffle, stella = make_raffle(), make_staff()
    closing.cancel_raffle(raffle_id=raffle.pk, by=stella, reason="Rain <b>.")
    page = browser(stella).get(address("change", raffle)).text
    assert 'class="steps"' not in page
    assert "Rain &lt;b&gt;." in page
    assert stella.email in page


def test_the_reports_are_linked_for_who_may_read_them() -> None:
    raffle = make_raffle()
    reports = f'href="{reverse("reports:index", args=[raffle.slug])}"'
    for permission, linked in (("read_reports", True), ("draw_winner", False)):
        page = browser(staff_with("view_raffle", permission)).get(address("change", raffle)).text
        assert (reports in page) is linked
