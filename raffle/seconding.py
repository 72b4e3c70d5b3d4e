"""Two people: one member of staff asks for a void or the draw, another one confirms it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from raffle.errors import (
    AlreadySealed,
    AlreadyVoid,
    Cancelled,
    NotOpen,
    NotReconciled,
    OnePersonIsEnough,
    ReasonMissing,
    SecondPersonNeeded,
    WrongNumbers,
)
from raffle.models import LedgerEntry, Proposal, Raffle, Seal, Ticket, Void

Act = Proposal.Act


@transaction.atomic(durable=True)
def propose_void(*, ticket_id: int, by: User, reason: str) -> Proposal:
    """Ask for a void. Raises ReasonMissing, OnePersonIsEnough, NotOpen, AlreadyVoid."""
    if not reason.strip():
        raise ReasonMissing
    ticket = Ticket.objects.get(pk=ticket_id)
    raffle = Raffle.objects.lock_and_look(ticket.raffle_id)
    if not raffle.two_people:
        raise OnePersonIsEnough
    if raffle.status != Raffle.Status.OPEN:
        raise NotOpen
    if Void.objects.filter(ticket=ticket).exists():
        raise AlreadyVoid(ticket.number)
    seq = LedgerEntry.objects.append(
        raffle, "proposed", raffle.now, by, act="void", number=ticket.number, reason=reason
    )
    return _keep(raffle, Act.VOID, by, seq, ticket=ticket, reason=reason)


@transaction.atomic(durable=True)
def propose_draw(*, raffle_id: int, by: User, numbers: Sequence[int] = ()) -> Proposal:
    """Ask for the draw; in the manual method with the `numbers` read from the drum, in order.

    Raises OnePersonIsEnough, Cancelled, NotReconciled, AlreadySealed, WrongNumbers. The numbers are
    not made public before a second person has read the same.
    """
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if not needed(raffle, Act.DRAW):
        raise OnePersonIsEnough
    if raffle.status == Raffle.Status.CANCELLED:
        raise Cancelled
    if Seal.objects.filter(raffle=raffle).exists():
        raise AlreadySealed
    if not LedgerEntry.objects.newest(raffle, "reconciled"):
        raise NotReconciled
    check_numbers(raffle, numbers)
    seq = LedgerEntry.objects.append(raffle, "proposed", raffle.now, by, act="draw")
    return _keep(raffle, Act.DRAW, by, seq, numbers=list(numbers))


def needed(raffle: Raffle, act: Act) -> bool:
    """Whether two people are needed: by the raffle's terms, and always for a drum."""
    manual = act == Act.DRAW and raffle.method == Raffle.Method.MANUAL
    return raffle.two_people or manual


def newest(raffle: Raffle, act: Act, ticket: Ticket | None = None) -> Proposal | None:
    """What was asked for last."""
    asked = Proposal.objects.filter(raffle=raffle, act=act, ticket=ticket)
    return asked.select_related("proposed_by").order_by("-ledger_seq").first()


def confirm(raffle: Raffle, act: Act, by: User | None, ticket: Ticket | None = None) -> Proposal:
    """What `by` confirms under the raffle's lock: the last proposal, if somebody else made it.

    Raises SecondPersonNeeded.
    """
    proposal = newest(raffle, act, ticket)
    if by is None or proposal is None or proposal.proposed_by == by:
        raise SecondPersonNeeded
    return proposal


def check_numbers(raffle: Raffle, numbers: Sequence[int]) -> None:
    """Raises WrongNumbers unless these are valid tickets, each once, and as many as needed; in the
    other methods, unless there are none.
    """
    if raffle.method != Raffle.Method.MANUAL:
        if numbers:
            raise WrongNumbers("This raffle is not drawn from a drum.")
        return
    valid = Ticket.objects.filter(raffle=raffle).valid()
    entries = valid.count()
    least = min(entries, len(raffle.prizes) + raffle.alternates)
    if not least <= len(numbers) <= raffle.picks_needed(entries):
        raise WrongNumbers(
            f"{least} numbers are needed, one for each prize and alternate; "
            f"these are {len(numbers)}."
        )
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise WrongNumbers(f"These numbers are there twice: {_listed(twice)}.")
    known = set(valid.filter(number__in=numbers).values_list("number", flat=True))
    if wrong := [number for number in numbers if number not in known]:
        raise WrongNumbers(f"These were not sold, or are void: {_listed(wrong)}. Draw again.")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:20]))


def _keep(
    raffle: Raffle,
    act: Act,
    by: User,
    seq: int,
    *,
    ticket: Ticket | None = None,
    reason: str = "",
    numbers: Sequence[int] = (),
) -> Proposal:
    return Proposal.objects.create(
        raffle=raffle,
        act=act,
        ticket=ticket,
        reason=reason,
        numbers=list(numbers),
        proposed_by=by,
        proposed_at=raffle.now,
        ledger_seq=seq,
    )
