"""How many raffles stand at once: what the staff's pages tell of each, one query a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery

from raffle.admin.figures import Due, Figures, due_of
from raffle.models import Draw, LedgerEntry, MailedUpTo, Proposal, Raffle, Seal, Void


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a raffle, beside its next step."""

    voids: int = 0  # asked for, and not confirmed by a second person
    unmailed_since: datetime | None = None  # the first line that nobody was told of


def standing(raffles: Sequence[Raffle]) -> list[Figures]:
    """The figures of each, looked up together. `raffles`: as_it_stands()."""
    keys = [raffle.pk for raffle in raffles]
    void = dict(
        Void.objects.filter(raffle__in=keys).values_list("raffle").annotate(Count("pk")).order_by()
    )
    confirmed = _newest(LedgerEntry.objects.filter(raffle__in=keys, kind="reconciled"), "-seq")
    wishes = Proposal.objects.filter(raffle__in=keys, act=Proposal.Act.DRAW)
    asked = _newest(wishes.select_related("proposed_by").defer("numbers"), "-ledger_seq")
    seals = Seal.objects.defer("offsets").in_bulk(keys)
    draws = Draw.objects.select_related("ticket").defer("picked", "order").in_bulk(keys)
    due = due_of(keys)
    told = []
    for raffle in raffles:
        figures = Figures(raffle)
        if not figures.is_cancelled:
            figures.void = void.get(raffle.pk, 0)
        figures.reconciled = confirmed.get(raffle.pk) if figures.is_closed else None
        figures.asked = asked.get(raffle.pk)
        figures.seal, figures.draw = seals.get(raffle.pk), draws.get(raffle.pk)
        figures.due = due.get(raffle.pk, Due())
        told.append(figures)
    return told


def waiting_of(raffles: Sequence[Raffle]) -> dict[int, Waiting]:
    """What waits in each, by its number."""
    keys = [raffle.pk for raffle in raffles if raffle.status == Raffle.Status.OPEN]
    asked = Proposal.objects.filter(raffle__in=keys, act=Proposal.Act.VOID, ticket__void=None)
    voids = dict(asked.values_list("raffle").annotate(Count("ticket", distinct=True)).order_by())
    following = LedgerEntry.objects.filter(raffle=OuterRef("raffle"), seq=OuterRef("seq") + 1)
    mailed = MailedUpTo.objects.filter(raffle__in=raffles)
    since = dict(mailed.values_list("raffle", Subquery(following.values("at")[:1])))
    return {raffle.pk: Waiting(voids.get(raffle.pk, 0), since.get(raffle.pk)) for raffle in raffles}


def _newest(rows: Any, order: str) -> dict[int, Any]:
    """The newest row of each raffle."""
    return {row.raffle_id: row for row in rows.order_by("raffle_id", order).distinct("raffle_id")}
