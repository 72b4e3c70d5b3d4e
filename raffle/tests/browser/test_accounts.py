"""Making an account on the way to a ticket, and protecting it, as people do it."""

from __future__ import annotations

import uuid

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.tests.authenticator import PASSWORD, code, secret_of, with_password
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import make_buyer, make_raffle

PHONE = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
DESKTOP = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}


@pytest.fixture(autouse=True)
def nobody_was_here_before() -> None:
    cache.clear()


def sign_up(page: Page) -> None:
    page.get_by_label("Email").fill(f"person{uuid.uuid4().hex}@example.org")
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()


@pytest.mark.parametrize("like", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_account_on_the_way_to_a_raffle(open_page: OpenPage, like: dict[str, object]) -> None:
    goal = f"{make_raffle().get_absolute_url()}?quantity=2"
    page = open_page(goal, **like)
    page.get_by_role("link", name="Sign up").first.click()
    expect(page.get_by_label("No robot")).to_be_checked()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sign_up(page)
    expect(page.locator(".menu summary")).to_be_visible()
    assert page.url.endswith(goal)


def test_without_javascript_as_well(open_page: OpenPage) -> None:
    goal = f"{make_raffle().get_absolute_url()}?quantity=2"
    page = open_page(goal, java_script_enabled=False)
    page.get_by_role("link", name="Sign up").first.click()
    sign_up(page)
    assert page.url.endswith(goal)
    expect(page.locator(".menu summary")).to_be_visible()


def test_a_check_that_does_not_work_lets_people_by(open_page: OpenPage) -> None:
    page = open_page("/accounts/login/")
    page.route("**/challenge.json", lambda route: route.abort())
    page.goto("/accounts/signup/")
    expect(page.get_by_text("You can sign up all the same.")).to_be_visible()
    sign_up(page)
    expect(page.locator(".menu summary")).to_be_visible()


@pytest.mark.parametrize("like", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_second_factor_is_set_up_and_asked_for(
    open_page: OpenPage, like: dict[str, object]
) -> None:
    alice = with_password(make_buyer())
    page = open_page("/accounts/login/?next=/accounts/2fa/", **like)
    type_password(page, alice)
    page.get_by_role("link", name="Activate").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("img", name="QR code for the authenticator app")).to_be_visible()
    page.get_by_text("Type a key instead").click()
    secret = page.locator(".key").inner_text()
    page.get_by_label("Authenticator code").fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert secret_of(alice) == secret

    other = open_page("/accounts/login/?next=/tickets/", **like)
    type_password(other, alice)
    spare = page.locator(".codes li").first.inner_text()
    other.get_by_label("Code").fill(spare)
    other.get_by_role("button", name="Sign In").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("My tickets")


def type_password(page: Page, user: User) -> None:
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_the_account_is_read_in_the_language_that_it_asks_for(open_page: OpenPage) -> None:
    page = open_page("/accounts/", make_buyer())
    page.get_by_label("Language:").select_option("de")
    page.get_by_label("Time zone:").select_option("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
