"""The people before the site: a process of its own, so that its share of the cores is known.

    python -m bench.client <plan.json

The plan is a Plan as JSON. Prints a line when all connections are open and the presses go, one when
the last answer is there, then the Outcome as JSON. Asks nothing twice: a line that breaks, an
answer that does not come in time or is no answer of the site's is an error and is counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import repeat

from raffle.management.lines import Answer, Line, open_line, open_lines, poll, press

BEGUN, ENDED = "begun", "ended"
PATIENCE = 30.0  # seconds for the answers that are still out when the time is over
REFUSED = 409


@dataclass(frozen=True, slots=True)
class Plan:
    """`buyers` are the headers of signed-in browsers; each presses `tries` times, side by side."""

    address: str
    port: int
    host: str  # as the requests name it
    slug: str
    buyers: list[str] = field(default_factory=list)
    tries: int = 1
    connections: int = 0  # for the presses
    pollers: int = 0  # connections that do nothing but look at how the raffle stands
    seconds: float = 0  # after which nothing more is asked; 0: when every press is answered
    lead: float = 0  # seconds for which the pollers are alone


@dataclass(slots=True)
class Outcome:
    """What came of a plan. Times are seconds since the presses' release, `took` in ms."""

    answers: dict[str, int]  # presses: how many were sold, refused as ..., or errors
    told: list[tuple[int, int]]  # tickets: number, and which of the plan's buyers was told so
    last_answer: float
    last_sale: float
    rates: list[float]  # accepted presses a second: in all, in the first and the last third
    took: dict[str, float]  # of the presses: p50, p99, max
    polls: dict[str, int]
    polls_rate: list[float]  # a second: before the presses' release, after it
    polls_took: dict[str, float]  # after the release
    used_up: bool  # the buyers did not suffice for the time
    cpu: float  # seconds, of this process


Seen = tuple[int, float, float, int, bytes]  # buyer, sent, answered, status (0: broken), body


class Crowd:
    """The people of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.presses: list[Seen] = []
        self.looks: list[tuple[float, float, int]] = []  # sent, answered, status
        self.released = self.ends = float("inf")
        self.is_over = False

    async def run(self) -> float:
        """Returns the seconds of CPU that it took, connections and preparations aside."""
        plan = self.plan
        requests = self._requests()
        path = f"/api/raffles/{plan.slug}"
        looking = poll(plan.host, f"{path}/state")
        async with asyncio.timeout(PATIENCE):
            pressing = await open_lines(plan.address, plan.port, plan.connections)
            for line in pressing:  # whoever is about to buy has looked at the raffle before
                await line.ask(looking)
            polling = await open_lines(plan.address, plan.port, plan.pollers)
        gc.disable()
        print(BEGUN, flush=True)
        cpu = _cpu()
        pollers = asyncio.gather(*(self._poll(line, looking) for line in polling))
        await asyncio.sleep(plan.lead)
        self.released = time.perf_counter()
        self.ends = self.released + plan.seconds if plan.seconds else float("inf")
        try:
            async with asyncio.timeout((plan.seconds or PATIENCE) + PATIENCE):
                await asyncio.gather(*(self._press(line, requests) for line in pressing))
                self.is_over = bool(pressing)
                await pollers
        except TimeoutError:
            pollers.cancel()
        cpu = _cpu() - cpu
        print(ENDED, flush=True)
        for line in (*pressing, *polling):
            line.close()
        return cpu

    def _requests(self) -> Iterator[tuple[int, bytes]]:
        path = f"/api/raffles/{self.plan.slug}/purchase"
        made = [
            (buyer, press(self.plan.host, path, headers))
            for buyer, headers in enumerate(self.plan.buyers)
            for _ in range(self.plan.tries)
        ]
        return iter(made)

    async def _press(self, line: Line, requests: Iterator[tuple[int, bytes]]) -> None:
        for buyer, request in requests:
            sent = time.perf_counter()
            seen = len(self.presses)
            self.presses.append((buyer, sent, 0.0, 0, b""))  # until the answer is there
            line, (status, body) = await self._ask(line, request)
            now = time.perf_counter()
            self.presses[seen] = (buyer, sent, now, status, body)
            if now >= self.ends:
                break

    async def _poll(self, line: Line, request: bytes) -> None:
        for _ in repeat(None):
            sent = time.perf_counter()
            line, (status, _) = await self._ask(line, request)
            now = time.perf_counter()
            self.looks.append((sent, now, status))
            if self.is_over or now >= self.ends:
                break

    async def _ask(self, line: Line, request: bytes) -> tuple[Line, Answer]:
        """The answer, on this line or on a new one if the site had closed it in good order."""
        try:
            if not line.is_open:
                line = await open_line(self.plan.address, self.plan.port)
            return line, await line.ask(request)
        except (OSError, ValueError):
            line.close()
            return line, (0, b"")

    # --- Afterwards -------------------------------------------------------------------------------

    def outcome(self, cpu: float) -> Outcome:
        answers: Counter[str] = Counter()
        told: list[tuple[int, int]] = []
        sales = []
        for buyer, _, answered, status, body in self.presses:
            name, numbers = _meaning(status, body)
            answers[name] += 1
            told += [(number, buyer) for number in numbers]
            if name == "sold":
                sales.append(answered - self.released)
        last = max((seen[2] for seen in self.presses), default=self.released) - self.released
        over = min(last, self.plan.seconds or last)
        looks = [look for look in self.looks if look[2] == 200]
        early = [look for look in looks if look[1] < self.released]
        late = [look for look in looks if look[1] >= self.released]
        until = max((look[1] for look in late), default=self.released) - self.released
        return Outcome(
            answers=dict(answers.most_common()),
            told=told,
            last_answer=last,
            last_sale=max(sales, default=0.0),
            rates=[
                _rate(sales, 0, over),
                _rate(sales, 0, over / 3),
                _rate(sales, over * 2 / 3, over),
            ],
            took=_percentiles([seen[2] - seen[1] for seen in self.presses if seen[3]]),
            polls=dict(Counter("answered" if s == 200 else _error(s) for *_, s in self.looks)),
            polls_rate=[
                len(early) / self.plan.lead if self.plan.lead else 0.0,
                len(late) / until if until else 0.0,
            ],
            polls_took=_percentiles([look[1] - look[0] for look in late]),
            used_up=bool(self.plan.seconds and self.plan.connections)
            and len(self.presses) == len(self.plan.buyers) * self.plan.tries,
            cpu=cpu,
        )


def _meaning(status: int, body: bytes) -> tuple[str, list[int]]:
    try:
        if status == 200:
            return "sold", json.loads(body)["tickets"]
        if status == REFUSED:
            return json.loads(body)["code"], []
    except (ValueError, KeyError, TypeError):
        return "error: not the site's answer", []
    return _error(status), []


def _error(status: int) -> str:
    return f"error: status {status}" if status else "error: no answer"


def _rate(times: list[float], begin: float, end: float) -> float:
    return sum(begin <= at < end for at in times) / (end - begin) if end > begin else 0.0


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    seconds.sort()
    middle, high = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    return {"p50": middle * 1000, "p99": high * 1000, "max": seconds[-1] * 1000}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    crowd = Crowd(Plan(**json.load(sys.stdin)))
    cpu = asyncio.run(crowd.run())
    print(json.dumps(asdict(crowd.outcome(cpu))))


if __name__ == "__main__":
    main()
