"""The fast lane: the same answers as the site's own, and nobody gets in who would not there."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.sessions.models import Session
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from raffle import closing, selling
from raffle.api.fast_lane import A_WHILE, FastLane
from raffle.errors import Busy
from raffle.management.rushing import sign_in
from raffle.models import Purchase, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff, sold_numbers
from rafflesite.naming import SEEN

site = WSGIHandler()


class Watched:
    """The site, and what was asked of it: as somebody, and as nobody to learn its headers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "HTTP_COOKIE" in environ:
            self.asked.append(environ)
        return site(environ, start_response)


def request(raffle: Raffle, headers: dict[str, str], quantity: int = 1) -> dict[str, Any]:
    body = json.dumps({"quantity": quantity}).encode()
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": f"/api/raffles/{raffle.slug}/purchase",
        "QUERY_STRING": "", "HTTP_HOST": "localhost", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)), "HTTP_IDEMPOTENCY_KEY": uuid.uuid4().hex,
    }  # fmt: skip
    return environ | in_environ(headers)


def in_environ(headers: dict[str, str]) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def ask(application: Any, environ: dict[str, Any]) -> tuple[str, dict[str, str], Any]:
    told: list[tuple[str, dict[str, str]]] = []
    parts = application(environ, lambda status, headers: told.append((status, dict(headers))))
    body = b"".join(parts)
    getattr(parts, "close", lambda: None)()
    is_json = told[-1][1]["Content-Type"].startswith("application/")
    return (*told[-1], json.loads(body) if is_json else {})


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


@pytest.fixture
def hers(alice: User) -> dict[str, str]:
    """The headers of Alice's browser."""
    return sign_in([alice])[0]


def goes_the_long_way(environ: dict[str, Any]) -> tuple[str, dict[str, str], Any]:
    watched = Watched()
    answer = ask(FastLane(watched, abreast=9), environ)
    assert len(watched.asked) == 1
    return answer


# --- The same answers -----------------------------------------------------------------------------

Story = Callable[[Raffle, User], tuple[int, str]]  # what happened before; how many, and the key


def nothing_yet(raffle: Raffle, buyer: User) -> tuple[int, str]:
    return 2, "first"


def the_same_before(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, buyer, 1, "again")
    return 1, "again"


def another_with_that_key(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, buyer, 1, "again")
    return 2, "again"


def as_many_as_allowed(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, buyer, 2)
    return 1, "third"


def all_but_one_went(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, make_buyer(), 2)
    return 2, "late"


def all_went(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, make_buyer(), 2)
    buy(raffle, make_buyer(), 1)
    return 1, "too-late"


def all_went_to_her(raffle: Raffle, buyer: User) -> tuple[int, str]:
    buy(raffle, buyer, 2, "hers")
    buy(raffle, make_buyer(), 1)
    return 2, "hers"


def it_closed(raffle: Raffle, buyer: User) -> tuple[int, str]:
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    return 1, "closed"


def answers(
    story: Story, more: dict[str, str], language: str = ""
) -> list[tuple[str, dict[str, str], Any]]:
    """Of the lane and of the site, to twins; what must differ is taken out."""
    told = []
    for through in (FastLane(Watched(), abreast=9), site):
        raffle, buyer = make_raffle(capacity=3), make_buyer(language=language)
        quantity, key = story(raffle, buyer)
        environ = request(raffle, sign_in([buyer])[0], quantity) | in_environ(more)
        environ["HTTP_IDEMPOTENCY_KEY"] = key
        if language_cookie := more.get("Chose"):
            environ["HTTP_COOKIE"] += f"; django_language={language_cookie}"
        status, headers, body = ask(through, environ)
        if isinstance(through, FastLane):
            assert through._site.asked == []  # type: ignore[attr-defined]
        assert environ[SEEN][:2] == (headers["X-Request-ID"], buyer.pk)
        assert len(headers.pop("X-Request-ID")) == 16
        assert body.pop("instance", environ["PATH_INFO"]) == environ["PATH_INFO"]
        if "purchase" in body:
            bought = Purchase.objects.get(buyer=buyer, key=key)
            assert body.pop("purchase") == str(bought.pk)
        told.append((status, headers, body))
    return told


@pytest.mark.parametrize(
    ("story", "status"),
    [
        (nothing_yet, "200 OK"), (the_same_before, "200 OK"), (all_went_to_her, "200 OK"),
        (another_with_that_key, "422 Unprocessable Entity"), (as_many_as_allowed, "409 Conflict"),
        (all_but_one_went, "409 Conflict"), (all_went, "409 Conflict"), (it_closed, "409 Conflict"),
    ],
)  # fmt: skip
def test_answers_as_the_site_does(story: Story, status: str) -> None:
    lane, whole = answers(story, {})
    assert lane == whole
    assert lane[0] == status
    assert "Content-Security-Policy" in lane[1]


@pytest.mark.parametrize(
    ("more", "language"),
    [
        ({"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}, ""), ({"Accept-Language": "xx"}, ""),
        ({"Accept-Language": "de", "Chose": "es"}, ""), ({}, "de"), ({"Chose": "es"}, "de"),
        ({"Accept-Language": "es"}, "de"),
    ],
)  # fmt: skip
def test_speaks_the_language_that_the_site_would_speak(more: dict[str, str], language: str) -> None:
    lane, whole = answers(all_went, more, language)
    assert lane == whole


def test_a_busy_raffle_says_when_to_come_back(hers: dict[str, str]) -> None:
    raffle, told = make_raffle(), []
    for through in (FastLane(Watched(), abreast=9), site):
        with patch.object(selling, "sell", side_effect=Busy):
            status, headers, body = ask(through, request(raffle, hers))
        told.append((status, headers["Retry-After"], body["code"]))
    assert told == [("503 Service Unavailable", "2", "busy")] * 2


# --- What it leaves to the site -------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"HTTP_X_CSRFTOKEN": "x" * 32}, {"HTTP_X_CSRFTOKEN": ""}, {"HTTP_X_CSRFTOKEN": "short"},
        {"HTTP_ORIGIN": "http://elsewhere.example"}, {"HTTP_ORIGIN": "null"},
        {"HTTP_IDEMPOTENCY_KEY": ""}, {"HTTP_IDEMPOTENCY_KEY": "a b"},
        {"HTTP_IDEMPOTENCY_KEY": "k" * 201}, {"HTTP_IDEMPOTENCY_KEY": "a\x00"},
        {"CONTENT_TYPE": "text/plain"}, {"CONTENT_TYPE": "application/json; charset=utf-8"},
        {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "-1"}, {"CONTENT_LENGTH": "101"},
        {"CONTENT_LENGTH": "3"}, {"QUERY_STRING": "quantity=9"}, {"HTTP_HOST": "evil.example"},
        {"PATH_INFO": "/api/raffles/no-such-raffle/purchase"},
    ],
    ids=lambda odd: f"{next(iter(odd.items()))}",
)  # fmt: skip
def test_what_is_unusual_is_the_sites_to_answer(odd: dict[str, str], hers: dict[str, str]) -> None:
    raffle = make_raffle()
    lane = goes_the_long_way(request(raffle, hers) | odd)
    key = odd.get("HTTP_IDEMPOTENCY_KEY")
    whole = ask(site, request(raffle, hers) | odd)
    assert lane[0] == whole[0]
    assert lane[2].get("code") == whole[2].get("code")
    if not lane[0].startswith("200") and key is None:
        assert sold_numbers(raffle) == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"quantity": "1"}', b'{"quantity": true}', b'{"quantity": 1.0}',
        b'{"quantity": 0}', b'{"quantity": 1001}', b'{"quantity": NaN}', b'{"Quantity": 1}',
        b'{"quantity": 1, "userId": 7}', b"\xff", '{"quantity": 1}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_an_unusual_body_arrives_at_the_site_whole(body: bytes, hers: dict[str, str]) -> None:
    raffle = make_raffle()
    environ = request(raffle, hers)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    lane = goes_the_long_way(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    assert lane[2] == ask(site, environ)[2]
    assert not lane[0].startswith("200")
    assert sold_numbers(raffle) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_another_method_is_the_sites(method: str, hers: dict[str, str]) -> None:
    environ = request(make_raffle(), hers) | {"REQUEST_METHOD": method}
    assert goes_the_long_way(environ)[0].startswith("405")


def test_staff_and_drafts_are_the_sites(hers: dict[str, str]) -> None:
    theirs = sign_in([make_staff()])[0]
    assert goes_the_long_way(request(make_raffle(), theirs))[2]["code"] == "staff_cannot_buy"
    assert goes_the_long_way(request(make_draft(), hers))[2]["code"] == "not_found"


def signs_out(alice: User) -> None:
    Session.objects.all().delete()


def expires(alice: User) -> None:
    Session.objects.update(expire_date=timezone.now())


def changes_her_password(alice: User) -> None:
    alice.set_password("another")
    alice.save()


def is_blocked(alice: User) -> None:
    sql("UPDATE accounts_user SET is_active = false WHERE id = %s", alice.pk)


def is_tampered_with(alice: User) -> None:
    Session.objects.update(session_data="e30:1:forged")


@pytest.mark.parametrize(
    "event", [signs_out, expires, changes_her_password, is_blocked, is_tampered_with]
)
def test_whoever_is_nobody_any_more_is_nobody_at_once(
    event: Callable[[User], None], alice: User, hers: dict[str, str]
) -> None:
    raffle, lane = make_raffle(), FastLane(site, abreast=9)
    assert ask(lane, request(raffle, hers))[0] == "200 OK"
    event(alice)
    assert goes_the_long_way(request(raffle, hers))[2]["code"] == "sign_in"
    assert sold_numbers(raffle) == [1]


@pytest.mark.parametrize("session", ["", "short", "x" * 32, "ä" * 32, "x" * 5000])
def test_a_session_that_nobody_has_is_nobodys(session: str, hers: dict[str, str]) -> None:
    environ = request(make_raffle(), hers)
    token = hers["X-CSRFToken"]
    environ["HTTP_COOKIE"] = f"sessionid={session}; csrftoken={token}"
    assert goes_the_long_way(environ)[2]["code"] == "sign_in"


def test_a_session_signed_with_the_key_before_is_good_the_long_way(hers: dict[str, str]) -> None:
    from django.conf import settings  # noqa: PLC0415

    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="n" * 60, SECRET_KEY_FALLBACKS=[old]):
        assert goes_the_long_way(request(make_raffle(), hers))[0] == "200 OK"


def test_a_database_that_is_away_is_told_by_the_site(hers: dict[str, str]) -> None:
    away = OperationalError("no connection")
    with patch("accounts.recognising._look_ups.serve", side_effect=away):
        answer = goes_the_long_way(request(make_raffle(), hers))
    assert answer[0] == "200 OK", "the site looks by itself, and it was back by then"


def test_a_fault_in_the_lane_is_logged_and_blocks_nobody(
    hers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with patch("raffle.api.fast_lane.recognise", side_effect=ZeroDivisionError):
        assert goes_the_long_way(request(make_raffle(), hers))[0] == "200 OK"
    assert "The fast lane is blocked" in caplog.text


def test_over_https_another_sites_page_cannot_press_the_button(hers: dict[str, str]) -> None:
    secure = {"wsgi.url_scheme": "https", "SERVER_PORT": "443"}
    raffle = make_raffle()
    assert goes_the_long_way(request(raffle, hers) | secure)[2]["code"] == "csrf"
    elsewhere = secure | {"HTTP_ORIGIN": "http://localhost"}  # the same name without TLS
    assert goes_the_long_way(request(raffle, hers) | elsewhere)[2]["code"] == "csrf"
    watched = Watched()
    here = secure | {"HTTP_ORIGIN": "https://localhost"}
    assert ask(FastLane(watched, abreast=9), request(raffle, hers) | here)[0] == "200 OK"
    assert watched.asked == []


def test_a_body_that_does_not_come_keeps_no_place(hers: dict[str, str]) -> None:
    lane, raffle, free = FastLane(site, abreast=1), make_raffle(), []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            free.append(lane._places.are_empty)
            return super().read(size)

    environ = request(raffle, hers)
    environ["wsgi.input"] = Slow(environ["wsgi.input"].read())
    assert ask(lane, environ)[0] == "200 OK"
    assert free == [True]


def test_a_connection_that_cannot_be_given_back_keeps_no_place(hers: dict[str, str]) -> None:
    lane = FastLane(site, abreast=1)
    broken = patch("raffle.api.fast_lane.connection.close", side_effect=OperationalError("gone"))
    with broken, pytest.raises(OperationalError):
        lane.answer(request(make_raffle(), hers))
    assert lane._places.are_empty


def test_it_is_quiet_a_while_after_the_last_one_bought(hers: dict[str, str]) -> None:
    lane = FastLane(site, abreast=2)
    assert lane.is_quiet()
    ask(lane, request(make_raffle(), hers))
    assert not lane.is_quiet()
    with patch("raffle.api.fast_lane.time.monotonic", return_value=time.monotonic() + A_WHILE):
        assert lane.is_quiet()
        lane._places.enter()
        assert not lane.is_quiet()
