"""Receipts: what they say, who sees them and what of them, and which copy is the original."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segno
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from raffle import closing, guards, ledger, organising
from raffle.models import Award, LedgerEntry, Purchase, Raffle, ReceiptCopy
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff
from raffle.tests.processes import ROOT
from raffle.tests.races import race

SITE = "http://testserver"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(purchase: Purchase, name: str = "receipt") -> str:
    return reverse(f"raffle:{name}", args=[purchase.pk])


def on_screen(client: Client, purchase: Purchase) -> str:
    return client.get(address(purchase)).text


def as_text(client: Client, purchase: Purchase) -> str:
    return client.get(address(purchase, "receipt_text")).text


def on_paper(client: Client, purchase: Purchase) -> str:
    return client.post(address(purchase, "receipt_print")).text


FORMS = (on_screen, as_text, on_paper)
Form = Callable[[Client, Purchase], str]


def full_raffle(**terms: object) -> Raffle:
    told = {
        "organiser": "The Rowing Club",
        "contact": "raffle@club.example",
        "licence": "GB-1234",
        "prizes": ["A bicycle", "A hat"],
        "price": "2.50",
        "draw_at": datetime(2031, 5, 4, 18, 30, tzinfo=UTC),
        "claim_days": 45,
    }
    return make_raffle(**(told | terms))


def sell(quantity: int = 2, **terms: object) -> tuple[Purchase, Client]:
    """A purchase of a raffle that says everything, and its buyer's browser."""
    alice = make_buyer()
    bought = buy(full_raffle(**({"limit": 1000, "capacity": 2000} | terms)), alice, quantity)
    return bought.purchase, signed_in(alice)


def lines(purchase: Purchase) -> list[str]:
    """The receipt lines, put together from the record."""
    entry = LedgerEntry.objects.get(raffle=purchase.raffle, seq=purchase.ledger_seq)
    tickets = purchase.tickets.order_by("number")
    return [f"{ticket.number}-{ticket.code}-{entry.seq}-{entry.hash}" for ticket in tickets]


def codes(purchase: Purchase) -> list[str]:
    return list(purchase.tickets.values_list("code", flat=True))


# --- What it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_says_all_that_a_ticket_must(form: Form) -> None:
    purchase, alice = sell()
    raffle = purchase.raffle
    said = form(alice, purchase)
    at = purchase.purchased_at.astimezone(UTC)
    for fact in (
        "The Rowing Club",
        raffle.name,
        str(raffle.uuid),
        f"{at.day} {at:%B %Y, %H:%M:%S} UTC",
        "online, testserver",
        "2.50 EUR a ticket, 5.00 EUR in all",
        "GB-1234",
        "raffle@club.example",
        "4 May 2031, 18:30:00 UTC",
        "within 45 days after the draw",
        "You need not be present at the draw.",
        f"{SITE}/raffles/{raffle.slug}/#rules",
        "A bicycle",
        "A hat",
        "you trust the organiser",
        *lines(purchase),
        *codes(purchase),
        *(ledger.leaf(raffle.uuid, t.number, t.code) for t in purchase.tickets.all()),
    ):
        assert fact in said, fact


def test_what_is_not_known_is_not_made_up() -> None:
    raffle, alice = make_raffle(), make_buyer()
    said = as_text(signed_in(alice), buy(raffle, alice).purchase)
    assert "Price: free" in said
    assert "Draw: the date is announced later" in said
    assert "Licence" not in said
    assert "Contact" not in said


def test_the_text_s_lines_convince_the_stand_alone_verifier(tmp_path: Path) -> None:
    purchase, alice = sell(3)
    buy(purchase.raffle, make_buyer())
    record = tmp_path / "ledger.jsonl"
    published = Client().get(reverse("raffle:ledger", args=[purchase.raffle.slug]))
    record.write_bytes(b"".join(published))  # it is streamed
    said = as_text(alice, purchase).splitlines()
    kept = [line for line in said if line in lines(purchase)]
    assert len(kept) == 3

    def verify(line: str) -> int:
        program = [sys.executable, "verify/verify_raffle.py", "--ledger", str(record)]
        done = subprocess.run(
            [*program, "--receipt", line], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.returncode

    other = kept[0].replace(purchase.tickets.all()[0].code, "0" * 32)
    assert (verify(kept[0]), verify(kept[2])) == (0, 0)
    assert verify(other) == 1


@pytest.mark.parametrize("form", [on_screen, on_paper])
def test_each_ticket_has_a_qr_code_that_leads_to_its_check(form: Form) -> None:
    purchase, alice = sell(3)
    said = form(alice, purchase)
    for line in lines(purchase):
        leads_to = f"{SITE}/raffles/{purchase.raffle.slug}/verify/#{line}"
        code = segno.make_qr(leads_to, error="m", boost_error=False, mask=0)
        assert code.svg_inline(svgclass="qr", lineclass=None, omitsize=True, light="#fff") in said
    assert said.count("<svg") == 3


@pytest.mark.parametrize("form", [on_screen, on_paper])
def test_many_tickets_are_a_list_with_one_qr_code(form: Form) -> None:
    purchase, alice = sell(12)
    assert form(alice, purchase).count("<svg") == 12
    purchase, alice = sell(13)
    said = form(alice, purchase)
    assert said.count("<svg") == 1
    assert "\n".join(lines(purchase)) in said


def test_a_void_ticket_and_a_cancelled_raffle_show() -> None:
    purchase, alice = sell(3)
    stella = make_staff()
    void = purchase.tickets.order_by("number")[1]
    organising.void_ticket(ticket_id=void.pk, by=stella, reason="by mistake")
    said = as_text(alice, purchase)
    assert f"Tickets: 1 to 3 (valid, except void: {void.number})" in said
    assert f"Ticket {void.number}: void" in said
    assert "Ticket 1: valid" in said
    closing.cancel_raffle(raffle_id=purchase.raffle_id, by=stella, reason="rain")
    for form in FORMS:
        assert "the raffle was cancelled" in form(alice, purchase)
    assert "all its tickets are void" in on_screen(alice, purchase)
    said = as_text(alice, purchase)
    assert "Draw: called off" in said
    assert all(f"Ticket {number}: void" in said for number in (1, 2, 3))


def test_after_the_draw_it_says_what_was_won_and_until_when_to_claim_it() -> None:
    purchase, alice = sell(2, prizes=["A bicycle"])
    draw(purchase.raffle)
    award = Award.objects.get(raffle=purchase.raffle)
    last = award.claim_by.astimezone(UTC)
    assert last - award.awarded_at == timedelta(days=45)
    by = f"{last.day} {last:%B %Y, %H:%M:%S} UTC"
    for form in FORMS:
        said = form(alice, purchase)
        assert f"won prize 1: A bicycle (claim it by {by})" in said
        assert f"within 45 days after the draw: by {by}" in said
    loser = next(t for t in purchase.tickets.all() if t.pk != award.ticket_id)
    assert f"Ticket {loser.number}: valid" in as_text(alice, purchase)


def test_whatever_people_have_typed_is_text() -> None:
    purchase, alice = sell(
        name="<script>x</script>", organiser="<b>", contact="<i>", licence="<u>", prizes=["<s>"]
    )
    for form in (on_screen, on_paper):
        said = form(alice, purchase)
        for tag in ("<script>x", "<b>", "<i>", "<u>", "<s>"):
            assert tag not in said
    assert "<script>x</script>" in as_text(alice, purchase)  # which is no page


def test_a_thousand_tickets_cost_no_more_queries_than_one() -> None:
    counts = []
    for quantity in (1, 1000):
        purchase, alice = sell(quantity)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert "\n".join(lines(purchase)[1:]) in on_screen(alice, purchase)
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- Who sees it ----------------------------------------------------------------------------------


def answers(client: Client, purchase: Purchase) -> list[int]:
    return [
        client.get(address(purchase)).status_code,
        client.get(address(purchase, "receipt_text")).status_code,
        client.post(address(purchase, "receipt_print")).status_code,
    ]


def reprinter() -> User:
    user = make_buyer("stella", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="reprint_receipt"))
    return user


def test_only_the_buyer_and_staff_who_may_reprint_see_it() -> None:
    purchase, alice = sell()
    assert answers(alice, purchase) == [200, 200, 200]
    assert answers(signed_in(reprinter()), purchase) == [200, 200, 200]
    assert answers(signed_in(make_buyer("mallory")), purchase) == [404, 404, 404]
    assert answers(signed_in(make_buyer("clerk", is_staff=True)), purchase) == [404, 404, 404]
    mallory = make_buyer("mallory")  # who was given the permission, but is no staff
    mallory.user_permissions.add(Permission.objects.get(codename="reprint_receipt"))
    assert answers(signed_in(mallory), purchase) == [404, 404, 404]
    assert ReceiptCopy.objects.filter(purchase=purchase).count() == 2


def test_a_visitor_signs_in_first_and_learns_nothing_before() -> None:
    purchase, _ = sell()
    for pk in (purchase.pk, "00000000-0000-4000-8000-000000000000"):
        page = f"/receipts/{pk}/"
        for answer in (Client().get(page), Client().post(f"{page}print")):
            assert answer.status_code == 302
            assert answer["Location"] == f"/accounts/login/?next={page}"
        assert Client().get(f"/receipts/{pk}.txt").status_code == 302


def test_nothing_of_it_is_cached_or_told_to_other_sites() -> None:
    purchase, alice = sell()
    for answer in (
        alice.get(address(purchase)),
        alice.get(address(purchase, "receipt_text")),
        alice.post(address(purchase, "receipt_print")),
    ):
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "same-origin"
        assert "style=" not in answer.text
        assert "data:" not in answer.text


@pytest.mark.parametrize("quantity", [2, 20])
@pytest.mark.parametrize("form", FORMS)
def test_staff_never_see_a_code(form: Form, quantity: int) -> None:
    purchase, _ = sell(quantity)
    said = form(signed_in(reprinter()), purchase)
    for code in codes(purchase):
        assert code not in said
    assert "<svg" not in said
    assert f"1-{'•' * 32}-{purchase.ledger_seq}-" in said
    assert "staff" in said


# --- On paper -------------------------------------------------------------------------------------


def test_the_first_copy_is_the_original_and_every_later_one_says_when_it_was_made() -> None:
    purchase, alice = sell()
    first, second, third = (on_paper(alice, purchase) for _ in range(3))
    assert "ORIGINAL" in first
    assert "REPRINT" not in first
    copy = ReceiptCopy.objects.get(purchase=purchase, number=2)
    at = copy.printed_at.astimezone(UTC)
    assert f"REPRINT 1 · {at.day} {at:%B %Y, %H:%M:%S} UTC" in second
    assert "ORIGINAL" not in second
    assert "REPRINT 2" in third
    assert copy.printed_by == purchase.buyer


def test_what_staff_print_is_never_the_original() -> None:
    purchase, alice = sell()
    stella = signed_in(reprinter())
    assert "REPRINT 1" in on_paper(stella, purchase)
    assert "ORIGINAL" in on_paper(alice, purchase)
    assert "REPRINT 2" in on_paper(alice, purchase)
    assert "REPRINT 3" in on_paper(stella, purchase)


def test_looking_prints_nothing() -> None:
    purchase, alice = sell()
    on_screen(alice, purchase)
    as_text(alice, purchase)
    assert alice.get(address(purchase, "receipt_print")).status_code == 405
    assert not ReceiptCopy.objects.filter(purchase=purchase).exists()


def test_of_many_printed_at_once_one_is_the_original() -> None:
    purchase, _ = sell()
    copies = race(*[lambda: ReceiptCopy.objects.add(purchase, purchase.buyer)] * 8)
    marks = sorted(str(copy) for copy in copies)
    assert marks == ["ORIGINAL", *(f"REPRINT {n}" for n in range(1, 8))]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE raffle_receiptcopy SET number = 9 WHERE purchase_id = %s",
        "DELETE FROM raffle_receiptcopy WHERE purchase_id = %s",
        "TRUNCATE raffle_receiptcopy; SELECT %s",
        "INSERT INTO raffle_receiptcopy (number, printed_by_id, purchase_id)"
        " SELECT number, printed_by_id, purchase_id FROM raffle_receiptcopy WHERE purchase_id = %s",
        "INSERT INTO raffle_receiptcopy (number, printed_by_id, purchase_id)"
        " SELECT 0, printed_by_id, purchase_id FROM raffle_receiptcopy WHERE purchase_id = %s",
    ],
)
def test_the_database_keeps_the_log_of_copies(attack: str) -> None:
    purchase, alice = sell()
    on_paper(alice, purchase)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(attack.replace("%s", f"'{purchase.pk}'"))
    assert ReceiptCopy.objects.get(purchase=purchase).number == 1


def test_the_log_s_guards_are_always_on() -> None:
    assert {"receiptcopy_append_only", "receiptcopy_never_truncated"} <= guards.in_force()


# --- And selling ----------------------------------------------------------------------------------


def test_a_sale_knows_nothing_of_receipts_and_mails() -> None:
    raffle, alice = make_raffle(), make_buyer()
    with CaptureQueriesContext(connection) as asked:
        buy(raffle, alice, 2)
    said = " ".join(query["sql"] for query in asked)
    assert "raffle_ticket" in said
    for table in ("raffle_receiptcopy", "raffle_mailedupto", "accounts_signin"):
        assert table not in said
