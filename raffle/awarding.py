"""Awarding: who has which prize, claims, and what happens to a prize that nobody claims.

A forfeited prize goes to the next ticket of the draw's own order, never to a new draw.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from django.db import transaction

from accounts.models import User
from raffle import picking
from raffle.errors import (
    AlreadySettled,
    ClaimStillPossible,
    ClaimTooLate,
    ReasonMissing,
    WrongCode,
)
from raffle.models import Award, Claim, Draw, Forfeit, LedgerEntry, Raffle, Ticket


@transaction.atomic(durable=True)
def record_claim(*, award_id: int, by: User, code: str) -> Claim:
    """Record that the winner has shown the validation code. Raises AlreadySettled, WrongCode,
    ClaimTooLate.
    """
    raffle, award = _look(award_id)
    _check_code(award, code)
    if raffle.now > award.claim_by:
        raise ClaimTooLate
    code = award.ticket.code
    seq = LedgerEntry.objects.append(
        raffle, "claimed", raffle.now, by, prize=award.prize, number=award.ticket.number, code=code
    )
    return Claim.objects.create(
        award=award, raffle=raffle, code=code, recorded_by=by, claimed_at=raffle.now, ledger_seq=seq
    )


@transaction.atomic(durable=True)
def forfeit_prize(*, award_id: int, by: User, reason: str, code: str = "") -> Award | None:
    """Pass the prize on to the next in line and return that award, None if there is nobody.

    Once the time to claim is over, or with the validation `code` of a winner who gives it up.
    Raises ReasonMissing, AlreadySettled, WrongCode, ClaimStillPossible.
    """
    if not reason.strip():
        raise ReasonMissing
    raffle, award = _look(award_id)
    if code:
        _check_code(award, code)
        code = award.ticket.code
    elif raffle.now <= award.claim_by:
        raise ClaimStillPossible
    drawn = Draw.objects.get(raffle=raffle)
    given = Award.objects.filter(raffle=raffle).count()
    number = next(iter(winners(raffle, drawn.order)[given:]), None)
    seq = LedgerEntry.objects.append(
        raffle,
        "forfeited",
        raffle.now,
        by,
        prize=award.prize,
        number=award.ticket.number,
        reason=reason,
        code=code or None,
        next=number,
    )
    Forfeit.objects.create(
        award=award,
        raffle=raffle,
        reason=reason,
        code=code,
        recorded_by=by,
        forfeited_at=raffle.now,
        ledger_seq=seq,
    )
    return None if number is None else give(raffle, drawn, award.prize, number, seq)


def winners(raffle: Raffle, order: Sequence[int]) -> list[int]:
    """The numbers of `order` that win, one prize after the other, then the alternates."""
    tickets = Ticket.objects.filter(raffle=raffle, number__in=order)
    holders = dict(tickets.values_list("number", "buyer_id"))
    line = picking.line_of_winners(
        order, lambda number: str(holders[number]), one_prize_each=raffle.one_prize_each
    )
    return list(islice(line, len(order)))


def give(raffle: Raffle, drawn: Draw, prize: int, number: int, seq: int) -> Award:
    """Award `prize` to the ticket of `number` by the ledger's line `seq`; the raffle is locked."""
    return Award.objects.create(
        raffle=raffle,
        prize=prize,
        place=drawn.order.index(number) + 1,
        ticket=Ticket.objects.get(raffle=raffle, number=number),
        awarded_at=raffle.now,
        claim_by=raffle.now + timedelta(days=raffle.claim_days),
        ledger_seq=seq,
    )


def _look(award_id: int) -> tuple[Raffle, Award]:
    """The locked raffle and the award as it stands. Raises AlreadySettled."""
    raffle = Raffle.objects.lock_and_look(Award.objects.get(pk=award_id).raffle_id)
    award = Award.objects.select_related("ticket", "claim", "forfeit").get(pk=award_id)
    if award.state != "unclaimed":
        raise AlreadySettled
    return raffle, award


def _check_code(award: Award, code: str) -> None:
    """Raises WrongCode. Compares in constant time, so that timing tells nothing about the code."""
    typed = code.strip().lower().encode()
    if not hmac.compare_digest(typed, award.ticket.code.encode()):
        raise WrongCode
