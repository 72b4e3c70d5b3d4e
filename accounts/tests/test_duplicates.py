"""Addresses that look alike are shown to staff, and nobody is accused."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts import duplicates
from accounts.models import User
from raffle.models import Raffle
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff


def letters() -> str:
    """A name that nobody else has."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:12])


def person(email: str) -> User:
    return User.objects.create_user(email)


def found(*people: User) -> list[tuple[str, str]]:
    asked = User.objects.filter(pk__in=[each.pk for each in people])
    return [(each.mark, each.user.email) for each in duplicates.alike(asked)]


def test_the_same_name_at_several_mailboxes_is_shown_together() -> None:
    name = letters()
    one, two = person(f"{name}@example.org"), person(f"{name[:4]}.{name[4:]}-7@example.com")
    other = person(f"{letters()}@example.org")
    assert found(one, two, other) == [("name", one.email), ("name", two.email)]


def test_a_throw_away_address_is_shown_alone() -> None:
    one = person(f"{letters()}@mailinator.com")
    assert found(one, person(f"{letters()}@example.org")) == [("throw-away", one.email)]


def test_what_is_chance_is_not_shown() -> None:
    stem = letters()
    assert found(person(f"ab{'1' * 9}@{stem}.org"), person(f"ab{'2' * 9}@{stem}.org")) == []
    assert found(person(f"office@{stem}.org"), person(f"office@{stem}.com")) == []
    assert found(person(f"{letters()}@example.org")) == []


def test_only_the_buyers_of_the_raffle_are_compared() -> None:
    name, raffle = letters(), make_raffle()
    one, two = person(f"{name}@example.org"), person(f"{name}@example.com")
    buy(raffle, one)
    assert one.email not in report(raffle, make_staff())
    buy(raffle, two, 2)
    page = report(raffle, make_staff())
    assert one.email in page
    assert two.email in page
    assert "It proves nothing" in page


def test_without_leave_to_see_buyers_they_are_pseudonyms() -> None:
    name, raffle = letters(), make_raffle()
    one, two = person(f"{name}@example.org"), person(f"{name}@example.com")
    for each in (one, two):
        buy(raffle, each)
    reader = make_buyer("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="read_reports"))
    page = report(raffle, reader)
    assert one.email not in page
    assert raffle.pseudonym(one.pk) in page
    assert raffle.pseudonym(two.pk) in page


def report(raffle: Raffle, reader: User) -> str:
    client = Client()
    client.force_login(reader)
    index = client.get(reverse("reports:index", args=[raffle.slug]))
    assert "Addresses that look alike" in index.text
    answer = client.get(reverse("reports:report", args=[raffle.slug, "alike"]))
    assert answer.status_code == 200
    return str(answer.text)
