"""How many purchases a second one raffle takes, with and without the combiner.

    .venv/bin/python bench/selling.py [--threads 8 32 100] [--seconds 5] [--rounds 3]

Calls `selling.purchase` from many threads of one process, every purchase by another buyer, on the
database that `manage.py` uses. Both ways take turns, round by round, so that their ratio holds even
on a machine whose speed changes. Makes raffles and buyers of its own, which stay.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")

BUYERS = 20_000  # a round ends early if they have all bought


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[8, 32, 100])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["DB_POOL_SIZE"] = str(max(options.threads))

    from local import database, environment  # noqa: PLC0415 - the settings read the environment

    environment.load()
    with database.available():
        import django  # noqa: PLC0415

        django.setup()
        print("threads  combiner  purchases/s  p50 ms  p99 ms   (medians of rounds)")
        for threads in options.threads:
            compare(threads, options.seconds, options.rounds)


def compare(threads: int, seconds: float, rounds: int) -> None:
    results: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    for _ in range(rounds):
        for combine, figures in results.items():
            figures.append(one_round(threads, seconds, combine))
    rates = {}
    for combine, figures in results.items():
        rate, p50, p99 = (statistics.median(column) for column in zip(*figures, strict=True))
        rates[combine] = rate
        way = "on" if combine else "off"
        print(f"{threads:7}  {way:8}  {rate:11,.0f}  {p50 * 1000:6.1f}  {p99 * 1000:6.1f}")
    print(f"{threads:7}  on : off = {rates[True] / rates[False]:.2f}")


def one_round(threads: int, seconds: float, combine: bool) -> tuple[float, float, float]:
    """Purchases a second, median and 99th percentile of their seconds."""
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from raffle import organising, selling  # noqa: PLC0415
    from raffle.models import Raffle  # noqa: PLC0415

    stem = uuid.uuid4().hex[:8]
    raffle = Raffle(
        slug=f"bench-{stem}", name="Bench", organiser="-", prizes=["-"], capacity=1_000_000
    )
    organising.create_raffle(raffle, by=None)
    organising.open_raffle(raffle_id=raffle.pk, by=None)
    people = [User(email=f"bench-{stem}-{n}@example.invalid", password="!") for n in range(BUYERS)]  # noqa: S106
    buyers: Iterator[User] = iter(User.objects.bulk_create(people, batch_size=2000))
    settings.COMBINE_PURCHASES = combine
    took: list[float] = []
    mutex, barrier = threading.Lock(), threading.Barrier(threads + 1)

    def work() -> None:
        barrier.wait()
        while time.monotonic() < ends:
            with mutex:
                buyer = next(buyers, None)
            if buyer is None:
                break
            began = time.monotonic()
            selling.purchase(slug=raffle.slug, buyer=buyer, quantity=1, key=stem)
            took.append(time.monotonic() - began)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    ends = time.monotonic() + seconds
    for worker in workers:
        worker.start()
    ends = time.monotonic() + seconds
    barrier.wait()
    began = time.monotonic()
    for worker in workers:
        worker.join()
    elapsed = time.monotonic() - began
    took.sort()
    return len(took) / elapsed, took[len(took) // 2], took[int(len(took) * 0.99)]


if __name__ == "__main__":
    main()
