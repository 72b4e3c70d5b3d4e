"""manage.py draw_winner RAFFLE"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from raffle import closing, drawing
from raffle.errors import BeaconLate, NothingSold, Refusal
from raffle.management.operating import (
    NOTHING_SOLD,
    SEALED,
    TRY_LATER,
    WRONG_STATE,
    ProgressBar,
    RaffleCommand,
)
from raffle.models import ClockTimestamp, Draw, Raffle, Seal

MAY_DRAW = "raffle.draw_winner"
COUNTING = "Counting the tickets"


class Command(RaffleCommand):
    help = """\
Closes the raffle if it is still open, confirms its figures, draws its winners and publishes
them, in one step. There is no redraw: run again, it names the same winners.

With the beacon method the first run seals the draw, and a second one, after the sealed round has
come (about two minutes later), publishes; --wait does both. A raffle that needs two people, or is
drawn from a drum, is drawn in the administration.

examples:
  manage.py draw_winner demo              asks you to type the raffle's address
  manage.py draw_winner demo --dry-run    says what would be drawn from; never draws
  manage.py draw_winner demo --yes --json for scripts
  manage.py draw_winner demo --by stella@example.org   in the name of this member of staff

exit status:
  0 drawn, now or before    2 wrong usage    3 no such raffle or person    4 cannot be drawn now
  5 no valid ticket sold    6 not confirmed  7 sealed: run it again after the round
  75 database or beacon away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="check all, draw nothing")
        parser.add_argument("--wait", action="store_true", help="for the beacon, then publish")
        parser.add_argument("--by", metavar="EMAIL", help="who confirms the figures and draws")

    def handle(self, **options: Any) -> None:
        raffle, by = self.raffle(options["raffle"]), self.person(options["by"], MAY_DRAW)
        drawn: Draw | Seal | None = Draw.objects.filter(raffle=raffle).first()
        already = drawn is not None
        if drawn is None and not Seal.objects.filter(raffle=raffle).exists():
            self._show(raffle)
            if options["dry_run"]:
                return self._would_draw(raffle, as_json=options["json"])
            if not options["yes"]:
                question = f"Type {raffle.slug} to draw the winner now: "
                self.confirm(question, raffle.slug, "That is not its address. Nothing was drawn.")
        drawn = drawn or self._draw(raffle, by)
        while isinstance(drawn, Seal) and options["wait"]:
            self._wait_for(drawn)
            drawn = self._draw(raffle, by)
        if isinstance(drawn, Seal):
            return self._say_sealed(raffle, drawn, as_json=options["json"])
        return self._announce(raffle, drawn, already, as_json=options["json"])

    def _draw(self, raffle: Raffle, by: User | None) -> Draw | Seal:
        try:
            return drawing.draw_winner(raffle_id=raffle.pk, by=by, progress=ProgressBar(COUNTING))
        except NothingSold as refusal:
            self.stop(NOTHING_SOLD, refusal.detail)
        except BeaconLate as late:
            self.stop(TRY_LATER, f"{late.detail} ({late.__cause__})")
        except Refusal as refusal:
            self.stop(WRONG_STATE, refusal.detail)

    def _wait_for(self, sealed: Seal) -> None:
        """Until the round is out, by the database's clock."""
        bar, total = ProgressBar(f"Waiting for round {sealed.round}"), drawing.LEAD.seconds
        while (left := self._seconds_until(sealed)) > 0:
            bar(max(0, total - int(left)), total)
            time.sleep(min(left, 1))

    def _seconds_until(self, sealed: Seal) -> float:
        row = Seal.objects.filter(pk=sealed.pk).values_list(ClockTimestamp(), "round_at").get()
        return float((row[1] - row[0]).total_seconds())

    def _say_sealed(self, raffle: Raffle, sealed: Seal, *, as_json: bool) -> None:
        result = {
            "raffle": raffle.slug,
            "drawn": False,
            "sealed": True,
            "entries": sealed.entries,
            "offsets": sealed.offsets,
            "manifest": sealed.manifest,
            "round": sealed.round,
            "round_at": sealed.round_at.isoformat() if sealed.round_at else None,
        }
        sentence = (
            f"Sealed. Round {sealed.round} decides at {sealed.round_at:%Y-%m-%d %H:%M:%S %Z}."
        )
        self.answer(result, sentence, as_json=as_json)
        self.stop(SEALED, "Run it again after the round, or with --wait.")

    def _show(self, raffle: Raffle) -> None:
        if raffle.status == Raffle.Status.DRAFT:
            self.stop(WRONG_STATE, "This raffle is a draft: open it first.")
        self.say(f"{raffle.name}, {raffle.organiser}")
        for place, prize in enumerate(raffle.prizes, start=1):
            self.say(f"  prize {place:<4} {prize}")
        self.say(f"  method     {raffle.get_method_display()}")
        self.say(f"  sold       {raffle.sold} of {raffle.capacity}")
        self.say(f"  closes     {raffle.closes_at or 'when it is closed'}")
        if raffle.status == Raffle.Status.OPEN:
            self.say("  The raffle is open: the draw closes it for good.")

    def _would_draw(self, raffle: Raffle, *, as_json: bool) -> None:
        """What the draw would be made from. Naming a candidate here would let somebody shop."""
        listed = closing.count(raffle, ProgressBar(COUNTING))
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

    def _announce(self, raffle: Raffle, drawn: Draw, already: bool, *, as_json: bool) -> None:
        result = {
            "raffle": raffle.slug,
            "drawn": True,
            "already_drawn": already,
            "winning_ticket": drawn.ticket.number,
            "entries": drawn.entries,
            "picked": drawn.picked[0],
            "order": drawn.order,
            "manifest": drawn.manifest,
            "drawn_at": drawn.drawn_at.isoformat(),
        }
        when = f"{drawn.drawn_at:%Y-%m-%d %H:%M:%S %Z}"
        sentence = f"Ticket {drawn.ticket.number} of {drawn.entries} wins. Drawn {when}."
        self.answer(result, sentence, as_json=as_json)
