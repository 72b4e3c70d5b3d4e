"""The record: one line after the other, each sealed with the one before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from raffle import ledger
from raffle.models.raffles import Raffle


class LedgerManager(models.Manager["LedgerEntry"]):
    def head(self, raffle: Raffle) -> ledger.Head:
        last = self.filter(raffle=raffle).order_by("-seq").values_list("seq", "hash").first()
        return ledger.Head(*last) if last else ledger.Head()

    def add(self, raffle: Raffle, entries: list[ledger.Entry]) -> None:
        self.bulk_create(
            [
                LedgerEntry(
                    raffle=raffle, seq=e.seq, kind=e.kind, at=e.at, line=e.line, hash=e.hash
                )
                for e in entries
            ]
        )

    def append(self, raffle: Raffle, kind: str, at: datetime, **facts: Any) -> None:
        """Add one line; the caller holds the raffle's lock (or has just created the raffle)."""
        self.add(raffle, [ledger.entry(self.head(raffle), raffle.uuid, kind, at, facts)])


class LedgerEntry(models.Model):
    """One line of a raffle's append-only, hash-chained record."""

    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="ledger", db_index=False)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    line = models.TextField()
    hash = models.CharField(max_length=64)

    objects = LedgerManager()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = (models.UniqueConstraint(fields=["raffle", "seq"], name="ledger_seq_once"),)

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"
