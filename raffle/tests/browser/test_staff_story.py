"""A treasurer's story: from an empty form to the first sales on the dashboard."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from playwright.sync_api import expect

from raffle.models import Raffle
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import buy, make_buyer, make_staff

SIZES: dict[str, dict[str, Any]] = {
    "phone, dark": {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"},
    "desktop, light": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
    "phone, without scripts": {
        "viewport": {"width": 320, "height": 640}, "java_script_enabled": False,
    },
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_a_treasurer_makes_a_raffle_from_nothing_and_sees_it_sell(
    open_page: OpenPage, size: str
) -> None:
    name = f"Summer fair {uuid.uuid4().hex[:8]}"
    like = SIZES[size]
    page = open_page("/admin/", make_staff(), **like)

    # The form: what a club knows, and what it does not is filled in.
    page.get_by_role("link", name="New raffle…").click()
    page.get_by_label("Name:").fill(name)
    page.get_by_label("Address:").fill(f"fair-{uuid.uuid4().hex[:8]}")
    page.get_by_label("Organiser:").fill("The Rowing Club")
    page.get_by_label("Contact:").fill("rows@example.org")
    page.get_by_label("Prizes:").fill("A tandem\nA hat")
    page.get_by_label("Price of a ticket:").fill("-1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("A price cannot be below 0")).to_be_visible()
    page.get_by_label("Price of a ticket:").fill("2.50")
    page.locator("#id_closes_at_0").fill("2020-01-01")
    page.locator("#id_closes_at_1").fill("18:00")
    page.get_by_role("button", name="Save", exact=True).click()

    # The dashboard has the draft; the checklist says what is in the way.
    page.goto("/admin/")
    draft = page.get_by_role("listitem").filter(has_text=name)
    draft.get_by_role("link", name="Check and open…").click()
    expect(page.get_by_text("1 thing has to be put right first.")).to_be_visible()
    expect(page.get_by_role("button", name="Open for sale")).to_have_count(0)
    wrong = page.get_by_role("listitem").filter(has_text="lies in the past")
    wrong.get_by_role("link", name="Change it").click()
    page.locator("#id_closes_at_0").fill("2040-01-01")
    page.get_by_role("button", name="Save and continue").click()

    # As buyers will see it, and without a way to buy.
    page.get_by_role("link", name="Preview…").click()
    expect(page.get_by_text("This is a preview for staff.")).to_be_visible()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Buy")).to_be_disabled()
    page.get_by_role("link", name="Check and open…").click()

    # Open.
    page.get_by_label("I have read these terms").check()
    page.get_by_role("button", name="Open for sale").click()
    expect(page.get_by_text("Opened the raffle for sale.")).to_be_visible()

    # Sales on the dashboard, as a picture and as a table, and the light.
    raffle = Raffle.objects.get(name=name)
    ada = make_buyer("ada")
    buy(raffle, ada, 2)
    buy(raffle, make_buyer())
    page.goto("/admin/")
    card = page.get_by_role("article", name=name)
    expect(card.get_by_text("3 of 100 sold · 97 left")).to_be_visible()
    expect(card.get_by_role("img", name=re.compile("Sales over time"))).to_be_visible()
    card.get_by_text("As a table").click()
    expect(card.get_by_role("table").first.get_by_role("cell", name="3").first).to_be_visible()
    card.get_by_role("link", name="Check the record…").click()
    page.get_by_role("button", name="Check it now").click()
    expect(page.get_by_text("The record is as it should be.")).to_be_visible()

    # And a buyer who rings up is found.
    page.goto("/admin/")
    search = page.get_by_role("article", name=name)
    search.get_by_label(re.compile("Find a ticket: ")).fill(ada.email)
    search.get_by_role("button", name="Find").click()
    expect(page.get_by_text("2 tickets found")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_the_dashboard_fits_and_its_targets_are_large(open_page: OpenPage, width: int) -> None:
    page = open_page("/admin/", make_staff(), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator(".desk a, .desk summary, .desk input:not([type=hidden])").evaluate_all(
        "all => all.filter(e => e.offsetHeight && e.offsetHeight < 43.5).map(e => e.outerHTML)"
    )
    assert small == []
