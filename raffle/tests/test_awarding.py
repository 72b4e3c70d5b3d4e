"""Awarding: claims in time with the code, forfeits to the next in line, and never a new draw."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from accounts.models import User
from raffle import awarding, drawing
from raffle.errors import (
    AlreadySettled,
    ClaimStillPossible,
    ClaimTooLate,
    ReasonMissing,
    WrongCode,
)
from raffle.models import Award, LedgerEntry, Raffle
from raffle.tests.makers import buy, draw, make_buyers, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.races import kinds, race, slowly
from raffle.verifying import verify

OVERDUE = timedelta(days=31)  # ago it was drawn: a day too long


def drawn(*holders: int, since: timedelta = timedelta(0), **terms: Any) -> Raffle:
    """Ticket n is held by person holders[n - 1], and the tickets are drawn in their order."""
    people = make_buyers(max(holders) + 1)
    with ago(since) if since else nullcontext():
        raffle = make_raffle(limit=len(holders), **terms)
        for holder in holders:
            buy(raffle, people[holder])
        with patch.object(drawing, "pick", lambda entries: 0):
            draw(raffle)
    return raffle


def award_of(raffle: Raffle, prize: int = 1) -> Award:
    """The prize as it is held now."""
    return raffle.awards.standing().select_related("ticket").get(prize=prize)


def forfeit(raffle: Raffle, prize: int = 1, *, with_code: bool = False) -> int | None:
    """Who has the prize next: the number of the ticket."""
    award = award_of(raffle, prize)
    code = award.ticket.code if with_code else ""
    following = awarding.forfeit_prize(
        award_id=award.pk, by=make_staff(), reason="not claimed", code=code
    )
    assert verify(raffle.pk).failures == []
    return following.ticket.number if following else None


def last_line(raffle: Raffle) -> dict[str, Any]:
    return raffle.ledger.order_by("-seq")[0].says


# --- Claims ---------------------------------------------------------------------------------------


def test_a_claim_shows_the_code_and_stands_in_the_ledger() -> None:
    raffle, stella = drawn(0, 1), make_staff()
    award = award_of(raffle)
    claim = awarding.record_claim(
        award_id=award.pk, by=stella, code=f" {award.ticket.code.upper()} "
    )
    assert (claim.code, claim.recorded_by) == (award.ticket.code, stella)
    says = last_line(raffle)
    assert (says["kind"], says["prize"], says["number"]) == ("claimed", 1, 1)
    assert (says["code"], says["by"]) == (award.ticket.code, raffle.pseudonym(stella.pk))
    assert claim.ledger_seq == says["seq"]
    assert award_of(raffle).state == "claimed"
    assert verify(raffle.pk).failures == []


def test_an_award_can_be_claimed_for_as_many_days_as_the_terms_say() -> None:
    raffle = drawn(0, 1, claim_days=3)
    award = award_of(raffle)
    assert award.awarded_at == raffle.ledger.get(kind="drawn").at
    assert award.claim_by - award.awarded_at == timedelta(hours=72)


@pytest.mark.parametrize("code", ["", " ", "0" * 32, "ünicode", "a" * 1000])
def test_a_false_code_claims_nothing(code: str, held: Award) -> None:
    with pytest.raises(WrongCode):
        awarding.record_claim(award_id=held.pk, by=make_staff(), code=code)
    assert held.raffle.ledger.order_by("-seq")[0].kind == "drawn"


@pytest.fixture(scope="module")
def held() -> Award:
    return award_of(drawn(0, 1))


def test_another_tickets_code_claims_nothing() -> None:
    raffle = drawn(0, 1)
    other = raffle.tickets.get(number=2).code
    with pytest.raises(WrongCode):
        awarding.record_claim(award_id=award_of(raffle).pk, by=make_staff(), code=other)


def test_a_prize_is_settled_once() -> None:
    raffle, stella = drawn(0, 1), make_staff()
    award = award_of(raffle)
    code = award.ticket.code
    awarding.record_claim(award_id=award.pk, by=stella, code=code)
    with pytest.raises(AlreadySettled):
        awarding.record_claim(award_id=award.pk, by=stella, code=code)
    with pytest.raises(AlreadySettled):
        awarding.forfeit_prize(award_id=award.pk, by=stella, reason="x", code=code)


def test_a_claim_is_too_late_when_the_time_is_over_even_with_the_code() -> None:
    raffle = drawn(0, 1, since=OVERDUE)
    award = award_of(raffle)
    with pytest.raises(ClaimTooLate):
        awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)


def test_the_last_day_is_in_time_for_a_claim_and_too_early_for_a_forfeit() -> None:
    raffle = drawn(0, 1, since=timedelta(days=30) - timedelta(minutes=1))
    award = award_of(raffle)
    with pytest.raises(ClaimStillPossible):
        awarding.forfeit_prize(award_id=award.pk, by=make_staff(), reason="not claimed")
    awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)


def test_codes_are_compared_in_constant_time_as_they_were_typed(held: Award) -> None:
    """And by nothing else: a comparison that always says no refuses the true code, too."""
    raffle = drawn(0, 1)
    award, stella = award_of(raffle), make_staff()
    code = award.ticket.code
    for act in (
        partial(awarding.record_claim, award_id=award.pk, by=stella, code=f"{code.upper()} "),
        partial(awarding.forfeit_prize, award_id=award.pk, by=stella, reason="x", code=code),
    ):
        with (
            patch.object(hmac, "compare_digest", return_value=False) as compare,
            pytest.raises(WrongCode),
        ):
            act()
        compare.assert_called_once_with(code.encode(), code.encode())


# --- Forfeits -------------------------------------------------------------------------------------


def test_a_prize_that_was_not_claimed_in_time_goes_to_the_next_and_their_time_begins() -> None:
    raffle, stella = drawn(0, 1, 2, since=OVERDUE), make_staff()
    first = award_of(raffle)
    second = awarding.forfeit_prize(award_id=first.pk, by=stella, reason="not claimed")
    assert second is not None
    assert (second.ticket.number, second.prize, second.place) == (2, 1, 2)
    says = last_line(raffle)
    assert (says["kind"], says["prize"], says["number"]) == ("forfeited", 1, 1)
    assert (says["code"], says["next"], says["reason"]) == (None, 2, "not claimed")
    assert says["by"] == raffle.pseudonym(stella.pk)
    assert second.ledger_seq == first.forfeit.ledger_seq == says["seq"]
    assert second.claim_by - second.awarded_at == timedelta(days=30)
    with pytest.raises(ClaimStillPossible):
        awarding.forfeit_prize(award_id=second.pk, by=stella, reason="not claimed")
    awarding.record_claim(award_id=second.pk, by=stella, code=second.ticket.code)
    assert verify(raffle.pk).failures == []


def test_a_winner_can_give_the_prize_up_before_that_with_the_code_alone() -> None:
    raffle, stella = drawn(0, 1), make_staff()
    award = award_of(raffle)
    give_up = partial(awarding.forfeit_prize, award_id=award.pk, by=stella)
    with pytest.raises(ClaimStillPossible):
        give_up(reason="moved away")
    for wrong in (" ", "0" * 32, raffle.tickets.get(number=2).code):
        with pytest.raises(WrongCode):
            give_up(reason="moved away", code=wrong)
    with pytest.raises(ReasonMissing):
        give_up(reason=" ", code=award.ticket.code)
    following = give_up(reason="moved away", code=award.ticket.code.upper())
    assert following is not None
    assert following.ticket.number == 2
    assert last_line(raffle)["code"] == award.ticket.code
    assert award.forfeit.code == award.ticket.code
    assert verify(raffle.pk).failures == []


def test_a_claimed_prize_is_never_forfeited_not_even_when_the_time_is_over() -> None:
    raffle = drawn(0, 1, since=timedelta(days=30, seconds=30))
    award = award_of(raffle)
    with ago(timedelta(seconds=59)):
        awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)
    with pytest.raises(AlreadySettled):
        awarding.forfeit_prize(award_id=award.pk, by=make_staff(), reason="not claimed")


def test_it_passes_over_whoever_was_given_a_prize_before_whatever_became_of_it() -> None:
    """Drawn: Alice, Bob, Alice, Bob, Charlie; two prizes."""
    raffle = drawn(0, 1, 0, 1, 2, since=OVERDUE, prizes=["A bicycle", "A hat"], alternates=3)
    assert [award.ticket.number for award in raffle.awards.all()] == [1, 2]
    assert forfeit(raffle, 1) == 5
    assert forfeit(raffle, 2) is None
    assert last_line(raffle)["next"] is None


def test_where_one_may_win_twice_it_is_simply_the_next_ticket() -> None:
    raffle = drawn(0, 1, 0, 1, since=OVERDUE, alternates=3, one_prize_each=False)
    assert [forfeit(raffle, with_code=code) for code in (False, True, True, True)] == [
        2, 3, 4, None,
    ]  # fmt: skip


def test_when_the_alternates_are_used_up_nobody_has_the_prize() -> None:
    raffle = drawn(0, 1, 2, since=OVERDUE, alternates=1, one_prize_each=False)
    assert raffle.draw.order == [1, 2]
    assert forfeit(raffle) == 2
    assert forfeit(raffle, with_code=True) is None
    assert not raffle.awards.standing().exists()


@pytest.mark.parametrize(
    ("forfeited", "holders"),
    [
        ((1, 2, 3), [4, 5, 6]),
        ((3, 2, 1), [6, 5, 4]),
        ((2, 2, 2), [1, 6, 3]),
        ((2, 1, 2), [5, 6, 3]),
        ((1, 1, 1, 3), [6, 2, None]),
    ],
)
def test_several_prizes_forfeited_in_any_order_go_to_one_after_the_other(
    forfeited: tuple[int, ...], holders: list[int | None]
) -> None:
    raffle = drawn(
        *range(6), since=OVERDUE, prizes=["A bicycle", "A hat", "A pen"], alternates=3,
        one_prize_each=False,
    )  # fmt: skip
    held: dict[int, int | None] = {1: 1, 2: 2, 3: 3}
    for prize in forfeited:
        held[prize] = forfeit(raffle, prize, with_code=True)
    assert list(held.values()) == holders


def test_a_crash_in_the_middle_of_a_forfeit_leaves_the_prize_where_it_was() -> None:
    raffle = drawn(0, 1, since=OVERDUE)
    with (
        patch.object(awarding, "give", side_effect=OSError("the machine went down")),
        pytest.raises(OSError, match="went down"),
    ):
        forfeit(raffle)
    assert award_of(raffle).ticket.number == 1
    assert last_line(raffle)["kind"] == "drawn"
    assert forfeit(raffle) == 2


# --- Races ----------------------------------------------------------------------------------------


@contextmanager
def a_wide_gap() -> Iterator[None]:
    """Between looking and writing, in which an unlocked rival would look."""
    append = LedgerEntry.objects.append
    with patch.object(type(LedgerEntry.objects), "append", staticmethod(slowly(append))):
        yield


def claim_it(award: Award, by: User) -> object:
    return awarding.record_claim(award_id=award.pk, by=by, code=award.ticket.code)


def give_it_up(award: Award, by: User) -> object:
    return awarding.forfeit_prize(
        award_id=award.pk, by=by, reason="moved away", code=award.ticket.code
    )


def test_of_many_who_claim_and_forfeit_a_prize_at_once_one_does() -> None:
    raffle = drawn(0, 1)
    award, stella = award_of(raffle), make_staff()
    acts = [partial(act, award, stella) for act in (claim_it, give_it_up) * 3]
    with a_wide_gap():
        counted = kinds(race(*acts))
    assert counted.pop("AlreadySettled") == 5
    assert counted in ({"Claim": 1}, {"Award": 1})
    assert verify(raffle.pk).failures == []


def test_prizes_forfeited_at_once_go_to_different_people() -> None:
    raffle = drawn(*range(6), prizes=["A bicycle", "A hat", "A pen"], alternates=3)
    stella = make_staff()
    acts = [partial(give_it_up, award_of(raffle, prize), stella) for prize in (1, 2, 3) * 2]
    with a_wide_gap():
        outcomes = race(*acts)
    assert kinds(outcomes) == {"Award": 3, "AlreadySettled": 3}
    assert {award.ticket.number for award in raffle.awards.standing()} == {4, 5, 6}
    assert verify(raffle.pk).failures == []
