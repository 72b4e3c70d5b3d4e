"""manage.py check_raffles [RAFFLE …]"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import islice
from typing import Any

from raffle import watching
from raffle.management import overdue
from raffle.management.operating import ProgressBar, RaffleCommand
from raffle.management.overdue import Finding, Level
from raffle.models import LastCheck, Raffle

CHUNK = 100  # raffles looked at together
MARKS = {Level.OK: "OK", Level.WARNING: "WARNING", Level.CRITICAL: "CRITICAL"}


class Command(RaffleCommand):
    help = """\
For monitoring: what is wrong, and what waits for somebody. Checks every public raffle, or those
that are named, with the live verifier, and keeps the verdict for the staff's front page; a raffle
whose ledger has not moved since its last good verdict, a day ago at most, is not gone through
again, unless --all says so. Changes nothing else; works while tickets are being sold.

It looks for: a record that does not hold, guards that are gone, migrations that are pending,
clocks that differ; raffles past their end and not closed, past their draw and not drawn, sealed
and not published after their round; prizes that nobody claimed in time; mails that wait.

examples:
  manage.py check_raffles                   from a monitoring agent, or cron every five minutes
  manage.py check_raffles --all             once a night: everything anew
  manage.py check_raffles demo --json       one raffle, for programs

exit status (as Nagios and its heirs read it; other commands have their own 1 and 2):
  0 all is well    1 warning: something waits    2 critical: something is wrong, the database is
  away, or wrong usage    3 no such raffle"""

    away = Level.CRITICAL

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("raffles", metavar="RAFFLE", nargs="*", help="default: all but drafts")
        parser.add_argument("--all", action="store_true", help="also those that have not moved")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        named = [self.raffle(slug).pk for slug in options["raffles"]]
        findings, looked_at, verified = list(overdue.of_the_site()), 0, 0
        self._say(findings)
        if not any(found.what == "migrations" for found in findings):
            for raffle, last, waits in _raffles(named):
                looked_at, found = looked_at + 1, list(waits)
                if last and watching.shrank(raffle, last):
                    found.append(_shrank(raffle, last))  # not gone through: that would forget it
                elif options["all"] or _has_moved(raffle, last):
                    verified += 1
                    found += _verify(raffle)
                self._say(found)
                findings += found
        self._report(findings, looked_at, verified, as_json=options["json"])

    def _say(self, findings: list[Finding]) -> None:
        for found in findings:
            style = self.style.ERROR if found.level is Level.CRITICAL else self.style.WARNING
            about = f"{found.raffle}: " if found.raffle else ""
            self.say(f"{style(f'{MARKS[found.level]:8}')} {about}{found.says}")

    def _report(
        self, findings: list[Finding], looked_at: int, verified: int, *, as_json: bool
    ) -> None:
        worst = max((found.level for found in findings), default=Level.OK)
        result = {
            "status": MARKS[worst].lower(),
            "raffles": looked_at,
            "verified": verified,
            "findings": [
                {"level": MARKS[each.level].lower(), "what": each.what, "says": each.says}
                | ({"raffle": each.raffle} if each.raffle else {})
                for each in findings
            ],
        }
        counted = f"{looked_at} raffle(s), {verified} gone through anew"
        sentence = f"{MARKS[worst]}: {counted}, {len(findings) or 'no'} finding(s)."
        self.answer(result, sentence, as_json=as_json)
        if worst:
            first = next(each for each in findings if each.level == worst)
            self.stop(worst, f"{first.raffle}: {first.says}" if first.raffle else first.says)


def _raffles(named: list[int]) -> Iterator[tuple[Raffle, LastCheck | None, list[Finding]]]:
    """Each as it stands, the last verdict, and what waits; a few at a time, however many."""
    public = Raffle.objects.filter(pk__in=named) if named else Raffle.objects.public()
    keys = iter(list(public.order_by("pk").values_list("pk", flat=True)))
    while chunk := list(islice(keys, CHUNK)):
        raffles = list(Raffle.objects.as_it_stands().filter(pk__in=chunk).order_by("pk"))
        last = watching.last(raffles)
        for raffle, waits in overdue.of_raffles(raffles):
            yield raffle, last.get(raffle.pk), waits


def _has_moved(raffle: Raffle, last: LastCheck | None) -> bool:
    """Whether the last verdict says nothing about the raffle as it stands."""
    if last is None or last.problem or watching.is_stale(last, raffle.now):
        return True
    return (last.seq, last.hash) != (raffle.head_seq, raffle.head_hash)


def _shrank(raffle: Raffle, last: LastCheck) -> Finding:
    says = (
        f"NOT VERIFIED: on {last.checked_at:%Y-%m-%d at %H:%M} UTC the ledger had line {last.seq} "
        f"with hash {last.hash}, and now it has not. Somebody has rewritten it."
    )
    return Finding(Level.CRITICAL, "record", says, raffle.slug)


def _verify(raffle: Raffle) -> Iterator[Finding]:
    verdict = watching.check(raffle, ProgressBar(raffle.slug))
    for failure in verdict.failures:
        yield Finding(Level.CRITICAL, "record", f"NOT VERIFIED: {failure}", raffle.slug)
