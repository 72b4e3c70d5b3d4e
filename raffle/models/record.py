"""The record: one line after the other, each sealed with the one before."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle import ledger
from raffle.models.inserting import Row, insert
from raffle.models.raffles import Raffle


class LedgerManager(models.Manager["LedgerEntry"]):
    def head(self, raffle: Raffle) -> ledger.Head:
        last = self.filter(raffle=raffle).order_by("-seq").values_list("seq", "hash").first()
        return ledger.Head(*last) if last else ledger.Head()

    def rows(
        self, raffle: Raffle, entries: list[ledger.Entry], actors: list[int | None]
    ) -> list[Row]:
        """Lines that continue the chain, to be stored, each with who did it (None: an operator)."""
        return [
            {
                "raffle_id": raffle.pk,
                "seq": e.seq,
                "kind": e.kind,
                "at": e.at,
                "line": e.line,
                "hash": e.hash,
                "actor_id": actor,
            }
            for e, actor in zip(entries, actors, strict=True)
        ]

    def add(self, raffle: Raffle, entries: list[ledger.Entry], actors: list[int | None]) -> None:
        insert((self.model, self.rows(raffle, entries, actors)))

    def append(
        self, raffle: Raffle, kind: str, at: datetime, by: User | None, /, **facts: Any
    ) -> int:
        """Add one line by `by` and return its seq. The caller holds the raffle's lock (or has
        just created the raffle).
        """
        facts = {"by": raffle.name_in_ledger(by)} | facts
        entry = ledger.entry(self.head(raffle), raffle.uuid, kind, at, facts)
        self.add(raffle, [entry], [by.pk if by else None])
        return entry.seq

    def newest(self, raffle: Raffle, kind: str) -> LedgerEntry | None:
        return self.filter(raffle=raffle, kind=kind).order_by("-seq").first()


class LedgerEntry(models.Model):
    """One line of a raffle's append-only, hash-chained record."""

    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="ledger", db_index=False)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    actor = models.ForeignKey(  # whose pseudonym the line has; None: an operator
        User, models.PROTECT, related_name="+", null=True, db_index=False
    )
    line = models.TextField()
    hash = models.CharField(max_length=64)

    objects = LedgerManager()

    class Meta:
        verbose_name, verbose_name_plural = _("ledger entry"), _("ledger entries")
        constraints = (models.UniqueConstraint(fields=["raffle", "seq"], name="ledger_seq_once"),)
        indexes = (
            # A page of a period is in this order. Times only go up, so that a sale's line costs it
            # a third of a microsecond.
            models.Index(fields=["at"], name="ledger_by_time"),
            # A buyer's lines are found through their purchases.
            models.Index(fields=["actor"], condition=~Q(kind="purchase"), name="ledger_by_staff"),
            # The few lines that are no sale, among a million that are.
            models.Index(
                fields=["raffle", "kind", "seq"],
                condition=~Q(kind="purchase"),
                name="ledger_by_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"

    @property
    def says(self) -> ledger.Facts:
        facts: ledger.Facts = json.loads(self.line)
        return facts
