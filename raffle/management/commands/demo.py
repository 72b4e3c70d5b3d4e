"""manage.py demo: something to try, for a database that has nothing in it yet."""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from raffle import organising, picturing
from raffle.management import lighthouse
from raffle.models import Raffle

STAFF = "stella@example.org"
BUYERS = ("alice@example.org", "bob@example.org", "charlie@example.org")


class Command(BaseCommand):
    help = (
        "Creates an open demo raffle, a staff account and three buyers, and prints their "
        "passwords once. Does nothing if there are people or raffles already."
    )

    def handle(self, **options: Any) -> None:
        if User.objects.exists() or Raffle.objects.exists():
            self.stdout.write("The database is in use: no demo data created.")
            return
        passwords = {email: secrets.token_urlsafe(9) for email in (STAFF, *BUYERS)}
        with transaction.atomic():
            staff = User.objects.create_superuser(STAFF, passwords[STAFF])
            for email in BUYERS:
                User.objects.create_user(email, passwords[email])
            raffle = _demo_raffle()
            organising.create_raffle(raffle, by=staff)
        picturing.set_picture(raffle_id=raffle.pk, file=lighthouse.draw(), alt=lighthouse.ALT)
        organising.open_raffle(raffle_id=raffle.pk, by=staff)
        self.stdout.write(f"Created the raffle “{raffle.name}” ({raffle.slug}), open for sale.")
        self.stdout.write("Accounts, with passwords that are shown only this once:")
        for email, password in passwords.items():
            role = "staff" if email == STAFF else "buyer"
            self.stdout.write(f"  {role}  {email:22} {password}")
        if not settings.STAFF_SECOND_FACTOR:
            self.stdout.write(
                "Staff need no second factor here; STAFF_SECOND_FACTOR=on asks for one."
            )


def _demo_raffle() -> Raffle:
    return Raffle(
        slug="demo",
        name="Village hall roof raffle",
        organiser="Friends of the Village Hall",
        prizes=["A week for two in a lighthouse"],
        description=(
            "The roof leaks, the choir sings under umbrellas. Every ticket buys a few slates.\n\n"
            "The winner spends a week in the lighthouse keeper's cottage, breakfast included."
        ),
        rules=(
            "One winner. Everybody may hold at most two tickets. The winner is drawn in public "
            "after the sales have closed and need not be present."
        ),
        price=Decimal("2.00"),
        closes_at=(timezone.now() + timedelta(days=30)).replace(minute=0, second=0, microsecond=0),
    )
