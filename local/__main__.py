"""`python -m local`, the end of `make run`: start the site, and end it with this process.

The site runs in a process of its own, in a session of its own, and lives as long as the pipe to it
is open. However this process ends, by Ctrl-C, a signal or kill -9, the kernel closes the pipe, and
the site takes down its web server and its database in good order.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from local import database
from local.environment import ROOT
from local.site import HOST
from local.stopping import unwind_when_told


def main() -> None:
    port = _free_port(os.environ.get("PORT", "8000"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` would ignore Ctrl-C
    unwind_when_told()
    command = [sys.executable, "-m", "local.site", str(port)]
    site = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
    status = 0  # being told to end is no failure
    try:
        status = _wait(site)
    except (KeyboardInterrupt, SystemExit):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would disturb the tidying up
    finally:
        _end(site)
    sys.exit(status)


def _free_port(text: str) -> int:
    """The port as a number, or a clear word on why the site cannot have it."""
    try:
        port = int(text)
        if not 0 < port < 65536:
            raise ValueError
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
            probe.bind((HOST, port))
    except ValueError:
        sys.exit(f"PORT={text} is not a port: take a number from 1 to 65535.")
    except OSError as error:
        sys.exit(
            f"Port {text} of {HOST} cannot be used ({error.strerror}); is the site running already?"
            " Another one: make run PORT=8001"
        )
    return port


def _wait(site: subprocess.Popen[bytes]) -> int:
    """Until the site ends by itself, or until the `make` that started this process wants to end."""
    make = _parent()
    while "MAKELEVEL" not in os.environ or _parent() == make:
        with suppress(subprocess.TimeoutExpired):
            return site.wait(timeout=1)
    return 0


def _parent() -> tuple[int, str]:
    """The parent process and, where the system tells, the signals that it handles.

    A killed make has another pid. Told to end by SIGINT or SIGHUP, it lets go of that signal and
    waits in silence for its child, counting on the terminal to have told the child as well.
    """
    pid = os.getppid()
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        return pid, next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return pid, ""


def _end(site: subprocess.Popen[bytes]) -> None:
    if site.stdin:
        site.stdin.close()
    killed = site.wait() < 0
    with suppress(ProcessLookupError):  # nobody is left, unless it had no time to tidy up
        os.killpg(site.pid, signal.SIGTERM)
    if killed:
        with database.available():  # joins the server that it left behind, and stops it
            pass


if __name__ == "__main__":
    main()
