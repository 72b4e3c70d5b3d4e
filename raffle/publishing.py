"""Publishing: what everybody can download of a raffle, as docs/verification.md specifies it."""

from __future__ import annotations

from collections.abc import Iterator

from raffle import beacon, ledger
from raffle.ledger import Facts
from raffle.models import Award, Draw, LedgerEntry, Raffle, Seal, Ticket

PAGE = 2000  # rows read at a time: no transaction stays open while a slow client reads


def ledger_lines(raffle: Raffle) -> Iterator[str]:
    """ledger.jsonl, line by line, up to the head as it is now. `raffle`: as_it_stands()."""
    for first in range(1, raffle.head_seq + 1, PAGE):
        rows = LedgerEntry.objects.filter(
            raffle=raffle, seq__gte=first, seq__lt=min(first + PAGE, raffle.head_seq + 1)
        )
        for line in rows.order_by("seq").values_list("line", flat=True):
            yield f"{line}\n"


def manifest_lines(raffle: Raffle) -> Iterator[str]:
    """manifest.txt, line by line; final once the raffle is closed. `raffle`: as_it_stands()."""
    return ledger.manifest(raffle.capacity, _leaves(raffle))


def draw_summary(raffle: Raffle) -> Facts | None:
    """draw.json; None before the seal. `raffle`: as_it_stands()."""
    seal = Seal.objects.filter(raffle=raffle).first()
    if seal is None:
        return None
    draw = Draw.objects.filter(raffle=raffle).first()
    sealed = LedgerEntry.objects.get(raffle=raffle, seq=seal.ledger_seq)
    return {
        "format": "raffle-draw/v1",
        "raffle": str(raffle.uuid),
        "slug": raffle.slug,
        "name": raffle.name,
        "organiser": raffle.organiser,
        "method": seal.method,
        "manifest": seal.manifest,
        "entries": seal.entries,
        "offsets": seal.offsets,
        "seal": {"seq": sealed.seq, "hash": sealed.hash},
        "beacon": _beacon(seal, draw),
        "order": draw.order if draw else [],
        "winners": [_winner(prize, awards) for prize, awards in _prizes(raffle)] if draw else [],
        "software": seal.software,
        "ledger": {"seq": raffle.head_seq, "hash": raffle.head_hash},
    }


def beacon_round(seal: Seal) -> Facts | None:
    """The sealed round as the ledger tells it; None unless the method is beacon."""
    if seal.round_at is None:
        return None
    return {"chain": seal.chain, "round": seal.round, "time": ledger.timestamp(seal.round_at)}


def _beacon(seal: Seal, draw: Draw | None) -> Facts | None:
    told = beacon_round(seal)
    if told is None:
        return None
    signature = draw.signature if draw else None
    randomness = beacon.randomness(signature) if signature else None
    return told | {"signature": signature, "randomness": randomness}


def _prizes(raffle: Raffle) -> Iterator[tuple[tuple[int, str], list[Award]]]:
    """Every prize (from 1) with its awards, the standing one last."""
    awards: dict[int, list[Award]] = {}
    rows = Award.objects.filter(raffle=raffle).select_related("ticket", "claim", "forfeit")
    for award in rows.order_by("prize", "place"):
        awards.setdefault(award.prize, []).append(award)
    for place, name in enumerate(raffle.prizes, start=1):
        yield (place, name), awards.get(place, [])


def _winner(prize: tuple[int, str], awards: list[Award]) -> Facts:
    last = awards[-1] if awards else None
    held = last is not None and last.state != "forfeited"
    return {
        "prize": prize[0],
        "name": prize[1],
        "number": last.ticket.number if last and held else None,
        "state": last.state if last else "unclaimed",
        "claim_by": ledger.timestamp(last.claim_by) if last and held else None,
    }


def _leaves(raffle: Raffle) -> Iterator[tuple[int, str | None]]:
    for first in range(1, raffle.sold + 1, PAGE):
        tickets = Ticket.objects.filter(raffle=raffle, number__range=(first, first + PAGE - 1))
        rows = tickets.order_by("number").values_list("number", "code", "void")
        for number, code, void in rows:
            yield number, None if void else ledger.leaf(raffle.uuid, number, code)
