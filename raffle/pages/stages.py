"""How far a raffle has come, and what is known of it there: questions only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raffle.beacon import DEFAULT_RELAYS
from raffle.models import Award, Draw, LedgerEntry, Raffle, Seal


class Stage(StrEnum):
    """Where a public raffle stands, in the order of its life."""

    UPCOMING = "upcoming"
    OPEN = "open"
    ENDED = "ended"  # by the clock; nobody has closed it yet
    CLOSED = "closed"
    CONFIRMED = "confirmed"  # a named person has seen that the figures add up
    SEALED = "sealed"  # the beacon's round is to come, or was not asked for yet
    DRAWN = "drawn"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Prize:
    """A prize, and the tickets that it was given to, one after the other."""

    place: int  # 1 is the first
    name: str
    awards: tuple[Award, ...] = ()

    @property
    def held(self) -> Award | None:
        """Who has it."""
        last = self.awards[-1] if self.awards else None
        return last if last and last.state != "forfeited" else None

    @property
    def forfeited(self) -> list[Award]:
        return [award for award in self.awards if award.state == "forfeited"]

    @property
    def forfeited_numbers(self) -> str:
        return ", ".join(str(award.ticket.number) for award in self.forfeited)


@dataclass(frozen=True)
class Standing:
    """A raffle's stage and what was published by then; empty is what is to come."""

    stage: Stage
    prizes: list[Prize]
    manifest: str = ""  # the hash of the list that was frozen at the close
    seal: Seal | None = None
    seal_hash: str = ""  # of its line in the ledger
    draw: Draw | None = None
    reason: str = ""  # of the cancellation

    @property
    def beacon_url(self) -> str:
        """Where drand itself tells of the sealed round; "" if there is none."""
        if self.seal is None or self.seal.round is None:
            return ""
        return f"{DEFAULT_RELAYS[0]}/{self.seal.chain}/public/{self.seal.round}"

    @property
    def awards(self) -> dict[int, Award]:
        """What a ticket was given, by the ticket's key."""
        return {award.ticket_id: award for prize in self.prizes for award in prize.awards}


def standing(raffle: Raffle) -> Standing:
    """Asks nothing more of a raffle that is open. `raffle`: as_it_stands()."""
    prizes = [Prize(place, name) for place, name in enumerate(raffle.prizes, start=1)]
    match raffle.status:
        case Raffle.Status.CANCELLED:
            line = raffle.ledger.get(seq=raffle.head_seq)  # nothing follows it
            return Standing(Stage.CANCELLED, prizes, reason=line.says["reason"])
        case Raffle.Status.CLOSED:
            return _closed(raffle, prizes)
    if raffle.has_ended(raffle.now):
        return Standing(Stage.ENDED, prizes)
    return Standing(Stage.OPEN if raffle.has_started(raffle.now) else Stage.UPCOMING, prizes)


def _closed(raffle: Raffle, prizes: list[Prize]) -> Standing:
    seal = Seal.objects.filter(raffle=raffle).first()
    if seal is None:
        line = LedgerEntry.objects.newest(raffle, "closed")
        assert line is not None  # noqa: S101 - for mypy: the status and its line are one COMMIT
        later = raffle.ledger.filter(seq__gt=line.seq).values_list("kind", flat=True)
        stage = Stage.CONFIRMED if "reconciled" in later else Stage.CLOSED
        return Standing(stage, prizes, manifest=line.says["manifest"])
    draw = Draw.objects.filter(raffle=raffle).defer("picked", "order").first()
    return Standing(
        Stage.DRAWN if draw else Stage.SEALED,
        _given(raffle) if draw else prizes,
        manifest=seal.manifest,
        seal=seal,
        seal_hash=raffle.ledger.values_list("hash", flat=True).get(seq=seal.ledger_seq),
        draw=draw,
    )


def _given(raffle: Raffle) -> list[Prize]:
    given: dict[int, list[Award]] = {}
    for award in raffle.awards.select_related("ticket", "claim", "forfeit"):
        given.setdefault(award.prize, []).append(award)
    return [
        Prize(place, name, tuple(given.get(place, ())))
        for place, name in enumerate(raffle.prizes, start=1)
    ]
