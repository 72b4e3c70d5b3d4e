"""How a raffle stands, for everybody. Thousands ask every second: an open raffle costs one query,
and the others no more than what they have to tell.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from raffle.api.shapes import LedgerHead, Prize, PrizeState, Sealed, SealLine, State
from raffle.models import LedgerEntry, Raffle, Seal


def state_of(raffle: Raffle) -> State:
    """`raffle` must come from as_it_stands(); nothing here is newer than the ledger's head in it,
    but for claims and forfeits.
    """
    shown = State(
        slug=raffle.slug,
        name=raffle.name,
        status="OPEN" if raffle.is_selling(raffle.now) else "CLOSED",
        capacity=raffle.capacity,
        sold=raffle.sold,
        remaining=raffle.remaining,
        limit=raffle.limit,
        price=raffle.price,
        currency=raffle.currency,
        opens_at=raffle.opens_at,
        closes_at=raffle.closes_at,
        method=Raffle.Method(raffle.method),
        cancelled=raffle.status == Raffle.Status.CANCELLED,
        ledger_head=LedgerHead(seq=raffle.head_seq, hash=raffle.head_hash),
    )
    if raffle.status != Raffle.Status.CLOSED:
        return shown
    if seal := seal_line(raffle):
        shown.sealed = seal
        if raffle.head_seq > seal.seq:  # nothing follows a seal but the draw
            shown.prizes, shown.winning_ticket = _prizes(raffle)
    return shown


def seal_line(raffle: Raffle) -> SealLine | None:
    """The seal, if there is one up to the ledger's head. `raffle`: as_it_stands()."""
    seals = Seal.objects.filter(raffle=raffle, ledger_seq__lte=raffle.head_seq)
    for seq, round_, round_at in seals.values_list("ledger_seq", "round", "round_at"):
        lines = LedgerEntry.objects.filter(raffle=raffle, seq=seq).values_list("hash", flat=True)
        seal = SealLine(seq=seq, hash=raffle.head_hash if seq == raffle.head_seq else lines.get())
        if round_at:
            seal.round, seal.round_at = round_, round_at
        return seal
    return None


def sealed_now(seal: Seal) -> Sealed:
    """What whoever wants to draw is told while the round of `seal` is to come."""
    raffle = Raffle.objects.as_it_stands().get(pk=seal.raffle_id)
    line = seal_line(raffle)
    assert line is not None  # noqa: S101 - for mypy: the seal is committed,
    assert seal.round_at is not None  # noqa: S101 - and only a beacon's draw waits
    return Sealed(
        success=True,
        sealed=line,
        entries=seal.entries,
        manifest=seal.manifest,
        retry_after=max(1, ceil((seal.round_at - raffle.now).total_seconds())),
    )


def _prizes(raffle: Raffle) -> tuple[list[Prize], int]:
    """Who holds which prize, and the number that was drawn for the first one."""
    rows = list(  # columns, not objects: this is asked often, and there may be a thousand prizes
        raffle.awards.values_list("prize", "ticket__number", "claim_by", "claim", "forfeit")
    )
    last: dict[int, Any] = {row[0]: row[1:] for row in rows}  # of each prize, the standing one
    shown = []
    for place, name in enumerate(raffle.prizes, start=1):
        number, claim_by, claim, forfeit = last.get(place, (None, None, None, None))
        if forfeit:
            number = claim_by = None
        state: PrizeState = "claimed" if claim else "forfeited" if forfeit else "unclaimed"
        shown.append(Prize(prize=place, name=name, number=number, state=state, claim_by=claim_by))
    return shown, rows[0][1]
