"""Refused purchases by reason, from what refusals.py has counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum

from raffle import errors
from raffle.errors import Refusal
from raffle.models import Raffle, RefusalCount

KINDS: dict[str, type[Refusal]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Refusal)
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why purchases were refused, and how often."""

    code: str
    count: int

    @property
    def title(self) -> str:
        kind = KINDS.get(self.code)
        return str(kind.title).rstrip(".") if kind else self.code


def refused_by_reason(raffles: Sequence[Raffle]) -> dict[int, list[Reason]]:
    """Of each raffle, by its number, the most frequent reason first: one query."""
    found: dict[int, list[Reason]] = {raffle.pk: [] for raffle in raffles}
    counted = RefusalCount.objects.filter(raffle__in=list(found)).values_list("raffle", "code")
    for raffle, code, count in counted.annotate(every=Sum("count")).order_by("-every", "code"):
        found[raffle].append(Reason(code, int(count)))
    return found
