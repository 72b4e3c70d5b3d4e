"""Raffles of any size, sold by the site's own `selling.sell`, for growth.py to look at.

A raffle of N tickets is `growth-N`. What is there already is left as it is, so that a second run
begins at once; nothing here removes anything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts.models import User
from raffle import organising, selling
from raffle.book import Order
from raffle.models import Raffle
from rafflesite.combining import Batch

BATCH = 1000  # buyers a COMMIT
EACH = 2  # tickets a buyer
SPARE = 100  # numbers left, so that there is something to buy
ONE_VOID_IN = 1000
OF_THE_VETERAN = 500  # raffles, a thousand tickets


def fill(tickets: int, raffles: int) -> None:
    """One open raffle of so many tickets, a thousandth of them void, and so many small ones."""
    raffle = Raffle.objects.filter(slug=name_of(tickets)).first() or made(
        name_of(tickets), tickets + SPARE
    )
    there = Raffle.objects.as_it_stands().get(pk=raffle.pk)
    if there.status == Raffle.Status.OPEN and there.sold < tickets:
        began = time.monotonic()
        sell_out(raffle, range(there.sold, tickets, EACH))
        void(raffle, max(1, tickets // ONE_VOID_IN))
        print(f"{raffle.slug}: filled in {time.monotonic() - began:.0f} s", flush=True)
    open_beside(raffles)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as PostgreSQL does by itself, sooner or later


def name_of(tickets: int) -> str:
    return f"growth-{tickets}"


def made(slug: str, capacity: int, **terms: object) -> Raffle:
    raffle = Raffle(
        slug=slug,
        name=f"Raffle {slug}",
        organiser="-",
        contact="club@example.invalid",
        prizes=[f"Prize {place}" for place in range(1, 11)],
        alternates=10,
        capacity=capacity,
        limit=EACH,
        **terms,
    )
    organising.create_raffle(raffle, by=None)
    return organising.open_raffle(raffle_id=raffle.pk, by=None)


def sell_out(raffle: Raffle, numbers: range) -> None:
    nobody = make_password(None)
    for start in range(0, len(numbers), BATCH):
        people = [
            User(email=f"{_letters(n)}@{raffle.slug}.example.invalid", password=nobody)
            for n in numbers[start : start + BATCH]
        ]
        sell(raffle, User.objects.bulk_create(people))


def _letters(number: int) -> str:
    """A name that is nobody else's, and looks like nobody else's."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:07}")


def sell(raffle: Raffle, buyers: Sequence[User]) -> None:
    orders = Batch(Order(raffle.pk, buyer.pk, EACH, f"{raffle.pk}") for buyer in buyers)
    for outcome in selling.settle(orders):  # tries again where a busy machine was too slow
        if isinstance(outcome, Exception):
            raise outcome


def void(raffle: Raffle, count: int) -> None:
    staff = member_of_staff()
    step = max(1, raffle.capacity // (count + 1))
    for place in range(1, count + 1):
        ticket = raffle.tickets.get(number=min(place * step, raffle.capacity - SPARE))
        organising.void_ticket(ticket_id=ticket.pk, by=staff, reason="Bench")


def member_of_staff() -> User:
    """Allowed everything; nobody knows a password."""
    email = "growth-staff@example.invalid"
    found = User.objects.filter(email=email).first()
    return found or User.objects.create_superuser(email, None)


def veteran() -> User:
    """Who has bought for years: two tickets of each of 500 raffles."""
    email = "growth-veteran@example.invalid"
    return User.objects.filter(email=email).first() or User.objects.create_user(email, None)


def open_beside(raffles: int) -> None:
    """So many open raffles, in each of which the veteran has bought, up to a thousand tickets."""
    slugs = [f"growth-open-{n}" for n in range(raffles)]
    there = set(Raffle.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    for n, slug in enumerate(slugs):
        if slug not in there:
            raffle = made(slug, 100)
            if n < OF_THE_VETERAN:
                sell(raffle, [veteran()])


def count() -> int:
    return Raffle.objects.count()
