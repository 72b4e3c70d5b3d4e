"""manage.py reset_second_factor EMAIL"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from accounts import erasing, second_factor
from raffle.management.operating import NOT_CONFIRMED, NOT_FOUND, RaffleCommand


class Command(RaffleCommand):
    help = """\
For somebody who has lost their phone and their recovery codes: takes the second factor of their
account away and signs them out everywhere. Staff can do nothing then until they have signed in and
set up a new one. The reset stands in the log of sign-ins for good.

Make sure who is asking, on another way than by e-mail: whoever has their password, or their
mailbox, could set up a second factor of their own afterwards.

examples:
  manage.py reset_second_factor stella@example.org              asks you to type the address again
  manage.py reset_second_factor stella@example.org --yes --json for scripts

exit status:
  0 done, also if there was none    2 wrong usage    3 nobody has this address
  6 not confirmed    75 database away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="their e-mail address")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        address = options["email"].strip()
        user = erasing.find(address)
        if user is None:
            self.stop(NOT_FOUND, "Nobody has this e-mail address.")
        if not options["yes"]:
            self._confirm(address)
        had = second_factor.reset(user)
        result = {"account": user.pk, "had_second_factor": had}
        done = "Taken away" if had else "There was none"
        self.answer(result, f"{done}: {user} is signed out everywhere.", as_json=options["json"])

    def _confirm(self, address: str) -> None:
        if not sys.stdin.isatty():
            self.stop(NOT_CONFIRMED, "Nobody is there to confirm. Add --yes if you mean it.")
        self.stderr.write("Type the address again to reset their second factor: ", ending="")
        if input().strip().lower() != address.lower():
            self.stop(NOT_CONFIRMED, "That is not the address. Nothing was changed.")
