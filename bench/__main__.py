"""`make bench`: how fast the site sells and tells, beside PostgreSQL's own limit and two controls.

A   The rush. A raffle of 100 tickets, 2 a person; 1000 people press three times each, 3000 presses
    released at once on 500 open connections. What counts is the last answer, most of which are
    refusals. Everybody is signed in as themselves, with session cookie and CSRF token.
B   Sustained. A raffle of a million, 64 connections, every purchase another person's, for 10
    seconds. What counts is how many are accepted a second, and whether it becomes fewer.
C   Polling. 256 connections ask how the raffle stands, again and again, for half of B's seconds.
D   The rush while 200 connections poll without a pause.
P   PostgreSQL alone: the purchase's own transaction in one call (limit.sql) on the same tables with
    all constraints and triggers, driven by pgbench; and 50 purchases a call. No sign-in, no HTTP.

Controls, in the same rounds (A, and 3 seconds of B): the site with COMBINE_PURCHASES=off, and
bench/naive, which locks the raffle, counts its tickets, inserts one, and commits (A only in the
first round: it takes long). site / naive is the one figure divided by the other, in the same round.

The site is started as `make run` starts it, on a port that is free and a database of its own, which
is dropped at the end. Everything stays on this machine: client, web server and PostgreSQL share its
cores, so the table says who took how much. Compare what stands in one table: machines, and hours
of one machine, differ. After every run the database is counted, the record verified, and every
answer compared with what is stored.

exit status: 0 all is well; 1 a violation or an error, which is named; 2 wrong usage
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import SplitResult

import django

from bench import scratch
from local import database, environment
from local.stopping import unwind_when_told
from raffle.management.lines import loopback

if TYPE_CHECKING:
    from bench.measuring import Results
    from bench.scenarios import Sizes

NAMES = ("A", "B", "C", "D", "P")
ROUNDS = 3
LAST_START = 120.0  # seconds after which no round begins, unless they were asked for
BEGAN = time.monotonic()


def main() -> int:
    options = _options()
    signal.signal(signal.SIGINT, _interrupted)  # also where a shell's `&` would ignore Ctrl-C
    unwind_when_told()
    environment.load()
    with contextlib.ExitStack() as held:
        held.enter_context(database.available())
        if not options.against:
            _say("making a database to measure in")
            held.enter_context(scratch.database())
        _set_up()
        return _measure(options)


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not disturb the tidying up
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scenarios", type=_scenarios, default=NAMES, metavar="A,B,...", help="default: all"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help="of which medians are told; default: 3, but none that would begin after two minutes",
    )
    parser.add_argument("--seconds", type=float, default=10, help="of B; at most 120")
    parser.add_argument("--site-only", action="store_true", help="without the controls")
    parser.add_argument(
        "--small", action="store_true", help="only to see that it works: its numbers mean nothing"
    )
    parser.add_argument(
        "--against",
        type=_this_machine,
        metavar="URL",
        help="a running site on this machine and on this database, e.g. behind a proxy; without"
        " controls and P. The raffles, and whoever buys, stay in its database",
    )
    options = parser.parse_args()
    if options.rounds not in (None, *range(1, 21)) or not 1 <= options.seconds <= 120:
        parser.error("take 1 to 20 rounds, and 1 to 120 seconds")
    return options


def _scenarios(text: str) -> tuple[str, ...]:
    names = tuple(text.upper().split(","))
    if not set(names) <= set(NAMES):
        raise argparse.ArgumentTypeError(f"take some of {','.join(NAMES)}")
    return names


def _this_machine(url: str) -> SplitResult:
    site = loopback(url)
    if site is None:
        raise argparse.ArgumentTypeError(f"{url} is not a loopback address (http://127.0.0.1:PORT)")
    return site


def _set_up() -> None:
    """This process has no time limit on its statements, like manage.py; the web server has its."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
    given = os.environ.get("DB_STATEMENT_TIMEOUT")
    os.environ["DB_STATEMENT_TIMEOUT"] = given or "0"
    django.setup()
    if given is None:
        del os.environ["DB_STATEMENT_TIMEOUT"]


def _measure(options: argparse.Namespace) -> int:
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up only now
    from django.db import connection  # noqa: PLC0415

    from bench import table  # noqa: PLC0415
    from bench.scenarios import SMALL, Sizes  # noqa: PLC0415

    sizes = SMALL if options.small else Sizes(seconds=options.seconds)
    try:
        if not options.against:
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
        results = _results(options, sizes)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    print("\n".join(table.lines(results, sizes)))
    for note in dict.fromkeys(results.notes):
        print(f"note: {note}")
    for what in results.wrong:
        print(f"WRONG: {what}")
    return 1 if results.wrong else 0


def _results(options: argparse.Namespace, sizes: Sizes) -> Results:
    from bench.measuring import Measuring, another_site  # noqa: PLC0415
    from bench.serving import SITE, WAYS  # noqa: PLC0415
    from raffle.management.rushing import (  # noqa: PLC0415
        forget_the_empty_handed,
        make_buyers,
        signed_in,
    )

    address = another_site(options.against) if options.against else None
    _say(f"signing in {sizes.buyers:,} people")
    buyers = make_buyers(sizes.buyers, "bench")
    try:
        with signed_in(buyers) as headers:
            measuring = Measuring(sizes, options.scenarios, buyers, headers, _say)
            if address:
                measuring.against(address, options.rounds or ROUNDS)
            else:
                ends = None if options.rounds else BEGAN + LAST_START
                ways = (SITE,) if options.site_only else WAYS
                measuring.rounds(options.rounds or ROUNDS, ways, ends)
    finally:
        if address:
            forget_the_empty_handed(buyers)
    return measuring.results


def _say(what: str) -> None:
    print(f"{time.monotonic() - BEGAN:4.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted: everything that it had started has ended.")
