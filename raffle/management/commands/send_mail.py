"""manage.py send_mail"""

from __future__ import annotations

import logging
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection

from raffle import mailing, reminding
from raffle.management.operating import TRY_LATER, RaffleCommand
from raffle.models import Raffle

POLL = 3.0  # seconds between two looks at the ledgers
LONGEST_WAIT = 60.0  # seconds, while the mail server or the database is away
BLINK = 0.1  # seconds until an order to end is noticed

log = logging.getLogger("raffle.mailing")


class Command(RaffleCommand):
    help = """\
Mails every buyer the receipt, and every holder the seal, the result, or that the raffle is off.
A day before sales end it reminds, once, those who hold a ticket, may still buy and did not refuse.
It reads the ledgers and remembers how far it came: start it again at any time, start several. It
runs until it is told to end (SIGTERM, Ctrl-C); with --once it mails what is due and ends.

examples:
  manage.py send_mail                                    the worker, beside the web server
  manage.py send_mail --once --json                      for cron
  manage.py send_mail --site https://raffle.example.org  if ALLOWED_HOSTS does not begin with it

exit status:
  0 done, or told to end    2 wrong usage    3 no such raffle
  75 (--once) mail server or database away: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="mail what is due, and end")
        parser.add_argument("--raffle", metavar="RAFFLE", help="only the one at /raffles/RAFFLE/")
        parser.add_argument(
            "--site", metavar="URL", help="the site's address (https:// and the first host)"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        site = self._site(options["site"])
        only = self.raffle(options["raffle"]) if options["raffle"] else None
        tally = mailing.Tally()
        with until_told() as goes_on:
            if options["once"]:
                self._once(site, only, goes_on, tally)
            else:
                work(site, only, goes_on, tally)
        result = {"sent": tally.sent, "given_up": tally.failed}
        sentence = f"Sent {tally.sent} mail(s), gave {tally.failed} up."
        self.answer(result, sentence, as_json=options["json"])

    def _once(
        self, site: str, only: Raffle | None, goes_on: Callable[[], bool], tally: mailing.Tally
    ) -> None:
        try:
            _mail(site, only, goes_on, tally)
        except mailing.PostAway as away:
            self.stop(TRY_LATER, f"The mail server is away; run it again. ({away.__cause__})")

    def _site(self, given: str | None) -> str:
        """The site's address, without a slash at the end: mails have no request to take it from."""
        site: str = given or f"https://{(settings.ALLOWED_HOSTS or ['*'])[0].lstrip('.')}"
        parts = urlsplit(site)
        if parts.scheme not in ("http", "https") or not parts.hostname or "*" in parts.hostname:
            self.stop(2, "Name the site: --site https://raffle.example.org")
        return site.rstrip("/")


def work(site: str, only: Raffle | None, goes_on: Callable[[], bool], tally: mailing.Tally) -> None:
    """Mail whatever comes, until told to end. What is away is waited for, longer each time."""
    wait = POLL
    while goes_on():
        try:
            _mail(site, only, goes_on, tally)
            wait = POLL
        except (mailing.PostAway, Error) as away:
            log.warning(
                "Waiting for the %s",
                "mail server" if isinstance(away, mailing.PostAway) else "database",
            )
            wait = min(2 * wait, LONGEST_WAIT)
        connection.close()  # a connection that breaks meanwhile is nobody's
        until = time.monotonic() + wait
        while goes_on() and time.monotonic() < until:
            time.sleep(BLINK)


def _mail(
    site: str, only: Raffle | None, goes_on: Callable[[], bool], tally: mailing.Tally
) -> None:
    mailing.deliver(site, tally, only=only, goes_on=goes_on)
    reminding.remind(site, tally, only=only, goes_on=goes_on)


@contextmanager
def until_told() -> Iterator[Callable[[], bool]]:
    """Whether to go on: yes, until a signal to end. The mail that is being sent is finished."""
    told: list[int] = []
    ending = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {each: signal.signal(each, lambda number, _: told.append(number)) for each in ending}
    try:
        yield lambda: not told
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
