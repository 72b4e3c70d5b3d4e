"""manage.py erase_person EMAIL"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from accounts import erasing
from accounts.models import User
from raffle.management.operating import NOT_CONFIRMED, NOT_FOUND, WRONG_STATE, RaffleCommand


class Command(RaffleCommand):
    help = """\
Erases who somebody is: e-mail addresses, names, password, powers, sessions, and what the admin's
log says of them. They can never sign in again, and get no mail. What they bought or did stays, as
the work of an unknown person: the record and its checks do not change in a single byte.

It then looks through the whole database for their addresses. What people have typed into the
record, such as the reason for a void, nothing can change: such places are named, for you to know.
Out of reach are mails that were sent, local mails in var/mail, log files and backups: delete them
when their time has come. All counts of failed sign-ins begin again.

examples:
  manage.py erase_person alice@example.org              asks you to type the address again
  manage.py erase_person alice@example.org --yes --json for scripts

exit status:
  0 erased    2 wrong usage    3 nobody has this address    4 the last superuser
  6 not confirmed    75 database away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="any of their addresses")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        address = options["email"].strip()
        user = erasing.find(address)
        if user is None:
            self.stop(NOT_FOUND, "Nobody has this e-mail address.")
        purchases = user.purchases.count()
        self.say(f"Account {user.pk}, {'staff' if user.is_staff else 'buyer'}, since")
        self.say(f"{user.date_joined:%Y-%m-%d}, with {purchases} purchase(s), which stay.")
        if not options["yes"]:
            self._confirm(address)
        try:
            left = erasing.erase(user)
        except erasing.LastSuperuser:
            self.stop(WRONG_STATE, "This is the last superuser: make another one first.")
        self._report(user, purchases, left, as_json=options["json"])

    def _confirm(self, address: str) -> None:
        if not sys.stdin.isatty():
            self.stop(NOT_CONFIRMED, "Nobody is there to confirm. Add --yes if you mean it.")
        self.stderr.write("There is no way back. Type the address to erase them: ", ending="")
        if input().strip().lower() != address.lower():
            self.stop(NOT_CONFIRMED, "That is not the address. Nothing was erased.")

    def _report(self, user: User, purchases: int, left: list[str], *, as_json: bool) -> None:
        result = {"erased": True, "account": user.pk, "purchases": purchases, "left_in": left}
        where = f"Still typed into: {', '.join(left)}." if left else "No trace is left."
        self.answer(result, f"Erased account {user.pk}. {where}", as_json=as_json)
