"""What a raffle is, in plain Python: every rule of it once more, to hold the site against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Prize:
    holders: list[int | None] = field(default_factory=list)  # the last one has it
    state: str = "unclaimed"


@dataclass
class Model:
    """Each act returns the code of its refusal, or None; buying returns the numbers bought."""

    capacity: int
    limit: int
    prizes: int
    alternates: int
    one_prize_each: bool
    two_people: bool
    method: str
    status: str = "DRAFT"
    owner: list[int] = field(default_factory=list)  # owner[n - 1] holds number n
    void: set[int] = field(default_factory=set)
    keys: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    void_asked: dict[int, int] = field(default_factory=dict)  # by whom, last
    draw_asked: tuple[int, list[int]] | None = None
    reconciled: bool = False
    sealed: bool = False
    order: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)  # of those who are still to win
    held: list[Prize] = field(default_factory=list)

    def buy(self, buyer: int, quantity: int, key: int) -> list[int] | str:
        if made := self.keys.get((buyer, key)):
            return made if len(made) == quantity else "idempotency_key_reused"
        if self.status == "DRAFT":
            return "does not exist"
        if self.status != "OPEN":
            return "closed"
        if len(self.owner) == self.capacity:
            return "sold_out"
        if self.owner.count(buyer) + quantity > self.limit:
            return "limit_reached"
        if len(self.owner) + quantity > self.capacity:
            return "not_enough_left"
        self.owner += [buyer] * quantity
        numbers = list(range(len(self.owner) - quantity + 1, len(self.owner) + 1))
        self.keys[buyer, key] = numbers
        return numbers

    def ask_for_void(self, number: int, by: int) -> str | None:
        if not self.two_people:
            return "one_person_is_enough"
        if refused := self._cannot_be_void(number):
            return refused
        self.void_asked[number] = by
        return None

    def void_ticket(self, number: int, by: int) -> str | None:
        if refused := self._cannot_be_void(number):
            return refused
        if self.two_people and self.void_asked.get(number, by) == by:
            return "second_person_needed"
        self.void.add(number)
        return None

    def _cannot_be_void(self, number: int) -> str | None:
        if self.status != "OPEN":
            return "not_open"
        return "already_void" if number in self.void else None

    def close(self) -> str | None:
        if self.status != "OPEN":
            return "not_open"
        self.status = "CLOSED"
        return None

    def reconcile(self) -> str | None:
        if self.status != "CLOSED":
            return "not_closed"
        if self.reconciled:
            return "already_reconciled"
        self.reconciled = True
        return None

    def cancel(self) -> str | None:
        if self.status == "DRAFT":
            return "not_open"
        if self.status == "CANCELLED":
            return "cancelled"
        if self.sealed:
            return "already_sealed"
        self.status = "CANCELLED"
        return None

    def ask_for_draw(self, by: int, numbers: Sequence[int]) -> str | None:
        if not self.two_people and self.method != "manual":
            return "one_person_is_enough"
        if self.status == "CANCELLED":
            return "cancelled"
        if self.sealed:
            return "already_sealed"
        if not self.reconciled:
            return "not_reconciled"
        self.draw_asked = by, list(numbers)
        return None

    def draw(self, by: int, numbers: Sequence[int]) -> str | None:
        """What was drawn is for published() to say."""
        if self.sealed:
            return None
        if self.status == "DRAFT":
            return "not_open"
        if self.status == "CANCELLED":
            return "cancelled"
        if self.two_people or self.method == "manual":
            if self.draw_asked is None or self.draw_asked[0] == by:
                return "second_person_needed"
            if self.draw_asked[1] != list(numbers):
                return "numbers_differ"
        if not self.valid():
            return "nothing_sold"
        self.status, self.reconciled, self.sealed = "CLOSED", True, True
        return None

    def published(self, order: list[int]) -> None:
        """Believe the order, if it is one, and work out who has won."""
        least, most = self.picks()
        assert least <= len(order) == len(set(order)) <= most
        assert set(order) <= self.valid()
        assert self.method == "manual" or len(order) == most
        assert self.method != "manual" or (self.draw_asked and order == self.draw_asked[1])
        self.order, winners = order, set[int]()
        for number in order:
            if not self.one_prize_each or self.owner[number - 1] not in winners:
                self.line.append(number)
                winners.add(self.owner[number - 1])
        self.held = [Prize([self._next()]) for _ in range(self.prizes)]

    def picks(self) -> tuple[int, int]:
        """The fewest and the most."""
        entries, prizes = len(self.valid()), self.prizes + self.alternates
        most = (prizes - 1) * self.limit + 1 if self.one_prize_each else prizes
        return min(entries, prizes), min(entries, most)

    def _next(self) -> int | None:
        return self.line.pop(0) if self.line else None

    def claim(self, prize: int, number: int, *, true_code: bool) -> str | None:
        if refused := self._cannot_be_settled(prize, number, true_code):
            return refused
        self.held[prize - 1].state = "claimed"
        return None

    def forfeit(self, prize: int, number: int, *, true_code: bool | None) -> str | None:
        """`true_code` is None if no code is shown."""
        if refused := self._cannot_be_settled(prize, number, true_code is not False):
            return refused
        if true_code is None:
            return "claim_still_possible"
        self.held[prize - 1].holders.append(self._next())
        return None

    def _cannot_be_settled(self, prize: int, number: int, true_code: bool) -> str | None:
        held = self.held[prize - 1]
        if held.state == "claimed" or held.holders[-1] != number:
            return "already_settled"
        return None if true_code else "wrong_code"

    def valid(self) -> set[int]:
        return set(range(1, len(self.owner) + 1)) - self.void
