"""The running site: a database, its tables, some demo data, and the web server.

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
from collections.abc import Iterator

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
        with _web_server(port) as server:
            _wait_for_an_answer(port, server)
            _say(f"\nThe site:   http://{HOST}:{port}/")
            _say(f"For staff:  http://{HOST}:{port}/admin/\nCtrl-C stops it; the data stays.")
            status = server.wait()
    sys.exit(f"The web server ended unexpectedly (status {status}).")


def _end_with_the_launcher() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: this returns when the pipe closes
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@contextlib.contextmanager
def _web_server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "rafflesite.wsgi"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={"WEB_LOG_LEVEL": "warning", **os.environ, "BIND": f"{HOST}:{port}"},
    )
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def _wait_for_an_answer(port: int, server: subprocess.Popen[bytes]) -> None:
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
