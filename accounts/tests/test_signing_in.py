"""The log of sign-ins: all of the staff, nothing of buyers, and never in anybody's way."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from accounts.models import SignIn, User
from raffle.tests.makers import make_buyer, make_staff

PASSWORD = "correct horse battery staple"


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def sign_in(address: str, password: str = PASSWORD) -> tuple[Client, bool]:
    client = Client(REMOTE_ADDR="203.0.113.7")
    said = client.post(reverse("account_login"), {"login": address, "password": password})
    return client, said.status_code == 302


def noted(user: User) -> list[tuple[str, str | None]]:
    return list(SignIn.objects.filter(user=user).order_by("pk").values_list("kind", "address"))


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_staff_come_leave_and_fail_to_come_in() -> None:
    stella = with_password(make_staff())
    client, _ = sign_in(stella.email)
    client.post(reverse("account_logout"))
    assert not sign_in(stella.email.upper(), "wrong")[1]
    here = "203.0.113.7"
    assert noted(stella) == [("in", here), ("out", here), ("failed", here)]


def test_buyers_are_not_tracked() -> None:
    alice = with_password(make_buyer())
    client, came = sign_in(alice.email)
    assert came
    client.post(reverse("account_logout"))
    sign_in(alice.email, "wrong")
    assert noted(alice) == []


def test_what_somebody_unknown_has_typed_is_not_kept() -> None:
    before = SignIn.objects.count()
    sign_in("my-password-in-the-wrong-field", "wrong")
    sign_in("nobody@example.org", "wrong")
    assert SignIn.objects.count() == before


def test_a_log_that_is_broken_keeps_nobody_out() -> None:
    stella = with_password(make_staff())
    sql("ALTER TABLE accounts_signin RENAME TO away")
    try:
        client, came = sign_in(stella.email)
        assert came
        assert client.get(reverse("admin:index")).status_code == 200
        assert not sign_in(stella.email, "wrong")[1]
        client.post(reverse("account_logout"))
        assert client.get(reverse("admin:index")).status_code == 302
    finally:
        sql("ALTER TABLE away RENAME TO accounts_signin")
    assert noted(stella) == []


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE accounts_signin SET kind = 'out'",
        "UPDATE accounts_signin SET at = now()",
        "UPDATE accounts_signin SET address = '203.0.113.8'",
        "UPDATE accounts_signin SET address = NULL, kind = 'out'",
        "DELETE FROM accounts_signin",
        "TRUNCATE accounts_signin",
    ],
)
def test_the_log_is_only_added_to(attack: str) -> None:
    stella = with_password(make_staff())
    sign_in(stella.email)
    with pytest.raises(IntegrityError):
        sql(attack)
    assert noted(stella) == [("in", "203.0.113.7")]


def test_no_setting_switches_the_log_s_guards_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgrelid = 'accounts_signin'::regclass ORDER BY tgname"
        )
        assert cursor.fetchall() == [("signin_kept", "A"), ("signin_never_truncated", "A")]


def test_an_address_can_be_forgotten() -> None:
    stella = with_password(make_staff())
    sign_in(stella.email)
    SignIn.objects.filter(user=stella).update(address=None)
    assert noted(stella) == [("in", None)]


def test_the_admin_shows_the_log_and_nobody_writes_it() -> None:
    stella = with_password(make_staff())
    client, _ = sign_in(stella.email)
    log = reverse("admin:accounts_signin_changelist")
    page = client.get(log, {"q": stella.email})
    assert "203.0.113.7" in page.text
    assert "signed in" in page.text
    assert "style=" not in page.text
    assert (
        "203.0.113.7"
        in client.get(log, {"at__gte": "2020-01-01 00:00:00+00:00", "kind__exact": "in"}).text
    )
    assert "203.0.113.7" not in client.get(log, {"at__lt": "2020-01-01 00:00:00+00:00"}).text
    note = SignIn.objects.get(user=stella)
    one = reverse("admin:accounts_signin_change", args=[note.pk])
    assert client.get(one).status_code == 200
    assert client.post(one, {"kind": "out"}).status_code == 403
    assert client.get(reverse("admin:accounts_signin_add")).status_code == 403
    delete = reverse("admin:accounts_signin_delete", args=[note.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_staff_who_signed_in_are_not_deleted() -> None:
    boss, stella = make_staff(), with_password(make_staff())
    sign_in(stella.email)
    client = Client()
    client.force_login(boss)
    delete = reverse("admin:accounts_user_delete", args=[stella.pk])
    assert "protected" in client.post(delete, {"post": "yes"}).text
    assert User.objects.filter(pk=stella.pk).exists()
