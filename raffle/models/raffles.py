"""The raffle: its terms, its state, and the one lock."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse

from accounts.models import User
from raffle import ledger
from raffle.ledger import Facts

MAX_CAPACITY = 10_000_000


def new_secret_key() -> str:
    return secrets.token_hex(32)


class ClockTimestamp(models.Func):
    """The database's clock now; NOW() would be when the transaction began, before the lock."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


class RaffleQuerySet(models.QuerySet["Raffle"]):
    def public(self) -> RaffleQuerySet:
        return self.exclude(status=Raffle.Status.DRAFT)

    def lock(self, raffle_id: int) -> Raffle:
        """Hold the raffle's row until COMMIT: every sale, change, void, close and draw queues here.

        One row, nothing joined. Look in a second statement: this one's snapshot was taken before
        it waited. NO KEY, so that rows which refer to the raffle can still be inserted.
        """
        return self.select_for_update(no_key=True).only("pk").get(pk=raffle_id)

    def lock_and_look(self, raffle_id: int) -> Raffle:
        """Lock, then read the raffle as it stands: only what is read after the lock is true."""
        self.lock(raffle_id)
        return self.as_it_stands().get(pk=raffle_id)

    def as_it_stands(self) -> RaffleQuerySet:
        """With `now`, `sold` and the ledger's head. Numbers are dense: the highest is the count."""
        return self.annotate(  # type: ignore[no-redef]  # declared below for those who read them
            now=ClockTimestamp(),
            sold=_lookup("coalesce(max(number), 0) FROM raffle_ticket", models.IntegerField()),
            head_seq=_lookup(
                "coalesce(max(seq), 0) FROM raffle_ledgerentry", models.IntegerField()
            ),
            head_hash=_lookup(
                "hash FROM raffle_ledgerentry", models.CharField(), "ORDER BY seq DESC LIMIT 1"
            ),
        )

    def as_seen_by(self, buyer_id: int) -> RaffleQuerySet:
        """As it stands, and how many tickets the buyer `held`: their slots are dense, too."""
        held = _lookup(
            "coalesce(max(slot), 0) FROM raffle_ticket", models.IntegerField(),
            "AND buyer_id = %s", buyer_id,
        )  # fmt: skip
        return self.as_it_stands().annotate(held=held)  # type: ignore[no-redef]


def _lookup(what: str, kind: models.Field[Any, Any], rest: str = "", *params: Any) -> RawSQL:
    """One value from a raffle's rows in another table. Raw, because Django takes three
    milliseconds to put the same together from subqueries: longer than the whole sale.
    """
    return RawSQL(  # noqa: S611 - nothing in it comes from outside
        f"(SELECT {what} WHERE raffle_id = raffle_raffle.id {rest})", params, kind
    )


class Raffle(models.Model):
    """A fixed number of numbered tickets, at most `limit` a person, and one winner."""

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "draft"
        OPEN = "OPEN", "open"
        CLOSED = "CLOSED", "closed"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField("address", unique=True, help_text="Last part of the page's address.")
    name = models.CharField(max_length=200)
    organiser = models.CharField(max_length=200)
    prize = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    rules = models.TextField(blank=True, help_text="Shown before anybody buys.")
    price = models.DecimalField(
        "price of a ticket", max_digits=10, decimal_places=2, default=0,
        validators=[MinValueValidator(0)],
    )  # fmt: skip
    currency = models.CharField(
        max_length=3,
        default="EUR",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "Three capital letters, as in EUR.")],
    )
    capacity = models.PositiveIntegerField(
        "number of tickets", default=100,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CAPACITY)],
    )  # fmt: skip
    limit = models.PositiveIntegerField(
        "tickets a person", default=2, db_column="ticket_limit", validators=[MinValueValidator(1)]
    )
    opens_at = models.DateTimeField(
        null=True, blank=True, help_text="Sales start then; empty: as soon as the raffle is open."
    )
    closes_at = models.DateTimeField(
        null=True, blank=True, help_text="Sales stop then; empty: when staff close the raffle."
    )
    status = models.CharField(
        max_length=6, choices=Status, default=Status.DRAFT, editable=False
    )  # moved by organising.py and drawing.py alone
    pseudonym_key = models.CharField(max_length=64, default=new_secret_key, editable=False)

    objects: ClassVar[models.Manager[Raffle]] = RaffleQuerySet.as_manager()

    # Filled by RaffleQuerySet.as_it_stands().
    now: datetime
    sold: int
    head_seq: int
    head_hash: str
    held: int  # as_seen_by() only

    # What buyers are promised: only `description` and `status` change once a ticket is sold.
    TERMS: ClassVar[tuple[str, ...]] = (
        "slug", "name", "organiser", "prize", "rules", "price", "currency", "capacity", "limit",
        "opens_at", "closes_at",
    )  # fmt: skip

    class Meta:
        ordering = ("-pk",)
        permissions = (
            ("open_raffle", "Can open a raffle for sale"),
            ("close_raffle", "Can close a raffle"),
            ("draw_winner", "Can draw the winner"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=MAX_CAPACITY), name="raffle_capacity"
            ),
            models.CheckConstraint(condition=Q(limit__gte=1), name="raffle_limit"),
            models.CheckConstraint(condition=Q(price__gte=0), name="raffle_price"),
            models.CheckConstraint(
                condition=Q(status__in=["DRAFT", "OPEN", "CLOSED"]), name="raffle_status"
            ),
            models.CheckConstraint(
                condition=Q(opens_at=None) | Q(closes_at=None) | Q(opens_at__lt=F("closes_at")),
                name="raffle_opens_before_it_closes",
                violation_error_message="A raffle must open before it closes.",
            ),
            # Targets of the keys by which tickets and purchases copy what they were sold under.
            models.UniqueConstraint(fields=["id", "capacity", "limit"], name="raffle_limits_key"),
            models.UniqueConstraint(fields=["id", "price"], name="raffle_price_key"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("raffle:detail", args=[self.slug])

    @property
    def remaining(self) -> int:
        return self.capacity - self.sold

    def has_started(self, now: datetime) -> bool:
        return self.status != self.Status.DRAFT and (self.opens_at is None or self.opens_at <= now)

    def has_ended(self, now: datetime) -> bool:
        return self.status == self.Status.CLOSED or (
            self.closes_at is not None and self.closes_at <= now
        )

    def is_selling(self, now: datetime) -> bool:
        return self.has_started(now) and not self.has_ended(now)

    def pseudonym(self, user_id: int) -> str:
        return ledger.pseudonym(self.pseudonym_key, user_id)

    def name_in_ledger(self, staff: User | None) -> str:
        return self.pseudonym(staff.pk) if staff else "operator"

    def terms(self) -> Facts:
        """The terms and the description as the ledger spells them."""
        spelled: Facts = {}
        for name in (*self.TERMS, "description"):
            value = getattr(self, name)
            if name == "price":
                value = f"{value:.2f}"
            spelled[name] = ledger.timestamp(value) if isinstance(value, datetime) else value
        return spelled
