"""Signing in on the way to a ticket ends at the same raffle, with the quantity that was chosen."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.authenticator import PASSWORD, code, with_app, with_password
from raffle.tests.makers import make_buyer, make_raffle


@pytest.fixture(autouse=True)
def nobody_was_here_before() -> None:
    cache.clear()


@pytest.fixture
def verified(settings: Any) -> None:
    """As in production."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True


def chosen() -> str:
    return f"/raffles/{make_raffle().slug}/?quantity=2"


def link(page: str, words: str) -> str:
    """Where the link of these words on a page leads."""
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>\s*{re.escape(words)}', page)
    assert found, f"no link “{words}”"
    return html.unescape(found[1])


def carried(page: str) -> str:
    """What the form of a page will send as `next`."""
    found = re.search(r'<input type="hidden" name="next" value="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


def last_code() -> str:
    found = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def credentials(user: User) -> dict[str, str]:
    return {"login": user.email, "password": PASSWORD}


def new_person() -> dict[str, str]:
    email = f"person{uuid.uuid4().hex}@example.org"
    return {"email": email, "password1": PASSWORD, "password2": PASSWORD}


def test_by_password() -> None:
    goal, client, alice = chosen(), Client(), with_password(make_buyer())
    page = client.get(link(client.get(goal).text, "Sign in")).text
    answer = client.post(reverse("account_login"), credentials(alice) | {"next": carried(page)})
    assert answer.headers["Location"] == goal
    assert client.get(goal).status_code == 200


def test_by_a_code_in_the_mail() -> None:
    goal, client, alice = chosen(), Client(), with_password(make_buyer())
    page = client.get(link(client.get(goal).text, "Sign in")).text
    asking = link(page, "Send me a code")
    page = client.get(asking).text
    sent = client.post(
        reverse("account_request_login_code"), {"email": alice.email, "next": carried(page)}
    )
    typed = {"code": last_code(), "next": carried(client.get(sent.headers["Location"]).text)}
    answer = client.post(reverse("account_confirm_login_code"), typed)
    assert answer.headers["Location"] == goal


def test_by_password_and_second_factor() -> None:
    goal, client, alice = chosen(), Client(), with_password(make_buyer())
    secret = with_app(alice)
    client.post(reverse("account_login"), credentials(alice) | {"next": goal})
    answer = client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    assert answer.headers["Location"] == goal


def test_by_a_new_account() -> None:
    goal, client = chosen(), Client()
    page = client.get(link(client.get(goal).text, "Sign up")).text
    answer = client.post(reverse("account_signup"), new_person() | {"next": carried(page)})
    assert answer.headers["Location"] == goal


@pytest.mark.usefixtures("verified")
def test_by_a_new_account_whose_address_is_confirmed() -> None:
    goal, client = chosen(), Client()
    page = client.get(link(client.get(goal).text, "Sign up")).text
    sent = client.post(reverse("account_signup"), new_person() | {"next": carried(page)})
    confirm = sent.headers["Location"]
    assert confirm == reverse("account_email_verification_sent")
    assert client.get(goal).context["user"].is_anonymous
    answer = client.post(confirm, {"code": last_code()})
    assert answer.headers["Location"] == goal
    assert client.get(goal).context["user"].is_authenticated


def test_from_signing_in_to_signing_up_and_back() -> None:
    goal, client = chosen(), Client()
    sign_in = client.get(link(client.get(goal).text, "Sign in")).text
    sign_up = client.get(link(sign_in, "Make one")).text
    assert carried(sign_up) == goal
    assert parse_qs(urlsplit(link(sign_up, "Sign in")).query)["next"] == [goal]


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", "javascript:0"])
def test_no_way_leads_to_another_site(next_page: str) -> None:
    alice = with_password(make_buyer())
    answer = Client().post(reverse("account_login"), credentials(alice) | {"next": next_page})
    assert answer.headers["Location"] == "/"
