"""What is done to a site, and the figures that count of it. __main__.py tells why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.client import Outcome, Plan

LEAD = 1.0  # seconds in which pollers are alone before the rush
OF_A_RUSH = {"sold", "sold_out", "limit_reached"}


@dataclass(frozen=True, slots=True)
class Sizes:
    warming: int = 200  # people who buy before anything is measured
    people: int = 1000
    tries: int = 3
    rushing: int = 500  # connections
    capacity: int = 100
    seconds: float = 10
    sustaining: int = 64  # connections
    polling: int = 256  # connections
    beside: int = 200  # connections that poll during the rush
    fastest: int = 2_500  # purchases a second: each person buys once, so many are at hand

    @property
    def buyers(self) -> int:
        return max(self.people, round(self.seconds * self.fastest))


SMALL = Sizes(
    warming=20,
    people=20,
    tries=2,
    rushing=20,
    capacity=10,
    seconds=1,
    sustaining=4,
    polling=8,
    beside=8,
    fastest=1000,
)

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`title` is filled in with the sizes, `plan` with who buys what where."""

    title: str
    controlled: bool  # whether the controls do it, too
    plan: Callable[[Sizes], Plan]  # address, slug and buyers come later
    capacity: Callable[[Sizes], int]
    answers: set[str]
    figures: Callable[[Outcome], Figures]

    def faults(self, outcome: Outcome) -> dict[str, int]:
        """Answers that nobody should get, and how many got them."""
        wrong = {name: n for name, n in outcome.answers.items() if name not in self.answers}
        polls = {f"poll {name}": n for name, n in outcome.polls.items() if name != "answered"}
        return wrong | polls


def _plan(**what: float) -> Plan:
    return Plan(address="", port=0, host="", slug="", **what)  # type: ignore[arg-type]


def _rush(outcome: Outcome) -> Figures:
    return {
        "last answer, s": outcome.last_answer,
        "sold out after, s": outcome.last_sale,
        "p50, ms": outcome.took["p50"],
        "p99, ms": outcome.took["p99"],
    }


def _sustained(outcome: Outcome) -> Figures:
    whole, first, last = outcome.rates
    return {
        "accepted a second": whole,
        "in the first third": first,
        "in the last third": last,
        "p50, ms": outcome.took["p50"],
        "p99, ms": outcome.took["p99"],
    }


def _polling(outcome: Outcome) -> Figures:
    return {
        "answers a second": outcome.polls_rate[1],
        "p50, ms": outcome.polls_took["p50"],
        "p99, ms": outcome.polls_took["p99"],
    }


def _beside(outcome: Outcome) -> Figures:
    return {
        "rush: last answer, s": outcome.last_answer,
        "rush: p99, ms": outcome.took["p99"],
        "polls a second before it": outcome.polls_rate[0],
        "polls a second during it": outcome.polls_rate[1],
        "polls' p99 during it, ms": outcome.polls_took["p99"],
    }


SCENARIOS = {
    "A": Scenario(
        "rush: {people} people × {tries} tries on {rushing} connections, {capacity} tickets",
        controlled=True,
        plan=lambda sizes: _plan(tries=sizes.tries, connections=sizes.rushing),
        capacity=lambda sizes: sizes.capacity,
        answers=OF_A_RUSH,
        figures=_rush,
    ),
    "B": Scenario(
        "sustained: {sustaining} connections, every purchase another person's",
        controlled=True,
        plan=lambda sizes: _plan(connections=sizes.sustaining, seconds=sizes.seconds),
        capacity=lambda sizes: 1_000_000,
        answers={"sold"},
        figures=_sustained,
    ),
    "C": Scenario(
        "polling of the state: {polling} connections",
        controlled=False,
        plan=lambda sizes: _plan(pollers=sizes.polling, seconds=sizes.seconds / 2),
        capacity=lambda sizes: sizes.capacity,
        answers=set(),
        figures=_polling,
    ),
    "D": Scenario(
        "the rush of A while {beside} connections poll without a pause",
        controlled=False,
        plan=lambda sizes: _plan(
            tries=sizes.tries, connections=sizes.rushing, pollers=sizes.beside, lead=LEAD
        ),
        capacity=lambda sizes: sizes.capacity,
        answers=OF_A_RUSH,
        figures=_beside,
    ),
}
