"""One mailbox, one account, however the address is spelled; and nobody learns who has one."""

from __future__ import annotations

import re
import uuid
from importlib import import_module
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.core.mail.message import sanitize_address
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from accounts import erasing
from accounts.mailboxes import canonical
from accounts.models import User, UserManager
from accounts.tests.authenticator import PASSWORD, sign_in, with_password
from raffle.tests.makers import make_buyer, make_buyers


@pytest.fixture
def verified(settings: Any) -> None:
    """As in production."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False


def someone() -> str:
    return f"person{uuid.uuid4().hex[:10]}"


def sign_up(email: str, client: Client | None = None) -> Any:
    cache.clear()
    sent = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return (client or Client()).post(reverse("account_signup"), sent)


def last_code() -> str:
    found = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice@Example.org", "alice@example.org"),
        ("alice+raffle@example.org", "alice@example.org"),
        ("a.l.i.c.e@gmail.com", "alice+x@googlemail.com"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}lice@example.org", "alice@example.org"),
        ("alice@example.org.", "alice@example.org"),
        ('"alice"@example.org', "alice@example.org"),
        (r'"al\ice+x"@example.org', "alice@example.org"),
    ],
)
def test_one_mailbox_whatever_its_spelling(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.lice@example.org", "alice@example.org"),
        ("alice@example.org", "alice@example.com"),
        ("+alice@example.org", "+bob@example.org"),
        ("...@gmail.com", "@gmail.com"),
    ],
)
def test_different_mailboxes_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_how_long_it_takes_does_not_tell_who_has_an_account(
    verified: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, made = MD5PasswordHasher.encode, []

    def counted(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        made.append(password)
        return encode(hasher, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    user = make_buyer()
    for address in (f"{someone()}@example.org", user.email, user.email.replace("@", "+x@")):
        made.clear()
        assert sign_up(address).status_code == 302
        assert made == [PASSWORD], address


def test_mail_to_a_quoted_name_goes_to_the_same_mailbox() -> None:
    """Why quotes do not count: the name is sent to the mail server without them."""
    assert sanitize_address('"alice"@example.org', "utf-8") == "alice@example.org"


def test_the_database_refuses_a_second_account_of_a_mailbox() -> None:
    name = someone()
    User.objects.create_user(f"{name}@gmail.com")
    with pytest.raises(IntegrityError):
        User.objects.create_user(f"{name[:3]}.{name[3:]}+b@googlemail.com")
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(email=f"{name}+c@gmail.com")])
    other = User.objects.create_user(f"{someone()}@gmail.com")
    other.email = f"{name}+d@gmail.com"
    with pytest.raises(IntegrityError):
        other.save(update_fields=["email"])


def test_many_at_once_each_have_theirs() -> None:
    assert all(user.mailbox == canonical(user.email) for user in make_buyers(3))


def test_the_address_is_kept_as_it_was_typed() -> None:
    name = someone()
    sign_up(f"{name}+tag@example.org")
    assert User.objects.get(mailbox=f"{name}@example.org").email == f"{name}+tag@example.org"


def test_where_no_mail_is_read_the_form_says_it() -> None:
    name = someone()
    sign_up(f"{name}@example.org")
    answer = sign_up(f"{name}+again@example.org")
    assert "already registered" in answer.text
    assert User.objects.filter(mailbox=f"{name}@example.org").count() == 1


@pytest.mark.usefixtures("verified")
def test_the_answer_tells_nobody_who_has_an_account() -> None:
    name = someone()
    new = sign_up(f"{name}@example.org")
    mail.outbox.clear()
    known = sign_up(f"{name}+again@example.org")
    unknown = sign_up(f"{someone()}@example.org")
    assert new.headers["Location"] == known.headers["Location"] == unknown.headers["Location"]
    assert (new.status_code, known.status_code, unknown.status_code) == (302, 302, 302)
    assert "already exists" in str(mail.outbox[0].body)
    assert mail.outbox[0].to == [f"{name}+again@example.org"]
    assert User.objects.filter(mailbox=f"{name}@example.org").count() == 1


@pytest.mark.usefixtures("verified")
def test_two_sign_ups_in_the_same_moment_make_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither sees the other yet: the database decides, and both get the same answer."""
    name = someone()
    monkeypatch.setattr(UserManager, "has_mailbox", lambda *_, **__: False)
    first, second = sign_up(f"{name}@example.org"), sign_up(f"{name}+again@example.org")
    assert first.headers["Location"] == second.headers["Location"]
    assert User.objects.filter(mailbox=f"{name}@example.org").count() == 1


@pytest.mark.usefixtures("verified")
def test_an_address_is_changed_once_it_is_confirmed() -> None:
    alice = with_password(make_buyer())
    new = f"{someone()}+tag@example.org"
    client = change_address(alice, new)
    client.post(reverse("account_email_verification_sent"), {"code": last_code()})
    alice.refresh_from_db()
    assert (alice.email, alice.mailbox) == (new, canonical(new))
    assert list(EmailAddress.objects.filter(user=alice).values_list("email", flat=True)) == [new]


@pytest.mark.usefixtures("verified")
def test_an_address_is_not_changed_to_the_mailbox_of_somebody_else() -> None:
    alice, bob = with_password(make_buyer()), with_password(make_buyer("bob"))
    before = alice.email
    client = change_address(alice, bob.email.replace("@", "+mine@"))
    answer = client.post(
        reverse("account_email_verification_sent"), {"code": last_code()}, follow=True
    )
    assert "Another account has this mailbox already." in answer.text
    alice.refresh_from_db()
    assert alice.email == before


def change_address(user: User, new: str) -> Client:
    client = sign_in(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/accounts/"})
    answer = client.post(reverse("account_email"), {"email": new, "action_add": ""})
    assert answer.status_code == 302, answer.text
    return client


def test_erasing_gives_the_mailbox_back() -> None:
    name = someone()
    user = User.objects.create_user(f"{name}+x@gmail.com")
    erasing.erase(user)
    assert erasing.traces(f"{name}@gmail.com") == []
    assert not User.objects.has_mailbox(f"{name}@googlemail.com")


def test_accounts_that_shared_a_mailbox_before_the_rule_keep_working() -> None:
    """The migration marks all but the oldest; nobody is locked out, and nobody new joins them."""
    name = someone()
    old, young = make_buyers(2)
    for user, tag in ((old, "a"), (young, "b")):
        User.objects.filter(pk=user.pk).update(email=f"{name}+{tag}@example.org")
    import_module("accounts.migrations.0005_one_account_a_mailbox").fill(apps, None)
    old.refresh_from_db()
    young.refresh_from_db()
    assert old.mailbox == f"{name}@example.org"
    assert young.mailbox == f"{name}@example.org #{young.pk}"
    young.save()
    old.save()
    young.refresh_from_db()
    assert young.mailbox == f"{name}@example.org #{young.pk}"
    young.email = f"{someone()}@example.org"
    young.save()
    assert young.mailbox == young.email
