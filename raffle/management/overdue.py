"""What waits for somebody: the site's own troubles, and what each raffle should have had by now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from raffle import guards
from raffle.models import Award, ClockTimestamp, Draw, LedgerEntry, Raffle, Seal
from rafflesite import health

SKEW = 2.0  # seconds between this clock and the database's
CLOSE_WITHIN = timedelta(minutes=15)  # after the end of the sales
DRAW_WITHIN = timedelta(hours=1)  # after the time that was announced
PUBLISH_WITHIN = timedelta(minutes=10)  # after the beacon's round: whoever has it knows the winner
MAIL_WITHIN, MAIL_AT_LAST = timedelta(minutes=15), timedelta(hours=6)


class Level(IntEnum):
    """As monitoring systems want it in an exit status."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    what: str
    says: str
    raffle: str = ""  # none: it is about the site


def of_the_site() -> Iterator[Finding]:
    if missing := health.pending_migrations():
        says = f"Migrations are pending: {', '.join(missing)}. Run migrate."
        yield Finding(Level.CRITICAL, "migrations", says)
        return  # nothing else can be asked of a database that is not what the code expects
    if gone := guards.missing():
        says = f"Guards of the database are not in force: {', '.join(gone)}."
        yield Finding(Level.CRITICAL, "guards", says)
    skew = health.clock_skew()
    if abs(skew) > SKEW:
        says = f"This machine's clock is {skew:+.1f} s from the database's. Set it by NTP."
        yield Finding(Level.WARNING, "clock", says)


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to be known of raffles to tell what they wait for, looked up together."""

    drawn: set[int]
    seals: dict[int, Seal]
    late: dict[int, int]  # prizes that were not claimed in time
    unmailed: dict[int, datetime | None]  # since when


def of_raffles(raffles: Sequence[Raffle]) -> Iterator[tuple[Raffle, list[Finding]]]:
    """Each with what it waits for, in four queries however many. `raffles`: as_it_stands()."""
    facts = _look(raffles)
    for raffle in raffles:
        seal = facts.seals.get(raffle.pk)
        is_drawn = raffle.pk in facts.drawn
        waits = (
            _close(raffle),
            _draw(raffle, seal) if not is_drawn else None,
            _claims(facts.late.get(raffle.pk, 0)),
            _mail(raffle, facts.unmailed.get(raffle.pk)),
        )
        yield raffle, [Finding(*told, raffle.slug) for told in waits if told]


def _look(raffles: Sequence[Raffle]) -> Facts:
    keys = [raffle.pk for raffle in raffles]
    late = Award.objects.standing().filter(
        raffle__in=keys, claim=None, claim_by__lt=ClockTimestamp()
    )
    following = LedgerEntry.objects.filter(
        raffle=OuterRef("pk"), seq__gt=Coalesce(OuterRef("mailedupto__seq"), 0)
    )
    oldest = Subquery(following.order_by("seq").values("at")[:1])
    return Facts(
        drawn=set(Draw.objects.filter(raffle__in=keys).values_list("raffle", flat=True)),
        seals=Seal.objects.defer("offsets").in_bulk(keys),
        late=dict(late.order_by().values_list("raffle").annotate(Count("pk"))),
        unmailed=dict(Raffle.objects.filter(pk__in=keys).values_list("pk", oldest)),
    )


Waits = tuple[Level, str, str] | None


def _close(raffle: Raffle) -> Waits:
    end = raffle.closes_at
    if raffle.status != Raffle.Status.OPEN or not end or raffle.now < end + CLOSE_WITHIN:
        return None
    return Level.WARNING, "close", f"Its sales ended at {_since(end, raffle)}: close it."


def _draw(raffle: Raffle, seal: Seal | None) -> Waits:
    if seal and seal.round_at and raffle.now > seal.round_at + PUBLISH_WITHIN:
        since = _since(seal.round_at, raffle)
        return Level.CRITICAL, "publish", f"Its round came at {since}: draw again, which publishes."
    at = raffle.draw_at
    waits = raffle.status in (Raffle.Status.OPEN, Raffle.Status.CLOSED)
    if seal or not waits or not at or raffle.now < at + DRAW_WITHIN:
        return None
    return Level.WARNING, "draw", f"Its draw was announced for {_since(at, raffle)}: draw it."


def _claims(count: int) -> Waits:
    if not count:
        return None
    noun = "1 prize was" if count == 1 else f"{count} prizes were"
    return Level.WARNING, "claims", f"{noun} not claimed in time: pass on what is forfeited."


def _mail(raffle: Raffle, oldest: datetime | None) -> Waits:
    """`oldest`: the time of the first line that nobody was told of."""
    if raffle.status == Raffle.Status.DRAFT or not oldest or raffle.now < oldest + MAIL_WITHIN:
        return None
    level = Level.CRITICAL if raffle.now > oldest + MAIL_AT_LAST else Level.WARNING
    return level, "mail", f"Its mails wait since {_since(oldest, raffle)}: does send_mail run?"


def _since(at: datetime, raffle: Raffle) -> str:
    waited = timedelta(seconds=int((raffle.now - at).total_seconds()))
    return f"{at:%Y-%m-%d %H:%M} UTC ({waited} ago)"
