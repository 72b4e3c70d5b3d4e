"""What is watched for the staff and the operators. No part of the record: it can be made anew."""

from __future__ import annotations

from django.db import models

from raffle.models.raffles import Raffle


class LastCheck(models.Model):
    """What the verifier found when it last went through a raffle; `problem` is empty if nothing."""

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    checked_at = models.DateTimeField()  # when it began: what was written later was not looked at
    seq = models.PositiveIntegerField()  # the ledger's head then
    hash = models.CharField(max_length=64)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.problem or "nothing wrong"


class RefusalCount(models.Model):
    """How many purchases were refused for one reason in one hour. Of whom is kept nowhere."""

    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="refusals", db_index=False)
    code = models.CharField(max_length=40)
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["raffle", "code", "hour"], name="refusal_count_once"),
        )

    def __str__(self) -> str:
        return f"{self.count} × {self.code}"
