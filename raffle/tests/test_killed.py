"""A web process dies, freezes or is told to end while it sells: the keys tell what came of it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from raffle.management.lines import press
from raffle.management.rushing import disagreements, sign_in
from raffle.tests.conftest import PATIENCE, _wait_for
from raffle.tests.forging import sql
from raffle.tests.makers import make_buyers, make_raffle, sold_numbers
from raffle.tests.processes import serving
from raffle.tests.test_broken_connections import admin_parameters
from raffle.verifying import verify

# What somebody else holds, and the statement at which a sale waits for it.
RAFFLE = ("SELECT 1 FROM raffle_raffle WHERE id = %(raffle)s FOR UPDATE", "SELECT")
BUYERS = ("SELECT 1 FROM accounts_user WHERE id = ANY(%(buyers)s) FOR UPDATE", "WITH")
COMMITTING = ("SELECT pg_advisory_lock(%(raffle)s)", "COMMIT")
WAIT_AT_COMMIT = """
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(NEW.raffle_id); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON raffle_purchase
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
"""


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Site:
    address: str
    master: subprocess.Popen[bytes]
    name: str

    @property
    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.master.pid).children()

    def has_replaced(self, worker: psutil.Process) -> bool:
        return len(self.workers) == 1 and worker not in self.workers

    def sessions(self, state: str = "") -> set[int]:
        """In the database; or those of them that are in this state, or wait so."""
        told = sql(
            "SELECT pid, state, wait_event_type || ': ' || query FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            self.name,
        )
        return {pid for pid, *how in told if any((each or "").startswith(state) for each in how)}


@contextmanager
def served(out: Path, name: str, options: str = "") -> Iterator[Site]:
    with serving(out, PGAPPNAME=name, GUNICORN_CMD_ARGS=options) as (address, master):
        yield (site := Site(address, master, name))
    until(lambda: not site.sessions())  # a database in use cannot be dropped


@pytest.fixture(scope="module")
def lasting(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """It survives what its workers suffer; they show once a second that they live."""
    sql(WAIT_AT_COMMIT)
    with served(tmp_path_factory.mktemp("out"), "lasting", "--timeout 2") as site:
        yield site
    sql("DROP FUNCTION wait_at_commit CASCADE")


class Crowd:
    """Twenty who ask for a ticket of the same raffle, and ask again in the same words."""

    def __init__(self) -> None:
        people = make_buyers(20)
        self.raffle, self.buyers = make_raffle(), [buyer.pk for buyer in people]
        path = f"/api/raffles/{self.raffle.slug}/purchase"
        self.asks = []
        for n, told in enumerate(sign_in(people)):
            # Of every second one gunicorn itself must make a request.
            headers = told | ({"Unheard-Of": "it"} if n % 2 else {})
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.asks.append(press("localhost", path, lines))

    def ask(self, site: Site) -> list[socket.socket]:
        port = int(site.address.rpartition(":")[2])
        lines = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in self.asks]
        for line, asked in zip(lines, self.asks, strict=True):
            line.sendall(asked)
        return lines

    @contextmanager
    def held_up(self, site: Site, held: tuple[str, str] = RAFFLE) -> Iterator[Any]:
        """The lines of those whom the site is selling to, while somebody else has a lock."""
        with psycopg.connect(**admin_parameters()) as other:
            other.execute(held[0], {"raffle": self.raffle.pk, "buyers": self.buyers})
            lines = self.ask(site)
            _wait_for(f"{site.address}/healthz", site.master)  # it accepts in their order
            until(lambda: site.sessions(f"Lock: {held[1]}"))
            yield lines

    def has_a_ticket_each(self, site: Site, answers: list[Any]) -> None:
        assert [status for status, _ in answers] == [200] * 20
        numbers = [number for _, bought in answers for number in bought["tickets"]]
        told = list(zip(numbers, self.buyers, strict=True))
        assert disagreements(self.raffle, told, set(self.buyers)) == []
        assert sold_numbers(self.raffle) == list(range(1, 21))
        assert verify(self.raffle.pk).failures == []
        assert not site.sessions("idle in transaction")


def answers_on(lines: list[socket.socket]) -> list[Any]:
    """The status and what was said; None where the line broke."""
    answers: list[Any] = []
    for line in lines:
        with line, http.client.HTTPResponse(line, method="POST") as told:
            try:
                told.begin()
                answers.append((told.status, json.loads(told.read())))
            except (ConnectionError, http.client.HTTPException):
                answers.append(None)
    return answers


@pytest.mark.parametrize(
    ("how", "held", "sold"),
    [
        (signal.SIGKILL, RAFFLE, False),  # it waits for the lock
        (signal.SIGKILL, BUYERS, False),  # it has the lock, and writes
        (signal.SIGKILL, COMMITTING, True),  # which nobody can stop any more
        (signal.SIGQUIT, BUYERS, False),  # in a hurry
    ],
)
def test_of_a_sale_whose_worker_was_killed_nobody_hears_and_the_keys_tell(
    lasting: Site, how: signal.Signals, held: tuple[str, str], sold: bool
) -> None:
    crowd, (worker,) = Crowd(), lasting.workers
    with crowd.held_up(lasting, held) as lines:
        dead = lasting.sessions()
        worker.send_signal(how)
        assert answers_on(lines) == [None] * 20
    until(lambda: not dead & lasting.sessions())
    assert bool(sold_numbers(crowd.raffle)) == sold
    crowd.has_a_ticket_each(lasting, answers_on(crowd.ask(lasting)))
    assert lasting.has_replaced(worker)


@pytest.mark.parametrize("reload", [True, False])
def test_a_worker_that_is_replaced_answers_first_and_its_successor_says_the_same(
    lasting: Site, reload: bool
) -> None:
    crowd, (worker,) = Crowd(), lasting.workers
    with crowd.held_up(lasting) as lines:
        lasting.master.send_signal(signal.SIGHUP) if reload else worker.terminate()
        time.sleep(1.1)  # it accepts nobody any more
        again = crowd.ask(lasting)
    crowd.has_a_ticket_each(lasting, answers_on(lines))
    crowd.has_a_ticket_each(lasting, answers_on(again))
    until(lambda: lasting.has_replaced(worker))


def test_a_site_that_is_told_to_end_answers_everybody_first(tmp_path: Path) -> None:
    crowd = Crowd()
    with served(tmp_path, "ending") as site:
        with crowd.held_up(site) as lines:
            site.master.terminate()
            time.sleep(0.5)
            assert site.master.poll() is None
        # No line is kept open for more: `answers_on` need not hang up for the site to end.
        kept = [line.dup() for line in lines]
        crowd.has_a_ticket_each(site, answers_on(lines))
        assert site.master.wait(timeout=10) == 0
        assert [line.recv(1) for line in kept] == [b""] * len(kept)
        for line in kept:
            line.close()


def test_a_worker_that_froze_with_the_lock_is_replaced(lasting: Site) -> None:
    crowd, (worker,) = Crowd(), lasting.workers
    with crowd.held_up(lasting) as lines:
        worker.suspend()
    until(lambda: lasting.sessions("idle in transaction"))
    assert answers_on(lines) == [None] * 20
    assert sold_numbers(crowd.raffle) == []
    crowd.has_a_ticket_each(lasting, answers_on(crowd.ask(lasting)))
    assert lasting.has_replaced(worker)
