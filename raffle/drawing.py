"""Drawing: close, reconcile, pick, publish, all under the raffle's lock and in one COMMIT.

The winner does not exist before `draw_winner()` commits, and from then on it is public.
"""

from __future__ import annotations

import json
import secrets

from django.db import connection, transaction

from accounts.models import User
from raffle import ledger
from raffle.errors import ManifestChanged, NothingSold, NotOpen, ReasonMissing
from raffle.models import Draw, LedgerEntry, Raffle, Ticket


@transaction.atomic(durable=True)
def close_raffle(*, raffle_id: int, by: User | None, reason: str) -> Raffle:
    """Stop the sales for good and freeze the manifest. Raises NotOpen, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    take_time()
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if raffle.status != Raffle.Status.OPEN:
        raise NotOpen
    _close(raffle, by, reason)
    return raffle


@transaction.atomic(durable=True)
def draw_winner(*, raffle_id: int, by: User | None) -> Draw:
    """Draw the one winner and publish it; close the raffle first if it is open.

    There is no redraw: asked again, it returns the same draw. Raises NotOpen for a draft and
    NothingSold (which changes nothing) if no valid ticket was sold. `by` is None for an operator.
    """
    take_time()
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if drawn := Draw.objects.select_related("ticket").filter(raffle=raffle).first():
        return drawn
    if raffle.status == Raffle.Status.DRAFT:
        raise NotOpen
    if raffle.status == Raffle.Status.OPEN:
        closed = _close(raffle, by, "Closed for the draw.")
    else:
        closed = reconcile(raffle)
        if closed.manifest != _manifest_at_close(raffle):
            raise ManifestChanged
    if closed.sold == 0:
        raise NothingSold
    picked = pick(closed.sold)
    winner = Ticket.objects.filter(raffle=raffle).valid().order_by("number")[picked]
    drawn = Draw.objects.create(
        raffle=raffle,
        ticket=winner,
        entries=closed.sold,
        picked=picked,
        manifest=closed.manifest,
        drawn_by=by,
        drawn_at=raffle.now,
    )
    LedgerEntry.objects.append(
        raffle,
        "drawn",
        raffle.now,
        by=raffle.name_in_ledger(by),
        method="local",
        manifest=closed.manifest,
        entries=closed.sold,
        picked=picked,
        number=winner.number,
    )
    return drawn


def pick(entries: int) -> int:
    """One of 0 … entries - 1, each with equal chance, unpredictable: the operating system's.

    `secrets.randbelow` throws away what does not fit evenly, so no entry is favoured.
    """
    return secrets.randbelow(entries)


def reconcile(raffle: Raffle) -> ledger.Reconciliation:
    """Count and hash the manifest: valid sold + void + unsold = capacity, number by number."""
    tickets = Ticket.objects.filter(raffle=raffle).order_by("number")
    rows = tickets.values_list("number", "code", "void").iterator(chunk_size=5000)
    leaves = (
        (number, None if void else ledger.leaf(raffle.uuid, number, code))
        for number, code, void in rows
    )
    return ledger.reconcile(ledger.manifest(raffle.capacity, leaves))


def take_time() -> None:
    """Let this transaction think: hashing a list of millions takes longer than a sale may rest."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL statement_timeout = 0")


def _close(raffle: Raffle, by: User | None, reason: str) -> ledger.Reconciliation:
    counted = reconcile(raffle)
    raffle.status = Raffle.Status.CLOSED
    raffle.save(update_fields=["status"])
    LedgerEntry.objects.append(
        raffle,
        "closed",
        raffle.now,
        by=raffle.name_in_ledger(by),
        reason=reason,
        manifest=counted.manifest,
        sold=counted.sold,
        void=counted.void,
        unsold=counted.unsold,
    )
    return counted


def _manifest_at_close(raffle: Raffle) -> str:
    line = LedgerEntry.objects.filter(raffle=raffle, kind="closed").first()
    return json.loads(line.line)["manifest"] if line else ""
