"""The server starts, is joined, stops with its last user, and comes back after a crash."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from local import database
from local.tests.conftest import Checkout

# A user of the server: says when it is in, leaves when its standard input closes.
USER = """
import sys
from local import database
with database.available():
    print("in", flush=True)
    sys.stdin.read()
"""
SETTINGS = "SELECT rolsuper, current_setting('fsync'), current_setting('listen_addresses') "


class User:
    """Another process that is using the server."""

    def __init__(self, checkout: Checkout) -> None:
        self.process = subprocess.Popen(
            [checkout.python, "-c", USER],
            cwd=checkout.path,
            env=checkout.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def is_in(self) -> "User":
        assert self.process.stdout
        assert self.process.stdout.readline() == "in\n"
        return self

    def leave(self, with_signal: signal.Signals | None = None) -> None:
        if with_signal:
            self.process.send_signal(with_signal)
        self.process.communicate()


def is_up(checkout: Checkout) -> bool:
    try:
        connect(checkout).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(checkout: Checkout) -> psycopg.Connection[tuple[object, ...]]:
    home = checkout.path / "var" / "postgres"
    return psycopg.connect(host=str(home), user="raffle", dbname="raffle", autocommit=True)


def test_the_site_is_an_ordinary_role_on_a_durable_server_without_tcp(checkout: Checkout) -> None:
    user = User(checkout).is_in()
    with connect(checkout) as connection:
        row = connection.execute(SETTINGS + "FROM pg_roles WHERE rolname = current_user").fetchone()
    user.leave()
    assert row == (False, "on", "")


def test_the_last_one_to_leave_stops_it_and_the_data_stays(checkout: Checkout) -> None:
    first, second = User(checkout).is_in(), User(checkout).is_in()
    with connect(checkout) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    first.leave()
    assert is_up(checkout)
    second.leave()
    assert not is_up(checkout)

    third = User(checkout).is_in()
    with connect(checkout) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    third.leave()
    assert not checkout.processes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_user_who_is_told_to_end_stops_it(checkout: Checkout, number: signal.Signals) -> None:
    User(checkout).is_in().leave(number)
    assert not checkout.processes()


def test_a_user_who_is_told_to_end_while_it_starts_stops_it(checkout: Checkout) -> None:
    user = User(checkout)
    while not (checkout.path / "var" / "postgres" / "postmaster.pid").exists():
        time.sleep(0.001)
    user.leave(signal.SIGTERM)
    assert not checkout.processes()


def test_after_a_kill_the_next_user_joins_it_and_stops_it(checkout: Checkout) -> None:
    User(checkout).is_in().leave(signal.SIGKILL)
    assert is_up(checkout)
    User(checkout).is_in().leave()
    assert not checkout.processes()


def test_many_at_once_share_one_server(checkout: Checkout) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: User(checkout).is_in().leave(), range(6)))
    assert not checkout.processes()


def test_a_pid_file_that_names_another_program_is_no_hindrance(checkout: Checkout) -> None:
    User(checkout).is_in().leave()
    home = checkout.path / "var" / "postgres"
    left_behind = home / "postmaster.pid"
    left_behind.write_text(f"{os.getpid()}\n{home}\n0\n5432\n{home}\n\n")
    os.chown(left_behind, home.stat().st_uid, home.stat().st_gid)
    User(checkout).is_in().leave()
    assert not left_behind.exists()


def test_a_half_made_cluster_is_made_again(checkout: Checkout) -> None:
    home = checkout.path / "var" / "postgres"
    home.rename(home.with_name("postgres.new"))  # as if the power had failed during initdb
    User(checkout).is_in().leave()
    assert home.exists()
    assert not home.with_name("postgres.new").exists()


def test_a_path_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "DATA", database.DATA / ("long" * 25))
    with pytest.raises(SystemExit, match="too long for a Unix socket"), database.running():
        pass


def test_a_server_of_ones_own_is_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/raffle")
    with database.available():
        assert os.environ["DATABASE_URL"] == "postgres://db.example/raffle"
