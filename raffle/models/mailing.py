"""How far the mails have come. No part of the record: it only says what was told to whom."""

from __future__ import annotations

from django.db import models

from accounts.models import User
from raffle.models.raffles import Raffle


class MailedUpTo(models.Model):
    """The worker's place in a raffle's ledger: everybody was told of the lines up to `seq`, and of
    the line after it the buyers up to `buyer` (their numbers; 0: nobody yet).
    """

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    seq = models.PositiveIntegerField(default=0)
    buyer = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"mailed up to {self.seq}"


class RemindedUpTo(models.Model):
    """The worker's place among a raffle's holders, who are told once that its sales end soon: up to
    `buyer` they were; `done` when all were.
    """

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    buyer = models.PositiveBigIntegerField(default=0)
    done = models.BooleanField(default=False)

    def __str__(self) -> str:
        return "all reminded" if self.done else f"reminded up to {self.buyer}"


class NoReminders(models.Model):
    """Somebody wants to hear no more of sales that end soon. It goes with whoever is erased."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="no_reminders")

    def __str__(self) -> str:
        return f"no reminders to {self.user_id}"
