"""What the operators' commands have in common: words for people on stderr, one result on stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import InterfaceError, InternalError, OperationalError

from accounts.models import User
from raffle.errors import Refusal
from raffle.models import Raffle

# Exit statuses, told by --help and docs/operating.md; 2 is argparse's own for wrong usage, 75 is
# sysexits.h's EX_TEMPFAIL. check_raffles alone has those of monitoring systems.
FAILED, NOT_FOUND, WRONG_STATE, NOTHING_SOLD = 1, 3, 4, 5
NOT_CONFIRMED, SEALED, TRY_LATER = 6, 7, 75


class OperatorCommand(BaseCommand):
    """Explains itself, takes --json, asks only at a terminal, says if the database is away."""

    away = TRY_LATER  # the exit status while the database is

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not options["force_color"] and ("NO_COLOR" in os.environ or not sys.stderr.isatty()):
            self.style, self.stderr.style_func = no_style(), None
        try:
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError, InternalError) as error:
            self.stop(self.away, f"The database is away or busy; run it again. ({error})".strip())

    def say(self, text: str = "") -> None:
        self.stderr.write(text, lambda words: words)  # not in the red of errors

    def answer(self, result: dict[str, Any], sentence: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(result) if as_json else sentence)

    def stop(self, status: int, why: str) -> NoReturn:
        raise CommandError(str(why), returncode=status)

    def confirm(self, question: str, word: str, otherwise: str) -> None:
        """Have a person type `word`; stop if nobody is there, or types something else."""
        if not sys.stdin.isatty():
            self.stop(NOT_CONFIRMED, "Nobody is there to confirm. Add --yes if you mean it.")
        self.stderr.write(question, ending="")
        if input().strip().lower() != word.lower():
            self.stop(NOT_CONFIRMED, otherwise)


class RaffleCommand(OperatorCommand):
    """A command about one raffle, named by the last part of its address."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_raffle(parser)
        super().add_arguments(parser)

    def add_raffle(self, parser: ArgumentParser) -> None:
        parser.add_argument("raffle", metavar="RAFFLE", help="as in /raffles/RAFFLE/")

    def raffle(self, slug: str) -> Raffle:
        raffle = Raffle.objects.as_it_stands().filter(slug=slug).first()
        if raffle is None:
            known = ", ".join(Raffle.objects.values_list("slug", flat=True)[:10]) or "none yet"
            self.stop(NOT_FOUND, f"There is no raffle “{slug}”. There are: {known}.")
        return raffle

    def person(self, email: str | None, permission: str) -> User | None:
        """Whoever of the staff acts; None: the operator."""
        if email is None:
            return None
        person = User.objects.filter(email__iexact=email, is_staff=True, is_active=True).first()
        if person is None or not person.has_perm(permission):
            self.stop(NOT_FOUND, f"{email} is no member of staff who may do that.")
        return person


class ActCommand(RaffleCommand):
    """A command that moves one raffle from one state to the next, for good. Run again, when it has
    moved already, it says so and succeeds: after a broken line, running it again is right.
    """

    permission = ""
    reason = ""  # asked for as --reason, with this help; "": the act needs none
    lands_in = ""  # the state in which the raffle is afterwards

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        if self.reason:
            parser.add_argument("--reason", metavar="WHY", required=True, help=self.reason)
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--by", metavar="EMAIL", help="the member of staff who does it")

    def handle(self, **options: Any) -> None:
        raffle = self.raffle(options["raffle"])
        by = self.person(options["by"], self.permission)
        already = raffle.status == self.lands_in
        if not already:
            self.say(f"{raffle.name}, {raffle.organiser}")
            self.say(f"  {raffle.status.lower()}, {raffle.sold} of {raffle.capacity} sold")
            if not options["yes"]:
                question = f"There is no way back. Type {raffle.slug} to do it: "
                self.confirm(question, raffle.slug, "That is not its address. Nothing was done.")
            try:
                self.act(raffle, by, options.get("reason", ""))
            except Refusal as refusal:
                self.stop(WRONG_STATE, str(refusal.detail))
        raffle = self.raffle(raffle.slug)
        result = {
            "raffle": raffle.slug,
            "status": raffle.status,
            "already": already,
            "sold": raffle.sold,
            "ledger_head": raffle.head_hash,
        }
        was = "was already" if already else "is now"
        sentence = f"{raffle.slug} {was} {raffle.get_status_display()}, {raffle.sold} sold."
        self.answer(result, sentence, as_json=options["json"])

    def act(self, raffle: Raffle, by: User | None, reason: str) -> None:
        raise NotImplementedError


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
