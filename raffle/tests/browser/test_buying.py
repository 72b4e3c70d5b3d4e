"""Buying as people do it: with and without JavaScript, twice at once, and over a bad line."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, Route, expect

from raffle.models import Raffle
from raffle.tests.browser.conftest import OpenPage, session_of
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, sold_numbers

PHONE = {"width": 375, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
BUTTON = "form.buy button"


def choose(page: Page, quantity: int) -> None:
    page.locator(f'[name="quantity"][value="{quantity}"]').check()


def state(page: Page, name: str) -> None:
    expect(page.locator("form.buy")).to_have_attribute("data-state", name)


def left(page: Page, count: int) -> None:
    expect(page.locator('[data-show="remaining"]')).to_have_text(str(count))


def own_numbers(page: Page) -> list[str]:
    return page.locator("[data-tickets] [data-number]").all_inner_texts()


# --- With JavaScript ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "like",
    [{"viewport": PHONE, "color_scheme": "dark"}, {"viewport": DESKTOP, "color_scheme": "light"}],
    ids=["phone", "desktop"],
)
def test_two_tickets_with_the_keyboard(open_page: OpenPage, like: dict[str, object]) -> None:
    raffle = make_raffle(price="2.50")
    page = open_page(raffle.get_absolute_url(), make_buyer(), **like)
    page.get_by_label("1 ticket").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    state(page, "success")
    expect(page.locator("[data-status-line]")).to_contain_text("Tickets 1 and 2 are yours.")
    expect(page.locator(BUTTON)).to_be_focused()
    assert own_numbers(page) == ["1", "2"]
    left(page, 98)
    state(page, "limit_reached")
    expect(page.locator(BUTTON)).to_have_text("Limit reached")
    expect(page.locator(BUTTON)).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert sold_numbers(raffle) == [1, 2]


def test_what_was_just_bought_leads_to_its_receipt(open_page: OpenPage) -> None:
    raffle, alice = make_raffle(limit=5), make_buyer()
    buy(raffle, alice)
    page = open_page(raffle.get_absolute_url(), alice)
    choose(page, 3)
    page.click(BUTTON)
    state(page, "success")
    links = page.locator("[data-receipts] a")
    assert links.all_inner_texts() == ["ticket 1", "tickets 2 to 4"]
    links.last.click()
    page.wait_for_url(f"**/receipts/{raffle.purchases.get(quantity=3).pk}/")


def test_one_ticket_and_then_another(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    choose(page, 1)
    page.click(BUTTON)
    state(page, "idle")  # again, after the success
    expect(page.get_by_label("2 tickets")).to_be_hidden()
    page.click(BUTTON)
    state(page, "limit_reached")
    assert own_numbers(page) == ["1", "2"]


def test_a_double_click_buys_once(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    page.dblclick(BUTTON)
    expect(page.locator("[data-tickets] li")).to_have_count(1)
    assert sold_numbers(raffle) == [1]


def test_the_button_waits_without_losing_the_focus(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/purchase", hold)
    page.click(BUTTON)
    state(page, "pending")
    button = page.locator(BUTTON)
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")  # is ignored meanwhile
    page.wait_for_timeout(100)
    assert len(held) == 1
    held[0].continue_()
    state(page, "success")
    expect(button).to_be_focused()
    assert sold_numbers(raffle) == [1]


def test_selling_out_elsewhere_is_seen(open_page: OpenPage) -> None:
    raffle = make_raffle(capacity=2)
    page = open_page(raffle.get_absolute_url(), make_buyer())
    visitor = open_page(raffle.get_absolute_url())
    left(page, 2)
    buy(raffle, make_buyer(), 2)
    left(page, 0)
    state(page, "sold_out")
    expect(page.locator(BUTTON)).to_have_attribute("aria-disabled", "true")
    expect(page.locator("[data-status-line]")).to_have_text("Every ticket has been sold.")
    expect(visitor.get_by_text("Sign in to buy")).to_be_hidden()
    for seen in (page, visitor):
        expect(seen.get_by_text("it shows the draw by itself")).to_be_visible()


def test_the_limit_reached_in_another_tab_is_explained(open_page: OpenPage) -> None:
    raffle, alice = make_raffle(), make_buyer()
    page = open_page(raffle.get_absolute_url(), alice)
    buy(raffle, alice, 2)
    page.click(BUTTON)
    expect(page.get_by_role("alert")).to_contain_text("you hold 2")
    state(page, "limit_reached")
    assert sold_numbers(raffle) == [1, 2]


def test_asking_for_more_than_are_left_is_explained(open_page: OpenPage) -> None:
    raffle = make_raffle(capacity=3)
    page = open_page(raffle.get_absolute_url(), make_buyer())
    page.route("**/state", lambda route: route.abort())
    choose(page, 2)
    buy(raffle, make_buyer(), 2)
    page.click(BUTTON)
    expect(page.get_by_role("alert")).to_have_text("Only 1 ticket is left. Ask for fewer.")
    expect(page.get_by_label("1 ticket")).to_be_checked()
    page.click(BUTTON)
    expect(page.locator("[data-tickets] li")).to_have_count(1)


def test_the_draw_is_seen_without_a_hand(open_page: OpenPage) -> None:
    raffle, alice = make_raffle(capacity=1), make_buyer()
    page = open_page(raffle.get_absolute_url(), alice)
    page.click(BUTTON)
    state(page, "sold_out")
    draw(raffle)
    expect(page.get_by_role("heading", name="You won!")).to_be_visible()


# --- Over a bad line ----------------------------------------------------------------------------


def cut_answers(page: Page, times: int, status: int = 0) -> list[str]:
    """The server gets and does everything, but its first answers are lost. Returns the keys."""
    keys: list[str] = []

    def handle(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        response = route.fetch()
        if len(keys) > times:
            route.fulfill(response=response)
        elif status:
            route.fulfill(status=status, headers={"Retry-After": "1"}, body="")
        else:
            route.abort("connectionreset")

    page.route("**/purchase", handle)
    return keys


@pytest.mark.parametrize("status", [0, 503], ids=["dropped", "503"])
def test_a_lost_answer_is_asked_for_again_and_buys_once(open_page: OpenPage, status: int) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    keys = cut_answers(page, 1, status)
    choose(page, 2)
    page.click(BUTTON)
    expect(page.locator("[data-note]")).to_contain_text("you cannot be entered twice")
    state(page, "retrying")
    expect(page.locator("[data-tickets] li")).to_have_count(2)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert sold_numbers(raffle) == [1, 2]


def test_when_every_answer_is_lost_the_buyer_can_ask_again(open_page: OpenPage) -> None:
    raffle = make_raffle(capacity=3)  # so that our own tickets leave fewer than we ask for
    page = open_page(raffle.get_absolute_url(), make_buyer())
    page.clock.install()
    keys = cut_answers(page, 5)
    choose(page, 2)
    page.click(BUTTON)
    for tried in range(1, 6):
        while len(keys) < tried:
            page.wait_for_timeout(20)
        state(page, "retrying" if tried < 5 else "error")
        page.clock.run_for(10_000)
    state(page, "error")
    expect(page.get_by_role("alert")).to_contain_text("could not find out")
    expect(page.locator(BUTTON)).to_have_text("Try again")
    left(page, 1)
    page.click(BUTTON)
    expect(page.locator("[data-tickets] li")).to_have_count(2)
    assert len(keys) == 6
    assert len(set(keys)) == 1
    assert sold_numbers(raffle) == [1, 2]


def test_signed_out_in_another_tab_the_buyer_signs_in_and_is_back(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    page.context.clear_cookies(name="sessionid")
    page.click(BUTTON)
    page.wait_for_url(f"**/accounts/login/?next={raffle.get_absolute_url()}%3Fquantity%3D1")
    assert sold_numbers(raffle) == []


def keep_the_first_answer(page: Page, *, bought: bool) -> None:
    """The first purchase never ends: `bought` or not even sent. All later ones go through."""
    asked: list[Route] = []

    def handle(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()
        elif bought:
            route.fetch()

    page.route("**/purchase", handle)


def test_loading_the_page_again_before_the_answer_is_there_buys_once(open_page: OpenPage) -> None:
    raffle = make_raffle(limit=4)
    page = open_page(raffle.get_absolute_url(), make_buyer())
    keep_the_first_answer(page, bought=True)
    choose(page, 2)
    page.click(BUTTON)
    state(page, "pending")
    while not sold_numbers(raffle):
        page.wait_for_timeout(20)
    page.reload()
    state(page, "success")
    assert own_numbers(page) == ["1", "2"]
    page.reload()
    state(page, "idle")
    assert sold_numbers(raffle) == [1, 2]


def test_what_did_not_get_out_is_bought_after_loading_the_page_again(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer())
    keep_the_first_answer(page, bought=False)
    choose(page, 2)
    page.click(BUTTON)
    state(page, "pending")
    page.reload()
    state(page, "success")
    assert sold_numbers(raffle) == [1, 2]


def test_somebody_else_in_the_same_tab_buys_nothing_of_it(open_page: OpenPage) -> None:
    raffle, bob = make_raffle(), make_buyer("bob")
    page = open_page(raffle.get_absolute_url(), make_buyer())
    keep_the_first_answer(page, bought=False)
    page.click(BUTTON)
    state(page, "pending")
    site = page.url.partition("/raffles/")[0]
    page.context.add_cookies([{"name": "sessionid", "value": session_of(bob), "url": site}])
    page.reload()
    page.wait_for_timeout(500)
    state(page, "idle")
    assert sold_numbers(raffle) == []


# --- Without JavaScript -------------------------------------------------------------------------


def test_without_javascript_everything_works(open_page: OpenPage) -> None:
    raffle = make_raffle()
    page = open_page(raffle.get_absolute_url(), make_buyer(), java_script_enabled=False)
    choose(page, 2)
    page.click(BUTTON)
    page.wait_for_url("**#your-tickets")
    expect(page.get_by_text("Tickets 1 to 2 are yours")).to_be_visible()
    assert own_numbers(page) == ["1", "2"]
    expect(page.locator(BUTTON)).to_be_disabled()
    page.reload()
    assert sold_numbers(raffle) == [1, 2]
    page.get_by_role("link", name="My tickets").first.click()
    expect(page.get_by_text("Validation code").first).to_be_visible()


def test_a_newcomer_signs_up_on_the_way_to_buying(open_page: OpenPage) -> None:
    raffle = make_raffle()
    email, password = f"new-{uuid.uuid4().hex}@example.org", "battery staple 7"
    page = open_page(raffle.get_absolute_url(), java_script_enabled=False, viewport=PHONE)
    choose(page, 2)
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password:", exact=True).fill(password)
    page.get_by_label(re.compile("again")).fill(password)
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url(f"**{raffle.get_absolute_url()}?quantity=2")
    expect(page.get_by_label("2 tickets")).to_be_checked()
    page.click(BUTTON)
    assert own_numbers(page) == ["1", "2"]

    page.get_by_text("Account", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(raffle.get_absolute_url())
    choose(page, 2)
    page.get_by_role("button", name="Sign in to buy").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{raffle.get_absolute_url()}?quantity=2")
    assert own_numbers(page) == ["1", "2"]


# --- All pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 800])
def test_no_page_is_too_wide_or_breaks_a_rule_of_the_browser(
    open_page: OpenPage, width: int, hostile: Raffle
) -> None:
    alice = make_buyer()
    buy(hostile, alice)
    page = open_page("/", alice, viewport={"width": width, "height": 700}, color_scheme="dark")
    for address in (
        "/", "/tickets/", hostile.get_absolute_url(), "/accounts/email/", "/accounts/logout/",
        "/accounts/password/change/", "/nowhere",
    ):  # fmt: skip
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.fixture(scope="module")
def hostile() -> Raffle:
    return make_raffle(
        name="W" * 200, organiser="Ö" * 200, prizes=["<b>" + "x" * 297], description="y" * 3000,
        rules="z" * 3000, price="99999999.99", capacity=10_000_000, limit=9,
    )  # fmt: skip
