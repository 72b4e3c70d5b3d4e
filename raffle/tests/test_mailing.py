"""Mails: everybody gets theirs, once, in order, whatever becomes of workers and mail servers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts import erasing
from accounts.models import User
from raffle import awarding, closing, drawing, mailing
from raffle.models import Award, LedgerEntry, MailedUpTo, Purchase, Raffle, Seal
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_buyers,
    make_draft,
    make_raffle,
    make_staff,
)
from raffle.tests.past import ago
from raffle.tests.post_office import PostOffice, post_office
from raffle.tests.processes import ROOT, environment
from raffle.tests.races import race

SITE = "https://raffle.example.org"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "PAUSE", 0.01)


def deliver(raffle: Raffle, at_most: int = 10_000) -> mailing.Tally:
    """Mail what is due of `raffle`, but end after `at_most` mails."""
    tally = mailing.Tally()
    mailing.deliver(SITE, tally, only=raffle, goes_on=lambda: tally.sent + tally.failed < at_most)
    return tally


def text(letter: EmailMessage, kind: str = "plain") -> str:
    body = letter.get_body((kind,))
    assert body
    return str(body.get_content())


def subjects(office: PostOffice, to: User) -> list[str]:
    return [letter["Subject"] for letter in office.to(to.email)]


# --- The receipt ----------------------------------------------------------------------------------


def test_every_purchase_is_mailed_with_its_own_receipt_lines(office: PostOffice) -> None:
    raffle, alice, bob = make_raffle(contact="raffle@club.example"), make_buyer(), make_buyer("bob")
    for buyer in (alice, bob):
        buy(raffle, buyer, 2)
    assert office.mails == []  # a sale sends nothing
    assert deliver(raffle) == mailing.Tally(sent=2)
    for buyer in (alice, bob):
        (letter,) = office.to(buyer.email)
        purchase = Purchase.objects.get(raffle=raffle, buyer=buyer)
        entry = LedgerEntry.objects.get(raffle=raffle, seq=purchase.ledger_seq)
        for ticket in purchase.tickets.all():
            line = f"{ticket.number}-{ticket.code}-{entry.seq}-{entry.hash}"
            assert line in text(letter).splitlines()
            assert line in text(letter, "html")
        for form in ("plain", "html"):
            for fact in ("The Club", "raffle@club.example", str(raffle.uuid), "A bicycle"):
                assert fact in text(letter, form)
        assert f"{SITE}/receipts/{purchase.pk}/" in text(letter, "html")
        assert letter["Subject"] == f"Your receipt: {raffle.name}"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert letter["Message-ID"] == f"<receipt.{purchase.pk}@raffle.example.org>"


def test_what_was_mailed_is_not_mailed_again_and_what_is_new_is(office: PostOffice) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    assert deliver(raffle).sent == 1
    assert deliver(raffle).sent == 0
    buy(raffle, alice)
    assert deliver(raffle).sent == 1
    assert [MailedUpTo.objects.get(raffle=raffle).seq] == [raffle.ledger.count()]


def test_mails_go_out_in_the_order_of_the_ledger(office: PostOffice) -> None:
    raffle, buyers = make_raffle(), make_buyers(7)
    for buyer in reversed(buyers):
        buy(raffle, buyer)
    deliver(raffle, 3)
    deliver(raffle)
    assert [letter["To"] for letter in office.mails] == [b.email for b in reversed(buyers)]


def test_a_batch_is_one_call_at_the_mail_server(office: PostOffice) -> None:
    raffle = make_raffle()
    for buyer in make_buyers(10):
        buy(raffle, buyer)
    deliver(raffle)
    assert (len(office.mails), office.callers) == (10, 1)


def test_a_long_receipt_has_its_lines_in_a_file(office: PostOffice) -> None:
    raffle, alice = make_raffle(capacity=1000, limit=1000), make_buyer()
    purchase = buy(raffle, alice, 900).purchase
    deliver(raffle)
    (file,) = office.mails[0].iter_attachments()
    said = file.get_content()
    assert file.get_filename() == "receipt.txt"
    assert all(code in said for code in purchase.tickets.values_list("code", flat=True))
    assert "1 to 900" in text(office.mails[0], "html")


def test_a_raffle_s_name_cannot_add_a_header(office: PostOffice) -> None:
    raffle = make_raffle(name="Sum\u202emer\r\nBcc: mallory@example.org\n\nWin!", organiser="<b>")
    alice = make_buyer()
    buy(raffle, alice)
    deliver(raffle)
    closing.cancel_raffle(raffle_id=raffle.pk, by=make_staff(), reason="<b>\r\n.\r\nQUIT")
    deliver(raffle)
    assert set(office.asked) == {alice.email}
    for letter in office.mails:
        assert letter["Subject"].endswith("Sum mer Bcc: mallory@example.org Win!")
        assert "Bcc" not in letter
        assert "<b>" not in text(letter, "html")


def test_drafts_are_nobody_s_business(office: PostOffice) -> None:
    draft = make_draft()
    assert deliver(draft) == mailing.Tally()
    assert not MailedUpTo.objects.filter(raffle=draft).exists()


def test_who_was_erased_gets_no_mail(office: PostOffice) -> None:
    raffle, alice, bob = make_raffle(), make_buyer(), make_buyer("bob")
    buy(raffle, alice)
    buy(raffle, bob)
    erasing.erase(alice)
    draw(raffle)
    assert deliver(raffle) == mailing.Tally(sent=2)
    assert set(office.asked) == {bob.email}


# --- Several workers, and their ends --------------------------------------------------------------


def test_workers_at_once_send_nothing_twice(office: PostOffice) -> None:
    raffles = [make_raffle(capacity=60) for _ in range(3)]
    buyers = make_buyers(25)
    for raffle in raffles:
        for buyer in buyers:
            buy(raffle, buyer)

    def work() -> None:
        tally, deadline = mailing.Tally(), time.monotonic() + 60
        while time.monotonic() < deadline and len(office.mails) < 75:
            for raffle in raffles:
                mailing.deliver(SITE, tally, only=raffle)

    assert race(*[work] * 4) == [None] * 4
    sent = Counter(letter["Message-ID"] for letter in office.mails)
    assert len(sent) == 75
    assert set(sent.values()) == {1}


@contextmanager
def worker(*words: str, office: PostOffice) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "send_mail", f"--site={SITE}", *words],
        env=environment(EMAIL_URL=f"smtp://127.0.0.1:{office.port}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_worker_s_batch_is_sent_again_under_the_same_names(office: PostOffice) -> None:
    raffle, buyers = make_raffle(), make_buyers(6)
    for buyer in buyers:
        buy(raffle, buyer)
    deliver(raffle, 2)
    office.holds.clear()
    office.may_answer.clear()
    with worker("--raffle", raffle.slug, office=office) as process:
        assert office.holds.wait(60)
        process.kill()
    office.may_answer.set()
    deadline = time.monotonic() + 30
    while deliver(raffle).sent == 0 and time.monotonic() < deadline:
        time.sleep(0.1)  # until the database has noticed, and let go of the row
    sent = Counter(letter["Message-ID"] for letter in office.mails)
    assert len(sent) == 6
    assert sum(sent.values()) <= 6 + 1  # the one that was on its way
    assert {letter["To"] for letter in office.mails} == {buyer.email for buyer in buyers}


def test_told_to_end_a_worker_finishes_its_mail_and_says_how_many(office: PostOffice) -> None:
    raffle = make_raffle()
    for buyer in make_buyers(5):
        buy(raffle, buyer)
    office.may_answer.clear()
    with worker("--raffle", raffle.slug, "--json", office=office) as process:
        assert office.holds.wait(60)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        office.may_answer.set()
        said, complaints = process.communicate(timeout=30)
    assert process.returncode == 0, complaints
    assert json.loads(said) == {"sent": 1, "given_up": 0}
    assert deliver(raffle).sent == 4
    assert len({letter["Message-ID"] for letter in office.mails}) == len(office.mails) == 5


def test_a_worker_mails_what_is_bought_while_it_runs(office: PostOffice) -> None:
    raffle, alice = make_raffle(), make_buyer()
    with worker("--raffle", raffle.slug, office=office) as process:
        for n in (1, 2):
            buy(raffle, alice)
            deadline = time.monotonic() + 60
            while len(office.mails) < n and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(office.mails) == n
        process.terminate()
        assert process.wait(30) == 0


# --- Addresses that fail, and mail servers that are away ------------------------------------------


def test_one_address_that_is_refused_does_not_stop_the_others(office: PostOffice) -> None:
    raffle, (alice, bob, carol) = make_raffle(), make_buyers(3)
    for buyer in (alice, bob, carol):
        buy(raffle, buyer)
    office.answers[bob.email] = ["550 no such person"]
    assert deliver(raffle) == mailing.Tally(sent=2, failed=1)
    assert [letter["To"] for letter in office.mails] == [alice.email, carol.email]
    assert office.asked.count(bob.email) == 1  # a no that is final is not asked for again
    assert deliver(raffle) == mailing.Tally()


@pytest.mark.parametrize("no", ["450 later", ""], ids=["later", "cut"])
def test_an_address_that_fails_for_now_is_tried_again(office: PostOffice, no: str) -> None:
    raffle, (alice, bob) = make_raffle(), make_buyers(2)
    buy(raffle, alice)
    buy(raffle, bob)
    office.answers[alice.email] = [no, no]
    assert deliver(raffle) == mailing.Tally(sent=2)
    buy(raffle, alice)
    office.answers[alice.email] = [no] * 3
    assert deliver(raffle) == mailing.Tally(failed=1)
    assert office.asked.count(alice.email) == 6


def test_an_address_that_is_none_is_passed_over(office: PostOffice) -> None:
    raffle, alice, bob = make_raffle(), make_buyer("not an address\n"), make_buyer("bob")
    buy(raffle, alice)
    buy(raffle, bob)
    assert deliver(raffle) == mailing.Tally(sent=1, failed=1)


def test_if_the_mail_server_is_away_everything_waits(office: PostOffice) -> None:
    raffle = make_raffle()
    for buyer in make_buyers(3):
        buy(raffle, buyer)
    with override_settings(EMAIL_PORT=9), pytest.raises(mailing.PostAway):  # nobody listens there
        deliver(raffle)
    assert deliver(raffle) == mailing.Tally(sent=3)


def test_a_mail_server_that_closes_in_the_middle_is_waited_for(office: PostOffice) -> None:
    raffle = make_raffle()
    for buyer in make_buyers(5):
        buy(raffle, buyer)
    office.closes_after = 2
    with pytest.raises(mailing.PostAway):
        deliver(raffle)
    assert len(office.mails) == 2
    office.closes_after = -1
    assert deliver(raffle).sent == 3
    assert len({letter["Message-ID"] for letter in office.mails}) == len(office.mails) == 5


# --- Seals, results, and raffles that are off -----------------------------------------------------


def test_a_beacon_s_seal_is_told_to_every_holder_before_the_round(office: PostOffice) -> None:
    raffle, alice, bob = make_raffle(method="beacon"), make_buyer(), make_buyer("bob")
    buy(raffle, alice, 2)
    buy(raffle, bob)
    deliver(raffle)
    office.mails.clear()
    seal = drawing.draw_winner(raffle_id=raffle.pk, by=None)
    assert isinstance(seal, Seal)
    assert deliver(raffle).sent == 2
    entry = LedgerEntry.objects.get(raffle=raffle, kind="sealed")
    for buyer, numbers in ((alice, "1, 2"), (bob, "3")):
        (letter,) = office.to(buyer.email)
        assert letter["Subject"] == f"The draw is sealed: {raffle.name}"
        for form in ("plain", "html"):
            said = text(letter, form)
            assert f"{entry.seq}:{entry.hash}" in said
            assert f"round {seal.round} of chain {seal.chain}" in said
            assert f"Your tickets: {numbers}" in said
            assert "Keep this mail" in said
            assert f"{SITE}/raffles/{raffle.slug}/verify/" in said


def test_a_notice_that_is_late_does_not_call_itself_a_witness(office: PostOffice) -> None:
    with ago(timedelta(minutes=10)):
        raffle = make_raffle(method="beacon")
        buy(raffle, make_buyer())
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    deliver(raffle)
    said = text(office.mails[-1])
    assert "is sealed" in said
    assert "no witness" in said
    assert "Keep this mail" not in said


def test_without_a_beacon_a_seal_is_no_news(office: PostOffice) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    draw(raffle)
    deliver(raffle)
    assert subjects(office, alice) == [
        f"Your receipt: {raffle.name}",
        f"The result: {raffle.name}",
    ]


def test_the_result_is_told_to_every_holder_with_their_own_numbers(office: PostOffice) -> None:
    raffle = make_raffle(prizes=["A bicycle", "A hat"], contact="raffle@club.example")
    buyers = make_buyers(4)
    for buyer in buyers:
        buy(raffle, buyer, 2)
    draw(raffle)
    assert deliver(raffle).sent == 8
    entry = LedgerEntry.objects.get(raffle=raffle, kind="drawn")
    awards = list(Award.objects.filter(raffle=raffle).order_by("prize"))
    holders = {award.ticket.buyer_id: award for award in awards}
    assert len(holders) == 2
    for first, buyer in zip((1, 3, 5, 7), buyers, strict=True):
        said = text(office.to(buyer.email)[-1])
        assert f"Your tickets: {first}, {first + 1}" in said
        assert f"Prize 1, A bicycle: ticket {awards[0].ticket.number}" in said
        assert f"Prize 2, A hat: ticket {awards[1].ticket.number}" in said
        assert f"{entry.seq}:{entry.hash}" in said
        won = holders.get(buyer.pk)
        assert ("you are not among them" in said) == (won is None)
        if won:
            assert f"You won prize {won.prize}: {won.name}, with ticket {won.ticket.number}" in said
            assert f"Claim it by {won.claim_by:%-d %B %Y, %H:%M:%S} UTC" in said


def test_a_prize_that_is_passed_on_is_told_to_whom_it_passes(office: PostOffice) -> None:
    raffle, buyers = make_raffle(), make_buyers(3)
    for buyer in buyers:
        buy(raffle, buyer)
    draw(raffle)
    deliver(raffle)
    office.mails.clear()
    award = Award.objects.get(raffle=raffle)
    passed = awarding.forfeit_prize(
        award_id=award.pk, by=make_staff(), reason="no room", code=award.ticket.code
    )
    assert passed
    assert deliver(raffle).sent == 1
    (letter,) = office.mails
    assert letter["To"] == passed.ticket.buyer.email
    assert f"prize 1, A bicycle, with ticket {passed.ticket.number}" in text(letter)
    assert f"Claim it by {passed.claim_by:%-d %B %Y, %H:%M:%S} UTC" in text(letter)


def test_that_it_is_off_is_told_to_every_holder(office: PostOffice) -> None:
    raffle, buyers = make_raffle(), make_buyers(2)
    for buyer in buyers:
        buy(raffle, buyer)
    deliver(raffle)
    closing.cancel_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Rain <all> day")
    assert deliver(raffle).sent == 2
    for buyer in buyers:
        letter = office.to(buyer.email)[-1]
        assert letter["Subject"] == f"Cancelled: {raffle.name}"
        assert "Reason: Rain <all> day" in text(letter)
        assert "Rain &lt;all&gt; day" in text(letter, "html")


def test_a_notice_to_many_goes_on_where_it_stopped(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "BATCH", 4)
    raffle, buyers = make_raffle(), make_buyers(19)
    for buyer in buyers:
        buy(raffle, buyer)
    deliver(raffle)
    office.mails.clear()
    draw(raffle)
    deliver(raffle, 6)
    place = MailedUpTo.objects.get(raffle=raffle)
    assert place.buyer == buyers[5].pk
    deliver(raffle)
    assert [letter["To"] for letter in office.mails] == [buyer.email for buyer in buyers]
    assert len({letter["Message-ID"] for letter in office.mails}) == 19


def test_a_notice_that_stopped_half_way_hides_none_of_the_next(office: PostOffice) -> None:
    raffle, buyers, stella = make_raffle(), make_buyers(4), make_staff()
    for buyer in buyers:
        buy(raffle, buyer)
    draw(raffle)
    deliver(raffle, 4)  # the receipts
    award = Award.objects.get(raffle=raffle)
    while award.ledger_seq == raffle.ledger.get(kind="drawn").seq or award.ticket.buyer == buyer:
        code = award.ticket.code
        passed = awarding.forfeit_prize(award_id=award.pk, by=stella, reason="no room", code=code)
        assert passed
        award = passed
    winner = award.ticket.buyer
    deliver(raffle, buyers.index(winner) + 1)  # the result, but not to the last of the buyers
    deliver(raffle)
    assert subjects(office, winner)[-1] == f"A prize has passed to you: {raffle.name}"
    assert all(f"The result: {raffle.name}" in subjects(office, buyer) for buyer in buyers)


# --- The command ----------------------------------------------------------------------------------


def test_once_mails_what_is_due_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    call_command("send_mail", "--once", "--json", f"--site={SITE}/", f"--raffle={raffle.slug}")
    assert json.loads(capsys.readouterr().out) == {"sent": 1, "given_up": 0}
    assert f"{SITE}/raffles/{raffle.slug}/" in str(mail.outbox[-1].body)


def test_once_without_a_mail_server_asks_to_be_run_again(office: PostOffice) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    office.closes_after = 0
    with pytest.raises(CommandError, match="run it again") as refused:
        call_command("send_mail", "--once", f"--site={SITE}", f"--raffle={raffle.slug}")
    assert refused.value.returncode == 75


def test_without_a_mail_server_the_worker_waits_and_ends_when_told(office: PostOffice) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    office.closes_after = 0
    with worker("--raffle", raffle.slug, office=office) as process:
        assert process.stderr
        while "Waiting for the mail server" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("hosts", [[], ["*"]])
def test_a_site_that_nobody_has_named_is_asked_for(hosts: list[str], settings: object) -> None:
    settings.ALLOWED_HOSTS = hosts  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="Name the site") as refused:
        call_command("send_mail", "--once")
    assert refused.value.returncode == 2


def test_mails_name_the_first_of_the_allowed_hosts(settings: object) -> None:
    settings.ALLOWED_HOSTS = [".raffle.example.net", "other.example"]  # type: ignore[attr-defined]
    raffle = make_raffle()
    buy(raffle, make_buyer())
    call_command("send_mail", "--once", f"--raffle={raffle.slug}")
    assert f"https://raffle.example.net/raffles/{raffle.slug}/" in str(mail.outbox[-1].body)


def test_an_unknown_raffle_is_named() -> None:
    with pytest.raises(CommandError, match="no raffle") as refused:
        call_command("send_mail", "--once", f"--site={SITE}", "--raffle=nowhere")
    assert refused.value.returncode == 3


# --- In the words of whom it goes to --------------------------------------------------------------


def test_times_are_told_in_the_reader_s_zone_with_utc_beside(office: PostOffice) -> None:
    raffle, alice, bob = make_raffle(), make_buyer(time_zone="Asia/Tokyo"), make_buyer("bob")
    for buyer in (alice, bob):
        buy(raffle, buyer)
    deliver(raffle)
    for buyer, zone in ((alice, "Asia/Tokyo"), (bob, "UTC")):
        at = Purchase.objects.get(raffle=raffle, buyer=buyer).purchased_at
        here = at.astimezone(ZoneInfo(zone))
        said = text(office.to(buyer.email)[-1])
        assert f"Issued: {here:%-d %B %Y, %H:%M:%S} {here.tzname()}" in said
        assert f"{at:%H:%M:%S} UTC" in said


def test_each_mail_is_in_its_reader_s_language(office: PostOffice) -> None:
    """Django's own names of months stand for all words: they are there in every language."""
    raffle = make_raffle(draw_at=datetime(2031, 5, 17, 12, tzinfo=UTC))
    asked = {"de": "17 Mai 2031", "es": "17 mayo 2031", "": "17 May 2031", "xx": "17 May 2031"}
    buyers = {language: make_buyer(language=language) for language in asked}
    for buyer in buyers.values():
        buy(raffle, buyer)
    deliver(raffle)
    for language, buyer in buyers.items():
        (letter,) = office.to(buyer.email)
        assert f"{language if language in ('de', 'es') else 'en'}" in text(letter, "html")[:40]
        said = text(letter).lower().replace(".", "").replace(" de ", " ")
        assert asked[language].lower() in said


def test_only_a_winner_is_led_to_the_code_and_to_none_but_their_own(office: PostOffice) -> None:
    raffle, buyers = make_raffle(), make_buyers(3)
    for buyer in buyers:
        buy(raffle, buyer)
    deliver(raffle)
    office.mails.clear()
    draw(raffle)
    deliver(raffle)
    won = Award.objects.get(raffle=raffle).ticket
    codes = list(raffle.tickets.values_list("code", flat=True))
    for buyer in buyers:
        (letter,) = office.to(buyer.email)
        for form in ("plain", "html"):
            link = f"{SITE}/receipts/{won.purchase_id}/"
            assert (link in text(letter, form)) == (buyer.pk == won.buyer_id)
            assert not [code for code in codes if code in text(letter, form)]
