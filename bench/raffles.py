"""Raffles to measure with."""

from __future__ import annotations

import uuid

from raffle import organising
from raffle.models import Raffle


def new_raffle(*, slug: str = "", capacity: int = 100, limit: int = 2) -> Raffle:
    """An open raffle that nothing was sold of."""
    raffle = Raffle(
        slug=slug or f"bench-{uuid.uuid4().hex[:12]}",
        name="Bench",
        organiser="-",
        prizes=["A bicycle"],
        capacity=capacity,
        limit=limit,
    )
    organising.create_raffle(raffle, by=None)
    organising.open_raffle(raffle_id=raffle.pk, by=None)
    return raffle
