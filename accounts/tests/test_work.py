"""Proof of work on sign-up: signed, in time, once; and a narrow way without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

import altcha
import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts import work
from accounts.models import User
from accounts.tests.authenticator import PASSWORD
from raffle.tests.processes import ROOT

SIGN_UP = reverse("account_signup")


@pytest.fixture(autouse=True)
def nobody_was_here_before(settings: Any) -> None:
    settings.SIGNUP_WORK = 1
    cache.clear()


def solved(challenge: dict[str, Any]) -> str:
    """As the widget in a browser does it."""
    posed = altcha.Challenge.from_dict(challenge)
    found = altcha.solve_challenge(posed)
    assert found is not None
    return altcha.Payload(posed, found).to_base64()


def changed(payload: str, **parameters: Any) -> str:
    told = json.loads(base64.b64decode(payload))
    told["challenge"]["parameters"] |= parameters
    return base64.b64encode(json.dumps(told).encode()).decode()


def sign_up(proof: str = "", **fields: str) -> User | None:
    email = f"person{uuid.uuid4().hex}@example.org"
    sent = {"email": email, "password1": PASSWORD, "password2": PASSWORD, "work": proof}
    Client().post(SIGN_UP, sent | fields)
    return User.objects.filter(email=email).first()


def without_limit_left() -> None:
    while sign_up():
        pass


def test_a_proof_opens_the_way_however_many_came_without() -> None:
    without_limit_left()
    given = Client().get(reverse("account_challenge"))
    assert "no-store" in given.headers["Cache-Control"]
    assert sign_up(solved(given.json()))


def test_a_proof_is_good_once() -> None:
    proof = solved(work.challenge())
    assert sign_up(proof)
    assert not sign_up(proof)


def test_a_slip_in_another_field_costs_nobody_their_proof() -> None:
    proof = solved(work.challenge())
    assert not sign_up(proof, password2="another")
    assert sign_up(proof)


@pytest.mark.parametrize(
    "parameters", [{"cost": 0}, {"expiresAt": int(time.time()) + 10**6}, {"nonce": "00" * 16}]
)
def test_a_challenge_that_was_changed_is_none_of_ours(parameters: dict[str, Any]) -> None:
    assert not sign_up(changed(solved(work.challenge()), **parameters))


@pytest.mark.parametrize("nonsense", ["x", "e30=", "bnVsbA==", "W10=", "A" * 100_000, "\N{BELL}"])
def test_nonsense_is_no_proof(nonsense: str) -> None:
    assert not sign_up(nonsense)


def test_an_answer_must_be_the_right_one() -> None:
    told = json.loads(base64.b64decode(solved(work.challenge())))
    told["solution"]["derivedKey"] = "00" * 32
    assert not sign_up(base64.b64encode(json.dumps(told).encode()).decode())


def test_a_proof_is_good_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = solved(work.challenge())
    later = time.time() + work.GOOD_FOR + 1
    monkeypatch.setattr("altcha.v2.time.time", lambda: later)
    assert not work.is_done(proof)


def test_somebody_else_s_key_makes_no_challenges_of_ours(settings: Any) -> None:
    proof = solved(work.challenge())
    settings.SECRET_KEY = "another" * 10
    assert not work.is_done(proof)


def test_without_javascript_a_few_may_sign_up() -> None:
    assert sum(bool(sign_up()) for _ in range(8)) == 5


def test_how_long_it_takes_has_an_end() -> None:
    counters = {altcha.Payload.from_base64(solved(work.challenge())).solution.counter
                for _ in range(5)}  # fmt: skip
    assert all(100 <= counter < 500 for counter in counters)


def test_the_widget_is_the_one_that_was_looked_at() -> None:
    """README.md says which file it is; whoever changes one changes the other."""
    folder = Path(ROOT) / "static" / "altcha"
    line = re.compile(r"^\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|$", re.MULTILINE)
    told = line.findall((folder / "README.md").read_text())
    assert len(told) == 3
    for name, digest in told:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_it_is_never_off() -> None:
    assert settings.SIGNUP_WORK >= 1
