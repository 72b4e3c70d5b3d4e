"""nginx as it is shipped, before gunicorn: what it keeps, passes on, limits and says by itself."""

from __future__ import annotations

import gzip
import json
import re
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from raffle.models import Raffle
from raffle.tests.conftest import _free_port
from raffle.tests.makers import buy, draw, make_buyer, make_raffle
from raffle.tests.processes import ROOT, served
from raffle.tests.proxying import HOST, SHIPPED, Proxy, proxied

CSRF = "c" * 32
MOST = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy")


@pytest.fixture(scope="module")
def production(database: None, collected: str, out: Path) -> Iterator[int]:
    """The port of gunicorn with production's settings."""
    told = {
        "LOCAL": "off",
        "EMAIL_URL": "consolemail://",
        "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": f"https://{HOST}",
        "STATIC_ROOT": collected,
    }
    with served(out, **told) as site:
        yield urlsplit(site).port or 0


@pytest.fixture(scope="module")
def proxy(production: int, out: Path) -> Iterator[Proxy]:
    with proxied(out, production) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def raffle(database: None) -> Raffle:
    return make_raffle()


def browser(user: User) -> dict[str, str]:
    """The headers of a signed-in browser that shows a page of the site."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {
        "Cookie": f"__Host-sid={session}; __Host-csrf={CSRF}",
        "X-CSRFToken": CSRF,
        "Origin": f"https://{HOST}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }


def seen(out: Path, path: str) -> list[dict[str, Any]]:
    """What gunicorn has logged of `path`."""
    time.sleep(0.1)  # a line is written when the answer is out
    lines = map(json.loads, (out / "stdout").read_text().splitlines())
    return [line for line in lines if line["path"] == path]


def state_of(raffle: Raffle) -> str:
    return f"/api/raffles/{raffle.slug}/state"


def purchase_of(raffle: Raffle) -> str:
    return f"/api/raffles/{raffle.slug}/purchase"


# --- What is kept ---------------------------------------------------------------------------------


def test_the_state_is_asked_once_for_all_visitors_and_not_under_other_names(
    proxy: Proxy, out: Path
) -> None:
    raffle, alice = make_raffle(), make_buyer("alice")
    path = state_of(raffle)
    odd = path.replace("/api/", "/api/../%61pi//")  # asked first: the site would not know it
    asked = [odd, *[f"{path}{query}" for query in ("", "?x=1", "?x=2")] * 8]

    answers = [proxy.ask(each, browser(alice) if n % 2 else None) for n, each in enumerate(asked)]

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert all("Set-Cookie" not in answer.headers for answer in answers)
    assert all("X-Request-ID" not in answer.headers for answer in answers)  # it is another's
    assert 1 <= len(seen(out, path)) <= 3


def test_whoever_has_the_state_already_is_told_so(proxy: Proxy, raffle: Raffle) -> None:
    first = proxy.ask(state_of(raffle))
    again = proxy.ask(state_of(raffle), {"If-None-Match": first.headers["ETag"]})
    other = proxy.ask(state_of(raffle), {"If-None-Match": '"other"'})
    assert (again.status, again.body, other.status) == (304, b"", 200)
    assert again.headers["ETag"] == first.headers["ETag"]


def test_whoever_asks_after_a_while_never_gets_what_was_kept_before_the_draw(proxy: Proxy) -> None:
    """Also the first one, whose question makes nginx ask anew."""
    raffle = make_raffle()
    buy(raffle, make_buyer())
    assert "winning_ticket" not in proxy.ask(state_of(raffle)).json
    draw(raffle)
    time.sleep(2.6)  # nginx counts whole seconds: kept for one to two; and half of one in the site
    assert proxy.ask(state_of(raffle)).json["winning_ticket"] == 1


def test_personal_answers_never_mix_and_nothing_but_public_ones_is_ever_written_down(
    proxy: Proxy, raffle: Raffle
) -> None:
    alice, bob = make_buyer("alice"), make_buyer("bob")
    raffle = make_raffle()
    codes = {}
    for person in (alice, bob):
        buy(raffle, person)
        codes[person] = raffle.tickets.get(buyer=person).code
    private = ["/tickets/", f"/raffles/{raffle.slug}/", f"/api/raffles/{raffle.slug}/tickets"]
    for _ in range(2):
        for path in private:
            told = {person: proxy.ask(path, browser(person)) for person in (alice, bob)}
            stranger = proxy.ask(path)
            for person, other in ((alice, bob), (bob, alice)):
                assert told[person].status == 200
                assert "no-store" in told[person].headers["Cache-Control"]
                assert codes[other].encode() not in told[person].body
                assert codes[person].encode() not in stranger.body
            assert told[alice].body != told[bob].body
    for path in ("/", state_of(raffle), "/static/raffle/favicon.svg", "/accounts/login/"):
        proxy.ask(path, browser(alice))

    kept = [file.read_bytes() for file in proxy.files.rglob("*") if file.is_file()]
    keys = [found[1] for text in kept if (found := re.search(rb"\nKEY: (.*)\n", text))]
    public = re.compile(
        rb"https%s(/api/raffles/[-\w]+/state|/static/[-\w./]+?(gzip)?)" % HOST.encode()
    )
    assert keys
    assert [key for key in keys if not public.fullmatch(key)] == []
    assert not any(code.encode() in text for code in codes.values() for text in kept)
    assert not any(b"\nSet-Cookie:" in text for text in kept)


def test_what_is_no_success_is_not_kept(proxy: Proxy, out: Path) -> None:
    path = f"/api/raffles/nothing-{uuid.uuid4()}/state"
    assert [proxy.ask(path).status for _ in range(3)] == [404, 404, 404]
    assert len(seen(out, path)) == 3


def test_static_files_come_from_the_proxy_in_the_form_that_is_understood(
    proxy: Proxy, out: Path
) -> None:
    page = proxy.ask("/").body.decode()
    (path,) = re.findall(r'href="(/static/raffle/style\.[^"]+)"', page)
    zipped = [proxy.ask(path, {"Accept-Encoding": f"gzip, deflate, x{n}"}) for n in range(5)]
    plain = [proxy.ask(path) for _ in range(5)]
    assert {gzip.decompress(answer.body) for answer in zipped} == {plain[0].body}
    assert all("immutable" in answer.headers["Cache-Control"] for answer in [*zipped, *plain])
    assert len(seen(out, path)) == 2
    etag = plain[0].headers["ETag"]
    assert proxy.ask(path, {"If-None-Match": etag}).status == 304


# --- What is compressed ---------------------------------------------------------------------------


def test_only_what_everybody_may_have_is_compressed(proxy: Proxy, raffle: Raffle) -> None:
    raffle = make_raffle(prizes=["A bicycle"] * 100)
    for _ in range(5):
        buy(raffle, make_buyer())
    alice = browser(make_buyer("alice")) | {"Accept-Encoding": "gzip"}
    for path in ("/", f"/raffles/{raffle.slug}/", "/accounts/login/", "/tickets/"):
        assert "Content-Encoding" not in proxy.ask(path, alice).headers, path
    ledger = proxy.ask(f"/raffles/{raffle.slug}/ledger.jsonl", alice)
    assert ledger.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(ledger.body).count(b"\n") == 7


# --- What the site is told ------------------------------------------------------------------------


def test_http_leads_to_https_which_speaks_http_2(proxy: Proxy) -> None:
    answer = proxy.ask("/raffles/x/?a=b", tls=False)
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}/raffles/x/?a=b"

    context = ssl.create_default_context(cafile=str(proxy.files.parent / "tls/certificate.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", proxy.secure)) as line,
        context.wrap_socket(line, server_hostname=HOST) as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"
        assert secured.version() == "TLSv1.3"
    assert "max-age=31536000" in proxy.ask("/").headers["Strict-Transport-Security"]


def test_nobody_chooses_the_address_the_scheme_or_the_name_that_the_site_sees(
    proxy: Proxy, out: Path
) -> None:
    path = f"/raffles/spoofed-{uuid.uuid4()}/"
    answer = proxy.ask(
        path,
        {
            "X-Forwarded-For": "6.6.6.6",
            "X-Request-ID": "chosen-by-me",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Ssl": "off",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "for=6.6.6.6;proto=http",
        },
    )
    assert answer.status == 404  # no redirect to HTTPS, no complaint
    (line,) = seen(out, path)
    assert line["address"] == "127.0.0.1"
    assert re.fullmatch("[0-9a-f]{32}", line["request"])
    assert answer.headers["X-Request-ID"] == line["request"]


def test_only_the_site_s_own_names_are_answered(proxy: Proxy) -> None:
    assert proxy.ask("/", {"Host": "evil.example"}).status == 400


def test_a_buyer_buys_over_https_and_another_site_cannot_do_it_for_them(
    proxy: Proxy, raffle: Raffle
) -> None:
    alice = make_buyer("alice")
    sent, body = browser(alice), b'{"quantity": 1}'
    stolen = sent | {"Origin": "https://evil.example"}
    without = {name: value for name, value in sent.items() if name != "X-CSRFToken"}

    refused = [proxy.post(purchase_of(raffle), body, told) for told in (stolen, without)]
    bought = proxy.post(purchase_of(raffle), body, sent)

    assert [answer.json["code"] for answer in refused] == ["csrf", "csrf"]
    assert bought.status == 200
    assert bought.json["tickets"] == [raffle.tickets.get(buyer=alice).number]


# --- What nginx says by itself --------------------------------------------------------------------


def test_a_body_may_be_as_long_as_the_site_takes_and_no_longer(
    proxy: Proxy, raffle: Raffle
) -> None:
    sent = browser(make_buyer("alice"))
    just = proxy.post(purchase_of(raffle), b" " * MOST, sent)
    above = proxy.post(purchase_of(raffle), b" " * (MOST + 1), sent)
    page = proxy.post("/accounts/login/", b" " * (MOST + 1), sent)
    picture = proxy.post("/admin/raffle/raffle/1/picture/", b" " * 5_020_000, sent)

    assert just.json["code"] == "malformed"  # the site has read it
    assert_problem(above, 413, "too_large", purchase_of(raffle))
    assert page.status == 413
    assert b"<h1>Too large</h1>" in page.body
    assert picture.status in {302, 403}  # she is no staff


def test_a_site_that_does_not_answer_is_told_with_the_time_to_ask_again(tmp_path: Path) -> None:
    with proxied(tmp_path, _free_port()) as proxy:
        page = proxy.ask("/raffles/x/?secret=1")
        state = proxy.ask("/api/raffles/x/state")
        token = "A" * 50
        proxy.ask(f"/reminders/{token}/")
        press = proxy.post("/api/raffles/x/purchase", b"{}")
        log = proxy.log("access.log")
    assert page.status == 503
    assert "Ihre Lose sind sicher" in page.body.decode()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["X-Request-ID"] in page.body.decode()
    assert_problem(state, 503, "outcome_unknown", "/api/raffles/x/state")
    assert_problem(press, 503, "outcome_unknown", "/api/raffles/x/purchase")
    for answer in (page, state, press):
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Cache-Control"] == "no-store"
    first, *_ = [json.loads(line) for line in log.splitlines()]
    assert first["path"] == "/raffles/x/"
    assert first["request"] == page.headers["X-Request-ID"]
    assert "secret" not in log
    assert token not in log


def test_whoever_asks_too_often_is_told_when_to_ask_again(tmp_path: Path, production: int) -> None:
    rates = {"rate=200r/s": "rate=1r/s", "rate=2000r/s": "rate=1r/s"}
    bursts = {"burst=2000": "burst=1", "burst=4000": "burst=1"}
    with proxied(tmp_path, production, rates | bursts) as proxy:
        pages, presses, states = (
            [proxy.ask(path) for _ in range(3)][-1]
            for path in ("/", "/api/raffles/x/purchase", "/api/raffles/x/state")
        )
    assert pages.status == 429
    assert b"<h1>Too many requests</h1>" in pages.body
    assert_problem(presses, 429, "too_many_requests", "/api/raffles/x/purchase")
    assert_problem(states, 429, "too_many_requests", "/api/raffles/x/state")
    assert {answer.headers["Retry-After"] for answer in (pages, presses, states)} == {"2"}


def assert_problem(answer: Any, status: int, code: str, path: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail", "code", "instance"}
    assert (answer.json["status"], answer.json["code"]) == (status, code)
    assert answer.json["instance"] == path


# --- What must fit together -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["upstream.conf", "compose/upstream.conf"])
def test_connections_are_given_up_before_gunicorn_closes_them(name: str) -> None:
    """Else a purchase may be sent into one that just closes, and nobody knows what came of it."""
    gunicorn: dict[str, Any] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), gunicorn)
    found = re.search(r"keepalive_timeout (\d+)s;", (SHIPPED / name).read_text())
    assert found
    assert int(found[1]) <= gunicorn["keepalive"] - 2


def test_the_limit_of_a_body_is_the_site_s() -> None:
    assert f"client_max_body_size {MOST // 1024}k;" in (SHIPPED / "site.conf").read_text()
