"""What is sealed, drawn, awarded, claimed and forfeited."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle.models.raffles import Raffle
from raffle.models.tickets import Ticket


class Seal(models.Model):
    """What the draw is made from, fixed before anybody can know the result: one a raffle."""

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    method = models.CharField(max_length=6, choices=Raffle.Method)
    entries = models.PositiveIntegerField()
    manifest = models.CharField("manifest's SHA-256", max_length=64)
    offsets = ArrayField(models.PositiveIntegerField(), default=list)
    chain = models.CharField("beacon's chain", max_length=64, blank=True)
    round = models.PositiveBigIntegerField("beacon's round", null=True)
    round_at = models.DateTimeField(null=True)
    software = models.CharField(max_length=60)
    sealed_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, help_text="Empty: an operator."
    )
    confirmed_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True,
        help_text="Empty: one person was enough.",
    )  # fmt: skip
    sealed_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("seal"), _("seals")
        constraints = (
            models.CheckConstraint(condition=Q(entries__gte=1), name="seal_has_entries"),
            models.CheckConstraint(
                condition=Q(method="beacon", round__isnull=False, round_at__isnull=False)
                | Q(~Q(method="beacon"), round=None, round_at=None, chain=""),
                name="seal_names_a_round_for_a_beacon",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("sealed_by")),
                name="seal_by_two_different_people",
            ),
            # Target of the key by which the draw copies what it was sealed as.
            models.UniqueConstraint(fields=["raffle", "entries", "manifest"], name="seal_draw_key"),
        )

    def __str__(self) -> str:
        return f"seal of {self.raffle_id}"


class Draw(models.Model):
    """The result: `order` are the numbers picked, the first prize's winner first; `picked` says
    which of the tickets then left each of them was, counted from 0 in order of number.
    """

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    ticket = models.OneToOneField(Ticket, models.PROTECT, db_constraint=False)  # order[0]
    entries = models.PositiveIntegerField()
    picked = ArrayField(models.PositiveIntegerField())
    order = ArrayField(models.PositiveIntegerField())
    manifest = models.CharField("manifest's SHA-256", max_length=64)
    signature = models.CharField("beacon's signature", max_length=96, blank=True)
    drawn_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True,
        help_text="Empty: an operator, with draw_winner.",
    )  # fmt: skip
    drawn_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("draw"), _("draws")
        constraints = (
            models.CheckConstraint(
                condition=Q(picked__len=F("order__len"), order__len__lte=F("entries")),
                name="draw_orders_what_was_picked",
            ),
        )

    def __str__(self) -> str:
        return f"draw of {self.raffle_id}"


class AwardQuerySet(models.QuerySet["Award"]):
    def standing(self) -> AwardQuerySet:
        """Those that were not forfeited: who has which prize."""
        return self.filter(forfeit=None)


class Award(models.Model):
    """A prize given to a ticket: by the draw, or because the one before was forfeited."""

    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="awards")
    prize = models.PositiveIntegerField()  # 1 is the first
    place = models.PositiveIntegerField()  # of the ticket in the draw's order; 1 is the first
    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="awards", db_constraint=False)
    awarded_at = models.DateTimeField()
    claim_by = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    objects = AwardQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("award"), _("awards")
        ordering = ("raffle", "prize", "place")
        constraints = (
            models.UniqueConstraint(fields=["raffle", "place"], name="award_place_once"),
            models.UniqueConstraint(fields=["raffle", "ticket"], name="award_ticket_once"),
            models.UniqueConstraint(fields=["id", "raffle"], name="award_key"),
        )

    def __str__(self) -> str:
        return f"prize {self.prize}"

    @property
    def name(self) -> str:
        """What the prize is."""
        return self.raffle.prizes[self.prize - 1]

    @property
    def state(self) -> str:
        if hasattr(self, "claim"):
            return "claimed"
        return "forfeited" if hasattr(self, "forfeit") else "unclaimed"

    def is_overdue(self, now: datetime) -> bool:
        return self.state == "unclaimed" and now > self.claim_by


class Claim(models.Model):
    """The winner has shown the validation code in time: the prize is theirs."""

    award = models.OneToOneField(Award, models.PROTECT, primary_key=True, db_constraint=False)
    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="claims")
    code = models.CharField("validation code", max_length=32)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("claim"), _("claims")

    def __str__(self) -> str:
        return f"claim of {self.award_id}"


class Forfeit(models.Model):
    """The prize was not claimed in time, or its winner gave it up: it goes to the next in line."""

    award = models.OneToOneField(Award, models.PROTECT, primary_key=True, db_constraint=False)
    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="forfeits")
    reason = models.TextField()
    code = models.CharField(
        "validation code", max_length=32, blank=True, help_text="Of a winner who gave it up."
    )
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    forfeited_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("forfeit"), _("forfeits")
        constraints = (
            models.CheckConstraint(condition=~Q(reason=""), name="forfeit_has_a_reason"),
        )

    def __str__(self) -> str:
        return f"forfeit of {self.award_id}"
