"""Erasing a person: nothing says any more who it was, and the record does not change by a byte."""

from __future__ import annotations

import base64
import json
import pickle
import uuid
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import erasing
from accounts.models import SignIn, User
from raffle import organising
from raffle.models import LedgerEntry, Purchase, Raffle
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff

PASSWORD = "correct horse battery staple"


def person(name: str = "alice", **fields: object) -> User:
    """Somebody with a name, a password and two addresses."""
    user = make_buyer(name, first_name="Alice", last_name="Erasmus", password=PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    EmailAddress.objects.create(user=user, email=f"second-{user.email}")
    return user


def sign_in(address: str, password: str = PASSWORD) -> tuple[Client, bool]:
    client = Client()
    said = client.post(reverse("account_login"), {"login": address, "password": password})
    return client, said.status_code == 302


def everything(raffle: Raffle) -> object:
    """The record, down to the last byte, and whose what was."""
    ledger = LedgerEntry.objects.filter(raffle=raffle).order_by("seq")
    purchases = Purchase.objects.filter(raffle=raffle).order_by("ledger_seq")
    return (
        list(ledger.values_list("line", "hash", "actor")),
        list(purchases.values_list("pk", "buyer", "first_number", "tickets__code")),
    )


def verified(raffle: Raffle) -> bool:
    said = StringIO()
    call_command("verify_raffle", raffle.slug, "--json", stdout=said, stderr=StringIO())
    return bool(json.loads(said.getvalue())["ok"])


def sessions_that_say(text: str) -> int:
    return sum(text in json.dumps(each.get_decoded()) for each in Session.objects.all())


def cached_that_says(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key, value FROM site_cache")
        rows = cursor.fetchall()
    return sum(text in f"{key} {pickle.loads(base64.b64decode(value))}" for key, value in rows)


# --- Nothing is left ------------------------------------------------------------------------------


def test_no_trace_of_a_buyer_is_left_and_the_record_is_as_it_was() -> None:
    alice, stella, raffle = person(), make_staff(), make_raffle()
    email = alice.email
    buy(raffle, alice, 2)
    buy(raffle, make_buyer("bob"))
    draw(raffle)
    signed_in, came = sign_in(email)
    assert came
    sign_in(email, "wrong")
    half_way = Client().session  # somebody signing up, who has typed the address
    half_way["account_verified_email"] = email
    half_way.save()
    desk = Client()
    desk.force_login(stella)
    change = reverse("admin:accounts_user_change", args=[alice.pk])
    desk.post(change, {"email": email, "first_name": "Alice", "is_active": "on"})
    EmailAddress.objects.get_or_create(user=alice, email=email)
    LogEntry.objects.create(
        user=stella, action_flag=2, object_repr="x", change_message=f"Wrote to {email.upper()}."
    )
    assert {"accounts_user.email", "django_admin_log.object_repr"} <= set(erasing.traces(email))
    assert sessions_that_say(email) == 2
    assert sessions_that_say(f'"_auth_user_id": "{alice.pk}"') == 1
    before, pseudonym = everything(raffle), raffle.pseudonym(alice.pk)
    assert verified(raffle)

    assert erasing.erase(alice) == []

    for text in (email, f"second-{email}", "Erasmus"):
        assert erasing.traces(text) == []
        assert sessions_that_say(text) == 0
        assert cached_that_says(text) == 0
    assert sessions_that_say(f'"_auth_user_id": "{alice.pk}"') == 0
    assert not EmailAddress.objects.filter(user=alice).exists()
    assert signed_in.get(reverse("raffle:tickets")).status_code == 302
    assert LogEntry.objects.filter(user=stella, object_id=str(alice.pk)).exists()
    assert everything(raffle) == before
    assert raffle.pseudonym(alice.pk) == pseudonym
    assert verified(raffle)


def test_nobody_signs_in_as_them_again() -> None:
    alice = person()
    email = alice.email
    assert sign_in(email)[1]
    erasing.erase(alice)
    alice.refresh_from_db()
    assert erasing.is_erased(alice)
    assert not erasing.is_erased(make_buyer())
    for address in (email, f"second-{email}", alice.email):
        assert not sign_in(address)[1]
    assert not alice.has_usable_password()
    assert not alice.is_active


def test_the_address_is_free_for_a_new_account() -> None:
    alice = person()
    email = alice.email
    erasing.erase(alice)
    assert User.objects.create_user(email).pk != alice.pk


def test_an_address_in_which_theirs_is_contained_is_somebody_else_s() -> None:
    ella, stella = person("ella"), make_staff()
    other = f"st{ella.email}.org"
    entry = LogEntry.objects.create(
        user=stella, action_flag=2, object_repr=other, change_message=f"Wrote to {ella.email}."
    )
    half_way = Client().session
    half_way["typed"] = other
    half_way.save()
    assert half_way.session_key
    erasing.erase(ella)
    entry.refresh_from_db()
    assert entry.object_repr == other
    assert ella.email not in entry.change_message
    assert half_way.exists(half_way.session_key)


def test_other_people_stay_as_they_are() -> None:
    alice, bob = person(), person("bob")
    stella = make_staff()
    LogEntry.objects.create(user=stella, action_flag=2, object_repr=bob.email, change_message="")
    browser, _ = sign_in(bob.email)
    erasing.erase(alice)
    bob.refresh_from_db()
    assert (bob.first_name, bob.is_active) == ("Alice", True)
    assert browser.get(reverse("raffle:tickets")).status_code == 200
    assert LogEntry.objects.get(user=stella).object_repr == bob.email
    assert EmailAddress.objects.filter(user=bob).count() == 2


def test_what_staff_typed_into_the_record_is_named() -> None:
    alice, raffle = person(), make_raffle()
    ticket = buy(raffle, alice).purchase.tickets.get()
    reason = f"asked for by {alice.email}"
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason=reason)
    assert erasing.erase(alice) == ["raffle_ledgerentry.line", "raffle_void.reason"]


def test_failed_sign_ins_are_forgotten_with_them() -> None:
    alice = person()
    sign_in(alice.email, "wrong")
    cache.set("mine", alice.email)
    assert cached_that_says(alice.email) == 1
    erasing.erase(alice)
    assert cached_that_says(alice.email) == 0
    assert cache.get("mine") is None


# --- Staff ----------------------------------------------------------------------------------------


def test_staff_are_erased_but_what_they_did_stays() -> None:
    stella = person("stella", is_staff=True, is_superuser=True)
    make_staff()  # so that somebody is left
    raffle = organising.open_raffle(raffle_id=make_raffle_by(stella).pk, by=stella)
    email = stella.email
    assert sign_in(email)[1]
    assert SignIn.objects.filter(user=stella, address="127.0.0.1").exists()
    before = everything(raffle)
    erasing.erase(stella)
    assert erasing.traces(email) == []
    assert everything(raffle) == before
    assert list(SignIn.objects.filter(user=stella).values_list("kind", "address")) == [("in", None)]
    stella.refresh_from_db()
    assert (stella.is_staff, stella.is_superuser) == (True, False)
    assert not stella.groups.exists()
    assert not stella.user_permissions.exists()
    assert verified(raffle)


def make_raffle_by(stella: User) -> Raffle:
    name = uuid.uuid4().hex
    raffle = Raffle(slug=name, name=name, organiser="The Club", prizes=["A bicycle"])
    organising.create_raffle(raffle, by=stella)
    return raffle


def test_the_last_superuser_stays() -> None:
    stella = make_staff()
    with transaction.atomic():
        User.objects.exclude(pk=stella.pk).update(is_superuser=False)
        with pytest.raises(erasing.LastSuperuser):
            erasing.erase(stella)
        other = make_staff()
        User.objects.filter(pk=other.pk).update(is_active=False)
        with pytest.raises(erasing.LastSuperuser):
            erasing.erase(stella)
        transaction.set_rollback(True)
    stella.refresh_from_db()
    assert stella.is_superuser


# --- The command ----------------------------------------------------------------------------------


def erase_person(*words: str) -> tuple[str, str]:
    said, told = StringIO(), StringIO()
    call_command("erase_person", *words, stdout=said, stderr=told)
    return said.getvalue(), told.getvalue()


def test_the_command_says_whom_and_answers_in_json() -> None:
    alice = person()
    email = alice.email
    buy(make_raffle(), alice)
    said, told = erase_person(f"SECOND-{email}", "--yes", "--json")
    assert json.loads(said) == {
        "erased": True, "account": alice.pk, "purchases": 1, "left_in": [],
    }  # fmt: skip
    assert "1 purchase(s), which stay" in told
    assert email not in said + told
    assert erasing.traces(email) == []


def test_the_command_says_what_is_left() -> None:
    alice = person()
    ticket = buy(make_raffle(), alice).purchase.tickets.get()
    organising.void_ticket(ticket_id=ticket.pk, by=make_staff(), reason=alice.email)
    said, _ = erase_person(alice.email, "--yes")
    assert said == (
        f"Erased account {alice.pk}."
        " Still typed into: raffle_ledgerentry.line, raffle_void.reason.\n"
    )


def test_the_command_asks_first_and_nobody_there_is_a_no() -> None:
    alice = person()
    with pytest.raises(CommandError) as refused:
        erase_person(alice.email)
    assert refused.value.returncode == 6
    assert User.objects.filter(email=alice.email).exists()


def test_the_command_knows_nobody_of_that_address() -> None:
    with pytest.raises(CommandError) as refused:
        erase_person("nobody@example.org", "--yes")
    assert refused.value.returncode == 3
