"""manage.py close_raffle RAFFLE"""

from __future__ import annotations

from accounts.models import User
from raffle import closing
from raffle.management.operating import ActCommand, ProgressBar
from raffle.models import Raffle


class Command(ActCommand):
    help = """\
Stops the sales for good, and freezes the list of tickets. The draw does it too, if need be.

examples:
  manage.py close_raffle demo --reason "The fair is over"     asks you to type its address
  manage.py close_raffle demo --reason "The fair is over" --yes --json

exit status:
  0 done, now or before    2 wrong usage     3 no such raffle or person
  4 not in this state      6 not confirmed   75 database away or busy: run it again"""

    permission = "raffle.close_raffle"
    reason = "stands in the public record"
    lands_in = Raffle.Status.CLOSED

    def act(self, raffle: Raffle, by: User | None, reason: str) -> None:
        bar = ProgressBar("Counting the tickets")
        closing.close_raffle(raffle_id=raffle.pk, by=by, reason=reason, progress=bar)
