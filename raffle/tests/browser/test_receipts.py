"""Receipts as people have them: on a phone, on paper, and on the way to the check."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from raffle.models import Purchase, Raffle, ReceiptCopy
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff


def bought(quantity: int, **terms: object) -> Purchase:
    raffle = make_raffle(**({"limit": 1000, "capacity": 2000, "price": "2.50"} | terms))
    return buy(raffle, make_buyer(), quantity).purchase


def address(purchase: Purchase) -> str:
    return f"/receipts/{purchase.pk}/"


def print_it(page: Page) -> None:
    page.get_by_role("button", name="Print").click()
    page.wait_for_url("**/print")


def sheets(page: Page) -> int:
    """How many pages of paper the browser makes of it."""
    return len(re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True)))


def test_receipt_page(open_page: OpenPage) -> None:
    purchase = bought(2)
    page = open_page(address(purchase), purchase.buyer)
    for ticket in purchase.tickets.all():
        card = page.get_by_role("listitem").filter(has_text=ticket.code).first
        expect(card.get_by_role("img", name=f"check ticket {ticket.number}")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as text").click()
    said = saved.value.path().read_text()
    assert saved.value.suggested_filename == f"receipt-{purchase.raffle.slug}-1.txt"
    assert all(ticket.code in said for ticket in purchase.tickets.all())


def test_one_press_checks_every_ticket_in_the_record(open_page: OpenPage) -> None:
    purchase = bought(2)
    page = open_page(address(purchase), purchase.buyer)
    page.get_by_role("link", name="Check in the record").click()
    page.wait_for_url("**/verify/")  # the codes do not stay in the address
    held = page.get_by_label("Your receipt lines").input_value().split()
    entry = purchase.raffle.ledger.get(seq=purchase.ledger_seq)
    assert held == [f"{t.number}-{t.code}-{entry.seq}-{entry.hash}" for t in purchase.tickets.all()]
    expect(page.get_by_role("status")).to_contain_text("Done.")


def test_four_tickets_fit_a_sheet_of_paper_and_five_do_not(open_page: OpenPage) -> None:
    full = {
        "name": "The summer raffle of the harbour festival", "organiser": "The Rowing Club",
        "contact": "raffle@club.example, +44 20 7946 0000", "licence": "GB-1234-SSL",
        "prizes": ["A bicycle", "A weekend in Lisbon for two", "A hamper", "A mug"],
    }  # fmt: skip
    four = bought(4, **full)
    page = open_page(address(four), four.buyer, color_scheme="dark")
    print_it(page)
    expect(page.get_by_text("ORIGINAL")).to_have_count(4)
    assert sheets(page) == 1
    five = buy(four.raffle, four.buyer, 5).purchase
    page.goto(address(five))
    print_it(page)
    assert sheets(page) == 2


def test_paper_is_black_on_white(open_page: OpenPage) -> None:
    purchase = bought(1)
    page = open_page(address(purchase), purchase.buyer, color_scheme="dark")
    print_it(page)
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.locator(".paper").evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e.parentElement).backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_role("link", name="Back to the receipt")).to_be_hidden()


def test_printing_opens_the_browser_s_dialogue_and_reloading_makes_a_reprint(
    open_page: OpenPage,
) -> None:
    purchase = bought(1)
    page = open_page(address(purchase), purchase.buyer)
    print_it(page)
    page.evaluate("window.print = () => { document.title = 'printing' }")
    page.get_by_role("button", name="Print now").click()
    expect(page).to_have_title("printing")
    page.reload()
    expect(page.get_by_text("REPRINT 1")).to_be_visible()
    assert ReceiptCopy.objects.filter(purchase=purchase).count() == 2


def test_without_javascript_it_prints_as_well(open_page: OpenPage) -> None:
    purchase = bought(1)
    page = open_page(address(purchase), purchase.buyer, java_script_enabled=False)
    print_it(page)
    expect(page.get_by_text("ORIGINAL")).to_be_visible()
    expect(page.get_by_role("button", name="Print now")).to_be_hidden()


def test_a_receipt_printed_from_the_screen_is_no_copy(open_page: OpenPage) -> None:
    purchase = bought(1)
    page = open_page(address(purchase), purchase.buyer)
    note = page.get_by_text("neither the original nor a reprint")
    expect(note).to_be_hidden()
    page.emulate_media(media="print")
    expect(note).to_be_visible()


@pytest.mark.parametrize("width", [320, 800])
def test_no_receipt_is_too_wide(open_page: OpenPage, width: int, hostile: Raffle) -> None:
    alice = make_buyer()
    page = open_page("/", alice, viewport={"width": width, "height": 700}, color_scheme="dark")
    for quantity in (1, 20):
        purchase = buy(hostile, alice, quantity).purchase
        page.goto(address(purchase))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        print_it(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page = open_page(address(purchase), make_staff(), viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def hostile() -> Raffle:
    return make_raffle(
        name="W" * 200, organiser="Ö" * 200, contact="x" * 200, licence="L" * 100,
        prizes=["y" * 300] * 30, price="99999999.99", capacity=10_000_000, limit=50,
    )  # fmt: skip
