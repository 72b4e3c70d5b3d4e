"""Finding lines of the ledger: by time, kind and person, wherever an index can answer."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from raffle.models import LedgerEntry, Purchase, Raffle, Seal, Void

KINDS = (
    "created", "changed", "opened", "purchase", "proposed", "void", "closed", "reconciled",
    "sealed", "drawn", "claimed", "forfeited", "cancelled",
)  # fmt: skip
OPERATOR = "operator"
WINDOW = 100_000  # lines read through by one statement, whose time is limited
PSEUDONYM = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; what is left out does not matter. Days are UTC, both included."""

    since: date | None = None
    until: date | None = None
    kind: str = ""
    who: str = ""  # an e-mail address, a pseudonym, or "operator"


def lines_of(raffle: Raffle) -> QuerySet[LedgerEntry]:
    """All up to the head as it is in `raffle`, in order."""
    return LedgerEntry.objects.filter(raffle=raffle, seq__lte=raffle.head_seq).order_by("seq")


def staff(raffle: Raffle) -> dict[str, str]:
    """The e-mail addresses of the staff who acted on this raffle, by pseudonym."""
    acts = LedgerEntry.objects.filter(raffle=raffle).exclude(kind="purchase").order_by()
    people = acts.exclude(actor=None).values_list("actor_id", "actor__email").distinct()
    return {raffle.pseudonym(pk): email for pk, email in people}


def found(
    raffle: Raffle,
    search: Search,
    within: tuple[int, int],
    emails: dict[str, str],
    *,
    people: bool,
) -> QuerySet[LedgerEntry]:
    """The lines that `search` asks for. `within`: period(); `emails`: staff(); `people`: whether an
    e-mail address may find a buyer, too.
    """
    lines = lines_of(raffle).filter(seq__range=within)
    if search.kind:
        lines = lines.filter(kind=search.kind)
    if search.who == OPERATOR:
        return lines.filter(actor=None).exclude(kind="purchase")
    if search.who:
        return lines.filter(seq__in=_lines_by(raffle, search.who, emails, people=people))
    return lines


def period(raffle: Raffle, search: Search) -> tuple[int, int]:
    """The first and the last line of the days that are meant; last < first if there is none."""
    first, last = 1, raffle.head_seq
    if search.since:
        first = _first_from(raffle, datetime.combine(search.since, time.min, UTC))
    if search.until and search.until < date.max:
        after = datetime.combine(search.until + timedelta(days=1), time.min, UTC)
        last = _first_from(raffle, after) - 1
    return first, last


def _first_from(raffle: Raffle, moment: datetime) -> int:
    """The first line that is not before `moment`. Times in a ledger never go back, so that it is
    found by halving: twenty looks into an index for a million lines.
    """
    lines = LedgerEntry.objects.filter(raffle=raffle).order_by("-seq").values_list("at", flat=True)

    def at(seq: int) -> datetime:
        found = lines.filter(seq__lte=seq).first()
        return found or raffle.now

    return 1 + bisect_left(range(1, raffle.head_seq + 1), moment, key=at)


def _lines_by(raffle: Raffle, who: str, emails: dict[str, str], *, people: bool) -> Any:
    """The seqs of the lines in which a person acted, alone or as one of two, or bought."""
    user = _person(raffle, who, emails)
    if user is None:
        return []
    acted = LedgerEntry.objects.filter(raffle=raffle, actor=user).exclude(kind="purchase")
    asked = Void.objects.filter(raffle=raffle, voided_by=user)
    sealed = Seal.objects.filter(raffle=raffle, sealed_by=user)
    lines = [acted.values("seq"), asked.values("ledger_seq"), sealed.values("ledger_seq")]
    if people or "@" not in who:
        lines.append(Purchase.objects.filter(raffle=raffle, buyer=user).values("ledger_seq"))
    return lines[0].union(*lines[1:])


def _person(raffle: Raffle, who: str, emails: dict[str, str]) -> int | None:
    """The number of the person with this e-mail address, or this pseudonym in `raffle`."""
    if "@" in who or who in emails:
        users = User.objects.filter(email__iexact=emails.get(who, who))
        return users.values_list("pk", flat=True).first()
    # In the text of a line quotes are escaped, so that only a buyer's own line can match.
    bought = lines_of(raffle).filter(kind="purchase", line__contains=f'"buyer":"{who}"')
    for first in range(1, raffle.head_seq + 1, WINDOW):
        some = bought.filter(seq__gte=first, seq__lt=first + WINDOW)
        if buyer := some.values_list("actor", flat=True).first():
            return buyer
    return None
