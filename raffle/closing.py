"""Closing: stop the sales for good, count what was sold, have a person confirm it, or cancel.

The list of tickets is frozen at the close: its hash stands in the ledger from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.db import connection, transaction

from accounts.models import User
from raffle import ledger
from raffle.errors import (
    AlreadyReconciled,
    AlreadySealed,
    Cancelled,
    ManifestChanged,
    NotClosed,
    NotOpen,
    ReasonMissing,
)
from raffle.models import LedgerEntry, Raffle, Seal, Ticket

CHUNK = 5000  # tickets read at a time
Progress = Callable[[int, int], None]  # so much is done, of so much


def quiet(done: int, total: int) -> None:
    """Whoever waits is not told how far it is."""


@transaction.atomic(durable=True)
def close_raffle(
    *, raffle_id: int, by: User | None, reason: str, progress: Progress = quiet
) -> Raffle:
    """Stop the sales for good and freeze the manifest. Raises NotOpen, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    take_time()
    raffle = Raffle.objects.lock_and_look(raffle_id)
    close(raffle, by, reason, progress)
    return raffle


@transaction.atomic(durable=True)
def reconcile_raffle(*, raffle_id: int, by: User | None) -> ledger.Reconciliation:
    """Record that `by` has seen valid sold + void + unsold = capacity, counted anew now.

    Raises NotClosed, AlreadyReconciled, ManifestChanged.
    """
    take_time()
    raffle = Raffle.objects.lock_and_look(raffle_id)
    return reconcile(raffle, by)


@transaction.atomic(durable=True)
def cancel_raffle(*, raffle_id: int, by: User | None, reason: str) -> Raffle:
    """Call everything off: all tickets are void, and nothing follows. Raises NotOpen for a draft,
    Cancelled, AlreadySealed (a sealed raffle is drawn: there is no way back), ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if raffle.status == Raffle.Status.DRAFT:
        raise NotOpen
    if raffle.status == Raffle.Status.CANCELLED:
        raise Cancelled
    if Seal.objects.filter(raffle=raffle).exists():
        raise AlreadySealed
    raffle.status = Raffle.Status.CANCELLED
    raffle.save(update_fields=["status"])
    LedgerEntry.objects.append(
        raffle, "cancelled", raffle.now, by, reason=reason, tickets=raffle.sold
    )
    return raffle


def close(raffle: Raffle, by: User | None, reason: str, progress: Progress = quiet) -> None:
    """Close the locked `raffle`. Raises NotOpen."""
    if raffle.status != Raffle.Status.OPEN:
        raise NotOpen
    counted = count(raffle, progress)
    raffle.status = Raffle.Status.CLOSED
    raffle.save(update_fields=["status"])
    LedgerEntry.objects.append(raffle, "closed", raffle.now, by, reason=reason, **counted.figures())


def reconcile(raffle: Raffle, by: User | None, progress: Progress = quiet) -> ledger.Reconciliation:
    """Confirm the figures of the locked, closed `raffle`; see reconcile_raffle()."""
    if raffle.status != Raffle.Status.CLOSED:
        raise NotClosed
    if LedgerEntry.objects.newest(raffle, "reconciled"):
        raise AlreadyReconciled
    counted = unchanged(raffle, progress)
    LedgerEntry.objects.append(raffle, "reconciled", raffle.now, by, **counted.figures())
    return counted


def unchanged(raffle: Raffle, progress: Progress = quiet) -> ledger.Reconciliation:
    """Count again. Raises ManifestChanged unless it is what was frozen at the close."""
    counted = count(raffle, progress)
    if counted != frozen(raffle):
        raise ManifestChanged
    return counted


def count(raffle: Raffle, progress: Progress = quiet) -> ledger.Reconciliation:
    """Count and hash the manifest: valid sold + void + unsold = capacity, number by number."""
    tickets = Ticket.objects.filter(raffle=raffle).order_by("number")
    rows = tickets.values_list("number", "code", "void").iterator(chunk_size=CHUNK)
    leaves = (
        (number, None if void else ledger.leaf(raffle.uuid, number, code))
        for number, code, void in rows
    )
    lines = ledger.manifest(raffle.capacity, leaves)
    return ledger.reconcile(_watched(lines, raffle.capacity, progress))


def frozen(raffle: Raffle) -> ledger.Reconciliation | None:
    """The figures as they were at the close, from the ledger; None before it."""
    line = LedgerEntry.objects.newest(raffle, "closed")
    if line is None:
        return None
    return ledger.Reconciliation(
        **{name: line.says[name] for name in ledger.Reconciliation.__slots__}
    )


def _watched(lines: Iterable[str], total: int, progress: Progress) -> Iterator[str]:
    for done, line in enumerate(lines, start=1):
        if done % CHUNK == 0 or done == total:
            progress(done, total)
        yield line


def take_time() -> None:
    """Let this transaction think: hashing a list of millions takes longer than a sale may rest."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL statement_timeout = 0")
