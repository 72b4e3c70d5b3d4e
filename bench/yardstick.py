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
from dataclasses import asdict
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")  # as in manage.py
django.setup()

from django.db import connection, transaction  # noqa: E402

from bench.auditing import audit as audited  # noqa: E402
from bench.raffles import new_raffle  # noqa: E402
from raffle.management.rushing import make_buyers, sign_in  # noqa: E402
from raffle.models import Raffle  # noqa: E402

SLUG = "bench"
BATCH = 5_000
WARM = 40  # requests, after which all threads have done everything once
PATIENCE = 30.0  # seconds for the old processes to end


def users(count: int, file: Path) -> None:
    """Write a line for each user: the address, a tab, the headers of a signed-in browser."""
    with file.open("w") as lines:
        for first in range(0, count, BATCH):
            buyers = make_buyers(min(BATCH, count - first), "bench")
            for buyer, headers in zip(buyers, sign_in(buyers), strict=True):
                lines.write(f"{buyer.pk}\t{json.dumps(headers)}\n")


def reset(capacity: int, limit: int) -> None:
    """Open a raffle under the old address, and replace the web server's processes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE raffle_raffle DISABLE TRIGGER raffle_moves_forward")
        Raffle.objects.filter(slug=SLUG).update(slug=f"{SLUG}-{time.time_ns()}")
        cursor.execute("ALTER TABLE raffle_raffle ENABLE ALWAYS TRIGGER raffle_moves_forward")
    new_raffle(slug=SLUG, capacity=capacity, limit=limit)
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
    counted, wrong = audited(raffle)
    print(json.dumps(asdict(counted)))
    if wrong:
        sys.exit(f"The record does not verify: {wrong}")


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
