"""Proof of work on sign-up: a browser does a sum that costs a robot dear who wants a thousand.

A challenge is signed, good for a few minutes, and good once. Without JavaScript there is no proof:
such sign-ups are let in at a far lower rate, and wait for their e-mail check like all others.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time

import altcha
from allauth.core import ratelimit
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

GOOD_FOR = 15 * 60  # seconds
ALGORITHM = "PBKDF2/SHA-256"
WITHOUT = "signup_without_work"


def challenge() -> dict[str, object]:
    """A new one, for the browser to work out. How long it takes differs, but has an end."""
    made = altcha.create_challenge(
        ALGORITHM,
        settings.SIGNUP_WORK,
        counter=secrets.randbelow(400) + 100,
        expires_at=int(time.time()) + GOOD_FOR,
        hmac_secret=_key("challenge"),
        hmac_key_secret=_key("answer"),
    )
    return dict(made.to_dict())


@never_cache
@require_safe
def give(request: HttpRequest) -> JsonResponse:
    return JsonResponse(challenge())


def is_done(payload: str) -> bool:
    """Whether it is the answer to a challenge of ours, in time, and for the first time."""
    if not altcha.verify_solution(
        payload, _key("challenge"), hmac_key_secret=_key("answer")
    ).verified:
        return False
    signature = json.loads(base64.b64decode(payload))["challenge"]["signature"]
    used = hashlib.sha256(str(signature).encode()).hexdigest()
    return bool(cache.add(f"work:{used}", 1, timeout=GOOD_FOR))


def may_do_without(request: HttpRequest) -> bool:
    """Whether one more may sign up without proof: a few from one place, and not many from all."""
    return bool(ratelimit.consume(request, action=WITHOUT, key="all"))


def _key(purpose: str) -> bytes:
    return salted_hmac("accounts.work", purpose, algorithm="sha256").digest()
