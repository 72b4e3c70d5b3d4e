"""What every report has: columns, rows in an order in which one can go on, and totals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from raffle.models import Raffle

NOTHING = Decimal("0.00")
LAST = 2**31 - 1  # a place with nothing behind it

Cell = str | int | Decimal | datetime | UUID | None  # a Decimal is money, in the raffle's currency


@dataclass(frozen=True, slots=True)
class Item:
    """A row. `place`: what to go on after; several rows that belong together have the same."""

    place: int
    cells: tuple[Cell, ...]
    total: str  # which total counts it
    amount: Decimal = NOTHING


@dataclass(slots=True)
class Sum:
    """How many rows, and their money."""

    count: int = 0
    amount: Decimal = NOTHING


Sums = defaultdict[str, Sum]


@dataclass(frozen=True, slots=True)
class Total:
    name: str
    count: int
    amount: Decimal | None = None  # None: not about money


class Report(ABC):
    """A report on `raffle` (as_it_stands()): what comes after its ledger's head is left out, so
    that a report that takes minutes to send is still of one moment.

    `people`: whether the reader may see the buyers' e-mail addresses.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        self.raffle, self.people = raffle, people

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]: ...

    @abstractmethod
    def batch(self, after: int, size: int) -> list[Item]:
        """About `size` rows behind the place `after` (0: from the start); none: that was all."""

    @abstractmethod
    def counted(self) -> Sums:
        """The sums of all rows, without reading them all."""

    @abstractmethod
    def totals(self, sums: Sums) -> list[Total]:
        """What stands at the end, from the sums of the rows."""

    @property
    def money(self) -> str:
        """The heading of money."""
        return f"price ({self.raffle.currency})"


def sums_of(items: Iterable[Item]) -> Sums:
    sums: Sums = defaultdict(Sum)
    add(sums, items)
    return sums


def add(sums: Sums, items: Iterable[Item]) -> None:
    for item in items:
        counted = sums[item.total]
        counted.count += 1
        counted.amount += item.amount
