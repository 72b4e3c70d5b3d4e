"""A database of its own for one measurement: made beside the one that DATABASE_URL names, and
dropped again. Nobody's data is touched, and what was measured leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import environ
import psycopg
from psycopg import sql

from local.stopping import undisturbed

NAME = re.compile(r"raffle_bench_([0-9]+)")  # and the process that made it


@contextmanager
def database() -> Iterator[None]:
    """Have DATABASE_URL name an empty database while in here."""
    given = dict(os.environ)
    url, _, options = environ.FileAwareEnv().str("DATABASE_URL").partition("?")
    name = f"raffle_bench_{os.getpid()}"
    with _server(url) as server:
        try:
            _drop_what_killed_runs_left(server)
            with undisturbed():
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            sys.exit(
                "The database's role may not make a database to measure in: it needs CREATEDB."
            )
        # The name is the last part of the address's path, also where that begins with the
        # directory of a Unix socket.
        os.environ["DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}{options and '?'}{options}"
        os.environ.pop("DATABASE_URL_FILE", None)
        try:
            yield
        finally:
            with undisturbed():
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                server.execute(drop)
            os.environ.clear()
            os.environ.update(given)


def _server(url: str) -> psycopg.Connection[Any]:
    given = environ.Env.db_url_config(url)
    told = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    named = {key: given[part] for key, part in told.items() if given.get(part)}
    try:
        return psycopg.connect(dbname=given["NAME"], autocommit=True, connect_timeout=5, **named)
    except psycopg.OperationalError as error:
        sys.exit(f"The database that DATABASE_URL names cannot be reached: {error}")


def _drop_what_killed_runs_left(server: psycopg.Connection[Any]) -> None:
    for (name,) in server.execute("SELECT datname FROM pg_database").fetchall():
        made = NAME.fullmatch(name)
        if made and not _is_alive(int(made[1])):
            with suppress(psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege):
                server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
