"""manage.py open_raffle RAFFLE"""

from __future__ import annotations

from accounts.models import User
from raffle import organising
from raffle.management.operating import ActCommand
from raffle.models import Raffle


class Command(ActCommand):
    help = """\
Puts a draft on sale. From the first sale on, its terms are frozen.

examples:
  manage.py open_raffle demo          asks you to type the raffle's address
  manage.py open_raffle demo --yes --json --by stella@example.org

exit status:
  0 done, now or before    2 wrong usage     3 no such raffle or person
  4 not in this state      6 not confirmed   75 database away or busy: run it again"""

    permission = "raffle.open_raffle"
    lands_in = Raffle.Status.OPEN

    def act(self, raffle: Raffle, by: User | None, reason: str) -> None:
        organising.open_raffle(raffle_id=raffle.pk, by=by)
