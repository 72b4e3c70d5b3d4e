"""manage.py cancel_raffle RAFFLE"""

from __future__ import annotations

from accounts.models import User
from raffle import closing
from raffle.management.operating import ActCommand
from raffle.models import Raffle


class Command(ActCommand):
    help = """\
Calls a raffle off: all its tickets are void, there will be no draw, and every holder is told by
mail, with the reason. Whatever was paid, you pay back. What is sealed or drawn stays.

examples:
  manage.py cancel_raffle demo --reason "The hall burned down"     asks you to type its address
  manage.py cancel_raffle demo --reason "The hall burned down" --yes --json

exit status:
  0 done, now or before    2 wrong usage     3 no such raffle or person
  4 not in this state      6 not confirmed   75 database away or busy: run it again"""

    permission = "raffle.cancel_raffle"
    reason = "stands in the public record, and in the mail to every holder"
    lands_in = Raffle.Status.CANCELLED

    def act(self, raffle: Raffle, by: User | None, reason: str) -> None:
        closing.cancel_raffle(raffle_id=raffle.pk, by=by, reason=reason)
