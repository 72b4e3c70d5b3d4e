"""What is written down while the site serves: a line a request, one name for all of them, and
nothing that identifies or lets in.
"""

from __future__ import annotations

import json
import logging
import socket
import struct
import time
import urllib.request
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.db import OperationalError
from django.test import Client, override_settings

from raffle.management.rushing import sign_in
from raffle.tests.makers import buy, make_buyer, make_raffle, sold_numbers
from raffle.tests.processes import served
from rafflesite import logs
from rafflesite.logs import JsonLine, Line, clean, clean_path

CODE = "0123456789abcdef0123456789abcdef"


def ask(address: str, **headers: str) -> tuple[int, str]:
    """The status, and the name that the answer gives its request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=named)) as answer:
            answer.read()
            return answer.status, answer.headers["X-Request-ID"]
    except HTTPError as error:
        return error.code, error.headers["X-Request-ID"]


def connected(site: str) -> socket.socket:
    host, _, port = urlsplit(site).netloc.partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# --- A line a request -----------------------------------------------------------------------------


def test_every_request_leaves_one_line_that_says_who_what_and_how_long(tmp_path: Path) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    browser = Client()
    browser.force_login(alice)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    with served(tmp_path, TRUSTED_PROXIES="1") as site:
        path, stream = f"/api/raffles/{raffle.slug}/tickets", f"/raffles/{raffle.slug}/ledger.jsonl"
        status, name = ask(
            f"{site}{path}?next=secret", Cookie=cookie, X_Forwarded_For="6.6.6.6, 203.0.113.7"
        )
        ask(f"{site}{stream}")
        ask(f"{site}/api/{CODE}{CODE}/")
    told = {line["path"]: line for line in lines(tmp_path / "stdout")}
    seen = told[path]
    assert (seen["request"], seen["status"], seen["method"]) == (name, status, "GET")
    assert (seen["user"], seen["address"]) == (alice.pk, "203.0.113.7")
    assert seen["bytes"] > 100
    assert 0 < seen["ms"] < 10_000
    assert seen["time"].endswith("+00:00")
    assert told[stream]["bytes"] > 500, "of a stream, too"
    assert told[stream]["user"] == "-"
    assert told["/api/…/"]["status"] == 404
    everything = (tmp_path / "stdout").read_text() + (tmp_path / "stderr").read_text()
    for secret in ("secret", CODE, alice.email, *(m.value for m in browser.cookies.values())):
        assert secret not in everything
    assert all(line["level"] for line in lines(tmp_path / "stderr")), "gunicorn's own, too"


def test_what_the_web_server_refuses_by_itself_leaves_its_line_too(tmp_path: Path) -> None:
    with served(tmp_path) as site, connected(site) as line:
        twice = "Content-Length: 1\r\nContent-Length: 2\r\n"
        line.sendall(f"POST /raffles/ HTTP/1.1\r\nHost: x\r\n{twice}\r\nab".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")
    (told,) = [told for told in lines(tmp_path / "stdout") if told["method"] == "POST"]
    assert (told["path"], told["status"], told["request"]) == ("/raffles/", 400, "-")
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_who_buys_and_hangs_up_leaves_a_line_too(tmp_path: Path) -> None:
    raffle, alice = make_raffle(), make_buyer()
    headers = sign_in([alice])[0] | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    body = '{"quantity": 1}'
    headers |= {"Content-Length": str(len(body))}
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    path = f"/api/raffles/{raffle.slug}/purchase"
    with served(tmp_path) as site:
        with connected(site) as line:
            at_once = struct.pack("ii", 1, 0)  # a reset, and not a polite goodbye
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(site).netloc}\r\n{told}\r\n"
            line.sendall(f"{head}{body}".encode())
        until = time.monotonic() + 10
        while not sold_numbers(raffle) and time.monotonic() < until:
            time.sleep(0.05)
    (seen,) = [seen for seen in lines(tmp_path / "stdout") if seen["path"] == path]
    assert (seen["status"], seen["user"]) == (200, alice.pk)


def test_at_a_terminal_it_is_short_and_leaves_out_what_pages_ask_by_themselves(
    tmp_path: Path,
) -> None:
    raffle = make_raffle()
    with served(tmp_path, LOG_FORMAT="short") as site:
        ask(f"{site}/raffles/{raffle.slug}/ledger.jsonl")
        ask(f"{site}/api/raffles/{raffle.slug}/state")
    (line,) = (tmp_path / "stdout").read_text().splitlines()
    assert line.startswith(f"GET /raffles/{raffle.slug}/ledger.jsonl 200 ")
    assert line.endswith(" ms")


# --- The name of a request ------------------------------------------------------------------------


def name_of(client: Client, path: str = "/healthz", **headers: str) -> str:
    return str(client.get(path, headers=headers).headers["X-Request-ID"])


def test_a_request_is_named_anew_each_time() -> None:
    assert name_of(Client()) != name_of(Client())


def test_the_name_that_a_trusted_proxy_gave_is_kept() -> None:
    given = {"X-Request-ID": "from-the-proxy.1"}
    through = given | {"X-Forwarded-For": "203.0.113.7"}
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=0):
        assert name_of(Client(), **through) != "from-the-proxy.1"
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        assert name_of(Client(), **through) == "from-the-proxy.1"
        assert name_of(Client(), **given) != "from-the-proxy.1", "nobody forwarded it"
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=2):
        assert name_of(Client(), **through) != "from-the-proxy.1", "one proxy was left out"


@pytest.mark.parametrize("bad", ["short", "x" * 65, "with space", 'quote"quote', "línea-línea"])
def test_a_name_that_is_not_well_formed_is_replaced(bad: str) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        assert name_of(Client(), **{"X-Request-ID": bad, "X-Forwarded-For": "::1"}) != bad


# --- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [(RuntimeError, 500, "We made a mistake"), (OperationalError, 503, "Back in a moment")],
)
def test_what_goes_wrong_is_logged_once_and_the_page_quotes_the_name(
    error: type[Exception],
    status: int,
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.handler.setFormatter(JsonLine())
    client = Client(raise_request_exception=False)
    with patch("raffle.pages.lists.listed", side_effect=error(f"for alice@example.org {CODE}")):
        answer = client.get("/?q=hidden")
    name = answer.headers["X-Request-ID"]
    assert answer.status_code == status
    assert says in answer.text
    assert f"<code>{name}</code>" in answer.text
    (line,) = [json.loads(line) for line in caplog.text.splitlines()]
    assert (line["request"], line["logger"]) == (name, "django.request")
    assert error.__name__ in line["error"]
    assert ("Traceback" in line["error"]) == (status == 500)
    for secret in ("alice@", CODE, "hidden"):
        assert secret not in caplog.text


# --- No secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "alice.o'hara+x@example.org",
        CODE,
        f"/accounts/confirm-email/{signing.dumps(7)}/",
        f"/accounts/password/reset/key/1-cxr2ab-{CODE}/",
        "password=hunter2",
        "hunter2",
    ],
)
def test_what_identifies_or_lets_in_is_cut_out(secret: str) -> None:
    said = clean(
        f"Gone wrong: /buy?password=hunter2&x=1 for alice.o'hara+x@example.org with {CODE}\n"
        f"at https://x.example/accounts/confirm-email/{signing.dumps(7)}/ or "
        f"/accounts/password/reset/key/1-cxr2ab-{CODE}/ by postgres://raffle:hunter2@db/raffle\n"
        "DETAIL:  Key (code)=(hunter2) already exists.\nend"
    )
    assert secret not in said
    assert clean_path(secret) != secret or not secret.startswith("/")
    assert said.startswith("Gone wrong: /buy for ")
    assert said.endswith("\nend")


@pytest.mark.parametrize(
    "harmless",
    [
        "/raffles/the-very-long-summer-raffle-of-our-village-2026/buy",
        "/api/raffles/the-very-long-summer-raffle-of-our-village-2026/purchase",
        "/receipts/3f0a1c52-7d6c-4a3f-9a39-0c0e3e6a1b11/",
        "/accounts/password/reset/",
    ],
)
def test_what_is_needed_to_find_something_stays(harmless: str) -> None:
    assert clean(harmless) == clean_path(harmless) == harmless


def test_a_line_for_people_names_the_request_and_is_clean_as_well() -> None:
    logs.request_id.set("the-name")
    record = logging.LogRecord("raffle", logging.INFO, "", 1, "of %s", ("a@example.org",), None)
    assert Line().format(record).endswith(" INFO raffle [the-name]: of …@…")
    logs.request_id.set("-")


def test_a_name_costs_next_to_nothing() -> None:
    """Not a benchmark, but a brake: a hundred times what it takes."""
    start = time.perf_counter()
    for _ in range(1000):
        clean_path("/api/raffles/demo/purchase")
    assert time.perf_counter() - start < 0.2
