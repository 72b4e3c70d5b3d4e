"""The raffle: its terms, and its state."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from raffle import ledger, picking
from raffle.ledger import Facts
from raffle.models.locking import AsItStands, RaffleQuerySet

MAX_CAPACITY = 10_000_000
MOST_PRIZES = 1000  # and alternates
MOST_PICKS = 10_000  # one draw; bounds how long it takes


def new_secret_key() -> str:
    return secrets.token_hex(32)


class Raffle(AsItStands):
    """A fixed number of numbered tickets, at most `limit` a person, and prizes to be drawn."""

    class Status(models.TextChoices):
        DRAFT = "DRAFT", _("draft")
        OPEN = "OPEN", _("open")
        CLOSED = "CLOSED", _("closed")
        CANCELLED = "CANCELLED", _("cancelled")

    class Method(models.TextChoices):
        LOCAL = "local", _("by this computer (operator-trusted)")
        BEACON = "beacon", _("with a public beacon (anybody can check it)")
        MANUAL = "manual", _("from a drum, entered and confirmed by two people")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField("address", unique=True, help_text="Last part of the page's address.")
    name = models.CharField(max_length=200)
    organiser = models.CharField(max_length=200)
    contact = models.CharField(
        max_length=200, blank=True, help_text="How buyers reach the organiser; on every receipt."
    )
    licence = models.CharField("licence number", max_length=100, blank=True)
    prizes = ArrayField(
        models.CharField(max_length=300), help_text="One a line; the first prize first."
    )
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
    draw_at = models.DateTimeField(
        "draw announced for", null=True, blank=True, help_text="Told to buyers; staff start it."
    )
    method = models.CharField(
        "method of drawing", max_length=6, choices=Method, default=Method.LOCAL
    )
    alternates = models.PositiveIntegerField(
        default=3, validators=[MaxValueValidator(MOST_PRIZES)],
        help_text="Drawn in reserve, in the same draw, for prizes that are not claimed.",
    )  # fmt: skip
    one_prize_each = models.BooleanField(
        "one prize a person", default=True, help_text="Nobody wins twice, whatever is drawn."
    )
    two_people = models.BooleanField(
        "two people needed", default=False,
        help_text="One member of staff asks for a void or the draw, another one confirms it.",
    )  # fmt: skip
    claim_days = models.PositiveIntegerField(
        "days to claim a prize", default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )  # fmt: skip
    status = models.CharField(
        max_length=9, choices=Status, default=Status.DRAFT, editable=False
    )  # moved by organising.py and closing.py alone
    pseudonym_key = models.CharField(max_length=64, default=new_secret_key, editable=False)

    objects: ClassVar[models.Manager[Raffle]] = RaffleQuerySet.as_manager()

    # What buyers are promised: only `description` and `status` change once a ticket is sold.
    TERMS: ClassVar[tuple[str, ...]] = (
        "slug", "name", "organiser", "contact", "licence", "prizes", "rules", "price", "currency",
        "capacity", "limit", "opens_at", "closes_at", "draw_at", "method", "alternates",
        "one_prize_each", "two_people", "claim_days",
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = _("raffle"), _("raffles")
        ordering = ("-pk",)
        permissions = (
            ("open_raffle", "Can open a raffle for sale"),
            ("close_raffle", "Can close a raffle and confirm its figures"),
            ("draw_winner", "Can draw the winner"),
            ("cancel_raffle", "Can cancel a raffle"),
            ("award_prize", "Can record claims and forfeits"),
            ("read_reports", "Can read and export the reports"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=MAX_CAPACITY), name="raffle_capacity"
            ),
            models.CheckConstraint(condition=Q(limit__gte=1), name="raffle_limit"),
            models.CheckConstraint(condition=Q(price__gte=0), name="raffle_price"),
            models.CheckConstraint(
                condition=Q(status__in=["DRAFT", "OPEN", "CLOSED", "CANCELLED"]),
                name="raffle_status",
            ),
            models.CheckConstraint(
                condition=Q(method__in=["local", "beacon", "manual"]), name="raffle_method"
            ),
            models.CheckConstraint(
                condition=Q(prizes__len__gte=1, prizes__len__lte=MOST_PRIZES),
                name="raffle_has_prizes",
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

    def clean(self) -> None:
        """Raises ValidationError if one draw would have to pick too often."""
        needed = None not in (self.prizes, self.alternates, self.limit)
        if needed and self.picks_needed(MAX_CAPACITY) > MOST_PICKS:
            raise ValidationError(
                f"So many prizes and alternates at so high a limit a person would need more than "
                f"{MOST_PICKS:,} picks. Lower one of them, or let a person win more than once."
            )

    def get_absolute_url(self) -> str:
        return reverse("raffle:detail", args=[self.slug])

    @property
    def prize(self) -> str:
        """The first prize."""
        return self.prizes[0]

    @property
    def remaining(self) -> int:
        return self.capacity - self.sold

    def picks_needed(self, entries: int) -> int:
        return picking.wanted(
            entries, len(self.prizes) + self.alternates, self.limit if self.one_prize_each else 0
        )

    def has_started(self, now: datetime) -> bool:
        return self.status != self.Status.DRAFT and (self.opens_at is None or self.opens_at <= now)

    def has_ended(self, now: datetime) -> bool:
        return self.status in (self.Status.CLOSED, self.Status.CANCELLED) or (
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
