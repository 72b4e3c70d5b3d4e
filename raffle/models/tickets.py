"""What is sold, and taken out again."""

from __future__ import annotations

import secrets
import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle.models.raffles import Raffle

MOST_A_PURCHASE = 1000  # tickets: bounds how long one buyer keeps the others waiting


def new_code() -> str:
    """A ticket's validation code: 128 bits that nobody can guess."""
    return secrets.token_hex(16)


class Purchase(models.Model):
    """What one press of the button bought: all of it or nothing, once a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # db_constraint=False here and below: a wider key in 0002_guards.sql says the same and more.
    raffle = models.ForeignKey(
        Raffle, models.PROTECT, related_name="purchases", db_index=False, db_constraint=False
    )
    buyer = models.ForeignKey(
        User, models.PROTECT, related_name="purchases", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    buyer_is_staff = models.BooleanField(default=False, editable=False)
    key = models.CharField("idempotency key", max_length=200)
    quantity = models.PositiveIntegerField()
    first_number = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)
    ledger_seq = models.PositiveIntegerField()
    purchased_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("purchase"), _("purchases")
        constraints = (
            models.UniqueConstraint(fields=["buyer", "key"], name="purchase_key_once_a_buyer"),
            models.UniqueConstraint(fields=["raffle", "ledger_seq"], name="purchase_entry_once"),
            models.UniqueConstraint(fields=["id", "raffle", "buyer"], name="purchase_ticket_key"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MOST_A_PURCHASE),
                name="purchase_quantity",
            ),
            models.CheckConstraint(
                condition=Q(buyer_is_staff=False), name="purchase_never_by_staff"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def numbers(self) -> range:
        """The ticket numbers bought: consecutive, because they are handed out under the lock."""
        return range(self.first_number, self.first_number + self.quantity)


class TicketQuerySet(models.QuerySet["Ticket"]):
    def valid(self) -> TicketQuerySet:
        """The tickets that can win: sold and not void."""
        return self.filter(void=None)


class Ticket(models.Model):
    """One number of one raffle, sold."""

    raffle = models.ForeignKey(
        Raffle, models.PROTECT, related_name="tickets", db_index=False, db_constraint=False
    )
    purchase = models.ForeignKey(
        Purchase, models.PROTECT, related_name="tickets", db_constraint=False
    )
    buyer = models.ForeignKey(
        User, models.PROTECT, related_name="tickets", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    number = models.PositiveIntegerField()
    slot = models.PositiveIntegerField()  # the buyer's 1st, 2nd, … ticket of this raffle
    raffle_capacity = models.PositiveIntegerField()
    raffle_limit = models.PositiveIntegerField()
    code = models.CharField("validation code", max_length=32, default=new_code, unique=True)

    objects: ClassVar[models.Manager[Ticket]] = TicketQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("ticket"), _("tickets")
        ordering = ("raffle", "number")
        constraints = (
            models.UniqueConstraint(fields=["raffle", "number"], name="ticket_number_once"),
            models.UniqueConstraint(fields=["raffle", "buyer", "slot"], name="ticket_slot_once"),
            models.UniqueConstraint(fields=["id", "raffle"], name="ticket_draw_key"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=F("raffle_capacity")),
                name="ticket_number_within_capacity",
            ),
            models.CheckConstraint(
                condition=Q(slot__gte=1, slot__lte=F("raffle_limit")),
                name="ticket_slot_within_limit",
            ),
        )

    def __str__(self) -> str:
        return str(self.number)

    @property
    def is_void(self) -> bool:
        return hasattr(self, "void") or self.raffle.status == Raffle.Status.CANCELLED


class Proposal(models.Model):
    """What one member of staff asked for and another must confirm. Never withdrawn: what was
    confirmed is a void or a seal, and until then it stays open.
    """

    class Act(models.TextChoices):
        VOID = "void"
        DRAW = "draw"

    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="proposals")
    act = models.CharField(max_length=4, choices=Act)
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, related_name="proposals", null=True, db_constraint=False
    )
    reason = models.TextField(blank=True)
    # From the drum, in their order, as the first person read them (manual method only).
    numbers = ArrayField(models.PositiveIntegerField(), default=list)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("proposal"), _("proposals")
        constraints = (
            models.CheckConstraint(
                condition=Q(act="draw", ticket=None, reason="")
                | Q(~Q(reason=""), act="void", ticket__isnull=False, numbers=[]),
                name="proposal_of_a_void_or_a_draw",
            ),
        )

    def __str__(self) -> str:
        return f"{self.act} proposed"


class Void(models.Model):
    """A ticket taken out of the draw. Its number is never sold again."""

    ticket = models.OneToOneField(Ticket, models.PROTECT, primary_key=True, db_constraint=False)
    raffle = models.ForeignKey(Raffle, models.PROTECT, related_name="voids")
    reason = models.TextField()
    voided_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True,
        help_text="Empty: one person was enough.",
    )  # fmt: skip
    voided_at = models.DateTimeField()
    ledger_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name, verbose_name_plural = _("void"), _("voids")
        permissions = (("void_ticket", "Can void a ticket"),)
        constraints = (
            models.CheckConstraint(condition=~Q(reason=""), name="void_has_a_reason"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("voided_by")),
                name="void_by_two_different_people",
            ),
        )

    def __str__(self) -> str:
        return f"void: {self.reason}"
