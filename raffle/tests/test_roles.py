"""The two roles of a deployment, on a server of their own; and a dump of it, restored."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.database import INITDB, _programs
from raffle.tests.processes import ROOT

PLAY = """
import django; django.setup()
from raffle import closing, organising
from raffle.tests.makers import *
raffle = make_raffle(slug="played", prizes=["A hat", "A coat"])
stella = make_staff()
for buyer in make_buyers(4):
    buy(raffle, buyer)
organising.void_ticket(ticket_id=raffle.tickets.get(number=2).pk, by=stella, reason="a mistake")
closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
draw(raffle, stella)
"""


@dataclass(frozen=True)
class Server:
    port: int

    def url(self, role: str, database: str = "raffle") -> str:
        return f"postgres://{role}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *words: str) -> None:
        subprocess.run([_programs() / program, *words], check=True, capture_output=True)

    def manage(self, url: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "rafflesite.settings",
            "LOCAL": "on",
            "SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """PostgreSQL over an empty directory, prepared as the image prepares it, and a raffle played
    by the site's role.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        data, passwords = Path(name, "data"), Path(name, "secrets")
        data.mkdir(0o700)
        passwords.mkdir()
        for who in ("owner_password", "raffle_password"):
            (passwords / who).write_text(secrets.token_hex(16))
        roles = (ROOT / "deploy" / "raffle_role.sql").read_text()
        (passwords / "roles.sql").write_text(roles.replace("/run/secrets", str(passwords)))
        if os.geteuid() == 0:
            Path(name).chmod(0o755)
            shutil.chown(data, "nobody")
        settings = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "fsync=off")
        _as_owner(data, "initdb", *INITDB, *settings)
        _as_owner(data, "pg_ctl", "start", "-w", "-s", "-l", str(data / "server.log"))
        try:
            made = Server(port)
            superuser = made.url("postgres", "postgres")
            made.run("psql", "-v", "ON_ERROR_STOP=1", "-f", str(passwords / "roles.sql"), superuser)
            _prepare(made)
            yield made
        finally:
            _as_owner(data, "pg_ctl", "stop", "-w", "-s", "-m", "immediate")


def _as_owner(data: Path, program: str, *words: str) -> None:
    """PostgreSQL refuses root, so root runs it as the owner of its data."""
    owner: dict[str, Any] = {"user": data.stat().st_uid, "group": 65534, "extra_groups": []}
    subprocess.run(
        [_programs() / program, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env=os.environ | {"PGDATA": str(data)},
        **({} if os.geteuid() else owner),
    )


def _prepare(server: Server) -> None:
    owner, site = server.url("raffle_owner"), server.url("raffle")
    for words in (("migrate",), ("createcachetable",), ("grant_site", "raffle")):
        done = server.manage(owner, "manage.py", *words)
        assert done.returncode == 0, done.stderr
    played = server.manage(site, "-c", PLAY)
    assert played.returncode == 0, played.stderr


def verified(server: Server, url: str) -> dict[str, object]:
    done = server.manage(url, "manage.py", "verify_raffle", "played", "--json")
    assert done.returncode == 0, done.stderr
    verdict: dict[str, object] = json.loads(done.stdout)
    return verdict


def test_the_site_s_role_sells_draws_and_verifies(server: Server) -> None:
    verdict = verified(server, server.url("raffle"))
    assert (verdict["ok"], verdict["sold"], verdict["void"]) == (True, 4, 1)


@pytest.mark.parametrize(
    "attack",
    [
        "ALTER TABLE raffle_ticket DISABLE TRIGGER ALL",
        "ALTER TABLE raffle_ticket DROP CONSTRAINT ticket_slot_once",
        "DROP TABLE raffle_draw",
        "TRUNCATE raffle_ledgerentry CASCADE",
        "DELETE FROM raffle_ledgerentry",
        "UPDATE raffle_draw SET ticket_id = ticket_id",
        "UPDATE raffle_ticket SET code = code",
        "DELETE FROM raffle_raffle",
        "CREATE TABLE raffle_more ()",
        "CREATE OR REPLACE FUNCTION raffle_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$",
        "SET session_replication_role = replica",
        "SET ROLE raffle_owner",
        "DELETE FROM django_migrations",
    ],
)
def test_the_site_s_role_may_not(server: Server, attack: str) -> None:
    with (
        psycopg.connect(server.url("raffle")) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)) as no,
    ):
        connection.execute(attack)
    assert isinstance(no.value, psycopg.errors.InsufficientPrivilege)


def test_a_dump_restored_elsewhere_is_the_same_record(server: Server, tmp_path: Path) -> None:
    dump = str(tmp_path / "raffle.dump")
    owner, superuser = server.url("raffle_owner"), server.url("postgres", "postgres")
    server.run("pg_dump", "--format=custom", f"--file={dump}", owner)
    server.run("psql", "-c", "CREATE DATABASE drill OWNER raffle_owner", superuser)
    server.run("pg_restore", f"--dbname={server.url('raffle_owner', 'drill')}", dump)
    restored = verified(server, server.url("raffle", "drill"))
    assert restored == verified(server, server.url("raffle"))


def test_an_unknown_role_is_named(server: Server) -> None:
    done = server.manage(server.url("raffle_owner"), "manage.py", "grant_site", "nobody-here")
    assert done.returncode == 3
    assert "no role “nobody-here”" in done.stderr
