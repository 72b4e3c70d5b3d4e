"""The stage, as a room sees it: it follows by itself, and shows nothing that is not drawn."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from raffle import closing
from raffle.models import Raffle
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.browser.test_draws import look_again, stage, stay
from raffle.tests.makers import buy, draw, make_buyer, make_raffle
from raffle.tests.reading import sold

PROJECTOR = {"width": 1280, "height": 720}
SHOWN = "[data-won]:visible"


def live(raffle: Raffle) -> str:
    return f"{raffle.get_absolute_url()}live/"


def seen_one_after_the_other(page: Page) -> list[str]:
    """The prizes that had the stage to themselves, in the order in which they had it."""
    names: list[str] = []
    while page.locator(".stage--showing").count():
        for name in page.locator(".won--now .won__name").all_inner_texts():
            if name and name not in names[-1:]:  # none: it left the stage while we asked
                names.append(name)
        page.wait_for_timeout(50)
    return names


def test_from_the_sale_to_the_first_prize_without_a_hand(open_page: OpenPage) -> None:
    raffle = make_raffle(prizes=["A bicycle", "A hat"], capacity=3)
    page = open_page(live(raffle), viewport=PROJECTOR)
    remaining = page.locator('[data-show="remaining"]')
    expect(remaining).to_have_text("3")
    stay(page)
    buy(raffle, make_buyer())
    look_again(page)
    expect(remaining).to_have_text("2")
    buy(raffle, make_buyer(), 2)
    look_again(page)
    expect(page.get_by_role("heading", name="Sold out")).to_be_visible()
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    look_again(page)
    stage(page, "closed")
    draw(raffle)
    won = raffle.awards.order_by("prize").values_list("ticket__number", flat=True)
    numbers = [str(number) for number in won]
    look_again(page)
    stage(page, "drawn")
    expect(page.locator(SHOWN)).to_have_count(1)
    assert seen_one_after_the_other(page) == ["A hat", "A bicycle"]
    expect(page.locator(SHOWN)).to_have_count(2)
    assert page.locator("[data-drawn]").all_inner_texts() == numbers
    expect(page.get_by_role("button", name="Show again")).to_be_visible()


def test_who_likes_no_motion_sees_all_at_once(open_page: OpenPage) -> None:
    raffle = sold(3, prizes=["A bicycle", "A hat"])
    page = open_page(live(raffle), reduced_motion="reduce")
    draw(raffle)
    look_again(page)
    stage(page, "drawn")
    expect(page.locator(SHOWN)).to_have_count(2)
    expect(page.locator(".cover")).to_have_count(0)


def test_when_the_line_breaks_it_says_how_old_it_is_and_then_goes_on(open_page: OpenPage) -> None:
    raffle = make_raffle(capacity=3)
    page = open_page(live(raffle))
    expect(page.get_by_text("updated just now")).to_be_visible()
    page.context.set_offline(True)
    buy(raffle, make_buyer())
    expect(page.get_by_text("updated 4 s ago")).to_be_visible(timeout=10_000)
    expect(page.locator('[data-show="remaining"]')).to_have_text("3")
    page.context.set_offline(False)
    look_again(page)
    expect(page.locator('[data-show="remaining"]')).to_have_text("2")
    expect(page.get_by_text("updated just now")).to_be_visible()


def test_without_javascript_it_loads_itself_again(open_page: OpenPage) -> None:
    raffle = sold(3, prizes=["A bicycle", "A hat"])
    page = open_page(live(raffle), java_script_enabled=False)
    assert page.locator('meta[http-equiv="refresh"]').get_attribute("content") == "10"
    drawn = draw(raffle)
    page.reload()
    assert page.locator("[data-drawn]").all_inner_texts() == [str(n) for n in drawn.order[:2]]
    expect(page.locator('meta[http-equiv="refresh"]')).to_have_count(0)


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_too_long_for_it(open_page: OpenPage, width: int) -> None:
    wide: dict[str, Any] = {"name": "W" * 200, "organiser": "Ö" * 200, "capacity": 10_000_000}
    on_sale, drawn = (sold(prizes=["x" * 300] * 40, **wide) for _ in range(2))
    draw(drawn)
    page = open_page("/", viewport={"width": width, "height": 700})
    for raffle in (on_sale, drawn):
        page.goto(live(raffle))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
