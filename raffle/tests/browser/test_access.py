"""axe-core finds nothing that keeps anybody out, on any page, in any state, for whomever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import User
from raffle import closing, drawing, organising
from raffle.models import Raffle
from raffle.tests.browser.conftest import OpenPage
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.test_pictures import pictured

PHONE = {"width": 375, "height": 740}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PRIZES = [f"Prize {place}" for place in range(1, 9)]


def violations(page: Page, *more: str) -> list[str]:
    found = Axe().run(page, options={"runOnly": [*WCAG, *more]}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def held_by(alice: User, **terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    if "opens_at" not in terms:
        pictured(raffle)
        buy(raffle, alice, 2)
        buy(raffle, make_buyer())
    return raffle


def in_every_state(alice: User) -> list[Raffle]:
    soon = timezone.now() + timedelta(days=2)
    raffles = [
        held_by(alice, opens_at=soon),
        held_by(alice, closes_at=soon, price="2.00", rules="Be kind.", description="For the hall."),
        held_by(alice, limit=50, prizes=PRIZES),
        held_by(alice, capacity=3),
    ]
    void, closed, confirmed, sealed, drawn, cancelled = (
        held_by(alice, prizes=PRIZES[:3], method=method)
        for method in ("manual", "local", "local", "beacon", "local", "local")
    )
    organising.void_ticket(
        ticket_id=void.tickets.get(number=1).pk, by=make_staff(), reason="A mistake"
    )
    for raffle in (closed, confirmed):
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough")
    closing.reconcile_raffle(raffle_id=confirmed.pk, by=None)
    drawing.draw_winner(raffle_id=sealed.pk, by=None)
    draw(drawn)
    closing.cancel_raffle(raffle_id=cancelled.pk, by=None, reason="The storm")
    return [*raffles, void, closed, confirmed, sealed, drawn, cancelled]


@pytest.fixture(scope="module")
def alice() -> User:
    return make_buyer()


@pytest.fixture(scope="module")
def raffles(alice: User) -> list[Raffle]:
    return in_every_state(alice)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nobody_is_kept_out_of_any_page(
    open_page: OpenPage, colours: str, alice: User, raffles: list[Raffle]
) -> None:
    like: dict[str, Any] = {
        "viewport": PHONE, "color_scheme": colours, "reduced_motion": "reduce",
    }  # fmt: skip
    bought = raffles[1].purchases.get(buyer=alice)
    addresses = [
        "/", "/tickets/", f"/receipts/{bought.pk}/", f"{raffles[1].get_absolute_url()}verify/",
        *(raffle.get_absolute_url() for raffle in raffles),
        *(f"{raffle.get_absolute_url()}live/" for raffle in raffles),
    ]  # fmt: skip
    page = open_page("/", alice, **like)
    visitor = open_page("/", **like)
    problems = {}
    for seen, address in [
        *((page, address) for address in addresses),
        *((visitor, address) for address in (
            "/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere",
            raffles[1].get_absolute_url(), raffles[2].get_absolute_url(),
        )),
    ]:  # fmt: skip
        seen.goto(address)
        if found := violations(seen, "best-practice"):
            problems[address] = found
    assert problems == {}


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nobody_is_kept_out_of_the_staff_s_pages(
    open_page: OpenPage, colours: str, raffles: list[Raffle]
) -> None:
    """Their frame is Django's own, so that only the rules of the standard are asked of it."""
    draft, (_, open_, _, _, void, closed, confirmed, sealed, drawn, _) = make_draft(), raffles
    award = drawn.awards.filter(prize=1).get()
    ticket = open_.tickets.get(number=1)
    acts = {
        draft: ("open", "preview", "picture"), open_: ("close", "draw", "cancel", "check"),
        closed: ("confirm",), void: ("ask",), confirmed: ("draw",), sealed: ("draw",),
        drawn: ("draw", "claims"),
    }  # fmt: skip
    reports = ("", "drawing/", "reconciliation/", "tickets/", "voids/", "exceptions/", "events/")
    admin = "/admin/raffle"
    addresses = [
        "/admin/", "/accounts/", "/accounts/2fa/", f"{admin}/raffle/", f"{admin}/raffle/add/",
        f"{admin}/ticket/?raffle__id__exact={open_.pk}", f"{admin}/ledgerentry/",
        f"{admin}/ticket/{ticket.pk}/change/", f"{admin}/ticket/{ticket.pk}/void/",
        f"{admin}/award/{award.pk}/claim/", f"{admin}/award/{award.pk}/forfeit/",
        *(f"{admin}/raffle/{raffle.pk}/{act}/" for raffle, names in acts.items()
          for act in ("change", "history", *names)),
        *(f"/staff/raffles/{drawn.slug}/reports/{report}" for report in reports),
    ]  # fmt: skip
    page = open_page(
        "/admin/", make_staff(), color_scheme=colours, reduced_motion="reduce",
        bypass_csp=True,  # axe itself tries out styles
    )  # fmt: skip
    problems = {}
    for address in addresses:
        answer = page.goto(address)
        assert answer
        assert answer.status == 200, address
        if found := violations(page):
            problems[address] = found
    assert problems == {}
