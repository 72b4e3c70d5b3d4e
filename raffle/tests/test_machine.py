"""Any acts by anybody in any order: the raffle and a small model of it never disagree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from raffle import awarding, closing, drawing, organising, seconding
from raffle.errors import Refusal
from raffle.models import Award, Draw, Raffle, Seal, Ticket
from raffle.tests.makers import buy, make_buyers, make_draft, make_staff
from raffle.tests.model import Model
from raffle.verifying import verify

STAFF = st.integers(0, 2)


def told(act: Callable[..., Any], **known: Any) -> str | None:
    """The code of the refusal, None if there was none."""
    try:
        act(**known)
    except Refusal as refused:
        return refused.code
    return None


class RaffleMachine(RuleBasedStateMachine):
    @initialize(
        capacity=st.integers(1, 6), limit=st.integers(1, 3), prizes=st.integers(1, 3),
        alternates=st.integers(0, 2), one_prize_each=st.booleans(), two_people=st.booleans(),
        method=st.sampled_from(["local", "manual", "beacon"]),
        sold=st.lists(st.integers(0, 3), min_size=3, max_size=6),
        stage=st.sampled_from(["drawn", "asked for", "reconciled", "selling", "draft"]),
    )  # fmt: skip
    def begin(self, prizes: int, sold: list[int], stage: str, **terms: Any) -> None:
        """Some lives begin late: chance alone would hardly ever come as far as a claim."""
        self.raffle = make_draft(prizes=[f"Prize {n}" for n in range(prizes)], **terms)
        self.model = Model(prizes=prizes, **terms)
        self.buyers = make_buyers(4)
        self.staff = [make_staff() for _ in range(3)]
        self.known = {"raffle_id": self.raffle.pk}
        if stage == "draft":
            return
        self.open()
        for key, buyer in enumerate(sold):
            self.buy(buyer, 1, key)
        if stage == "selling":
            return
        self.close(0)
        self.reconcile(0)
        numbers = sorted(self.model.valid())[: self.model.picks()[1]]
        if stage in ("asked for", "drawn"):
            self.ask(0, numbers if self.model.method == "manual" else [])
        if stage == "drawn":
            self.confirm(1, self.model.draw_asked[1] if self.model.draw_asked else [])

    @precondition(lambda self: self.model.status == "DRAFT")
    @rule()
    def open(self) -> None:
        organising.open_raffle(**self.known, by=self.staff[0])
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
            # A raffle that was sold out is remembered as such, and still is when it is closed.
            full = len(self.model.owner) == self.model.capacity
            sold_out = full and (refused.code, expected) == ("sold_out", "closed")
            assert refused.code == expected or sold_out

    @precondition(lambda self: self.model.owner)
    @rule(data=st.data(), by=STAFF, ask=st.booleans())
    def void(self, data: st.DataObject, by: int, ask: bool) -> None:
        number = data.draw(st.integers(1, len(self.model.owner)))
        expected, act = (
            (self.model.ask_for_void(number, by), seconding.propose_void)
            if ask
            else (self.model.void_ticket(number, by), organising.void_ticket)
        )
        ticket = self.raffle.tickets.get(number=number)
        known = {"ticket_id": ticket.pk, "by": self.staff[by], "reason": "because"}
        assert told(act, **known) == expected

    @rule(by=STAFF)
    def close(self, by: int) -> None:
        known = {**self.known, "by": self.staff[by], "reason": "over"}
        assert told(closing.close_raffle, **known) == self.model.close()

    @rule(by=STAFF)
    def reconcile(self, by: int) -> None:
        known = {**self.known, "by": self.staff[by]}
        assert told(closing.reconcile_raffle, **known) == self.model.reconcile()

    @precondition(lambda self: len(self.model.owner) > 2)  # so that not every life ends with it
    @rule(by=STAFF)
    def cancel(self, by: int) -> None:
        known = {**self.known, "by": self.staff[by], "reason": "off"}
        assert told(closing.cancel_raffle, **known) == self.model.cancel()

    @rule(data=st.data(), by=STAFF)
    def ask_for_the_draw(self, data: st.DataObject, by: int) -> None:
        numbers: list[int] = []
        if self.model.method == "manual" and self.model.reconciled:
            count = data.draw(st.integers(*self.model.picks()))
            numbers = data.draw(st.permutations(sorted(self.model.valid())))[:count]
        self.ask(by, numbers)

    def ask(self, by: int, numbers: list[int]) -> None:
        known = {**self.known, "by": self.staff[by], "numbers": numbers}
        assert told(seconding.propose_draw, **known) == self.model.ask_for_draw(by, numbers)

    @rule(by=STAFF, misread=st.booleans())
    def draw(self, by: int, misread: bool) -> None:
        numbers = list(self.model.draw_asked[1]) if self.model.draw_asked else []
        if misread and self.model.method == "manual":
            numbers.reverse()
        self.confirm(by, numbers)

    def confirm(self, by: int, numbers: list[int]) -> None:
        known = {**self.known, "by": self.staff[by], "numbers": numbers}
        was_sealed = self.model.sealed
        assert told(drawing.draw_winner, **known) == self.model.draw(by, numbers)
        if self.model.sealed and not was_sealed and self.model.method != "beacon":
            self.model.published(Draw.objects.get(raffle=self.raffle).order)

    @precondition(lambda self: self.model.order)
    @rule(data=st.data(), by=STAFF, true_code=st.sampled_from([True, True, False]))
    def claim(self, data: st.DataObject, by: int, true_code: bool) -> None:
        award, known = self.some_award(data, by, true_code)
        expected = self.model.claim(award.prize, award.ticket.number, true_code=true_code)
        assert told(awarding.record_claim, **known) == expected

    @precondition(lambda self: self.model.order)
    @rule(data=st.data(), by=STAFF, true_code=st.sampled_from([True, True, True, None, False]))
    def forfeit(self, data: st.DataObject, by: int, true_code: bool | None) -> None:
        award, known = self.some_award(data, by, true_code)
        expected = self.model.forfeit(award.prize, award.ticket.number, true_code=true_code)
        assert told(awarding.forfeit_prize, reason="moved away", **known) == expected

    def some_award(
        self, data: st.DataObject, by: int, true_code: bool | None
    ) -> tuple[Award, dict[str, Any]]:
        """One of all that there were, and what to say to claim or forfeit it."""
        awards = Award.objects.filter(raffle=self.raffle).select_related("ticket")
        award = data.draw(st.sampled_from(list(awards.order_by("place"))))
        code = {None: "", True: award.ticket.code, False: "0" * 32}[true_code]
        return award, {"award_id": award.pk, "by": self.staff[by], "code": code}

    @invariant()
    def the_tables_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        self.raffle.refresh_from_db()
        assert self.raffle.status == self.model.status
        tickets = Ticket.objects.filter(raffle=self.raffle).order_by("number")
        off = self.model.status == "CANCELLED"
        held = [(t.number, t.buyer_id, t.is_void) for t in tickets.select_related("void", "raffle")]
        assert held == [
            (number, self.buyers[owner].pk, off or number in self.model.void)
            for number, owner in enumerate(self.model.owner, 1)
        ]
        assert Seal.objects.filter(raffle=self.raffle).exists() == self.model.sealed
        drawn = Draw.objects.filter(raffle=self.raffle).first()
        assert (drawn.order if drawn else []) == self.model.order

    @invariant()
    def the_prizes_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        given: dict[int, list[tuple[int, str]]] = {}
        awards = Award.objects.filter(raffle=self.raffle).order_by("place")
        for award in awards.select_related("ticket", "claim", "forfeit"):
            given.setdefault(award.prize, []).append((award.ticket.number, award.state))
        for place, prize in enumerate(self.model.held, 1):
            *before, last = prize.holders
            must = [(number, "forfeited") for number in before]
            assert given.pop(place, []) == must + ([(last, prize.state)] if last else [])
        assert given == {}

    @invariant()
    def the_verifier_finds_nothing(self) -> None:
        if hasattr(self, "model"):
            assert verify(self.raffle.pk).failures == []


RaffleMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,  # the same examples every time: a red run can be run again
    phases=[Phase.generate],  # a life is short enough to be read as it failed
    suppress_health_check=[HealthCheck.too_slow],
)
TestAnyOrder = pytest.mark.timeout(300)(RaffleMachine.TestCase)  # also on a busy machine
