"""The web server that is measured, started as `make run` starts it, on a port that is free."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.environment import ROOT
from local.site import HOST, wait_for_an_answer, web_server

GRACE = 15  # seconds in which it ends by itself
TOLD = 4000  # characters of what it said last


@dataclass(frozen=True, slots=True)
class Way:
    """One way of selling, served by the same web server with the same settings."""

    name: str
    what: str
    application: str = "rafflesite.wsgi"
    environment: tuple[tuple[str, str], ...] = ()


SITE = Way("site", "the site as `make run` serves it")
SINGLY = Way(
    "one by one",
    "the site with COMBINE_PURCHASES=off: its own lock and rules, one purchase a transaction",
    environment=(("COMBINE_PURCHASES", "off"),),
)
NAIVE = Way(
    "naive",
    "bench/naive: lock, COUNT(*), insert, one by one, in a plain Django view on the same tables",
    application="django.core.wsgi:get_wsgi_application()",
    environment=(("DJANGO_SETTINGS_MODULE", "bench.naive.settings"),),
)
WAYS = (SITE, SINGLY, NAIVE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a site answers, under which name, and the process behind it, if it is ours."""

    host: str
    port: int
    named: str
    process: int | None = None


@contextmanager
def served(way: Way) -> Iterator[Address]:
    """The site, until the end of the block; on a failure, with what the web server said last."""
    with tempfile.TemporaryDirectory(prefix="raffle-bench-") as place:
        port, log = _free_port(), Path(place, "log")
        command, environment = web_server(port, way.application)
        own = {"STATIC_ROOT": place, **dict(way.environment)}
        with log.open("wb") as said:
            server = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # Ctrl-C is for us: we end it in good order
            )
        try:
            wait_for_an_answer(port, server)
            yield Address(HOST, port, f"{HOST}:{port}", server.pid)
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-TOLD:])
            raise
        finally:
            _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
