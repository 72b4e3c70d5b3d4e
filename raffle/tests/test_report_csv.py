"""The regulator's reports as CSV: they add up, they are whole, and no cell of them is a formula."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.http import StreamingHttpResponse
from django.urls import reverse

from accounts.models import User
from raffle import closing, organising, seconding
from raffle.ledger import timestamp
from raffle.models import LedgerEntry, Raffle
from raffle.reports import writing
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_staff
from raffle.tests.test_reports import (
    NAMES,
    browser,
    close,
    page,
    reader,
    rows_of,
    sold_raffle,
    void,
    whole_story,
)


def answer_to(
    raffle: Raffle, name: str, user: User | None = None, /, **asked: Any
) -> StreamingHttpResponse:
    where = reverse("reports:export", args=[raffle.slug, name])
    answer: Any = browser(user or reader()).get(where, asked)
    assert isinstance(answer, StreamingHttpResponse)
    assert answer.status_code == 200
    return answer


def text_of(raffle: Raffle, name: str, user: User | None = None, /, **asked: Any) -> str:
    return answer_to(raffle, name, user, **asked).getvalue().decode("utf-8")


class File:
    """A report's CSV, taken apart: rows by column, and the totals at its end."""

    def __init__(self, text: str) -> None:
        every = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
        assert len({len(row) for row in every}) == 1
        end = [row[0] for row in every].index("Totals")
        self.columns = every[0]
        self.rows = [dict(zip(every[0], row, strict=True)) for row in every[1:end]]
        self.totals = {row[0]: (int(row[1]), row[2]) for row in every[end + 1 : -1]}
        self.last = every[-1][:3]

    def total(self, name: str) -> tuple[int, Decimal]:
        count, amount = self.totals[name]
        return count, Decimal(amount)


def export(raffle: Raffle, name: str, user: User | None = None, /, **asked: Any) -> File:
    return File(text_of(raffle, name, user, **asked))


# --- The reports add up ---------------------------------------------------------------------------


def drafted() -> Raffle:
    return make_draft(capacity=20, price="2.50")


def on_sale() -> Raffle:
    raffle = sold_raffle()
    void(raffle, 3, make_staff())
    return raffle


def closed() -> Raffle:
    raffle = on_sale()
    close(raffle, make_staff())
    return raffle


def drawn() -> Raffle:
    raffle = closed()
    draw(raffle)
    return raffle


def cancelled() -> Raffle:
    raffle = on_sale()
    closing.cancel_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Flood")
    return raffle


def cancelled_after_the_close() -> Raffle:
    raffle = closed()
    closing.cancel_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Flood")
    return raffle


@pytest.mark.parametrize(
    ("make", "valid", "voided", "unsold"),
    [
        (drafted, 0, 0, 20), (on_sale, 11, 1, 8), (closed, 11, 1, 8), (drawn, 11, 1, 8),
        (cancelled, 0, 12, 8), (cancelled_after_the_close, 0, 12, 8),
    ],
)  # fmt: skip
def test_the_reports_cross_foot(
    make: Callable[[], Raffle], valid: int, voided: int, unsold: int
) -> None:
    raffle, price = make(), Decimal("2.50")
    tickets, voids = export(raffle, "tickets"), export(raffle, "voids")
    drawing, reconciliation = export(raffle, "drawing"), export(raffle, "reconciliation")
    states = [row["state"] for row in tickets.rows]
    prices = [Decimal(row["price (EUR)"]) for row in tickets.rows]
    assert (states.count("valid"), states.count("void")) == (valid, voided)
    assert len(voids.rows) == voided
    assert sum(prices) == (valid + voided) * price
    assert sum(Decimal(row["price (EUR)"]) for row in voids.rows) == voided * price
    for report in (tickets, drawing, reconciliation):
        assert report.total("valid (numbers in play)") == (valid, valid * price)
        assert report.total("sold (valid and void)") == (valid + voided, sum(prices))
        assert report.totals["unsold"] == (unsold, "")
        assert report.totals["valid + void + unsold"] == report.totals["capacity"] == (20, "")
    for report in (tickets, voids, drawing, reconciliation):
        assert report.total("void (refunds due)") == (voided, voided * price)
    facts = {row["item"]: row["value"] for row in drawing.rows}
    assert (facts["numbers in play"], facts["void"]) == (str(valid), str(voided))
    assert (Decimal(facts["refunds due"]), Decimal(facts["net"])) == (
        voided * price, valid * price,
    )  # fmt: skip
    assert facts.get("numbers in play, as sealed", str(valid)) == str(valid)
    assert {row["verdict"] for row in reconciliation.rows} == {"OK"}
    assert reconciliation.totals["OK"][0] == len(reconciliation.rows)
    lines = LedgerEntry.objects.filter(raffle=raffle)
    events, exceptions = export(raffle, "events"), export(raffle, "exceptions")
    assert events.totals["all"][0] == len(events.rows) == lines.count()
    assert events.totals.get("purchase", (0,))[0] == lines.filter(kind="purchase").count()
    assert exceptions.totals["all"][0] == len(exceptions.rows)
    assert exceptions.totals["void"][0] == lines.filter(kind="void").count()


@pytest.mark.parametrize("name", NAMES)
def test_the_totals_of_the_page_are_those_of_the_file(name: str) -> None:
    raffle, _ = whole_story()
    file, rows = export(raffle, name), rows_of(page(raffle, name))
    heading = next(place for place, row in enumerate(rows) if row[:2] == ["What", "Count"])
    on_page = {row[0].lower(): (int(row[1]), "".join(row[2:])) for row in rows[heading + 1 :]}
    assert on_page == {name.lower(): total for name, total in file.totals.items()}


def test_what_was_frozen_at_the_close_stands_beside_what_is_counted_now() -> None:
    raffle = drawn()
    rows = export(raffle, "reconciliation").rows
    stated = {(row["kind"], row["figure"]): (row["tables"], row["ledger"]) for row in rows}
    for kind in ("closed", "reconciled"):
        assert stated[kind, "valid"] == ("11", "11")
        assert stated[kind, "void"] == ("1", "1")
        assert stated[kind, "unsold"] == ("8", "8")
        assert stated[kind, "net"] == ("27.50", "27.50")
    for kind in ("sealed", "drawn"):
        assert stated[kind, "numbers in play"] == ("11", "11")
        assert stated[kind, "list (SHA-256)"] == (raffle.seal.manifest, raffle.seal.manifest)
    confirmed = next(row for row in rows if row["kind"] == "reconciled")
    line = LedgerEntry.objects.select_related("actor").get(raffle=raffle, kind="reconciled")
    assert line.actor
    assert (confirmed["by"], confirmed["time"]) == (line.actor.email, timestamp(line.at))


# --- What stands in them --------------------------------------------------------------------------


def test_every_ticket_sold_is_there_with_its_purchase_price_time_and_pseudonym() -> None:
    raffle = on_sale()
    expected = [
        {
            "number": str(ticket.number),
            "state": "void" if ticket.number == 3 else "valid",
            "price (EUR)": "2.50",
            "sold at": timestamp(ticket.purchase.purchased_at),
            "purchase": str(ticket.purchase_id),
            "buyer": raffle.pseudonym(ticket.buyer_id),
        }
        for ticket in raffle.tickets.select_related("purchase").order_by("number")
    ]
    assert export(raffle, "tickets").rows == expected


@pytest.mark.parametrize("name", NAMES)
def test_buyers_addresses_are_only_for_those_who_may_see_people(name: str) -> None:
    raffle, _ = whole_story()
    buyers = set(raffle.purchases.values_list("buyer__email", flat=True))
    blind, seeing = text_of(raffle, name), text_of(raffle, name, reader("view_user"))
    assert not any(buyer in blind for buyer in buyers)
    if name in ("tickets", "events"):
        assert all(buyer in seeing for buyer in buyers)
    if name == "drawing":
        assert raffle.awards.all()[0].ticket.buyer.email in seeing


@pytest.mark.parametrize("name", NAMES)
def test_no_report_ever_has_a_validation_code(name: str) -> None:
    raffle, _ = whole_story()  # whose ledger has the codes of a claim and of a forfeit
    codes = set(raffle.tickets.values_list("code", flat=True))
    every = "".join(entry.line for entry in raffle.ledger.all())
    assert any(code in every for code in codes)
    for text in (text_of(raffle, name, make_staff()), page(raffle, name, make_staff())):
        assert not any(code in text for code in codes)


def test_a_void_names_both_people_and_the_reason() -> None:
    raffle, stella, tom = sold_raffle(two_people=True), make_staff(), make_staff("tom")
    ticket = raffle.tickets.get(number=4)
    seconding.propose_void(ticket_id=ticket.pk, by=stella, reason="Paid twice")
    voided = organising.void_ticket(ticket_id=ticket.pk, by=tom)
    assert export(raffle, "voids").rows == [
        {
            "number": "4", "price (EUR)": "2.50", "purchase": str(ticket.purchase_id),
            "reason": "Paid twice", "asked for by": stella.email, "confirmed by": tom.email,
            "void since": timestamp(voided.voided_at),
        }
    ]  # fmt: skip


def test_cancelling_voids_every_ticket_and_what_was_void_before_keeps_its_reason() -> None:
    raffle = cancelled()
    reasons = {row["number"]: row["reason"] for row in export(raffle, "voids").rows}
    assert reasons.pop("3") == "Paid twice"
    assert set(reasons.values()) == {"Raffle cancelled: Flood"}
    assert len(reasons) == 11


def test_the_events_of_a_search_are_exported_and_no_others() -> None:
    raffle, stella = whole_story()
    kinds = [row["kind"] for row in export(raffle, "events", who=stella.email).rows]
    assert kinds == [
        "void", "closed", "reconciled", "sealed", "drawn", "forfeited", "claimed",
    ]  # fmt: skip
    hashes = [row["hash"] for row in export(raffle, "events").rows]
    assert hashes == list(raffle.ledger.order_by("seq").values_list("hash", flat=True))


# --- As files -------------------------------------------------------------------------------------


def test_the_file_is_an_attachment_that_nobody_keeps() -> None:
    raffle = on_sale()
    head = LedgerEntry.objects.head(raffle)
    answer = answer_to(raffle, "tickets")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="{raffle.slug}-tickets-{head.seq}.csv"'
    )
    text = answer.getvalue()
    assert text.startswith(b"\xef\xbb\xbfnumber,state,price (EUR),")
    assert text.count(b"\n") == text.count(b"\r\n") == 1 + 12 + 1 + 6 + 1
    assert File(text.decode()).last == ["As of line", str(head.seq), head.hash]


def test_an_export_is_logged_and_a_look_is_not() -> None:
    raffle, rita = on_sale(), reader()
    head = LedgerEntry.objects.head(raffle)
    page(raffle, "tickets", rita)
    browser(rita).head(reverse("reports:export", args=[raffle.slug, "tickets"]))
    assert not LogEntry.objects.filter(user=rita).exists()
    answer_to(raffle, "tickets", rita)
    logged = LogEntry.objects.get(user=rita)
    assert (logged.object_id, logged.get_change_message()) == (
        str(raffle.pk), f"Exported tickets.csv as of line {head.seq}.",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["tickets", "voids", "events", "exceptions"])
def test_a_file_that_is_sent_slowly_is_of_one_moment_and_holds_no_transaction(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PAGE", 2)
    raffle, stella = sold_raffle(), make_staff()
    for number in (1, 5, 9):
        void(raffle, number, stella)
    before = text_of(raffle, name)
    body: Any = answer_to(raffle, name).streaming_content
    sent = next(body) + next(body)
    assert sent.count(b"\r\n") == 1 + 2  # a page of rows is all that was read
    assert connection.connection.info.transaction_status.name == "IDLE"
    buy(raffle, make_buyer(), 2)
    void(raffle, 12, stella)
    assert (sent + b"".join(body)).decode() == before
    assert text_of(raffle, name) != before


# --- Safe to open ---------------------------------------------------------------------------------

FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@A1", "'@A1"), ("  =1", "  '=1"),
        ("\t=1", "'\t'=1"), ("\rx", "'\rx"), ("\nx", "'\nx"), ("＝1", "'＝1"),
        ("\u00a0=1", "\u00a0'=1"),
        ("a,=1", "a,'=1"), ("a;=1", "a;'=1"), ("a; =1", "a; '=1"), ("a\t@x", "a\t'@x"),
        ('a"=1', "a\"'=1"), ("a'=1", "a''=1"), ("a\r\n=1", "a\r\n'=1"), ("a|-1", "a|'-1"),
        ("a=1", "a=1"), ("1-2", "1-2"), ("rita@example.org", "rita@example.org"),
        ("", ""), ("a - b", "a - b"),
    ],
)  # fmt: skip
def test_an_apostrophe_keeps_text_from_being_a_formula(text: str, safe: str) -> None:
    assert writing.harmless(text) == safe


def test_numbers_stay_numbers_and_times_are_utc() -> None:
    assert writing.spelled(-5) == -5
    assert writing.spelled(Decimal("-1.5")) == "-1.50"
    assert writing.spelled(Decimal("12345678901234567890.10")) == "12345678901234567890.10"
    at = datetime(2026, 11, 22, 17, 3, tzinfo=UTC)
    assert writing.spelled(at) == "2026-11-22T17:03:00.000000Z"
    assert writing.spelled(None) == ""


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    began = time.monotonic()
    for blank in ("\n", " ", ", ", "\n ", "\t"):
        writing.harmless(blank * 250_000)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_a_formula_whatever_people_typed(name: str) -> None:
    bad = '=HYPERLINK("http://evil.example","x");=1+1,+1\t-1\n@SUM(1)'
    raffle = make_draft(
        name=bad, organiser=bad, contact=bad, licence="@A1", rules=bad, limit=5, prizes=[bad]
    )
    raffle.organiser = f"+{bad}"
    stella = make_buyer("=cmd", is_staff=True, is_superuser=True)
    organising.change_raffle(raffle, by=stella)
    raffle = organising.open_raffle(raffle_id=raffle.pk, by=stella)
    buy(raffle, make_buyer("+1", first_name="=1"), 3)
    void(raffle, 1, stella, bad)
    closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="-1;=2")
    draw(raffle, stella)
    text = text_of(raffle, name, stella)
    for separator in (",", ";", "\t", "|"):  # whichever a spreadsheet believes in
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        cells = [cell for row in rows for cell in row]
        assert not [cell for cell in cells if cell.startswith(FORMULAS)]
    assert "HYPERLINK" in text or name in ("tickets", "reconciliation")
    again = list(csv.reader(io.StringIO(text, newline="")))
    assert len({len(row) for row in again}) == 1
