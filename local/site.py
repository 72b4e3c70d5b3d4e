"""The running site: a database, its tables, some demo data, the web server and the mail worker.

Standard input is the other end of the launcher's pipe (see __main__).
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping

from local import database, environment
from local.environment import ROOT
from local.stopping import unwind_when_told

HOST = "127.0.0.1"
PATIENCE = 120  # seconds until the first answer


def main(port: int) -> None:
    unwind_when_told()
    threading.Thread(target=_end_with_the_launcher, daemon=True).start()
    environment.load()
    if database.is_ours():
        _say("Starting PostgreSQL, data in var/postgres")
    with database.available():
        prepared = subprocess.run([sys.executable, "-m", "local.preparing"], cwd=ROOT, check=False)
        if prepared.returncode:
            sys.exit("The site could not be prepared; the message is above.")
        _say("Starting the web server")
        with _running(port) as (server, mailer):
            wait_for_an_answer(port, server)
            _say(f"\nThe site:   http://{HOST}:{port}/")
            _say(f"For staff:  http://{HOST}:{port}/admin/")
            _say("Mails:      var/mail/")
            _say("Ctrl-C stops it; the data stays.")
            threading.Thread(target=_tell_when_mail_stops, args=[mailer], daemon=True).start()
            status = server.wait()
    sys.exit(f"The web server ended unexpectedly (status {status}).")


def _end_with_the_launcher() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: this returns when the pipe closes
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def web_server(
    port: int, application: str = "rafflesite.wsgi"
) -> tuple[list[str], Mapping[str, str]]:
    """The command that serves on `port`, and the environment to run it in."""
    bound = {"WEB_LOG_LEVEL": "warning", **os.environ, "BIND": f"{HOST}:{port}"}
    return [sys.executable, "-m", "gunicorn", application], bound


@contextlib.contextmanager
def _running(port: int) -> Iterator[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """The web server and the mail worker; both have ended when the block has."""
    worker = [sys.executable, "manage.py", "send_mail", f"--site=http://{HOST}:{port}"]
    with _child(*web_server(port)) as server, _child(worker, os.environ) as mailer:
        try:
            yield server, mailer
        finally:
            server.terminate()  # at once, so that they end at the same time


@contextlib.contextmanager
def _child(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _tell_when_mail_stops(mailer: subprocess.Popen[bytes]) -> None:
    if status := mailer.wait():
        _say(f"The mail worker ended (status {status}); the site goes on without mails.")


def wait_for_an_answer(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"The web server did not start (status {server.returncode}).")
        asking = contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=5))
        with contextlib.suppress(OSError, http.client.HTTPException), asking as connection:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    sys.exit(f"The web server did not answer within {PATIENCE} seconds.")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
