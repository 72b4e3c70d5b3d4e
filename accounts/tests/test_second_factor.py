"""Staff without their second factor have no powers, by any way; with it, all of theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import SignIn, User
from accounts.tests.authenticator import (
    PASSWORD,
    code,
    recovery_code,
    secret_of,
    sign_in,
    with_app,
    with_password,
)
from raffle.models import Raffle
from raffle.tests.makers import buy, make_buyer, make_raffle, make_staff
from raffle.tests.processes import ROOT, environment

ADMIN = "/admin/"
SET_UP = "/accounts/2fa/totp/activate/"
SHOW = "/accounts/2fa/reauthenticate/"


@pytest.fixture
def required(settings: Any) -> None:
    """As in production."""
    settings.STAFF_SECOND_FACTOR = True


def stella() -> User:
    return with_password(make_staff())


def led_to(client: Client, address: str) -> str:
    """Where `address` leads in the end, without its query."""
    answer = client.get(address, follow=True)
    return str(answer.redirect_chain[-1][0]).split("?")[0] if answer.redirect_chain else address


def draw_by_api(client: Client, raffle: Raffle) -> object:
    answer = client.post(
        f"/api/admin/raffles/{raffle.slug}/draw-winner", {}, content_type="application/json"
    )
    return answer.status_code, answer.json().get("code")


def doors(raffle: Raffle) -> list[str]:
    return [
        ADMIN,
        reverse("admin:raffle_raffle_changelist"),
        reverse("admin:raffle_raffle_change", args=[raffle.pk]),
        reverse("admin:accounts_user_add"),
        reverse("reports:index", args=[raffle.slug]),
        reverse("reports:export", args=[raffle.slug, "tickets"]),
    ]


# --- Required -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("required")
def test_by_password_alone_staff_get_no_further_than_to_setting_it_up() -> None:
    client, raffle = sign_in(stella()), make_raffle()
    buy(raffle, make_buyer())
    for door in doors(raffle):
        answer = client.get(door, follow=True)
        assert {hop for hop, _ in answer.redirect_chain if SET_UP in hop}, door
        assert raffle.name not in answer.text
    assert draw_by_api(client, raffle) == (403, "second_factor")
    draw = reverse("admin:raffle_raffle_draw", args=[raffle.pk])
    client.post(draw, {"slug": raffle.slug})
    raffle.refresh_from_db()
    assert raffle.status == "OPEN"


@pytest.mark.usefixtures("required")
def test_a_session_from_before_the_app_was_set_up_must_show_it() -> None:
    user = stella()
    client = sign_in(user)
    secret = with_app(user)
    assert led_to(client, ADMIN) == SHOW
    raffle = make_raffle()
    assert draw_by_api(client, raffle) == (403, "second_factor")
    answer = client.post(SHOW, {"code": code(secret), "next": ADMIN})
    assert (answer.status_code, answer.headers["Location"]) == (302, ADMIN)
    assert client.get(ADMIN).status_code == 200


@pytest.mark.usefixtures("required")
def test_setting_it_up_opens_every_door_in_the_same_session() -> None:
    user, raffle = stella(), make_raffle()
    buy(raffle, make_buyer())
    client = sign_in(user)
    client.get(SET_UP)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": SET_UP})
    page = client.get(SET_UP)
    assert "<svg" in page.text
    secret = client.session["mfa.totp.secret"]
    assert secret in page.text.replace(" ", "")
    done = client.post(SET_UP, {"code": code(secret)}, follow=True)
    assert "Recovery codes" in done.text or "recovery codes" in done.text
    assert secret_of(user) == secret
    for door in doors(raffle):
        assert client.get(door).status_code == 200, door
    assert draw_by_api(client, raffle) == (200, None)


@pytest.mark.usefixtures("required")
def test_signing_in_asks_for_the_app_and_then_opens() -> None:
    user = stella()
    secret = with_app(user)
    halfway = sign_in(user)
    assert led_to(halfway, ADMIN) != ADMIN
    client = sign_in(user, factor=code(secret))
    assert client.get(ADMIN).status_code == 200


@pytest.mark.usefixtures("required")
def test_a_recovery_code_stands_in_for_the_app_once() -> None:
    user = stella()
    with_app(user)
    spare = recovery_code(user)
    assert sign_in(user, factor=spare).get(ADMIN).status_code == 200
    again = sign_in(user)
    assert again.post(reverse("mfa_authenticate"), {"code": spare}).status_code == 200
    assert led_to(again, ADMIN) != ADMIN


@pytest.mark.usefixtures("required")
def test_who_takes_it_away_has_no_powers_until_it_is_set_up_anew() -> None:
    user = stella()
    client = sign_in(user, factor=code(with_app(user)))
    assert client.get(ADMIN).status_code == 200
    Authenticator.objects.filter(user=user).delete()
    assert led_to(client, ADMIN) != ADMIN
    assert draw_by_api(client, make_raffle()) == (403, "second_factor")


@pytest.mark.usefixtures("required")
def test_no_permission_is_left_whoever_asks_for_it() -> None:
    user = stella()
    assert user.has_perm("raffle.draw_winner")
    user.lacks_second_factor = True
    assert not user.has_perm("raffle.draw_winner")
    assert not user.has_perms(["raffle.draw_winner"])
    assert not user.has_module_perms("raffle")


@pytest.mark.usefixtures("required")
def test_buyers_need_none_and_are_not_asked() -> None:
    alice, raffle = with_password(make_buyer()), make_raffle()
    client = sign_in(alice)
    bought = client.post(
        f"/api/raffles/{raffle.slug}/purchase", {"quantity": 1}, content_type="application/json",
        headers={"Idempotency-Key": "5f0c8f0e-8b0a-4a57-9a71-0d5b6ff4c6a1"},
    )  # fmt: skip
    assert bought.status_code == 200, bought.text
    assert client.get(reverse("raffle:tickets")).status_code == 200


@pytest.mark.usefixtures("required")
def test_a_buyer_with_an_app_of_their_own_is_asked_at_sign_in() -> None:
    alice = with_password(make_buyer())
    secret = with_app(alice)
    assert sign_in(alice).get(reverse("raffle:tickets")).status_code == 302
    assert sign_in(alice, factor=code(secret)).get(reverse("raffle:tickets")).status_code == 200


@pytest.mark.usefixtures("required")
def test_the_way_back_leads_to_no_other_site() -> None:
    client = sign_in(stella())
    answer = client.get("/admin/login/", {"next": "https://evil.example/"})
    assert "evil" not in answer.headers["Location"]


# --- Where it is a demo ---------------------------------------------------------------------------


def test_on_this_machine_staff_start_at_once() -> None:
    assert not settings.STAFF_SECOND_FACTOR
    client = sign_in(stella())
    assert client.get(ADMIN).status_code == 200


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"LOCAL": "off"}, True),
        ({"LOCAL": "on"}, False),
        ({"LOCAL": "on", "STAFF_SECOND_FACTOR": "on"}, True),
    ],
)
def test_it_is_on_unless_this_machine_is_its_own_site(told: dict[str, str], wanted: bool) -> None:
    production = {
        "SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "raffle.example.org", "EMAIL_URL": "consolemail://"
    }  # fmt: skip
    show = "from django.conf import settings; print(settings.STAFF_SECOND_FACTOR)"
    done = subprocess.run(
        [sys.executable, "-c", show],
        env=environment(**production, **told, DJANGO_SETTINGS_MODULE="rafflesite.settings"),
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(wanted)


# --- The log --------------------------------------------------------------------------------------


def kinds(user: User) -> list[str]:
    return list(SignIn.objects.filter(user=user).order_by("pk").values_list("kind", flat=True))


def test_failures_of_the_second_factor_are_in_the_log() -> None:
    user = stella()
    with_app(user)
    client = sign_in(user)
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert kinds(user) == ["factor"]


def test_a_sign_in_is_noted_once_it_is_complete() -> None:
    user = stella()
    sign_in(user, factor=code(with_app(user)))
    assert kinds(user) == ["in"]


def test_a_buyer_s_second_factor_is_not_in_the_log() -> None:
    alice = with_password(make_buyer())
    with_app(alice)
    sign_in(alice).post(reverse("mfa_authenticate"), {"code": "000000"})
    assert kinds(alice) == []


# --- A lost phone ---------------------------------------------------------------------------------


def reset(*words: str) -> str:
    said = StringIO()
    call_command("reset_second_factor", *words, stdout=said, stderr=StringIO())
    return said.getvalue()


def test_a_reset_takes_it_away_signs_out_and_is_noted() -> None:
    user = stella()
    client = sign_in(user, factor=code(with_app(user)))
    assert json.loads(reset(user.email, "--yes", "--json")) == {
        "account": user.pk, "had_second_factor": True,
    }  # fmt: skip
    assert not Authenticator.objects.filter(user=user).exists()
    assert client.get(reverse("raffle:tickets")).status_code == 302
    assert kinds(user) == ["in", "reset"]
    assert "There was none" in reset(user.email, "--yes")


def test_a_reset_asks_first() -> None:
    user = stella()
    with_app(user)
    with pytest.raises(CommandError) as refused:
        reset(user.email)
    assert refused.value.returncode == 6
    with pytest.raises(CommandError) as refused:
        reset("nobody@example.org", "--yes")
    assert refused.value.returncode == 3
    assert secret_of(user)
