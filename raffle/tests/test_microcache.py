"""Public answers from memory: how old they may be, and who must never get one."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from raffle.tests.makers import buy, make_buyer, make_raffle
from rafflesite.microcache import FRESH, MOST, STALE, Microcache
from rafflesite.naming import name
from rafflesite.wsgi import application

PATH = "/public/state"


def ask(
    site: Any, path: str = PATH, method: str = "GET", **environ: str
) -> tuple[str, dict[str, str], bytes]:
    told: list[tuple[str, dict[str, str]]] = []
    asked = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(), "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    parts = site(asked | environ, lambda status, headers: told.append((status, dict(headers))))
    return (*told[-1], b"".join(parts))


class Site:
    """Answers with how often it was asked; `says` what its headers are."""

    def __init__(self, status: str = "200 OK", **says: str) -> None:
        self.status = status
        self.says = {"Cache-Control": "public, max-age=1", "ETag": '"e"', "Content-Length": "1"}
        self.says |= says
        self.asked: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ)
        count = len(self.asked)
        self.gate.wait(10)
        start_response(self.status, list(self.says.items()))
        return [str(count).encode()]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cached(site: Site, clock: Clock) -> Microcache:
    return Microcache(site, re.compile(r"/public/\w+"), clock)


def test_an_answer_serves_for_half_a_second_and_no_longer(clock: Clock) -> None:
    cache = cached(Site(), clock)
    assert ask(cache)[2] == b"1"
    clock.now += FRESH - 0.01
    assert ask(cache)[2] == b"1"
    clock.now += 0.02
    assert ask(cache)[2] == b"2"


def test_the_age_counts_from_before_the_site_looked(clock: Clock) -> None:
    """What was read before something happened is not called fresh because it took long."""
    site = Site()

    class Slow(Site):
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            clock.now += 10
            return site(environ, start_response)

    cache = cached(Slow(), clock)
    ask(cache)
    assert ask(cache)[2] == b"2"


@pytest.mark.parametrize(
    "environ",
    [
        {"method": "POST"}, {"method": "HEAD"}, {"QUERY_STRING": "a=b"}, {"path": "/other/state"},
        {"path": "/public/state/x"},
    ],
)  # fmt: skip
def test_only_plain_gets_of_its_paths_are_answered_from_memory(
    clock: Clock, environ: dict[str, str]
) -> None:
    site = Site()
    cache = cached(site, clock)
    ask(cache)
    ask(cache, **environ)
    ask(cache, **environ)
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    "site",
    [
        Site("404 Not Found"), Site("503 Service Unavailable"), Site("301 Moved"),
        Site(**{"Cache-Control": "private, no-store"}), Site(**{"Set-Cookie": "a=b"}),
        Site(**{"Vary": "Cookie"}),
    ],
    ids=lambda site: f"{site.status} {site.says}",
)  # fmt: skip
def test_what_is_not_public_or_no_success_is_never_kept(clock: Clock, site: Site) -> None:
    cache = cached(site, clock)
    assert [ask(cache)[2] for _ in range(3)] == [b"1", b"2", b"3"]


def test_the_site_does_not_learn_who_asks_for_what_everybody_gets(clock: Clock) -> None:
    site = Site()
    cache = cached(site, clock)
    ask(cache, HTTP_COOKIE="sessionid=s", HTTP_AUTHORIZATION="b", HTTP_IF_NONE_MATCH='"e"')
    assert (
        site.asked[0].keys().isdisjoint({"HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_IF_NONE_MATCH"})
    )


def test_another_host_or_scheme_gets_an_answer_of_its_own(clock: Clock) -> None:
    cache = cached(Site(), clock)
    ask(cache)
    assert ask(cache, HTTP_HOST="evil.example")[2] == b"2"
    assert ask(cache, HTTP_X_FORWARDED_PROTO="https")[2] == b"3"
    assert ask(cache)[2] == b"1"


def test_who_has_it_already_is_told_so(clock: Clock) -> None:
    cache = cached(Site(), clock)
    status, headers, body = ask(cache, HTTP_IF_NONE_MATCH='"x", "e"')
    assert (status, body) == ("304 Not Modified", b"")
    assert (headers["ETag"], "Content-Length" in headers) == ('"e"', False)
    assert ask(cache, HTTP_IF_NONE_MATCH='"x"')[0] == "200 OK"


def test_every_request_has_a_name_of_its_own(clock: Clock) -> None:
    cache = cached(Site(**{"X-Request-ID": "of-the-first-one"}), clock)
    names = {ask(cache)[1]["X-Request-ID"] for _ in range(3)}
    assert len(names) == 3
    assert "of-the-first-one" not in names


def test_the_log_of_the_site_and_the_answer_say_the_same_name(clock: Clock) -> None:
    told: list[str] = []

    class Logging(Site):
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            told.append(name(environ))
            return super().__call__(environ, start_response)

    assert [ask(cached(Logging(), clock))[1]["X-Request-ID"]] == told


def test_what_cannot_be_kept_is_not_waited_for_in_a_row(clock: Clock) -> None:
    """While the database is away every answer takes seconds: not one after the other."""
    together = threading.Barrier(3)

    class Away(Site):
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self.asked:  # the first one is alone
                together.wait(5)
            return super().__call__(environ, start_response)

    site = Away("503 Service Unavailable")
    site.gate.clear()
    cache = cached(site, clock)
    statuses: list[str] = []
    askers = [threading.Thread(target=lambda: statuses.append(ask(cache)[0])) for _ in range(4)]
    askers[0].start()
    while not site.asked:
        pass
    for asker in askers[1:]:
        asker.start()
    time.sleep(0.1)  # they wait for the first one
    site.gate.set()
    for asker in askers:
        asker.join()
    assert len(statuses) == 4


def test_while_it_is_made_anew_others_get_the_last_one_and_only_one_makes_it(clock: Clock) -> None:
    site = Site()
    cache = cached(site, clock)
    ask(cache)
    clock.now += FRESH
    site.gate.clear()
    maker = threading.Thread(target=ask, args=[cache])
    maker.start()
    while len(site.asked) < 2:
        pass
    assert [ask(cache)[2] for _ in range(5)] == [b"1"] * 5
    site.gate.set()
    maker.join()
    assert ask(cache)[2] == b"2"


def test_who_first_finds_it_old_has_it_made_anew_and_others_get_the_last_one(clock: Clock) -> None:
    cache = cached(Site(), clock)

    def at_hand(environ: dict[str, Any]) -> bytes | None:
        answer = cache.at_hand(environ)
        return answer.body if answer else None

    first, other = (
        {"HTTP_HOST": "localhost", "wsgi.url_scheme": "http", "PATH_INFO": PATH} for _ in range(2)
    )
    assert at_hand(first) is None
    ask(cache)
    clock.now += FRESH - 0.01
    assert at_hand(first) == b"1"
    clock.now += 0.02
    assert [at_hand(first), at_hand(other), at_hand(first)] == [None, b"1", None]
    ask(cache)  # as the first is bound to
    assert [at_hand(first), at_hand(other)] == [b"2", b"2"]
    clock.now += FRESH
    assert [at_hand(other), at_hand(first)] == [None, b"2"]
    clock.now += STALE - FRESH  # whoever was sent did not get there
    assert [at_hand(other), at_hand(first)] == [None, None]


def test_what_is_too_old_is_waited_for(clock: Clock) -> None:
    site = Site()
    cache = cached(site, clock)
    ask(cache)
    clock.now += STALE
    site.gate.clear()
    bodies: list[bytes] = []
    askers = [threading.Thread(target=lambda: bodies.append(ask(cache)[2])) for _ in range(8)]
    for asker in askers:
        asker.start()
    site.gate.set()
    for asker in askers:
        asker.join()
    assert bodies == [b"2"] * 8


def test_names_without_end_do_not_fill_the_memory(clock: Clock) -> None:
    cache = cached(Site(), clock)
    for number in range(MOST + 10):
        ask(cache, HTTP_HOST=f"{number}.example")
    assert len(cache._kept) <= MOST
    assert not cache._making


def test_a_site_that_fails_leaves_nothing_locked(clock: Clock) -> None:
    class Failing(Site):
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            super().__call__(environ, start_response)
            if len(self.asked) == 1:
                raise ConnectionResetError
            return [b"fine"]

    cache = cached(Failing(), clock)
    with pytest.raises(ConnectionResetError):
        ask(cache)
    assert ask(cache)[2] == b"fine"


def test_the_state_of_a_raffle_is_the_site_s_own_answer_with_all_its_headers() -> None:
    raffle = make_raffle()
    path = f"/api/raffles/{raffle.slug}/state"
    first, again = ask(application, path), ask(application, path)
    itself = ask(WSGIHandler(), path)
    for status, headers, body in (first, again):
        assert (status, body) == (itself[0], itself[2])
        assert headers.keys() == itself[1].keys()
    buy(raffle, make_buyer())
    assert ask(application, path) != ask(WSGIHandler(), path)  # for half a second


def test_hosts_that_the_site_does_not_know_are_refused_as_ever() -> None:
    raffle = make_raffle()
    path = f"/api/raffles/{raffle.slug}/state"
    ask(application, path)
    assert ask(application, path, HTTP_HOST="evil.example")[0].startswith("400")
