"""How far the mails have come. No part of the record: it only says what was told to whom."""

from __future__ import annotations

from django.db import models

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
