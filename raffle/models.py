"""The nouns: what a raffle is made of, the questions it can answer, and what can never be stored.

What Django cannot say is in migrations/0002_guards.sql: together they hold every rule even against
raw SQL. Tickets, purchases, voids, draws and ledger entries are only ever added.
"""

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


def new_code() -> str:
    """A ticket's validation code: 128 bits that nobody can guess."""
    return secrets.token_hex(16)


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
        """The terms as the ledger spells them."""
        spelled: Facts = {}
        for name in self.TERMS:
            value = getattr(self, name)
            if name == "price":
                value = f"{value:.2f}"
            spelled[name] = ledger.timestamp(value) if isinstance(value, datetime) else value
        return spelled


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
        constraints = (
            models.UniqueConstraint(fields=["buyer", "key"], name="purchase_key_once_a_buyer"),
            models.UniqueConstraint(fields=["raffle", "ledger_seq"], name="purchase_entry_once"),
            models.UniqueConstraint(fields=["id", "raffle", "buyer"], name="purchase_ticket_key"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="purchase_quantity"),
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
        return hasattr(self, "void")


class Void(models.Model):
    """A ticket taken out of the draw. Its number is never sold again."""

    ticket = models.OneToOneField(Ticket, models.PROTECT, primary_key=True)
    reason = models.TextField()
    voided_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    voided_at = models.DateTimeField()

    class Meta:
        permissions = (("void_ticket", "Can void a ticket"),)
        constraints = (models.CheckConstraint(condition=~Q(reason=""), name="void_has_a_reason"),)

    def __str__(self) -> str:
        return f"void: {self.reason}"


class Draw(models.Model):
    """The winner: the `picked`-th (from 0) of `entries` valid tickets, in order of number."""

    raffle = models.OneToOneField(Raffle, models.PROTECT, primary_key=True)
    ticket = models.OneToOneField(Ticket, models.PROTECT, db_constraint=False)
    entries = models.PositiveIntegerField()
    picked = models.PositiveIntegerField()
    manifest = models.CharField("manifest's SHA-256", max_length=64)
    drawn_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True,
        help_text="Empty: an operator, with draw_winner.",
    )  # fmt: skip
    drawn_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(picked__lt=F("entries")), name="draw_picks_one_of_the_entries"
            ),
        )

    def __str__(self) -> str:
        return f"draw of {self.raffle_id}"
