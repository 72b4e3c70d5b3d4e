"""manage.py draw_winner RAFFLE"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from raffle import closing, drawing
from raffle.errors import NothingSold, Refusal
from raffle.management.operating import (
    NOT_CONFIRMED,
    NOTHING_SOLD,
    WRONG_STATE,
    RaffleCommand,
)
from raffle.models import Draw, Raffle


class Command(RaffleCommand):
    help = """\
Closes the raffle if it is still open, draws its winner and publishes it, in one step.
There is no redraw: run again, it names the same winner.

examples:
  manage.py draw_winner demo              asks you to type the raffle's address
  manage.py draw_winner demo --dry-run    says what would be drawn from; never draws
  manage.py draw_winner demo --yes --json for scripts

exit status:
  0 drawn, now or before    2 wrong usage    3 no such raffle    4 not yet open for sale
  5 no valid ticket sold    6 not confirmed  75 database away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="check all, draw nothing")

    def handle(self, **options: Any) -> None:
        raffle = self.raffle(options["raffle"])
        drawn = Draw.objects.select_related("ticket").filter(raffle=raffle).first()
        if drawn is None:
            self._show(raffle)
            if options["dry_run"]:
                return self._would_draw(raffle, as_json=options["json"])
            if not options["yes"]:
                self._confirm(raffle)
        already = drawn is not None
        try:
            drawn = drawn or drawing.draw_winner(raffle_id=raffle.pk, by=None)
        except NothingSold as refusal:
            self.stop(NOTHING_SOLD, refusal.detail)
        except Refusal as refusal:
            self.stop(WRONG_STATE, refusal.detail)
        return self._announce(raffle, drawn, already, as_json=options["json"])

    def _show(self, raffle: Raffle) -> None:
        if raffle.status == Raffle.Status.DRAFT:
            self.stop(WRONG_STATE, "This raffle is a draft: open it first.")
        self.say(f"{raffle.name}, {raffle.organiser}")
        self.say(f"  prize      {raffle.prize}")
        self.say(f"  sold       {raffle.sold} of {raffle.capacity}")
        self.say(f"  closes     {raffle.closes_at or 'when it is closed'}")
        if raffle.status == Raffle.Status.OPEN:
            self.say("  The raffle is open: the draw closes it for good.")

    def _would_draw(self, raffle: Raffle, *, as_json: bool) -> None:
        """What the draw would be made from. Naming a candidate here would let somebody shop."""
        listed = closing.count(raffle)
        if listed.sold == 0:
            self.stop(NOTHING_SOLD, NothingSold().detail)
        result = {
            "raffle": raffle.slug,
            "drawn": False,
            "status": raffle.status,
            "entries": listed.sold,
            "void": listed.void,
            "unsold": listed.unsold,
            "manifest": listed.manifest,
        }
        sentence = f"Ready: one of {listed.sold} valid tickets would win. Nothing was drawn."
        self.answer(result, sentence, as_json=as_json)

    def _confirm(self, raffle: Raffle) -> None:
        if not sys.stdin.isatty():
            self.stop(NOT_CONFIRMED, "Nobody is there to confirm. Add --yes if you mean it.")
        self.stderr.write(f"Type {raffle.slug} to draw the winner now: ", ending="")
        if input().strip() != raffle.slug:
            self.stop(NOT_CONFIRMED, "That is not its address. Nothing was drawn.")

    def _announce(self, raffle: Raffle, drawn: Draw, already: bool, *, as_json: bool) -> None:
        result = {
            "raffle": raffle.slug,
            "drawn": True,
            "already_drawn": already,
            "winning_ticket": drawn.ticket.number,
            "entries": drawn.entries,
            "picked": drawn.picked[0],
            "manifest": drawn.manifest,
            "drawn_at": drawn.drawn_at.isoformat(),
        }
        when = f"{drawn.drawn_at:%Y-%m-%d %H:%M:%S %Z}"
        sentence = f"Ticket {drawn.ticket.number} of {drawn.entries} wins. Drawn {when}."
        self.answer(result, sentence, as_json=as_json)
