"""What size costs: every page, download and command, as a raffle and the site grow.

    .venv/bin/python -m bench.growth [100:10 10000:100 1000000:1000] [--only WORD] [--open]

Each stage TICKETS:RAFFLES fills the database that `manage.py` uses, until its largest raffle has so
many tickets, sold by the site's own `selling.sell`, and so many small raffles are open beside it.
Then it measures everything once, each in a process of its own: the time, the queries, and by how
much the process grew. A page counts as its median of five. For a scratch database: what it makes
stays, and is found again by the next run; a raffle that is closed already is not closed again.
`--open` leaves the raffles open. Half an hour for a million tickets.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from bench.looking import Case

STAGES = ["100:10", "10000:100", "1000000:1000"]
TIMES = 5  # a page is asked for; its median counts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
os.environ.setdefault("DB_STATEMENT_TIMEOUT", "0")  # as in manage.py
os.environ["STAFF_SECOND_FACTOR"] = "off"  # nobody here has a telephone


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing took: seconds, queries, and megabytes more than the process had before."""

    seconds: float = 0
    queries: int = 0
    megabytes: float = 0
    failed: str = ""

    def __str__(self) -> str:
        if self.failed:
            return self.failed
        long = self.seconds >= 10
        took = f"{self.seconds:.0f} s" if long else f"{self.seconds * 1000:,.0f} ms"
        return f"{took} · {self.queries:,} · {self.megabytes:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stages", nargs="*", default=STAGES, metavar="TICKETS:RAFFLES")
    parser.add_argument("--only", default="", metavar="WORD", help="what has it in its name")
    parser.add_argument("--open", action="store_true", help="close and draw nothing")
    options = parser.parse_args()

    from local import database, environment  # noqa: PLC0415 - the settings read the environment

    environment.load()
    with database.available():
        import django  # noqa: PLC0415

        django.setup()
        columns = [_stage(stage, options) for stage in options.stages]
    _print(options.stages, columns)


def _stage(stage: str, options: argparse.Namespace) -> dict[str, Cost]:
    """Fill, and measure all there is, in the order of a raffle's life."""
    from bench import filling, looking  # noqa: PLC0415 - they need the settings

    tickets, raffles = map(int, stage.split(":"))
    inside(lambda: filling.fill(tickets, raffles))  # apart, so that this process stays small
    costs: dict[str, Cost] = {}
    for part in looking.PARTS[: 1 if options.open else None]:
        cases = [case for case in part(filling.name_of(tickets)) if options.only in case.name]
        for case in cases:
            costs[case.name] = inside(lambda: measured(case))  # noqa: B023 - it is called here
            print(f"{tickets:>9,}  {case.name:44} {costs[case.name]}", flush=True)
    return costs


def inside(act: Any) -> Any:
    """What `act` returns, worked out in a process that begins as this one is, and ends."""
    from django.db import connections  # noqa: PLC0415

    connections.close_all()
    for connection in connections.all():
        cast(Any, connection).close_pool()
    gc.collect()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            result = act()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(json.dumps(_told(result)).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit("A part of it failed; see above.")
    told = json.loads(answer)
    return Cost(**told) if told else None


def _told(result: Any) -> Any:
    if isinstance(result, Cost):
        return {name: getattr(result, name) for name in Cost.__slots__}
    return None


def measured(case: Case) -> Cost:
    """One case, in this process."""
    before = _peak()
    took: list[float] = []
    for _ in range(TIMES if case.again else 1):
        with _counting() as count:
            began = time.perf_counter()
            try:
                told = case.run()
            except Exception as error:
                return Cost(failed=type(error).__name__)
            took.append(time.perf_counter() - began)
    grown = cast(float, told) if case.apart else _peak() - before
    return Cost(statistics.median(took), count.queries, grown)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass
class Count:
    queries: int = 0

    def __call__(self, execute: Any, *asked: Any) -> Any:
        self.queries += 1
        return execute(*asked)


@contextlib.contextmanager
def _counting() -> Iterator[Count]:
    from django.db import connection  # noqa: PLC0415

    count = Count()
    with connection.execute_wrapper(count), contextlib.redirect_stdout(io.StringIO()):
        yield count


def _print(stages: Sequence[str], columns: Sequence[dict[str, Cost]]) -> None:
    """As a table in Markdown: time · queries · megabytes."""
    print("\n| |", " | ".join(stages), "|")
    print("|---|" + "---:|" * len(stages))
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"| {name} |", " | ".join(str(column.get(name, "–")) for column in columns), "|")


if __name__ == "__main__":
    main()
