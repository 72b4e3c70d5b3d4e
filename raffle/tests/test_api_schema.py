"""What is written about the API is true: its description (under made-up requests), its document."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from raffle import closing
from raffle.api.problems import kinds
from raffle.models import Raffle
from raffle.tests.makers import buy, draw, make_buyer, make_raffle, make_staff

TOKEN = "t" * 32
SLUG = re.compile("[-a-zA-Z0-9_]+")
NOT_IN_THE_API = {
    "already_settled",
    "not_a_picture",
    "too_many_pixels",
    "picture_is_fixed",
    "already_void",
    "asked_anew",
    "not_ready",
    "too_many_to_check",
    "claim_still_possible",
    "claim_too_late",
    "closed_for_good",
    "closes_in_the_past",
    "frozen",
    "not_a_draft",
    "not_reconciled",
    "numbers_differ",
    "one_person_is_enough",
    "wrong_code",
    "wrong_numbers",
}

schema = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
thorough = settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


# Requests are made up before there is a database, so sessions get their keys before their people.
BUYERS_SESSION, STAFF_SESSION = uuid.uuid4().hex, uuid.uuid4().hex


class Buyer:
    """Signs requests in, except those that are meant to come without a session or a token."""

    session = BUYERS_SESSION

    def get(self, _case: Any, _context: Any) -> str:
        return self.session

    def set(self, case: Any, session: str, _context: Any) -> None:
        cookies = {
            django_settings.SESSION_COOKIE_NAME: session,
            django_settings.CSRF_COOKIE_NAME: TOKEN,
        }
        case.cookies = {**(case.cookies or {}), **cookies}
        case.headers["X-CSRFToken"] = TOKEN


class Staff(Buyer):
    session = STAFF_SESSION


@pytest.fixture(scope="module", autouse=True)
def sessions() -> None:
    for key, user in ((BUYERS_SESSION, make_buyer()), (STAFF_SESSION, make_staff())):
        client = Client()
        client.force_login(user)
        Session.objects.filter(pk=client.session.session_key).update(session_key=key)


def send(case: Any, raffle: Raffle) -> None:
    """Send `case`, at `raffle` if it is meant for any; all checks that schemathesis has are on."""
    if SLUG.fullmatch(str(case.path_parameters.get("slug", ""))):
        case.path_parameters["slug"] = raffle.slug
    if case.meta.generation.mode.is_positive and "purchase" in case.path:
        case.body.pop("userId", None)  # nearly always somebody else's: refused, and rightly so
    response = case.call()
    # The description cannot say that a key which was good once is not good for something else.
    reused = b"idempotency_key_reused" in response.content
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if reused else [])


@pytest.fixture(scope="module")
def raffle() -> Raffle:
    return make_raffle(capacity=3000, limit=2000)


@pytest.fixture(scope="module")
def ready_to_draw() -> Callable[[], Raffle]:
    """An open raffle with a ticket sold; a new one only when the last has been closed."""
    alice = make_buyer()
    made: list[Raffle] = []

    def ready() -> Raffle:
        if not made or Raffle.objects.get(pk=made[-1].pk).status != Raffle.Status.OPEN:
            made.append(make_raffle())
            buy(made[-1], alice)
        return made[-1]

    return ready


@pytest.mark.parametrize("session", [BUYERS_SESSION, STAFF_SESSION], ids=["buyer", "staff"])
def test_the_sessions_are_good(raffle: Raffle, session: str) -> None:
    client = Client()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session

    assert client.get(f"/api/raffles/{raffle.slug}/tickets").status_code == 200


@schema.parametrize()
@thorough
def test_as_a_visitor(case: Any, raffle: Raffle) -> None:
    send(case, raffle)


@schema.auth(Buyer)
@schema.parametrize()
@thorough
def test_as_a_buyer(case: Any, raffle: Raffle) -> None:
    send(case, raffle)


@schema.auth(Staff)
@schema.parametrize()
@thorough
def test_as_staff(case: Any, raffle: Raffle, ready_to_draw: Callable[[], Raffle]) -> None:
    send(case, ready_to_draw() if "/admin/" in case.path else raffle)


def test_every_stage_is_as_described() -> None:
    """Made-up requests do not come as far as a beacon."""
    waiting, drawn, cancelled = (make_raffle(method=how) for how in ("beacon", "local", "local"))
    for sold in (waiting, drawn, cancelled):
        buy(sold, make_buyer())
    draw(drawn)
    closing.cancel_raffle(raffle_id=cancelled.pk, by=None, reason="Rain.")
    button = schema["/api/admin/raffles/{slug}/draw-winner"]["POST"]
    case = button.Case(path_parameters={"slug": waiting.slug})
    Staff().set(case, STAFF_SESSION, None)
    answer = case.call()
    case.validate_response(answer, excluded_checks=[ignored_auth])  # the session is no made-up one
    assert answer.status_code == 202
    for shown in (waiting, drawn, cancelled):
        state = schema["/api/raffles/{slug}/state"]["GET"]
        told = state.Case(path_parameters={"slug": shown.slug}).call_and_validate().json()
        described = schema.raw_schema["components"]["schemas"]["State"]["properties"]
        assert told.keys() <= described.keys()


# --- docs/api.md ----------------------------------------------------------------------------------

DOCUMENT = (django_settings.BASE_DIR / "docs" / "api.md").read_text()


def test_the_example_in_the_documentation_works(raffle: Raffle, site: str) -> None:
    alice = make_buyer(password="a password of hers")
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    for written, meant in {
        "http://127.0.0.1:8000": site,
        "/summer/": f"/{raffle.slug}/",
        "you@example.org": alice.email,
        '"…"': '"a password of hers"',
    }.items():
        assert written in example
        example = example.replace(written, meant)
    names: dict[str, Any] = {}

    exec(example, names)

    names["web"].close()
    assert names["bought"].json()["key"] == "order-4711"
    assert raffle.tickets.filter(buyer=alice).count() == 2


def test_the_documented_codes_exist_with_their_status() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", DOCUMENT, re.MULTILINE)
    written = {
        (code, int(status)) for status, codes in rows for code in re.findall("[a-z_]+", codes)
    }
    known = {(code, kind.status) for code, kind in kinds().items()}

    assert written <= known
    assert {code for code, _ in known - written} == NOT_IN_THE_API
