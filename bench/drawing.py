"""How long it takes to close, draw and verify a raffle, as it grows.

    .venv/bin/python bench/drawing.py [--tickets 1000 10000 100000]

Sells every ticket first, two a buyer, with the site's own `selling.sell`, on the database that
`manage.py` uses. Then times closing, confirming the figures, the draw (ten prizes), verifying with
`verify_raffle`, and the stand-alone verifier on the three downloads, in a process of its own.
Makes a raffle and buyers of its own, which stay.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from raffle.models import Raffle

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
STAND_ALONE = ROOT / "verify" / "verify_raffle.py"
BATCH = 250  # buyers

sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")  # as in manage.py


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tickets", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()

    from local import database, environment  # noqa: PLC0415 - the settings read the environment

    environment.load()
    with database.available():
        import django  # noqa: PLC0415

        django.setup()
        print(
            "  tickets   sell s  close s  figures s  draw s  verify s  alone s  alone MB  ledger MB"
        )
        for tickets in options.tickets:
            grow(tickets)


def grow(tickets: int) -> None:
    from raffle import closing, drawing, publishing  # noqa: PLC0415
    from raffle.models import Raffle  # noqa: PLC0415
    from raffle.verifying import verify  # noqa: PLC0415

    raffle, sell = timed(lambda: sold_out(tickets))
    pk = raffle.pk
    _, close = timed(lambda: closing.close_raffle(raffle_id=pk, by=None, reason="bench"))
    _, figures = timed(lambda: closing.reconcile_raffle(raffle_id=pk, by=None))
    _, draw = timed(lambda: drawing.draw_winner(raffle_id=pk, by=None))
    verdict, again = timed(lambda: verify(pk))
    if verdict.failures:
        sys.exit(f"not verified: {verdict.failures}")
    raffle = Raffle.objects.as_it_stands().get(pk=pk)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ledger").write_text("".join(publishing.ledger_lines(raffle)))
        (folder / "manifest").write_text("".join(publishing.manifest_lines(raffle)))
        (folder / "draw").write_text(json.dumps(publishing.draw_summary(raffle)))
        size = (folder / "ledger").stat().st_size / 1e6
        files = [
            word for kind in ("ledger", "manifest", "draw") for word in (f"--{kind}", folder / kind)
        ]
        command = [sys.executable, "-I", STAND_ALONE, *files]
        _, alone = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{tickets:9,}  {sell:7.1f}  {close:7.2f}  {figures:9.2f}  {draw:6.2f}  {again:8.1f}"
        f"  {alone:7.1f}  {memory:8.0f}  {size:9.1f}",
        flush=True,
    )


def sold_out(tickets: int) -> Raffle:
    from accounts.models import User  # noqa: PLC0415
    from raffle import organising, selling  # noqa: PLC0415
    from raffle.book import Order  # noqa: PLC0415
    from raffle.models import Raffle  # noqa: PLC0415

    stem = uuid.uuid4().hex[:8]
    raffle = Raffle(
        slug=f"bench-{stem}", name="Bench", organiser="-", prizes=["-"] * 10, capacity=tickets
    )
    organising.create_raffle(raffle, by=None)
    organising.open_raffle(raffle_id=raffle.pk, by=None)
    for first in range(0, tickets // 2, BATCH):
        numbers = range(first, min(first + BATCH, tickets // 2))
        people = [User(email=f"{stem}-{n}@example.invalid", password="!") for n in numbers]  # noqa: S106
        buyers = User.objects.bulk_create(people)
        selling.sell([Order(raffle.pk, buyer.pk, 2, f"{stem}-{buyer.pk}") for buyer in buyers])
    return raffle


def timed(act: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    result = act()
    return result, time.monotonic() - began


if __name__ == "__main__":
    main()
