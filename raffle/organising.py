"""Organising: what staff do to a raffle before the draw, each act with its line in the ledger."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from accounts.models import User
from raffle import seconding
from raffle.errors import (
    AlreadyVoid,
    ClosedForGood,
    ClosesInThePast,
    Frozen,
    NotADraft,
    NotOpen,
    ReasonMissing,
)
from raffle.models import LedgerEntry, Proposal, Raffle, Ticket, Void

# Not durable: the admin calls the first two inside a transaction of its own.


@transaction.atomic
def create_raffle(raffle: Raffle, *, by: User | None) -> None:
    """Store a new draft and begin its ledger with the terms."""
    raffle.save(force_insert=True)
    raffle = Raffle.objects.lock_and_look(raffle.pk)
    LedgerEntry.objects.append(
        raffle, "created", raffle.now, by, terms=raffle.terms(), software=settings.SOFTWARE
    )


@transaction.atomic
def change_raffle(raffle: Raffle, *, by: User | None) -> None:
    """Store changed terms or description. Raises Frozen if a promise to buyers would break, and
    ClosedForGood once the raffle is closed.
    """
    kept = Raffle.objects.lock_and_look(raffle.pk)
    if kept.status in (Raffle.Status.CLOSED, Raffle.Status.CANCELLED):
        raise ClosedForGood
    was, will_be = kept.terms(), raffle.terms()
    changed = sorted(name for name in was if was[name] != will_be[name])
    if not changed:
        return
    if kept.sold and changed != ["description"]:
        raise Frozen(", ".join(name for name in changed if name != "description"))
    raffle.save(update_fields=changed)
    LedgerEntry.objects.append(
        raffle,
        "changed",
        kept.now,
        by,
        before={name: was[name] for name in changed},
        after={name: will_be[name] for name in changed},
    )


@transaction.atomic(durable=True)
def open_raffle(*, raffle_id: int, by: User | None) -> Raffle:
    """Put a draft on sale. Raises NotADraft, ClosesInThePast."""
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if raffle.status != Raffle.Status.DRAFT:
        raise NotADraft
    if raffle.has_ended(raffle.now):
        raise ClosesInThePast
    raffle.status = Raffle.Status.OPEN
    raffle.save(update_fields=["status"])
    LedgerEntry.objects.append(raffle, "opened", raffle.now, by, terms=raffle.terms())
    return raffle


@transaction.atomic(durable=True)
def void_ticket(*, ticket_id: int, by: User, reason: str = "") -> Void:
    """Take a ticket out of the draw, for ever; its number is not sold again and its holder's
    limit stays used. Where two people are needed, `by` confirms what somebody else asked for, and
    the reason is theirs. Raises ReasonMissing, NotOpen, AlreadyVoid, SecondPersonNeeded.
    """
    ticket = Ticket.objects.get(pk=ticket_id)
    raffle = Raffle.objects.lock_and_look(ticket.raffle_id)
    if raffle.status != Raffle.Status.OPEN:
        raise NotOpen
    if Void.objects.filter(ticket=ticket).exists():
        raise AlreadyVoid(ticket.number)
    if seconding.needed(raffle, Proposal.Act.VOID):
        asked = seconding.confirm(raffle, Proposal.Act.VOID, by, ticket)
        return _void(raffle, ticket, asked.reason, asked.proposed_by, by)
    if not reason.strip():
        raise ReasonMissing
    return _void(raffle, ticket, reason, by, None)


def _void(raffle: Raffle, ticket: Ticket, reason: str, by: User, second: User | None) -> Void:
    facts = {"second": raffle.name_in_ledger(second)} if second else {}
    seq = LedgerEntry.objects.append(
        raffle,
        "void",
        raffle.now,
        second or by,
        **facts | {"by": raffle.name_in_ledger(by), "number": ticket.number, "reason": reason},
    )
    return Void.objects.create(
        ticket=ticket,
        raffle=raffle,
        reason=reason,
        voided_by=by,
        confirmed_by=second,
        voided_at=raffle.now,
        ledger_seq=seq,
    )
