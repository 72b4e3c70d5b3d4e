"""The draw as people watch it: the page follows by itself, and says only what is new."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from playwright.sync_api import Page, expect

from raffle import closing, drawing, seconding
from raffle.models import Draw, Raffle
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.reading import sold
from raffle.tests.relay import OwnChain, Relay
from rafflesite.microcache import FRESH

CLOCK = "[data-clock]"
OWN = OwnChain()


def closed(raffle: Raffle) -> Raffle:
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    return raffle


def sealed(**terms: Any) -> Raffle:
    raffle = sold(**{"method": "beacon"} | terms)
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    return raffle


def look_again(page: Page) -> None:
    """As when its tab is chosen: the page asks at once, and gets no answer from before."""
    page.wait_for_timeout(1000 * FRESH)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def stay(page: Page) -> None:
    """From now on the page must not be loaded anew, and everything announced is kept."""
    page.evaluate(
        """() => {
          const line = document.querySelector("[data-status-line]");
          window.announced = [];
          new MutationObserver(() => window.announced.push(line.textContent))
            .observe(line, { childList: true, characterData: true, subtree: true });
        }"""
    )


def announced(page: Page, count: int = 0) -> list[str]:
    """Since stay(), once it is so many; it fails if the page was loaded anew."""
    page.wait_for_function("count => window.announced.length >= count", arg=count)
    said: list[str] = page.evaluate("window.announced")
    return said


def stage(page: Page, name: str) -> None:
    expect(page.locator("[data-raffle]")).to_have_attribute("data-stage", name)


# --- Following ------------------------------------------------------------------------------------


def test_the_page_follows_from_the_close_to_the_draw_and_announces_each_step_once(
    open_page: OpenPage,
) -> None:
    raffle, alice = make_raffle(prizes=["A bicycle", "A hat"], two_people=True), make_buyer()
    buy(raffle, alice, 2)
    closed(raffle)
    page, visitor = (open_page(raffle.get_absolute_url(), user) for user in (alice, None))
    for seen in (page, visitor):
        expect(seen.get_by_text("This page shows it by itself.")).to_be_visible()
        stay(seen)
    look_again(page)
    page.wait_for_timeout(500)
    assert announced(page) == [], "nothing has happened"

    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    look_again(page)
    stage(page, "confirmed")
    asked = seconding.propose_draw(raffle_id=raffle.pk, by=make_staff())
    look_again(page)
    expect(page.locator("[data-raffle]")).to_have_attribute("data-seq", str(asked.ledger_seq))
    number = draw(raffle, by=make_staff()).order[0]
    for seen in (page, visitor):
        look_again(seen)
        stage(seen, "drawn")

    expect(page.get_by_role("heading", name="You won!")).to_be_visible()
    expect(page.locator(".stub--won")).to_have_count(1)
    assert announced(page, 2) == ["The figures are confirmed.", "You won: A bicycle."]
    assert announced(visitor, 1) == [f"It is drawn. Ticket {number} won."]


def test_an_open_page_leads_to_the_seal_and_to_a_cancellation(open_page: OpenPage) -> None:
    raffle, called_off = sold(method="beacon"), sold()
    page, other = (open_page(shown.get_absolute_url()) for shown in (raffle, called_off))
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    closing.cancel_raffle(raffle_id=called_off.pk, by=None, reason="The storm.")
    for seen, heading in ((page, "The draw is sealed"), (other, "This raffle was cancelled")):
        look_again(seen)
        expect(seen.get_by_role("heading", name=heading)).to_be_visible()


def test_who_was_reading_with_the_keyboard_is_taken_to_the_result(open_page: OpenPage) -> None:
    raffle = closed(sold())
    page = open_page(raffle.get_absolute_url())
    page.get_by_role("link", name="Verify this raffle").focus()
    stay(page)
    draw(raffle)
    look_again(page)
    stage(page, "drawn")
    expect(page.locator("[data-panel]")).to_be_focused()


def test_who_was_not_is_left_where_they_are(open_page: OpenPage) -> None:
    raffle = closed(sold())
    page = open_page(raffle.get_absolute_url())
    link = page.get_by_role("link", name="Raffles", exact=True)
    link.focus()
    draw(raffle)
    look_again(page)
    stage(page, "drawn")
    expect(link).to_be_focused()


@pytest.mark.parametrize(("motion", "animation"), [("no-preference", "arrive"), ("reduce", "none")])
def test_the_result_moves_only_for_those_who_like_it(
    open_page: OpenPage, motion: str, animation: str
) -> None:
    raffle = closed(sold())
    page = open_page(raffle.get_absolute_url(), reduced_motion=motion)
    draw(raffle)
    look_again(page)
    stage(page, "drawn")
    expect(page.locator("[data-panel]")).to_have_css("animation-name", animation)


# --- The beacon -----------------------------------------------------------------------------------


def test_the_countdown_runs_by_the_servers_clock_and_ends_at_the_round(open_page: OpenPage) -> None:
    raffle = sealed()
    context = open_page("/", timezone_id="Asia/Kolkata").context
    page = context.new_page()
    page.add_init_script(  # this computer's clock is an hour fast
        """const real = Date.now; Date.now = () => real() + 3600_000;"""
    )
    page.goto(raffle.get_absolute_url())
    shown = page.locator(CLOCK)
    expect(shown).to_have_text(re.compile(r"^[12]:\d\d$"))
    minutes, seconds = map(int, shown.inner_text().split(":"))
    now = Raffle.objects.as_it_stands().get(pk=raffle.pk).now
    utc = raffle.seal.round_at
    assert utc
    assert abs(minutes * 60 + seconds - (utc - now).total_seconds()) <= 3
    india = (utc + timedelta(hours=5, minutes=30)).strftime("%H:%M:%S")
    expect(page.locator(".instant")).to_contain_text(f"{utc:%H:%M:%S} UTC")
    expect(page.locator(".instant")).to_contain_text(f"{india} GMT+5:30 where you are")


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    with Relay(sign=OWN.sign, chain=OWN.chain) as relay, patch.object(drawing, "CHAIN", OWN.chain):
        settings.BEACON_RELAYS = [relay.address]
        yield relay


def test_from_the_countdown_through_the_round_to_the_winner(
    open_page: OpenPage, relay: Relay
) -> None:
    alice = make_buyer()
    with ago(drawing.LEAD - timedelta(seconds=6)):
        raffle = make_raffle(method="beacon")
        buy(raffle, alice, 2)
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    page = open_page(raffle.get_absolute_url(), alice)
    stay(page)
    expect(page.locator(CLOCK)).to_have_text(re.compile(r"^0:0\d$"))
    expect(page.get_by_text("The result is fixed already")).to_be_hidden()

    expect(page.get_by_text("The result is fixed already")).to_be_visible(timeout=15_000)
    expect(page.locator(CLOCK)).to_have_text(f"{raffle.seal.round_at:%H:%M:%S}")
    assert isinstance(drawing.draw_winner(raffle_id=raffle.pk, by=None), Draw)

    stage(page, "drawn")  # by itself: nobody looks again
    expect(page.get_by_role("heading", name="You won!")).to_be_visible()
    assert announced(page, 2) == [
        "The beacon’s round is out. The result is fixed.", "You won: A bicycle.",
    ]  # fmt: skip


# --- Without JavaScript, on small screens ---------------------------------------------------------


def test_without_javascript_the_seal_and_the_result_are_read_by_reloading(
    open_page: OpenPage, relay: Relay
) -> None:
    with ago(timedelta(minutes=3)):
        raffle = sealed()
    page = open_page(raffle.get_absolute_url(), java_script_enabled=False)
    expect(page.get_by_text("The result is fixed already")).to_be_visible()
    expect(page.get_by_text("by itself")).to_be_hidden()
    draw(raffle)
    page.reload()
    expect(page.get_by_role("heading", name="It is drawn")).to_be_visible()


@pytest.mark.parametrize("width", [320, 800])
def test_no_stage_is_too_wide(open_page: OpenPage, width: int) -> None:
    many = [f"{n} " + "x" * 290 for n in range(1, 41)]
    wide: dict[str, Any] = {"prizes": many, "organiser": "Ö" * 200, "contact": "c" * 200}
    drawn, confirmed = (sold(one_prize_each=False, **wide) for _ in range(2))
    draw(drawn)
    closing.reconcile_raffle(raffle_id=closed(confirmed).pk, by=None)
    cancelled = sold(**wide)
    closing.cancel_raffle(raffle_id=cancelled.pk, by=None, reason="r" * 3000)
    page = open_page("/", viewport={"width": width, "height": 700})
    for raffle in (drawn, confirmed, cancelled, sealed(one_prize_each=False, **wide)):
        page.goto(raffle.get_absolute_url())
        for folded in page.locator("summary").all():
            folded.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, raffle.pk


# --- The moment -----------------------------------------------------------------------------------


def test_the_draw_is_uncovered_before_anybody_is_told_what_it_means(open_page: OpenPage) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice, 2)
    page = open_page(raffle.get_absolute_url(), alice)  # still on sale: it goes on from there
    page.locator("#buy").evaluate("heading => { heading.tabIndex = -1; heading.focus(); }")
    stay(page)
    number = draw(raffle).order[0]
    look_again(page)
    stage(page, "drawn")
    expect(page.get_by_text("It is being drawn…")).to_be_visible()
    expect(page.get_by_role("heading", name="You won!")).to_be_hidden()
    assert announced(page) == []
    expect(page.locator(".cover").first).to_be_visible()
    expect(page.get_by_role("heading", name="You won!")).to_be_visible()
    expect(page.locator(".cover")).to_have_count(0)
    assert set(page.locator("[data-drawn]").all_inner_texts()) == {str(number)}
    expect(page.locator(".winner--yours")).to_have_count(1)
    expect(page.locator("[data-panel]")).to_be_focused()
    assert announced(page, 1) == ["You won: A bicycle."]


def test_who_likes_no_motion_is_told_at_once(open_page: OpenPage) -> None:
    raffle = closed(sold())
    page = open_page(raffle.get_absolute_url(), reduced_motion="reduce")
    stay(page)
    number = draw(raffle).order[0]
    page.evaluate(
        """new MutationObserver(() => window.covered ||= !!document.querySelector(".cover"))
             .observe(document.body, { childList: true, subtree: true })"""
    )
    look_again(page)
    stage(page, "drawn")
    expect(page.get_by_role("heading", name="It is drawn")).to_be_visible()
    assert not page.evaluate("window.covered")
    assert announced(page, 1) == [f"It is drawn. Ticket {number} won."]


def test_the_readers_own_time_stands_beside_the_organisers(open_page: OpenPage) -> None:
    raffle = make_raffle(closes_at=datetime(2031, 7, 1, 22, tzinfo=UTC))
    india = open_page(raffle.get_absolute_url(), timezone_id="Asia/Kolkata")
    expect(india.locator(".facts .own-time")).to_have_text("2 Jul, 03:30 GMT+5:30 where you are")
    here = open_page(raffle.get_absolute_url(), timezone_id="UTC")
    expect(here.locator("[data-left]")).to_contain_text("days")
    expect(here.locator(".own-time")).to_have_count(0)
