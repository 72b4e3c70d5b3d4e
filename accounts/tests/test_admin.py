"""Accounts in the admin: found by e-mail, and never both buyer and staff."""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from raffle.errors import StaffCannotBuy
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff


@pytest.fixture
def client() -> Client:
    return signed_in(make_staff())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def clerk() -> User:
    """Staff who may do to accounts whatever can be permitted, but no superuser."""
    user = make_buyer("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
    return user


def page(user: User, name: str = "change") -> str:
    return reverse(f"admin:accounts_user_{name}", args=[user.pk])


def form(user: User, **changed: Any) -> dict[str, Any]:
    sent = {"email": user.email, "first_name": user.first_name, "last_name": user.last_name}
    sent |= {name: "on" for name in ("is_active", "is_staff") if getattr(user, name)}
    return sent | changed


def test_an_account_is_made_from_an_address_and_a_password(client: Client) -> None:
    name = uuid.uuid4().hex
    password = "correct horse battery staple"
    sent = {"email": f"{name.upper()}@Example.org", "usable_password": "true"}
    sent |= {"password1": password, "password2": password}
    answer = client.post(reverse("admin:accounts_user_add"), sent)
    assert answer.status_code == 302
    user = User.objects.get(email=f"{name}@example.org")
    assert user.check_password(password)
    assert not user.is_staff


def test_two_accounts_never_share_an_address_in_other_letters(client: Client) -> None:
    alice, bob = make_buyer(), make_buyer()
    answer = client.post(page(bob), form(bob, email=alice.email.upper()))
    assert "There is an account with this e-mail address already." in answer.text
    bob.refresh_from_db()
    assert bob.email != alice.email


def test_a_buyer_is_not_made_staff_and_the_form_says_what_to_do(client: Client) -> None:
    alice = make_buyer()
    buy(make_raffle(), alice)
    answer = client.post(page(alice), form(alice, is_staff="on", first_name="Alice"))
    assert answer.status_code == 200
    assert "Create a separate staff account" in answer.text
    assert 'value="Alice"' in answer.text
    alice.refresh_from_db()
    assert not alice.is_staff


def test_a_purchase_of_this_very_moment_counts(client: Client) -> None:
    """Promoting waits for it: the form answers only once the purchase is committed or gone."""
    raffle, alice = make_raffle(), make_buyer()
    answers = []

    def promote() -> None:
        answers.append(client.post(page(alice), form(alice, is_staff="on")))
        connection.close()

    def purchase() -> None:
        with contextlib.suppress(StaffCannotBuy):
            buy(raffle, alice)
        connection.close()

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM accounts_user WHERE id = %s FOR KEY SHARE", [alice.pk])
        promoting = threading.Thread(target=promote)
        promoting.start()
        promoting.join(0.5)
        assert promoting.is_alive()
        other = threading.Thread(target=purchase)
        other.start()
        other.join(0.5)
        cursor.execute("COMMIT")
    promoting.join()
    other.join()
    alice.refresh_from_db()
    assert alice.is_staff != alice.purchases.exists()


def test_somebody_without_purchases_is_made_staff(client: Client) -> None:
    alice = make_buyer()
    assert client.post(page(alice), form(alice, is_staff="on")).status_code == 302
    alice.refresh_from_db()
    assert alice.is_staff


def test_a_buyer_is_not_deleted(client: Client) -> None:
    alice = make_buyer()
    buy(make_raffle(), alice)
    assert "protected" in client.get(page(alice, "delete")).text
    assert "protected" in client.post(page(alice, "delete"), {"post": "yes"}).text
    forged = {"action": "delete_selected", "_selected_action": str(alice.pk), "post": "yes"}
    assert "protected" in client.post(reverse("admin:accounts_user_changelist"), forged).text
    assert User.objects.filter(pk=alice.pk).exists()


def test_somebody_who_acted_as_staff_is_not_deleted(client: Client) -> None:
    stella, alice = make_staff(), make_buyer()
    signed_in(stella).post(page(alice), form(alice, first_name="Alice"))
    assert "did as staff" in client.post(page(stella, "delete"), {"post": "yes"}).text
    assert User.objects.filter(pk=stella.pk).exists()


def test_somebody_who_left_no_trace_is_deleted(client: Client) -> None:
    alice = make_buyer()
    assert client.post(page(alice, "delete"), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()


def test_a_changed_address_takes_the_old_one_out_of_use(client: Client) -> None:
    alice = make_buyer()
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    new = f"new-{alice.email}"
    assert client.post(page(alice), form(alice)).status_code == 302
    assert EmailAddress.objects.filter(user=alice).exists()
    assert client.post(page(alice), form(alice, email=new)).status_code == 302
    assert not EmailAddress.objects.filter(user=alice).exists()


def test_only_superusers_hand_out_powers() -> None:
    alice, chris = make_buyer(), clerk()
    forged = form(alice, is_staff="on", is_superuser="on", first_name="Alice")
    assert signed_in(chris).post(page(alice), forged).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.is_staff, alice.is_superuser) == ("Alice", False, False)


@pytest.mark.parametrize("name", ["change", "delete"])
def test_only_superusers_change_staff_accounts(name: str) -> None:
    boss, chris = make_staff(), clerk()
    for staff in (boss, chris):
        answer = signed_in(chris).post(page(staff, name), form(staff, email="x@example.org"))
        assert answer.status_code == 403
    password = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert signed_in(chris).get(password).status_code == 403


def test_the_pages_of_accounts_open(client: Client) -> None:
    alice = make_buyer()
    pages = (
        reverse("admin:accounts_user_changelist") + f"?q={alice.email}",
        reverse("admin:accounts_user_add"),
        page(alice),
        page(alice, "delete"),
        page(alice, "history"),
        reverse("admin:auth_user_password_change", args=[alice.pk]),
    )
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "style=" not in answer.text
