"""Which receipts were printed, when, and by whom."""

from __future__ import annotations

from typing import ClassVar

from django.db import connection, models, transaction
from django.db.models import Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle.models.tickets import Purchase


class ReceiptCopyManager(models.Manager["ReceiptCopy"]):
    @transaction.atomic
    def add(self, purchase: Purchase, by: User) -> ReceiptCopy:
        """Log one more copy of the receipt of `purchase`. Number 1, the original, is the buyer's:
        what staff print is a reprint even if nothing was printed before.
        """
        with connection.cursor() as cursor:  # the purchase's row is not the site's to lock
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(purchase.pk)]
            )
        printed = self.filter(purchase=purchase)
        last: int = printed.aggregate(last=Max("number"))["last"] or 0
        if by.pk == purchase.buyer_id and not printed.filter(number=1).exists():
            number = 1
        else:
            number = max(last, 1) + 1
        copy = self.create(purchase=purchase, number=number, printed_by=by)
        copy.refresh_from_db(fields=["printed_at"])
        return copy


class ReceiptCopy(models.Model):
    """A receipt on paper, or what its owner's browser was given to print."""

    purchase = models.ForeignKey(
        Purchase, models.PROTECT, related_name="copies", db_index=False
    )  # the constraint's index finds them
    number = models.PositiveIntegerField()
    printed_at = models.DateTimeField(db_default=Now(), editable=False)
    printed_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects: ClassVar[ReceiptCopyManager] = ReceiptCopyManager()

    class Meta:
        verbose_name, verbose_name_plural = _("receipt copy"), _("receipt copies")
        permissions = (
            ("reprint_receipt", "Can reprint a buyer's receipt, without its validation codes"),
        )
        constraints = (
            models.UniqueConstraint(fields=["purchase", "number"], name="receipt_copy_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="receipt_copy_number"),
        )

    def __str__(self) -> str:
        return self.mark

    @property
    def mark(self) -> str:
        """What stands on the paper."""
        return "ORIGINAL" if self.number == 1 else f"REPRINT {self.number - 1}"
