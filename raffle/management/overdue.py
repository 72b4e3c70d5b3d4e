"""What waits for somebody: the site's own troubles, and what each raffle should have had by now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from raffle import guards
from raffle.models import Award, Draw, LedgerEntry, MailedUpTo, Raffle, Seal
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


def of_raffle(raffle: Raffle) -> Iterator[Finding]:
    """`raffle`: as_it_stands()."""
    drawn = Draw.objects.filter(raffle=raffle).exists()
    seal = None if drawn else Seal.objects.filter(raffle=raffle).first()
    for waits in (
        _close(raffle),
        _draw(raffle, seal) if not drawn else None,
        _claims(raffle) if drawn else None,
        _mail(raffle),
    ):
        if waits:
            level, what, says = waits
            yield Finding(level, what, says, raffle.slug)


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


def _claims(raffle: Raffle) -> Waits:
    open_ = Award.objects.standing().filter(raffle=raffle, claim=None, claim_by__lt=raffle.now)
    if not (count := open_.count()):
        return None
    noun = "1 prize was" if count == 1 else f"{count} prizes were"
    return Level.WARNING, "claims", f"{noun} not claimed in time: pass on what is forfeited."


def _mail(raffle: Raffle) -> Waits:
    if raffle.status == Raffle.Status.DRAFT:
        return None
    place = MailedUpTo.objects.filter(raffle=raffle).first()
    waiting = LedgerEntry.objects.filter(raffle=raffle, seq__gt=place.seq if place else 0)
    oldest = waiting.order_by("seq").values_list("at", flat=True).first()
    if oldest is None or raffle.now < oldest + MAIL_WITHIN:
        return None
    level = Level.CRITICAL if raffle.now > oldest + MAIL_AT_LAST else Level.WARNING
    return level, "mail", f"Its mails wait since {_since(oldest, raffle)}: does send_mail run?"


def _since(at: datetime, raffle: Raffle) -> str:
    waited = timedelta(seconds=int((raffle.now - at).total_seconds()))
    return f"{at:%Y-%m-%d %H:%M} UTC ({waited} ago)"
