"""Rounds of scenarios, each followed by its audit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from urllib.parse import SplitResult

from django.conf import settings
from django.db import connection

from accounts.models import User
from bench import cores, limit
from bench.auditing import audit
from bench.client import BEGUN, ENDED, Outcome, Plan
from bench.cores import Shares
from bench.raffles import new_raffle
from bench.scenarios import SCENARIOS, Figures, Sizes
from bench.serving import NAIVE, SITE, Address, Way, served
from local.environment import ROOT
from raffle.management.rushing import disagreements, sells_from_here
from raffle.models import Raffle

WARM_UP = Plan(address="", port=0, host="", slug="", connections=32, pollers=8)
CONTROLLED = 3.0  # seconds of B for the controls
LIMITED = 2.0  # seconds of each kind of pgbench

Key = tuple[str, str]  # scenario, way


@dataclass(slots=True)
class Results:
    """Everything that was measured, a figure a round, and everything that was wrong."""

    figures: dict[Key, list[Figures]] = field(default_factory=lambda: defaultdict(list))
    shares: dict[Key, list[Shares]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    limits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: str = ""


class Measuring:
    """`headers` are those of the buyers' browsers. `say` tells what is being done."""

    def __init__(
        self,
        sizes: Sizes,
        names: Sequence[str],
        buyers: Sequence[User],
        headers: Sequence[str],
        say: Callable[[str], None],
    ) -> None:
        self.sizes, self.names, self.say = sizes, names, say
        self.buyers, self.headers = buyers, headers
        self.results = Results(machine=_machine())
        self.postmaster = _postmaster()

    def rounds(self, count: int, ways: Iterable[Way], ends: float | None = None) -> None:
        """Way after way in every round, so that what is compared was measured close together.

        Begins none after `ends` (of time.monotonic()), whatever the machine is busy with.
        """
        ways = list(ways)
        for number in range(1, count + 1):
            if ends and number > 1 and time.monotonic() > ends:
                self.results.notes.append(f"only {number - 1} of {count} rounds: the time was over")
                break
            for way in ways:
                names = [n for n in SCENARIOS if n in self.names]
                if way is not SITE:
                    names = [n for n in names if SCENARIOS[n].controlled]
                if way is NAIVE and number > 1:
                    names = [n for n in names if n != "A"]  # it takes longer than all the others
                if names:
                    with served(way) as address:
                        self.one_round(f"round {number} of {count}", way, names, address)
            if "P" in self.names:
                self._limits(number, count)

    def against(self, address: Address, count: int) -> None:
        """The same against a site that runs already."""
        names = [name for name in SCENARIOS if name in self.names]
        for number in range(1, count + 1):
            self.one_round(f"round {number} of {count}", SITE, names, address)

    def one_round(self, title: str, way: Way, names: Sequence[str], address: Address) -> None:
        self._warm_up(address)
        for name in names:
            self.say(f"{title}: {way.name}, {name}")
            self.scenario(name, way, address)

    def scenario(self, name: str, way: Way, address: Address) -> None:
        scenario, sizes, key = SCENARIOS[name], self.sizes, (name, way.name)
        raffle = new_raffle(capacity=scenario.capacity(sizes))
        plan = scenario.plan(sizes)
        if plan.seconds and way is not SITE:
            plan = replace(plan, seconds=min(plan.seconds, CONTROLLED))
        people = 0 if not plan.connections else sizes.buyers if plan.seconds else sizes.people
        outcome, shares = self._send(plan, raffle, address, self.headers[:people])
        faults = scenario.faults(outcome)
        wrong = [f"{count} × {fault}" for fault, count in faults.items()]
        wrong += self._audit(raffle, outcome, people * plan.tries)
        self.results.wrong += [f"{name}, {way.name}: {what}" for what in wrong]
        self.results.errors[key] += sum(faults.values())
        self.results.figures[key].append(scenario.figures(outcome))
        if shares:
            self.results.shares[key].append(shares)
        if outcome.used_up:
            self.results.notes.append(
                f"{name}, {way.name}: everybody had bought before the time was over."
            )

    def _audit(self, raffle: Raffle, outcome: Outcome, presses: int) -> list[str]:
        counted, wrong = audit(raffle)
        told = [(number, self.buyers[buyer].pk) for number, buyer in outcome.told]
        wrong += disagreements(raffle, told, {buyer.pk for buyer in self.buyers})
        if "sold_out" in outcome.answers and counted.sold != raffle.capacity:
            wrong.append(f"called sold out at {counted.sold} of {raffle.capacity}")
        if presses and not outcome.answers.get("sold"):
            wrong.append("nothing was sold")
        return wrong

    def _warm_up(self, address: Address) -> None:
        """Every process has done everything once, and the tables' statistics are not of empty ones.

        Straight from the start the first seconds would be those of the start.
        """
        raffle = new_raffle(capacity=self.sizes.warming)
        self._send(WARM_UP, raffle, address, self.headers[: self.sizes.warming])
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    def _send(
        self, plan: Plan, raffle: Raffle, address: Address, headers: Sequence[str]
    ) -> tuple[Outcome, Shares | None]:
        plan = replace(
            plan, address=address.host, port=address.port, host=address.named,
            slug=raffle.slug, buyers=list(headers),
        )  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-m", "bench.client"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us
        ) as client:
            try:
                if client.stdin is None or client.stdout is None:
                    raise RuntimeError("a client without pipes")
                with client.stdin as told:
                    json.dump(asdict(plan), told)
                readings = []
                for expected in (BEGUN, ENDED):
                    if client.stdout.readline().strip() != expected:
                        raise RuntimeError("The client failed; its message is above.")
                    readings.append(cores.read(address.process, self.postmaster))
                outcome = Outcome(**json.loads(client.stdout.read()))
            finally:
                client.kill()
        before, after = readings
        shares = before.shares_until(after, outcome.cpu) if before and after else None
        return outcome, shares

    def _limits(self, number: int, count: int) -> None:
        program, people = limit.program(), (self.buyers[0].pk, self.buyers[-1].pk)
        if program is None:
            self.results.notes.append("There is no pgbench on this machine: no limit measured.")
            self.names = [name for name in self.names if name != "P"]
            return
        if number == 1:
            self.results.wrong += [f"pgbench: {what}" for what in limit.install(people)]
        for kind in limit.KINDS:
            self.say(f"round {number} of {count}: PostgreSQL alone, {kind.name}")
            seconds = min(LIMITED, self.sizes.seconds)
            self.results.limits[kind.name].append(limit.measure(program, kind, seconds, people))


def another_site(site: SplitResult) -> Address:
    """A site that runs already, which must sell from this database."""
    raffle = Raffle.objects.as_it_stands().get(pk=new_raffle().pk)
    try:
        if not sells_from_here(site, raffle):
            sys.exit(f"{site.geturl()} sells from another database than this one.")
    except OSError as error:
        sys.exit(f"{site.geturl()} does not answer as the site: {error}")
    return Address(site.hostname or "", site.port or 80, site.netloc)


def _machine() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit')"
        )
        version, fsync, commit = cursor.fetchone()
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {version}"
        f" (fsync {fsync}, synchronous_commit {commit}), commit {settings.SOFTWARE}"
    )


def _postmaster() -> int | None:
    """PostgreSQL's first process, if it runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cores.parent(cursor.fetchone()[0])
