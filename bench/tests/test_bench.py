"""`make bench` in small: real web servers, real HTTP, a real PostgreSQL and pgbench."""

from __future__ import annotations

import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from django.db import connection

from bench.measuring import Measuring
from bench.scenarios import SMALL
from bench.serving import SITE, Address
from local.environment import ROOT
from raffle.management.rushing import make_buyers, signed_in
from raffle.tests.processes import environment

BENCH = (sys.executable, "-m", "bench", "--small", "--rounds", "1")


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'raffle_bench_%%'", [])
        return {name for (name,) in cursor.fetchall()}


def test_measures_everything_and_leaves_nothing_behind() -> None:
    before = databases()
    done = subprocess.run(
        BENCH,
        cwd=ROOT,
        env=environment(WEB_WORKERS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split() == [
        *("site", "one", "by", "one", "naive"),
        *("site", "/", "one", "by", "one", "site", "/", "naive"),
    ]
    assert [line[0] for line in lines if line[0] in "ABCDP"] == ["A", "B", "C", "D", "P"]
    rates = [line.split() for line in lines if line.startswith("  accepted a second")]
    assert all(float(figure.replace(",", "")) > 0 for figure in rates[0][3:])
    assert [line.split()[1:] for line in lines if line.startswith("  errors")] == [
        *(["0", "0", "0"], ["0", "0", "0"]),
        *(["0"], ["0"]),
    ]
    assert "50 purchases a call" in done.stdout
    assert databases() == before


def test_ctrl_c_ends_everything_in_good_order() -> None:
    before = databases()
    command = [*BENCH, "--scenarios", "C", "--site-only", "--rounds", "20"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(WEB_WORKERS="1"), stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        told = next(line for line in running.stderr if "round 1" in line or "Error" in line)
        assert "round 1" in told, running.stderr.read()
        started = psutil.Process(running.pid).children(recursive=True)
        assert started, "a web server, at least"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) != 0
    psutil.wait_procs(started, timeout=10)
    assert not [process for process in started if process.is_running()]
    assert databases() == before


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "https://127.0.0.1:8000", "nonsense"])
def test_refuses_any_other_machine(url: str) -> None:
    done = subprocess.run(
        [*BENCH, "--against", url], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "not a loopback address" in done.stderr


# --- Would it notice? -----------------------------------------------------------------------------


def _ok(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("says", "noticed"),
    [
        (_ok('{"tickets":[1]}'), "a ticket was told twice"),
        (_ok('{"tickets":[1]}'), "ticket 1 was told but not stored"),
        (_ok("<html>"), "40 × error: not the site's answer"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "40 × error: status 503"),
        (b'HTTP/1.1 409 No\r\nContent-Length: 19\r\n\r\n{"code":"sold_out"}', "called sold out"),
        (b'HTTP/1.1 409 No\r\nContent-Length: 17\r\n\r\n{"code":"closed"}', "40 × closed"),
        (b"", "40 × error: no answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "40 × error: no answer"),
    ],
)
def test_notices_a_site_that(says: bytes, noticed: str) -> None:
    buyers = make_buyers(SMALL.people, "bench")
    with answering(says) as port, signed_in(buyers) as headers:
        measuring = Measuring(SMALL, ["A"], buyers, headers, lambda told: None)
        measuring.scenario("A", SITE, Address("127.0.0.1", port, f"127.0.0.1:{port}"))
    assert any(noticed in what for what in measuring.results.wrong), measuring.results.wrong


@contextmanager
def answering(says: bytes) -> Iterator[int]:
    """A site that answers whoever looks, and says that to whoever buys; nothing: hangs up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while request := self._request():
                answer = _ok("{}") if request.startswith(b"GET") else says
                if not answer:
                    return
                self.wfile.write(answer)

        def _request(self) -> bytes:
            head = length = b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head += line
                if line.lower().startswith(b"content-length:"):
                    length = line.split()[1]
            self.rfile.read(int(length or 0))
            return head

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
