"""manage.py list_raffles"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from raffle.management.operating import OperatorCommand
from raffle.models import Draw, Raffle

STATES = [state.lower() for state in Raffle.Status.values]


class Command(OperatorCommand):
    help = """\
Lists the raffles, newest first, one a line: address, state, sold, of how many, end of the sales.

examples:
  manage.py list_raffles
  manage.py list_raffles --state open --json
  manage.py list_raffles --state closed | cut -f1     the addresses alone

exit status:
  0 listed, be it none    2 wrong usage    75 database away or busy: run it again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--state", choices=STATES, help="only those in this state")

    def handle(self, **options: Any) -> None:
        raffles = Raffle.objects.as_it_stands().order_by("-pk")
        if state := options["state"]:
            raffles = raffles.filter(status=state.upper())
        drawn = set(Draw.objects.values_list("raffle_id", flat=True))
        rows = [
            {
                "raffle": raffle.slug,
                "name": raffle.name,
                "status": raffle.status,
                "drawn": raffle.pk in drawn,
                "sold": raffle.sold,
                "capacity": raffle.capacity,
                "closes_at": raffle.closes_at.isoformat() if raffle.closes_at else None,
            }
            for raffle in raffles
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"raffles": rows}))
            return
        for row in rows:
            state = "drawn" if row["drawn"] else str(row["status"]).lower()
            columns = (row["raffle"], state, row["sold"], row["capacity"], row["closes_at"] or "-")
            self.stdout.write("\t".join(map(str, columns)))
        self.say(f"{len(rows)} raffle(s).")
