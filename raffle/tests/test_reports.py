"""The regulator's reports as pages: who may read them, and what they say."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from raffle import awarding, closing, organising, seconding
from raffle.models import LedgerEntry, Raffle
from raffle.reports import finding, views
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff

NAMES = ("drawing", "reconciliation", "tickets", "voids", "exceptions", "events")


def reader(*more: str) -> User:
    """Staff who may read reports, and `more`."""
    user = make_buyer("rita", is_staff=True)
    names = ("read_reports", *more)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


def browser(user: User | None = None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def page(raffle: Raffle, name: str = "", user: User | None = None, /, **asked: Any) -> str:
    where = reverse("reports:index", args=[raffle.slug])
    answer = browser(user or reader()).get(f"{where}{name}/" if name else where, asked)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def rows_of(text: str) -> list[list[str]]:
    """The cells of all rows of a page's tables."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text, re.DOTALL)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]


def sold_raffle(buyers: int = 4, each: int = 3, **terms: Any) -> Raffle:
    """12 of 20 tickets sold for 2.50 each, unless told otherwise."""
    defaults = {"capacity": 20, "limit": 5, "price": "2.50", "prizes": ["A bicycle", "A book"]}
    raffle = make_raffle(**(defaults | terms))
    for _ in range(buyers):
        buy(raffle, make_buyer(), each)
    return raffle


def void(raffle: Raffle, number: int, by: User, reason: str = "Paid twice") -> None:
    ticket = raffle.tickets.get(number=number)
    organising.void_ticket(ticket_id=ticket.pk, by=by, reason=reason)


def close(raffle: Raffle, by: User) -> None:
    closing.close_raffle(raffle_id=raffle.pk, by=by, reason="The evening is over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=by)


def whole_story() -> tuple[Raffle, User]:
    """12 sold, one void, drawn, the first prize given up and passed on, the second claimed."""
    raffle, stella = sold_raffle(), make_staff()
    void(raffle, 2, stella)
    close(raffle, stella)
    draw(raffle, stella)
    first, second = raffle.awards.order_by("prize").select_related("ticket")
    code = first.ticket.code
    awarding.forfeit_prize(award_id=first.pk, by=stella, reason="Moved away", code=code)
    awarding.record_claim(award_id=second.pk, by=stella, code=second.ticket.code)
    return raffle, stella


# --- Who may read ---------------------------------------------------------------------------------

ADDRESSES = ("", *(f"{name}/" for name in NAMES), *(f"{name}.csv" for name in NAMES))


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_staff_who_may_read_reports_are_let_in(address: str) -> None:
    where = f"/staff/raffles/{make_raffle().slug}/reports/{address}"
    other_staff, buyer = make_buyer(is_staff=True), make_buyer()
    buyer.user_permissions.set(Permission.objects.filter(codename="read_reports"))
    answer = browser().get(where)
    assert (answer.status_code, answer.headers["Location"]) == (
        302, f"/accounts/login/?next={where}",
    )  # fmt: skip
    assert browser(other_staff).get(where).status_code == 403
    assert browser(buyer).get(where).status_code == 403
    answer = browser(reader()).get(where)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")


@pytest.mark.parametrize("address", ADDRESSES)
def test_reports_are_only_looked_at_and_only_of_raffles_that_exist(address: str) -> None:
    slug, client = make_draft().slug, browser(reader())
    assert client.head(f"/staff/raffles/{slug}/reports/{address}").status_code == 200
    assert client.post(f"/staff/raffles/{slug}/reports/{address}").status_code == 405
    assert client.get(f"/staff/raffles/no-such-raffle/reports/{address}").status_code == 404


@pytest.mark.parametrize("address", ["secrets/", "secrets.csv", "index/"])
def test_there_are_no_other_reports(address: str) -> None:
    client = browser(reader())
    assert client.get(f"/staff/raffles/{make_raffle().slug}/reports/{address}").status_code == 404


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 40, "²", "2147483648"])
def test_a_place_that_is_none_is_refused(after: str) -> None:
    where = reverse("reports:report", args=[make_raffle().slug, "tickets"])
    assert browser(reader()).get(where, {"after": after}).status_code == 400


# --- What all have in common ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", *NAMES])
def test_every_page_says_of_which_line_it_is_and_has_proper_tables(name: str) -> None:
    raffle, _ = whole_story()
    text, head = page(raffle, name), LedgerEntry.objects.head(raffle)
    assert f"As of line {head.seq} of the ledger" in text
    assert head.hash in text
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert tables
    for table in tables:
        assert "<caption" in table
        assert '<th scope="row"' in table
        assert not re.search(r"<th(?! scope)[ >]", table)
    assert "style=" not in text


@pytest.mark.parametrize("name", NAMES)
def test_what_people_typed_is_never_markup(name: str) -> None:
    bad = "<script>alert(1)</script>"
    raffle, stella = sold_raffle(name=bad, organiser=bad, prizes=[bad], licence=bad), make_staff()
    void(raffle, 1, stella, bad)
    draw(raffle, stella)
    answer = browser(reader()).get(reverse("reports:report", args=[raffle.slug, name]))
    assert bad not in answer.content.decode()
    assert html.escape(bad) in answer.content.decode()


@pytest.mark.parametrize("name", ["", *NAMES])
def test_a_draft_says_that_nothing_was_sold(name: str) -> None:
    text = page(make_draft(), name)
    assert "This raffle is a draft: nothing has been sold yet." in re.sub(r"</?strong>", "", text)
    if name in ("tickets", "voids", "exceptions"):
        assert "There is nothing to report." in text


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("tickets/", range(1, 13)), ("events/", range(1, 7)),
        ("events/?kind=purchase", range(3, 7)),
    ],
)  # fmt: skip
def test_the_pages_of_a_long_report_have_every_row_once(
    address: str, expected: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS", 3)
    raffle, client = sold_raffle(), browser(reader())
    where = reverse("reports:index", args=[raffle.slug]) + address
    numbers: list[str] = []
    for _ in range(10):
        text = client.get(where).content.decode()
        numbers += re.findall(r'<th scope="row" class="number">(\d+)</th>', text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        if not following:
            break
        where = urljoin(where, html.unescape(following[1]))
    assert [int(number) for number in numbers] == list(expected)


# --- The reports ----------------------------------------------------------------------------------


def test_the_index_sums_up_the_reconciliation_and_leads_to_every_report() -> None:
    raffle, stella = whole_story()
    text = page(raffle)
    figures = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert figures == {
        "Valid": "11", "+ void": "1", "+ unsold": "8", "= capacity": "20",
        "Sold for": "30.00 EUR", "− refunds due": "2.50 EUR", "= net": "27.50 EUR",
    }  # fmt: skip
    assert "<strong>OK</strong>" in text
    confirmed = LedgerEntry.objects.newest(raffle, "reconciled")
    assert confirmed
    assert f"Confirmed {confirmed.at:%Y-%m-%d %H:%M:%S} by {stella.email}." in text
    for name in NAMES:
        assert f"/reports/{name}/" in text
        assert f"/reports/{name}.csv" in text


def test_the_drawing_names_every_winner_and_what_became_of_the_prize() -> None:
    raffle, stella = whole_story()
    rows = rows_of(page(raffle, "drawing"))
    facts = {row[0]: row[1] for row in rows if len(row) == 2}
    assert (facts["Numbers in play"], facts["Numbers in play, as sealed"]) == ("11", "11")
    assert (facts["Money for all sold"], facts["Refunds due"], facts["Net"]) == (
        "30.00", "2.50", "27.50",
    )  # fmt: skip
    assert (facts["Sealed by"], facts["List (SHA-256)"]) == (stella.email, raffle.seal.manifest)
    prizes = [row for row in rows if len(row) == 11]
    first, passed_on, second = (str(award.ticket.number) for award in raffle.awards.all())
    assert [(row[0], row[3], row[5], row[10]) for row in prizes[1:]] == [
        ("1", first, "forfeited", "Moved away"),
        ("1", passed_on, "unclaimed", ""),
        ("2", second, "claimed", ""),
    ]
    drawn = re.search(r'<ol class="order">(.*?)</ol>', page(raffle, "drawing"))
    assert drawn
    assert [int(number) for number in re.findall(r"\d+", drawn[1])] == raffle.draw.order


def test_a_cancelled_raffle_is_called_so_with_all_money_due_back() -> None:
    raffle, stella = sold_raffle(), make_staff()
    closing.cancel_raffle(raffle_id=raffle.pk, by=stella, reason="Flood")
    text = page(raffle)
    figures = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert (figures["Valid"], figures["− refunds due"]) == ("0", "30.00 EUR")
    assert "This raffle was cancelled" in text
    assert re.search(rf"Cancelled [-\d]+ [:\d]+ by {re.escape(stella.email)}", text)


def test_figures_that_do_not_agree_are_called_so() -> None:
    raffle, stella = sold_raffle(), make_staff()
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="Enough")
    assert "<strong>OK</strong>" in page(raffle)
    raffle = Raffle.objects.as_it_stands().get(pk=raffle.pk)
    lie = {"sold": 11, "void": 0, "unsold": 9, "manifest": "0" * 64}
    LedgerEntry.objects.append(raffle, "reconciled", raffle.now, stella, **lie)
    assert "<strong>DIFFERS</strong>" in page(raffle)
    rows = [row for row in rows_of(page(raffle, "reconciliation")) if row[-1] == "DIFFERS"]
    assert rows == [
        ["Valid", "12", "11", "DIFFERS"],
        ["Unsold", "8", "9", "DIFFERS"],
        ["Money for all sold", "30.00", "27.50", "DIFFERS"],
        ["Net", "30.00", "27.50", "DIFFERS"],
    ]


def test_exceptions_tell_what_changed_from_what_to_what_and_who_it_was() -> None:
    stella, tom = make_staff(), make_staff("tom")
    raffle = make_draft(capacity=20, limit=5, two_people=True, price=Decimal(0))
    raffle.price, raffle.licence = Decimal("3.00"), "L-7"
    raffle.prizes = ["Fahrräder", "A book"]
    organising.change_raffle(raffle, by=stella)
    raffle = organising.open_raffle(raffle_id=raffle.pk, by=stella)
    buy(raffle, make_buyer(), 3)
    ticket = raffle.tickets.get(number=2)
    seconding.propose_void(ticket_id=ticket.pk, by=stella, reason="Paid twice")
    organising.void_ticket(ticket_id=ticket.pk, by=tom)
    closing.cancel_raffle(raffle_id=raffle.pk, by=tom, reason="Flood")
    every = rows_of(page(raffle, "exceptions"))
    assert ["Changed", "3"] in every
    assert ["All", "6"] in every
    assert [row[2:] for row in every[1:7]] == [
        ["changed", "licence", "", "L-7", "", stella.email, ""],
        ["changed", "price", "0.00", "3.00", "", stella.email, ""],
        ["changed", "prizes", '["A bicycle"]', '["Fahrräder", "A book"]', "", stella.email, ""],
        ["proposed", "ticket 2", "", "void proposed", "Paid twice", stella.email, ""],
        ["void", "ticket 2", "valid", "void", "Paid twice", stella.email, tom.email],
        ["cancelled", "all 3 tickets", "", "void", "Flood", tom.email, ""],
    ]


def test_a_close_and_a_forfeit_are_exceptions_with_their_reason() -> None:
    raffle, stella = whole_story()
    lost, passed_on, _ = (award.ticket.number for award in raffle.awards.all())
    rows = [row[2:] for row in rows_of(page(raffle, "exceptions")) if len(row) == 9]
    assert rows[1:] == [
        ["void", "ticket 2", "valid", "void", "Paid twice", stella.email, ""],
        ["closed", "status", "OPEN", "CLOSED", "The evening is over", stella.email, ""],
        ["forfeited", "prize 1", f"ticket {lost}", f"ticket {passed_on}", "Moved away",
         stella.email, ""],
    ]  # fmt: skip


# --- Searching the events -------------------------------------------------------------------------


def found(raffle: Raffle, user: User | None = None, **search: Any) -> list[str]:
    rows = rows_of(page(raffle, "events", user, **search))
    return [row[2] for row in rows if len(row) == 9][1:]


def test_events_are_found_by_kind() -> None:
    raffle, _ = whole_story()
    assert found(raffle, kind="purchase") == ["purchase"] * 4
    assert found(raffle, kind="proposed") == []


def test_events_are_found_by_the_staffs_address_also_what_somebody_else_confirmed() -> None:
    raffle, stella, tom = sold_raffle(two_people=True), make_staff(), make_staff("tom")
    ticket = raffle.tickets.get(number=1)
    seconding.propose_void(ticket_id=ticket.pk, by=stella, reason="Paid twice")
    organising.void_ticket(ticket_id=ticket.pk, by=tom)
    close(raffle, tom)
    assert found(raffle, who=stella.email.upper()) == ["proposed", "void"]
    assert found(raffle, who=tom.email) == ["void", "closed", "reconciled"]
    assert found(raffle, who=raffle.pseudonym(stella.pk)) == ["proposed", "void"]
    assert found(raffle, who="operator") == ["created", "opened"]
    assert found(raffle, who=tom.email, kind="void") == ["void"]


def test_a_buyer_is_found_by_pseudonym_and_by_address_only_for_whoever_may_see_people() -> None:
    raffle = sold_raffle()
    buyer = raffle.purchases.order_by("ledger_seq")[1].buyer
    assert found(raffle, who=raffle.pseudonym(buyer.pk)) == ["purchase"]
    assert found(raffle, who=buyer.email) == []
    assert found(raffle, reader("view_user"), who=buyer.email) == ["purchase"]
    assert found(raffle, who="0" * 32) == []
    assert buyer.email not in page(raffle, "events")
    assert buyer.email in page(raffle, "events", reader("view_user"))


def test_a_buyer_is_found_however_far_down_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "WINDOW", 2)
    raffle = sold_raffle()
    for bought in raffle.purchases.all():
        assert found(raffle, who=raffle.pseudonym(bought.buyer_id)) == ["purchase"]


def test_events_are_found_by_day_both_days_included() -> None:
    raffle, day = sold_raffle(), timedelta(days=1)
    days = [at.date() for at in raffle.ledger.order_by("seq").values_list("at", flat=True)]
    first, last, every = days[0], days[-1], ["created", "opened", *["purchase"] * 4]
    assert found(raffle, since=first, until=last) == every
    assert found(raffle, since=last + day) == []
    assert found(raffle, until=first - day) == []
    assert found(raffle, since="0001-01-01", until="9999-12-31") == every


@pytest.mark.parametrize(
    "search", [{"since": "soon"}, {"kind": "theft"}, {"who": "stella"}, {"who": "a\0@b"}]
)
def test_a_search_that_cannot_be_meant_is_refused(search: dict[str, str]) -> None:
    raffle, client = make_raffle(), browser(reader())
    for kind in ("report", "export"):
        answer = client.get(reverse(f"reports:{kind}", args=[raffle.slug, "events"]), search)
        assert answer.status_code == 422
        assert "Nothing was looked for" in answer.content.decode()
    assert not LogEntry.objects.filter(object_id=str(raffle.pk)).exists()
