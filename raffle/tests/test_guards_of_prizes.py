"""The database refuses by itself an award, a claim or a forfeit with one lie in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from raffle import closing
from raffle.models import Award, Raffle
from raffle.tests.forging import (
    clock,
    closed,
    forge_award,
    forge_claim,
    forge_draw,
    forge_forfeit,
    forge_seal,
    insert,
    refused_after_waiting,
    refused_by,
    sql,
)
from raffle.tests.makers import buy, make_buyers, make_raffle, make_staff
from raffle.tests.races import race

Settle = Callable[..., None]


def drawn(**terms: Any) -> Raffle:
    """Two prizes, and the order 1, 3, 4, 5, each of another person; nothing awarded yet."""
    raffle = closed(**{"alternates": 2, "one_prize_each": False} | terms)
    forge_seal(raffle)
    forge_draw(raffle)
    return raffle


@pytest.fixture(scope="module")
def raffle() -> Raffle:
    """What is refused is rolled back, so that the next test can try, too."""
    return drawn()


@pytest.fixture(scope="module")
def stella() -> User:
    return make_staff()


@pytest.fixture(scope="module")
def award(stella: User) -> Award:
    """The first prize, to number 1, neither claimed nor forfeited."""
    return forge_award(drawn(), 1, 1)


def test_forged_awards_claims_and_forfeits_without_a_lie_are_let_in(stella: User) -> None:
    raffle = drawn()
    first, second = forge_award(raffle, 1, 1), forge_award(raffle, 2, 3)
    forge_forfeit(second, stella)
    again = forge_award(raffle, 2, 4)
    forge_claim(again, stella)
    forge_forfeit(first, stella)
    last = forge_award(raffle, 1, 5)
    states = [award.state for award in Award.objects.filter(raffle=raffle).order_by("place")]
    assert states == ["forfeited", "forfeited", "claimed", "unclaimed"]
    assert last.is_overdue(last.claim_by + timedelta(seconds=1))


# --- Awards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prize", "number", "lie"),
    [
        (1, 2, {}),  # void
        (1, 1, {"place": 2}),
        (1, 1, {"place": 0}),
        (0, 1, {}),
        (3, 1, {}),
        (2, 1, {}),  # before the first prize
    ],
    ids=str,
)
def test_refuses_an_award_that_does_not_go_along_the_order(
    prize: int, number: int, lie: dict[str, int], raffle: Raffle
) -> None:
    refused_by("award_goes_along_the_order", lambda: forge_award(raffle, prize, number, **lie))


def test_refuses_a_third_prize_of_two() -> None:
    raffle = drawn()
    forge_award(raffle, 1, 1)
    forge_award(raffle, 2, 3)
    refused_by("award_goes_along_the_order", lambda: forge_award(raffle, 3, 4))


def test_refuses_an_award_that_goes_back_in_the_order(stella: User) -> None:
    raffle = drawn()
    first = forge_award(raffle, 1, 1)
    refused_by("award_goes_along_the_order", lambda: forge_award(raffle, 2, 1))
    forge_award(raffle, 2, 3)
    forge_forfeit(first, stella)
    refused_by("award_goes_along_the_order", lambda: forge_award(raffle, 1, 3))
    refused_by("award_goes_along_the_order", lambda: forge_award(raffle, 1, 1))


def test_refuses_an_award_without_a_draw() -> None:
    raffle = closed()
    row = {
        "raffle_id": raffle.pk, "prize": 1, "place": 1, "ledger_seq": 1,
        "ticket_id": raffle.tickets.get(number=1).pk, "awarded_at": clock(), "claim_by": clock(),
    }  # fmt: skip
    refused_by("award_goes_along_the_order", lambda: insert("raffle_award", row))


def test_refuses_a_prize_that_somebody_has(stella: User) -> None:
    raffle = drawn()
    first = forge_award(raffle, 1, 1)
    refused_by("award_once_unless_forfeited", lambda: forge_award(raffle, 1, 3))
    forge_claim(first, stella)
    refused_by("award_once_unless_forfeited", lambda: forge_award(raffle, 1, 3))


def test_refuses_to_pass_somebody_over(raffle: Raffle) -> None:
    refused_by("award_passes_nobody_over", lambda: forge_award(raffle, 1, 3))


def test_refuses_a_second_prize_for_one_person_and_passing_over_anybody_else() -> None:
    """Alice has 1, 2 and 4, Bob has 3, Charlie has 5, and that is the order, too."""
    raffle = make_raffle(prizes=["A bicycle", "A hat", "A pen"], limit=3)
    alice, bob, charlie = make_buyers(3)
    for buyer in (alice, alice, bob, alice, charlie):
        buy(raffle, buyer)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    forge_seal(raffle)
    forge_draw(raffle)
    refused_by("award_passes_nobody_over", lambda: forge_award(raffle, 1, 2))  # she has won nothing
    forge_award(raffle, 1, 1)
    refused_by("award_passes_nobody_over", lambda: forge_award(raffle, 2, 2))  # Alice again
    refused_by("award_passes_nobody_over", lambda: forge_award(raffle, 2, 5))  # and not Bob
    forge_award(raffle, 2, 3)
    forge_award(raffle, 3, 5)


def test_refuses_to_give_a_forfeited_prize_back_to_its_winner(stella: User) -> None:
    """Whoever was given a prize once is passed over for good, whatever became of it."""
    raffle = make_raffle(alternates=2, limit=3)
    alice, bob = make_buyers(2)
    for buyer in (alice, alice, bob):
        buy(raffle, buyer)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    forge_seal(raffle)
    forge_draw(raffle)
    forge_forfeit(forge_award(raffle, 1, 1), stella)
    refused_by("award_passes_nobody_over", lambda: forge_award(raffle, 1, 2))
    forge_award(raffle, 1, 3)


def test_refuses_another_raffles_ticket_of_the_same_number(raffle: Raffle) -> None:
    strange = drawn().tickets.get(number=1).pk
    refused_by(
        "award_ticket_is_of_its_raffle", lambda: forge_award(raffle, 1, 1, ticket_id=strange)
    )


def test_refuses_one_place_or_one_ticket_twice_even_without_the_trigger() -> None:
    raffle = drawn()
    forge_award(raffle, 1, 1)

    def without_the_trigger(number: int, **lie: int) -> None:
        sql("ALTER TABLE raffle_award DISABLE TRIGGER raffle_prize_awarded")
        forge_award(raffle, 2, number, **lie)

    refused_by("award_place_once", lambda: without_the_trigger(3, place=1))
    refused_by("award_ticket_once", lambda: without_the_trigger(1, place=2))


def test_refuses_what_is_not_in_the_ledger(raffle: Raffle, award: Award, stella: User) -> None:
    lie = {"ledger_seq": 99}
    refused_by("award_stands_in_the_ledger", lambda: forge_award(raffle, 1, 1, **lie))
    refused_by("claim_stands_in_the_ledger", lambda: forge_claim(award, stella, **lie))
    refused_by("forfeit_stands_in_the_ledger", lambda: forge_forfeit(award, stella, **lie))


# --- Claims and forfeits --------------------------------------------------------------------------


@pytest.mark.parametrize("settle", [forge_claim, forge_forfeit])
@pytest.mark.parametrize("before", [forge_claim, forge_forfeit])
def test_refuses_to_settle_a_prize_twice(before: Settle, settle: Settle, stella: User) -> None:
    award = forge_award(drawn(), 1, 1)
    before(award, stella)
    refused_by("prize_settled_once", lambda: settle(award, stella))


@pytest.mark.parametrize("settle", [forge_claim, forge_forfeit])
@pytest.mark.parametrize("before", [forge_claim, forge_forfeit])
def test_of_two_who_settle_a_prize_at_once_the_second_waits_and_is_refused(
    before: Settle, settle: Settle, stella: User
) -> None:
    award = forge_award(drawn(), 1, 1)
    line = award.raffle.draw.ledger_seq  # a line of their own could not be added at the same time
    refused_after_waiting(
        "prize_settled_once",
        lambda: before(award, stella, ledger_seq=line),
        lambda: settle(award, stella, ledger_seq=line),
    )


def test_refuses_to_settle_a_prize_from_a_snapshot_older_than_its_claim(stella: User) -> None:
    """REPEATABLE READ would not see the claim."""
    award = forge_award(drawn(), 1, 1)

    def forfeit_late() -> None:
        sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        sql("SELECT 1")
        race(lambda: forge_claim(award, stella))
        forge_forfeit(award, stella, ledger_seq=1)

    refused_by("prize_settled_once", forfeit_late)


def test_refuses_to_claim_and_forfeit_in_one_statement(award: Award, stella: User) -> None:
    claim: tuple[Any, ...] = (award.pk, award.raffle_id, award.ticket.code, stella.pk, 1)
    refused_by(
        "prize_settled_once",
        lambda: sql(
            "WITH claimed AS (INSERT INTO raffle_claim (award_id, raffle_id, code, recorded_by_id,"
            " ledger_seq, claimed_at) VALUES (%s, %s, %s, %s, %s, now()))"
            " INSERT INTO raffle_forfeit (award_id, raffle_id, code, recorded_by_id, ledger_seq,"
            " forfeited_at, reason) VALUES (%s, %s, %s, %s, %s, now(), 'moved away')",
            *claim, *claim,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("code", ["", "0" * 32, "wrong"])
def test_refuses_a_claim_without_the_tickets_code(code: str, award: Award, stella: User) -> None:
    refused_by("prize_code_is_the_tickets", lambda: forge_claim(award, stella, code=code))


@pytest.mark.parametrize("code", ["0" * 32, "wrong"])
def test_refuses_a_forfeit_with_a_false_code(code: str, award: Award, stella: User) -> None:
    refused_by("prize_code_is_the_tickets", lambda: forge_forfeit(award, stella, code=code))


def test_refuses_a_forfeit_without_a_code_while_the_winner_has_time(
    award: Award, stella: User
) -> None:
    refused_by("forfeit_not_too_early", lambda: forge_forfeit(award, stella, code=""))


def test_refuses_a_forfeit_without_a_code_up_to_the_last_moment(stella: User) -> None:
    award = forge_award(drawn(), 1, 1, claim_by=clock() + timedelta(seconds=2))
    refused_by("forfeit_not_too_early", lambda: forge_forfeit(award, stella, code=""))
    sql("SELECT pg_sleep(%s)", max(0.0, (award.claim_by - clock()).total_seconds()))
    forge_forfeit(award, stella, code="")


def test_refuses_a_claim_when_the_time_is_over(stella: User) -> None:
    """A minute is given to whoever was looking for the code at the last moment."""
    late = forge_award(drawn(), 1, 1, claim_by=clock() - timedelta(seconds=61))
    refused_by("claim_in_time", lambda: forge_claim(late, stella))
    just = forge_award(drawn(), 1, 1, claim_by=clock() - timedelta(seconds=30))
    forge_claim(just, stella)


def test_refuses_a_forfeit_without_a_reason(award: Award, stella: User) -> None:
    refused_by("forfeit_has_a_reason", lambda: forge_forfeit(award, stella, reason=""))


def test_refuses_claims_and_forfeits_that_name_another_raffle(
    award: Award, raffle: Raffle, stella: User
) -> None:
    lie = {"raffle_id": raffle.pk, "ledger_seq": 1}
    refused_by("claim_award_is_of_its_raffle", lambda: forge_claim(award, stella, **lie))
    refused_by("forfeit_award_is_of_its_raffle", lambda: forge_forfeit(award, stella, **lie))
