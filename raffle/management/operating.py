"""What the operators' commands have in common: words for people on stderr, one result on stdout."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, InternalError, OperationalError

from raffle.models import Raffle

# Exit statuses; 2 is argparse's own for wrong usage, 75 is sysexits.h's EX_TEMPFAIL.
FAILED, NOT_FOUND, WRONG_STATE, NOTHING_SOLD = 1, 3, 4, 5
NOT_CONFIRMED, SEALED, TRY_LATER = 6, 7, 75


class RaffleCommand(BaseCommand):
    """A command about one raffle, named by the last part of its address."""

    away = TRY_LATER  # the exit status while the database is

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_raffle(parser)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def add_raffle(self, parser: ArgumentParser) -> None:
        parser.add_argument("raffle", metavar="RAFFLE", help="as in /raffles/RAFFLE/")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError, InternalError) as error:
            self.stop(self.away, f"The database is away or busy; run it again. ({error})".strip())

    def raffle(self, slug: str) -> Raffle:
        raffle = Raffle.objects.as_it_stands().filter(slug=slug).first()
        if raffle is None:
            known = ", ".join(Raffle.objects.values_list("slug", flat=True)[:10]) or "none yet"
            self.stop(NOT_FOUND, f"There is no raffle “{slug}”. There are: {known}.")
        return raffle

    def say(self, text: str = "") -> None:
        self.stderr.write(text, lambda words: words)  # not in the red of errors

    def answer(self, result: dict[str, Any], sentence: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(result) if as_json else sentence)

    def stop(self, status: int, why: str) -> NoReturn:
        raise CommandError(why, returncode=status)


class ProgressBar:
    """Drawn in place on a terminal; elsewhere silent, so that logs stay readable."""

    WIDTH = 40

    def __init__(self, label: str) -> None:
        self.label, self.drawn_at = label, 0.0
        self.shown = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self.shown or (now - self.drawn_at < 0.1 and done < total):
            return
        self.drawn_at = now
        share = done / total if total else 1.0
        bar = "█" * int(share * self.WIDTH)
        end = "\n" if done >= total else ""
        text = f"\r{self.label} {bar:<{self.WIDTH}} {share:4.0%}  {done:,} of {total:,}"
        sys.stderr.write(text + end)
        sys.stderr.flush()
