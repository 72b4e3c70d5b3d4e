"""manage.py rush: the rush hour, for real, against a site on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from argparse import ArgumentParser
from collections import Counter
from typing import Any
from urllib.parse import SplitResult

from raffle import organising
from raffle.management.lines import loopback
from raffle.management.operating import FAILED, TRY_LATER, WRONG_STATE, ProgressBar, RaffleCommand
from raffle.management.rushing import (
    Press,
    disagreements,
    forget_the_empty_handed,
    make_buyers,
    press_all,
    sells_from_here,
    signed_in,
)
from raffle.models import Raffle, Ticket
from raffle.verifying import verify


class Command(RaffleCommand):
    help = """\
Signs in many buyers, each as a person of their own, and has all of them press “buy” at once,
over HTTP, against the running site; then audits the database. Only against this very machine.

examples:
  manage.py rush
  manage.py rush demo --new --buyers 3000 --tries 2   a new raffle on the same terms
  manage.py rush demo --url http://127.0.0.1:8001

exit status:
  0 every rule held and nothing failed    1 something did not: it says what    2 wrong usage
  3 no such raffle    4 not open    75 the site does not answer: start it and run it again"""

    def add_raffle(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "raffle", metavar="RAFFLE", nargs="?", default="demo", help="default: demo"
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        port = os.environ.get("PORT", "8000")
        parser.add_argument("--url", default=f"http://127.0.0.1:{port}", help="of the site")
        parser.add_argument("--buyers", type=_at_least_one, default=1000)
        parser.add_argument("--tries", type=_at_least_one, default=3, help="presses a buyer")
        parser.add_argument("--connections", type=_at_least_one, default=1000, help="open at once")
        parser.add_argument("--new", action="store_true", help="sell a new raffle of its kind")

    def handle(self, **options: Any) -> None:
        site = self._site(options["url"])
        raffle = self.raffle(options["raffle"])
        if options["new"]:
            raffle = self.raffle(_another(raffle))
        if not raffle.is_selling(raffle.now):
            self.stop(WRONG_STATE, f"“{raffle.slug}” is not open for sale. Try --new.")
        self._same_raffle(site, raffle)
        self.say(f"{options['buyers']} buyers, {options['tries']} tries each, on “{raffle.slug}”.")
        buyers = make_buyers(options["buyers"])
        path = f"/api/raffles/{raffle.slug}/purchase"
        with signed_in(buyers) as headers:
            presses = [
                Press(buyer, header)
                for buyer, header in zip(buyers, headers, strict=True)
                for _ in range(options["tries"])
            ]
            bar = ProgressBar("Buying")
            asyncio.run(press_all(site, path, presses, options["connections"], bar))
        report = self._report(raffle, presses)
        forget_the_empty_handed(buyers)
        self._print(report, as_json=options["json"])
        if report["violations"]:
            self.stop(FAILED, f"{len(report['violations'])} violations.")

    # --- Before -----------------------------------------------------------------------------------

    def _site(self, url: str) -> SplitResult:
        site = loopback(url)
        if site is None:
            self.stop(2, f"{url} is not a loopback address (http://127.0.0.1:PORT).")
        return site

    def _same_raffle(self, site: SplitResult, raffle: Raffle) -> None:
        """The site must sell the raffle of this database, or the audit would mean nothing."""
        try:
            if sells_from_here(site, raffle):
                return
        except OSError as error:
            self.stop(TRY_LATER, f"{site.geturl()} does not answer as the site: {error}")
        self.stop(TRY_LATER, f"{site.geturl()} sells from another database than this one.")

    # --- After ------------------------------------------------------------------------------------

    def _report(self, raffle: Raffle, presses: list[Press]) -> dict[str, Any]:
        outcomes = Counter(press.outcome for press in presses)
        sold_at = [press.answered for press in presses if press.status == 200]
        took = sorted(press.answered - press.sent for press in presses)
        violations = verify(raffle.pk).failures
        told = [(number, press.buyer.pk) for press in presses for number in press.numbers]
        violations += disagreements(raffle, told, {press.buyer.pk for press in presses})
        violations += [
            f"{count} × {name}" for name, count in outcomes.items() if name.startswith("error")
        ]
        raffle = self.raffle(raffle.slug)
        if outcomes["sold_out"] and raffle.sold != raffle.capacity:
            violations.append(f"called sold out at {raffle.sold} of {raffle.capacity}")
        return {
            "raffle": raffle.slug,
            "presses": len(presses),
            "outcomes": dict(outcomes.most_common()),
            "sold": raffle.sold,
            "capacity": raffle.capacity,
            "most_held_by_one": _most_held(raffle),
            "limit": raffle.limit,
            "seconds_to_last_sale": round(max(sold_at, default=0.0), 3),
            "seconds_to_last_answer": round(max(press.answered for press in presses), 3),
            "answers_a_second": round(len(presses) / max(press.answered for press in presses)),
            "p50_ms": round(took[len(took) // 2] * 1000, 1),
            "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1),
            "max_ms": round(took[-1] * 1000, 1),
            "violations": violations,
        }

    def _print(self, report: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report))
            return
        rows = [
            ("sold", f"{report['sold']} of {report['capacity']}"),
            *((f"answered {name}", f"{n:,}") for name, n in report["outcomes"].items()),
            ("most held by one", f"{report['most_held_by_one']} (limit {report['limit']})"),
            ("last sale after", f"{report['seconds_to_last_sale']:.2f} s"),
            ("last answer after", f"{report['seconds_to_last_answer']:.2f} s"),
            ("answers a second", f"{report['answers_a_second']:,}"),
            (
                "latency",
                f"p50 {report['p50_ms']:.0f} ms, p99 {report['p99_ms']:.0f} ms, "
                f"max {report['max_ms']:.0f} ms",
            ),
            ("violations", f"{len(report['violations']) or 'none'}"),
        ]
        for name, value in rows:
            self.stdout.write(f"{name:26} {value}")
        for violation in report["violations"]:
            self.stdout.write(f"  {violation}")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _another(raffle: Raffle) -> str:
    """Open a new raffle on the same terms; its slug."""
    terms = {name: getattr(raffle, name) for name in (*Raffle.TERMS, "description")}
    stem = uuid.uuid4().hex[:8]
    again = Raffle(**terms | {"slug": f"rush-{stem}", "name": f"{raffle.name} (rush {stem})"})
    organising.create_raffle(again, by=None)
    organising.open_raffle(raffle_id=again.pk, by=None)
    return again.slug


def _most_held(raffle: Raffle) -> int:
    held = Counter(Ticket.objects.filter(raffle=raffle).values_list("buyer_id", flat=True))
    return max(held.values(), default=0)
