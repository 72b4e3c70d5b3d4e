"""Alice buys, Stella is staff, and a raffle is made in a line."""

from __future__ import annotations

import uuid
from typing import Any

from accounts.models import User
from raffle import drawing, organising, selling
from raffle.book import Receipt
from raffle.models import Draw, Raffle


def make_buyer(name: str = "alice", **fields: Any) -> User:
    return User.objects.create_user(f"{name}-{uuid.uuid4().hex[:12]}@example.org", **fields)


def make_buyers(count: int) -> list[User]:
    stem = uuid.uuid4().hex[:12]
    people = [User(email=f"buyer{n}-{stem}@example.org", password="!") for n in range(count)]
    return User.objects.bulk_create(people)


def make_staff(name: str = "stella", **fields: Any) -> User:
    return make_buyer(name, is_staff=True, is_superuser=True, **fields)


def make_draft(**terms: Any) -> Raffle:
    slug = f"raffle-{uuid.uuid4().hex[:12]}"
    defaults = {
        "slug": slug,
        "name": f"The {slug}",
        "organiser": "The Club",
        "prizes": ["A bicycle"],
    }
    raffle = Raffle(**(defaults | terms))
    organising.create_raffle(raffle, by=None)
    return raffle


def make_raffle(**terms: Any) -> Raffle:
    """An open raffle: 100 tickets, at most 2 a person, unless `terms` say otherwise."""
    return organising.open_raffle(raffle_id=make_draft(**terms).pk, by=None)


def buy(raffle: Raffle, buyer: User, quantity: int = 1, key: str | None = None) -> Receipt:
    return selling.purchase(
        slug=raffle.slug, buyer=buyer, quantity=quantity, key=key or str(uuid.uuid4())
    )


def draw(raffle: Raffle, by: User | None = None) -> Draw:
    drawn = drawing.draw_winner(raffle_id=raffle.pk, by=by)
    assert isinstance(drawn, Draw)
    return drawn


def sold_numbers(raffle: Raffle) -> list[int]:
    return list(raffle.tickets.order_by("number").values_list("number", flat=True))
