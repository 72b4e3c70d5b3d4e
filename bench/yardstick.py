"""What yardstick.toml asks for: signed-in users, a raffle that nothing was sold of, the verdict.

    bench/yardstick.py users COUNT FILE
    bench/yardstick.py reset CAPACITY LIMIT
    bench/yardstick.py verify

For a database of its own, as the owner of its tables: `reset` renames the raffle of the run before,
which the site's own guards would not allow. The web server's processes are replaced then, because
they know for good that the old raffle is sold out.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")  # as in manage.py
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.models import User  # noqa: E402
from raffle import organising  # noqa: E402
from raffle.management.rushing import sign_in  # noqa: E402
from raffle.models import Raffle  # noqa: E402
from raffle.verifying import verify  # noqa: E402

SLUG = "bench"
BATCH = 5_000
WARM = 40  # requests, after which all threads have done everything once
PATIENCE = 30.0  # seconds for the old processes to end


def users(count: int, file: Path) -> None:
    """Write a line for each user: the address, a tab, the headers of a signed-in browser."""
    nobody = make_password(None)
    with file.open("w") as lines:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            people = [User(email=f"bench-{n}@example.invalid", password=nobody) for n in numbers]
            buyers = User.objects.bulk_create(people, batch_size=500)
            for buyer, headers in zip(buyers, sign_in(buyers), strict=True):
                lines.write(f"{buyer.pk}\t{json.dumps(headers)}\n")


def reset(capacity: int, limit: int) -> None:
    """Open a raffle under the old address, and replace the web server's processes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE raffle_raffle DISABLE TRIGGER raffle_moves_forward")
        Raffle.objects.filter(slug=SLUG).update(slug=f"{SLUG}-{time.time_ns()}")
        cursor.execute("ALTER TABLE raffle_raffle ENABLE ALWAYS TRIGGER raffle_moves_forward")
    raffle = Raffle(
        slug=SLUG,
        name="Bench",
        organiser="-",
        prizes=["A bicycle"],
        capacity=capacity,
        limit=limit,
    )
    organising.create_raffle(raffle, by=None)
    organising.open_raffle(raffle_id=raffle.pk, by=None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    pid = Path(os.environ["BENCH_TMP"], "raffle.pid")
    if pid.exists():
        _replace_processes(int(pid.read_text()))


def _replace_processes(server: int) -> None:
    old = _children(server)
    os.kill(server, signal.SIGHUP)
    until = time.monotonic() + PATIENCE
    while old & _children(server):
        if time.monotonic() > until:
            sys.exit("The web server's old processes do not end.")
        time.sleep(0.05)
    for _ in range(WARM):
        asking = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=10)
        asking.request("GET", f"/api/raffles/{SLUG}/state", headers={"Host": "localhost"})
        if asking.getresponse().status != http.HTTPStatus.OK:
            sys.exit("The web server does not answer.")
        asking.close()


def _children(server: int) -> set[int]:
    return set(map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split()))


def audit() -> None:
    """Print what is stored, as the load engine asks for it, and end with 1 unless it verifies."""
    raffle = Raffle.objects.as_it_stands().get(slug=SLUG)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) - count(DISTINCT number) FROM raffle_ticket"
            " WHERE raffle_id = %s",
            [raffle.pk],
        )
        sold, duplicates = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(max(held), 0) FROM (SELECT count(*) AS held FROM raffle_ticket"
            " WHERE raffle_id = %s GROUP BY buyer_id) AS holders",
            [raffle.pk],
        )
        (most,) = cursor.fetchone()
    print(json.dumps({"sold": sold, "max_per_user": most, "duplicates": duplicates}))
    if failures := verify(raffle.pk).failures:
        sys.exit(f"The record does not verify: {failures}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["users", count, file]:
            users(int(count), Path(file))
        case ["reset", capacity, limit]:
            reset(int(capacity), int(limit))
        case ["verify"]:
            audit()
        case _:
            sys.exit(__doc__)
