"""manage.py verify_raffle RAFFLE"""

from __future__ import annotations

from typing import Any

from raffle.management.operating import FAILED, ProgressBar, RaffleCommand
from raffle.verifying import CHECKS, verify


class Command(RaffleCommand):
    help = """\
Replays the raffle's ledger, holds it against the tables, and checks every rule again.
Changes nothing; works while tickets are being sold.

examples:
  manage.py verify_raffle demo
  manage.py verify_raffle demo --json | jq .failures
  manage.py list_raffles | cut -f1 | xargs -n1 manage.py verify_raffle     each, after a restore

exit status:
  0 all is as it should be    1 something is wrong: it says what    2 wrong usage
  3 no such raffle            75 database away or busy: run it again"""

    def handle(self, **options: Any) -> None:
        raffle = self.raffle(options["raffle"])
        verdict = verify(raffle.pk, ProgressBar("Replaying the ledger"))
        for check, promise in CHECKS.items():
            if verdict.failed(check):
                mark = self.style.ERROR("FAILED")
            elif check in verdict.absent:
                mark = "–     "  # not that far yet, or not asked for by the terms
            else:
                mark = self.style.SUCCESS("ok    ")
            self.say(f"{mark} {promise}")
        for failure in verdict.failures:
            self.say(f"  {failure}")
        result = {
            "raffle": raffle.slug,
            "ok": not verdict.failures,
            "sold": verdict.sold,
            "void": verdict.void,
            "winning_ticket": verdict.winner,
            "ledger_entries": verdict.entries,
            "ledger_head": verdict.head,
            "absent": sorted(verdict.absent & CHECKS.keys()),
            "failures": verdict.failures,
        }
        self.answer(
            result,
            f"{raffle.slug}: {'verified' if not verdict.failures else 'NOT VERIFIED'}, "
            f"{verdict.sold} sold, {verdict.void} void, {verdict.entries} ledger entries, "
            f"head {verdict.head[:16]}…",
            as_json=options["json"],
        )
        if verdict.failures:
            self.stop(FAILED, f"{len(verdict.failures)} findings.")
