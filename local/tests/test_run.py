"""`make run`, from the first line it says to the last process that it leaves."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest

from local.tests.conftest import Checkout

pytestmark = pytest.mark.timeout(300)


@dataclass
class Run:
    """A running `make run`, the leader of its own process group as in a terminal."""

    make: subprocess.Popen[str]
    port: int

    @property
    def launcher(self) -> psutil.Process:
        return psutil.Process(self.make.pid).children()[0]

    @property
    def site(self) -> psutil.Process:
        return self.launcher.children()[0]

    @property
    def web_server(self) -> psutil.Process:
        return next(each for each in self.site.children() if "gunicorn" in each.cmdline())

    def until_it_serves(self) -> None:
        assert self.make.stdout
        said = ""
        for line in self.make.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                return
        raise AssertionError(said)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def make_run(checkout: Checkout, port: int) -> Iterator[Run]:
    # -o: this checkout has borrowed its virtual environment and must not refill it.
    with subprocess.Popen(
        ["make", "-o", ".venv/run.stamp", "run", f"PORT={port}"],
        cwd=checkout.path,
        env=checkout.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as make:
        try:
            yield Run(make, port)
        finally:
            make.terminate()  # only where a test has failed is there anything left to end


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def nothing_is_left(checkout: Checkout) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if not checkout.processes():
            return True
        time.sleep(0.1)
    return False


ENDINGS: dict[str, Callable[[Run], object]] = {
    "Ctrl-C": lambda run: os.killpg(run.make.pid, signal.SIGINT),
    "a closed terminal": lambda run: os.killpg(run.make.pid, signal.SIGHUP),
    "kill make": lambda run: run.make.terminate(),
    "kill -INT make alone": lambda run: run.make.send_signal(signal.SIGINT),
    "kill -9 everything in the terminal": lambda run: os.killpg(run.make.pid, signal.SIGKILL),
    "kill -9 make": lambda run: run.make.kill(),
    "kill -9 the site": lambda run: run.site.kill(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_it_ends_nothing_is_left(checkout: Checkout, ending: str) -> None:
    with make_run(checkout, free_port()) as run:
        run.until_it_serves()
        assert status_of(run.port, "/healthz") == http.HTTPStatus.OK
        assert status_of(run.port, "/") == http.HTTPStatus.OK
        ENDINGS[ending](run)
    assert nothing_is_left(checkout)


def test_a_dead_web_server_ends_the_run_with_a_message(checkout: Checkout) -> None:
    with make_run(checkout, free_port()) as run:
        run.until_it_serves()
        run.web_server.kill()
        said, _ = run.make.communicate()
    assert run.make.returncode != 0
    assert "The web server ended unexpectedly" in said
    assert nothing_is_left(checkout)


def test_a_taken_port_is_said_so_at_once(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with make_run(checkout, port) as run:
            said, _ = run.make.communicate()
    assert run.make.returncode != 0
    assert f"Port {port} of 127.0.0.1 cannot be used" in said
    assert "make run PORT=" in said


@pytest.mark.parametrize("port", ["eighty", "70000", "0", "-1", ""])
def test_a_port_that_is_none_is_refused(checkout: Checkout, port: str) -> None:
    refused = subprocess.run(
        [checkout.python, "-m", "local"],
        cwd=checkout.path,
        env=checkout.environment(PORT=port),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "is not a port" in refused.stderr
