"""Buy, retry, void, close, draw, in any order: the raffle and a small model never disagree."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from raffle import closing, drawing, organising
from raffle.errors import Refusal
from raffle.models import Draw, Raffle, Ticket
from raffle.tests.makers import buy, make_buyers, make_draft, make_staff
from raffle.verifying import verify


class Model:
    """What a raffle is, in forty lines of plain Python."""

    def __init__(self, capacity: int, limit: int) -> None:
        self.capacity, self.limit = capacity, limit
        self.status = "DRAFT"
        self.owner: list[int] = []  # owner[n - 1] holds number n
        self.void: set[int] = set()
        self.keys: dict[tuple[int, int], list[int]] = {}
        self.winner: int | None = None

    def buy(self, buyer: int, quantity: int, key: int) -> list[int] | str:
        if made := self.keys.get((buyer, key)):
            return made if len(made) == quantity else "idempotency_key_reused"
        if self.status == "DRAFT":
            return "does not exist"
        if self.status == "CLOSED":
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

    def void_ticket(self, number: int) -> str | None:
        if self.status != "OPEN":
            return "not_open"
        if number in self.void:
            return "already_void"
        self.void.add(number)
        return None

    def valid(self) -> set[int]:
        return set(range(1, len(self.owner) + 1)) - self.void


class RaffleMachine(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 6), limit=st.integers(1, 3))
    def begin(self, capacity: int, limit: int) -> None:
        self.raffle = make_draft(capacity=capacity, limit=limit)
        self.model = Model(capacity, limit)
        self.buyers, self.stella = make_buyers(4), make_staff()

    @precondition(lambda self: self.model.status == "DRAFT")
    @rule()
    def open(self) -> None:
        organising.open_raffle(raffle_id=self.raffle.pk, by=self.stella)
        self.model.status = "OPEN"

    @rule(buyer=st.integers(0, 3), quantity=st.integers(1, 3), key=st.integers(0, 4))
    def buy(self, buyer: int, quantity: int, key: int) -> None:
        expected = self.model.buy(buyer, quantity, key)
        try:
            receipt = buy(self.raffle, self.buyers[buyer], quantity, f"key {key}")
            assert list(receipt.purchase.numbers) == expected
            assert receipt.remaining == self.model.capacity - len(self.model.owner)
        except Raffle.DoesNotExist:
            assert expected == "does not exist"
        except Refusal as refused:
            assert refused.code == expected

    @precondition(lambda self: self.model.owner)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.model.owner)))
        expected = self.model.void_ticket(number)
        ticket = self.raffle.tickets.get(number=number)
        try:
            organising.void_ticket(ticket_id=ticket.pk, by=self.stella, reason="because")
            assert expected is None
        except Refusal as refused:
            assert refused.code == expected

    @rule()
    def close(self) -> None:
        try:
            closing.close_raffle(raffle_id=self.raffle.pk, by=self.stella, reason="over")
            assert self.model.status == "OPEN"
            self.model.status = "CLOSED"
        except Refusal as refused:
            assert refused.code == "not_open"
            assert self.model.status != "OPEN"

    @rule()
    def draw(self) -> None:
        try:
            drawn = drawing.draw_winner(raffle_id=self.raffle.pk, by=self.stella)
            assert self.model.status != "DRAFT"
            assert drawn.ticket.number in self.model.valid()
            assert self.model.winner in (None, drawn.ticket.number)
            self.model.status, self.model.winner = "CLOSED", drawn.ticket.number
        except Refusal as refused:
            expected = "not_open" if self.model.status == "DRAFT" else "nothing_sold"
            assert refused.code == expected
            assert expected == "not_open" or not self.model.valid()

    @invariant()
    def the_tables_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        self.raffle.refresh_from_db()
        assert self.raffle.status == self.model.status
        tickets = Ticket.objects.filter(raffle=self.raffle).order_by("number")
        held = [(t.number, t.buyer_id, t.is_void) for t in tickets.select_related("void")]
        assert held == [
            (number, self.buyers[owner].pk, number in self.model.void)
            for number, owner in enumerate(self.model.owner, 1)
        ]
        drawn = Draw.objects.filter(raffle=self.raffle).first()
        assert (drawn.ticket.number if drawn else None) == self.model.winner

    def teardown(self) -> None:
        if hasattr(self, "raffle"):
            assert verify(self.raffle.pk).failures == []


RaffleMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,  # the same examples every time: a red run can be run again
    suppress_health_check=[HealthCheck.too_slow],
)
TestAnyOrder = RaffleMachine.TestCase
