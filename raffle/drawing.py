"""Drawing: seal what the draw is made from, pick, publish, all under the raffle's lock.

The winner does not exist before the draw commits, and from then on it is public. In the local and
manual methods sealing and drawing are one COMMIT. In the beacon method the seal is public first,
and the draw follows once the round that it names is out: by then there is nothing left to choose.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import User
from raffle import awarding, beacon, closing, picking, seconding
from raffle.closing import Progress
from raffle.errors import (
    BeaconLate,
    Cancelled,
    NothingSold,
    NotOpen,
    NumbersDiffer,
)
from raffle.ledger import Facts, Reconciliation, timestamp
from raffle.models import Draw, LedgerEntry, Proposal, Raffle, Seal, Ticket

log = logging.getLogger(__name__)

CHAIN = beacon.QUICKNET
LEAD = timedelta(seconds=120)  # between seal and round: time enough for the seal to be seen


def draw_winner(
    *,
    raffle_id: int,
    by: User | None,
    numbers: Sequence[int] = (),
    progress: Progress = closing.quiet,
) -> Draw | Seal:
    """Draw the winners and publish them; first close and reconcile in the name of `by`, if need be.

    Returns the Seal instead while its beacon round is to come: ask again then. `numbers` are those
    of the drum, as the second person reads them. There is no redraw: asked again, it returns the
    same draw. Raises NotOpen for a draft, Cancelled, NothingSold (which changes nothing),
    SecondPersonNeeded, NumbersDiffer, WrongNumbers, BeaconLate, ManifestChanged.
    """
    sealed = Seal.objects.filter(raffle_id=raffle_id, method=Raffle.Method.BEACON).first()
    if sealed is None or Draw.objects.filter(raffle_id=raffle_id).exists():
        return _seal_and_draw(raffle_id, by, numbers, progress)
    raffle = Raffle.objects.as_it_stands().get(pk=raffle_id)
    if sealed.round_at is None or raffle.now < sealed.round_at:
        return sealed
    return _reveal(sealed, by, _ask(sealed))


@transaction.atomic(durable=True)
def _seal_and_draw(
    raffle_id: int, by: User | None, numbers: Sequence[int], progress: Progress
) -> Draw | Seal:
    closing.take_time()
    raffle = Raffle.objects.lock_and_look(raffle_id)
    if drawn := Draw.objects.select_related("ticket").filter(raffle=raffle).first():
        return drawn
    if sealed := Seal.objects.filter(raffle=raffle).first():
        return sealed  # by somebody else, at the same moment
    if raffle.status == Raffle.Status.DRAFT:
        raise NotOpen
    if raffle.status == Raffle.Status.CANCELLED:
        raise Cancelled
    confirmed = None
    if seconding.needed(raffle, Proposal.Act.DRAW):
        confirmed = seconding.confirm(raffle, Proposal.Act.DRAW, by)
        if confirmed.numbers != list(numbers):
            raise NumbersDiffer
    else:
        seconding.check_numbers(raffle, numbers)
    listed = _final_list(raffle, by, progress)
    if listed.sold == 0:
        raise NothingSold
    # The count may have taken minutes, and the round is reckoned from the time of the seal.
    raffle = Raffle.objects.as_it_stands().get(pk=raffle_id)
    sealed = _seal(raffle, by, confirmed, listed)
    if sealed.method == Raffle.Method.BEACON:
        return sealed
    void = _void_numbers(raffle)
    drum = sealed.method == Raffle.Method.MANUAL
    picked = picking.picks(numbers, void) if drum else sealed.offsets
    return _publish(raffle, sealed, by, picked, picking.numbers(picked, void))


@transaction.atomic(durable=True)
def _reveal(sealed: Seal, by: User | None, signature: str) -> Draw:
    """Combine the seal with the beacon's round, and publish."""
    closing.take_time()
    raffle = Raffle.objects.lock_and_look(sealed.raffle_id)
    if drawn := Draw.objects.select_related("ticket").filter(raffle=raffle).first():
        return drawn
    randomness = beacon.randomness(signature)

    def chance(pick: int, size: int) -> int:
        told = (raffle.uuid, sealed.manifest, sealed.round or 0, randomness)
        return picking.chance(*told, pick, size)

    picked = picking.combine(sealed.offsets, sealed.entries, chance)
    order = picking.numbers(picked, _void_numbers(raffle))
    return _publish(raffle, sealed, by, picked, order, signature)


def pick(entries: int) -> int:
    """One of 0 … entries - 1, each with equal chance, unpredictable: the operating system's.

    `secrets.randbelow` throws away what does not fit evenly, so no entry is favoured.
    """
    return secrets.randbelow(entries)


def _final_list(raffle: Raffle, by: User | None, progress: Progress) -> Reconciliation:
    """The frozen list, confirmed: by whoever draws, if nobody has done it before."""
    if raffle.status == Raffle.Status.OPEN:
        closing.close(raffle, by, "Closed for the draw.", progress)
    if not LedgerEntry.objects.newest(raffle, "reconciled"):
        return closing.reconcile(raffle, by, progress)
    return closing.unchanged(raffle, progress)


def _seal(
    raffle: Raffle, by: User | None, confirmed: Proposal | None, listed: Reconciliation
) -> Seal:
    entries = listed.sold
    drum = raffle.method == Raffle.Method.MANUAL
    offsets = [] if drum else [pick(entries - i) for i in range(raffle.picks_needed(entries))]
    sealed = Seal(
        raffle=raffle,
        method=raffle.method,
        entries=entries,
        manifest=listed.manifest,
        offsets=offsets,
        software=settings.SOFTWARE,
        sealed_by=confirmed.proposed_by if confirmed else by,
        confirmed_by=by if confirmed else None,
        sealed_at=raffle.now,
    )
    facts: Facts = {
        "by": raffle.name_in_ledger(sealed.sealed_by),
        "method": sealed.method,
        "manifest": sealed.manifest,
        "entries": entries,
        "offsets": offsets,
        "software": sealed.software,
    }
    if confirmed:
        facts["second"] = raffle.name_in_ledger(by)
    if raffle.method == Raffle.Method.BEACON:
        round_ = CHAIN.first_round_from(raffle.now + LEAD)
        sealed.chain, sealed.round, sealed.round_at = CHAIN.hash, round_, CHAIN.time_of(round_)
        told = {"chain": CHAIN.hash, "round": round_, "time": timestamp(sealed.round_at)}
        facts["beacon"] = told
    sealed.ledger_seq = LedgerEntry.objects.append(raffle, "sealed", raffle.now, by, **facts)
    sealed.save(force_insert=True)
    return sealed


def _publish(
    raffle: Raffle,
    sealed: Seal,
    by: User | None,
    picked: Sequence[int],
    order: list[int],
    signature: str = "",
) -> Draw:
    """Store the draw, its line in the ledger and who won what."""
    facts: Facts = {"signature": signature} if signature else {}
    winners = awarding.winners(raffle, order)
    prizes = len(raffle.prizes)
    seq = LedgerEntry.objects.append(
        raffle,
        "drawn",
        raffle.now,
        by,
        manifest=sealed.manifest,
        entries=sealed.entries,
        picked=list(picked),
        order=order,
        winners=[*winners[:prizes], *[None] * (prizes - len(winners))],
        **facts,
    )
    drawn = Draw.objects.create(
        raffle=raffle,
        ticket=Ticket.objects.get(raffle=raffle, number=order[0]),
        entries=sealed.entries,
        picked=list(picked),
        order=order,
        manifest=sealed.manifest,
        signature=signature,
        drawn_by=by,
        drawn_at=raffle.now,
        ledger_seq=seq,
    )
    for prize, number in enumerate(winners[:prizes], start=1):
        awarding.give(raffle, drawn, prize, number, seq)
    return drawn


def _ask(sealed: Seal) -> str:
    """The signature of the sealed round. Raises BeaconLate. Holds no lock: it may take seconds."""
    try:
        relays = settings.BEACON_RELAYS or beacon.DEFAULT_RELAYS
        return beacon.fetch(CHAIN, sealed.round or 0, relays)
    except beacon.BeaconAway as away:
        log.warning("%s", away)
        raise BeaconLate from away


def _void_numbers(raffle: Raffle) -> set[int]:
    return set(raffle.voids.values_list("ticket__number", flat=True))
