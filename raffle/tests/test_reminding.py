"""Reminders: once, to whom it concerns, and to nobody who said that they want none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import erasing
from accounts.models import User
from raffle import closing, mailing, reminding
from raffle.models import NoReminders, Raffle, RemindedUpTo
from raffle.tests.makers import buy, make_buyer, make_buyers, make_raffle
from raffle.tests.past import ago
from raffle.tests.post_office import PostOffice, post_office
from raffle.tests.test_mailing import text

SITE = "https://raffle.example.org"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def ends_in(time: timedelta, buyers: list[User], **terms: object) -> Raffle:
    """A raffle whose sales end in `time`; each of `buyers` has bought one ticket a week ago."""
    with ago(7 * DAY):
        raffle = make_raffle(closes_at=timezone.now() + time, **terms)
        for buyer in buyers:
            buy(raffle, buyer)
    return raffle


def remind(raffle: Raffle, at_most: int = 10_000) -> int:
    tally = mailing.Tally()
    reminding.remind(SITE, tally, only=raffle, goes_on=lambda: tally.sent < at_most)
    return tally.sent


def stop_link(letter: EmailMessage) -> str:
    return urlsplit(str(letter["List-Unsubscribe"]).strip(" <>")).path


def test_a_holder_who_may_still_buy_is_reminded_once(office: PostOffice) -> None:
    alice = make_buyer()
    raffle = ends_in(20 * HOUR, [alice])
    assert (remind(raffle), remind(raffle)) == (1, 0)
    (letter,) = office.to(alice.email)
    assert letter["Subject"] == f"Closing soon: {raffle.name}"
    name = f"closing_soon.{raffle.uuid}.{raffle.pseudonym(alice.pk)}"
    assert str(letter["Message-ID"]).strip() == f"<{name}@raffle.example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    for form in ("plain", "html"):
        said = text(letter, form)
        assert "You hold 1 of at most 2 tickets a person." in said
        assert "99 tickets are left." in said
        assert f"{SITE}/raffles/{raffle.slug}/" in said
        assert f"{SITE}{stop_link(letter)}" in said
    assert f"The sales end: {raffle.closes_at:%-d %B %Y, %H:%M:%S} UTC" in text(letter)


@pytest.mark.parametrize("left", [25 * HOUR, HOUR / 2])
def test_it_is_neither_too_early_nor_too_late(left: timedelta, office: PostOffice) -> None:
    assert remind(ends_in(left, [make_buyer()])) == 0


def test_who_is_not_concerned_hears_nothing(office: PostOffice) -> None:
    full, fresh, erased, unwilling, alice = (make_buyer() for _ in range(5))
    raffle = ends_in(20 * HOUR, [full, erased, unwilling, alice])
    buy(raffle, full)
    buy(raffle, fresh)  # knows it: bought a moment ago
    erasing.erase(erased)
    reminding.stop(unwilling)
    assert remind(raffle) == 1
    assert office.asked == [alice.email]


def test_nobody_is_sent_to_a_raffle_that_has_nothing_to_sell(office: PostOffice) -> None:
    sold_out = ends_in(20 * HOUR, [make_buyer()], capacity=1)
    closed = ends_in(20 * HOUR, [make_buyer()])
    closing.close_raffle(raffle_id=closed.pk, by=None, reason="over")
    assert remind(sold_out) + remind(closed) == 0


def test_it_goes_on_where_it_stopped(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "BATCH", 3)
    buyers = make_buyers(8)
    raffle = ends_in(20 * HOUR, buyers)
    assert remind(raffle, 4) == 4
    assert RemindedUpTo.objects.get(raffle=raffle).buyer == buyers[3].pk
    office.closes_after = 6
    with pytest.raises(mailing.PostAway):
        remind(raffle)
    office.closes_after = -1
    assert remind(raffle) == 2
    assert [letter["To"] for letter in office.mails] == [buyer.email for buyer in buyers]
    assert RemindedUpTo.objects.get(raffle=raffle).done


def test_the_mail_worker_reminds_as_well(office: PostOffice) -> None:
    alice = make_buyer()
    raffle = ends_in(20 * HOUR, [alice])
    call_command("send_mail", "--once", f"--site={SITE}", f"--raffle={raffle.slug}")
    assert [letter["Subject"].split(":")[0] for letter in office.to(alice.email)] == [
        "Your receipt",
        "Closing soon",
    ]


# --- No more of these -----------------------------------------------------------------------------


def test_a_mail_program_can_stop_them_with_one_click(office: PostOffice) -> None:
    alice = make_buyer()
    remind(ends_in(20 * HOUR, [alice]))
    (letter,) = office.mails
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    client = Client(enforce_csrf_checks=True)
    answer = client.post(stop_link(letter), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert NoReminders.objects.filter(user=alice).exists()
    assert remind(ends_in(20 * HOUR, [alice])) == 0


def test_looking_at_the_link_stops_nothing_and_its_buttons_work_both_ways() -> None:
    alice, client = make_buyer(), Client(enforce_csrf_checks=True)
    link = f"/reminders/{reminding.token(alice.pk)}/"
    unwilling = NoReminders.objects.filter(user=alice)
    assert "No more reminders</button>" in client.get(link).text
    assert not unwilling.exists()
    for _ in range(2):
        assert "You get no more mails" in client.post(link).text
        assert unwilling.exists()
    assert "You get reminders again" in client.post(link, {"again": "1"}).text
    assert not unwilling.exists()


def test_a_link_that_is_not_ours_is_nothing() -> None:
    alice, bob = make_buyer(), make_buyer("bob")
    ours = reminding.token(alice.pk)
    forged = f"{bob.pk}:{ours.split(':')[1]}"
    for token in (forged, "nonsense", f"{ours}x", reminding.token(10**9)):
        assert Client().post(f"/reminders/{token}/").status_code == 404
    assert not NoReminders.objects.filter(user=bob).exists()


def test_who_is_erased_leaves_no_such_wish_behind() -> None:
    alice = make_buyer()
    reminding.stop(alice)
    erasing.erase(alice)
    assert not NoReminders.objects.filter(user=alice).exists()
    assert Client().get(f"/reminders/{reminding.token(alice.pk)}/").status_code == 404
