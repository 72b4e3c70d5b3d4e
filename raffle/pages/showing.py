"""One raffle as one viewer sees it: questions only, nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _

from accounts.models import User
from raffle.book import refusal
from raffle.errors import Refusal, StaffCannotBuy
from raffle.models import MOST_A_PURCHASE, Award, Purchase, Raffle, Ticket
from raffle.pages.stages import Prize, Stage, Standing, standing

FEW = 6  # choices that fit beside each other; more are typed as a number
MOST_PRIZES = 5  # in sight; the others are folded away
MOST_OFFSETS = 12  # likewise
COMMIT = 12  # digits of the software's version

Viewer = User | AnonymousUser


@dataclass(frozen=True)
class Choice:
    """A number of tickets to buy, and what they cost together."""

    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class Held:
    """A ticket of the viewer's, and the prize that was given to it, if any."""

    ticket: Ticket
    award: Award | None = None

    @property
    def won(self) -> bool:
        return self.award is not None and self.award.state != "forfeited"

    @property
    def place(self) -> int:
        """Of its prize, 1 for the first; 0 without one."""
        return self.award.prize if self.award else 0

    @property
    def prize(self) -> str:
        return self.ticket.raffle.prizes[self.place - 1] if self.award else ""

    @property
    def label(self) -> str:
        if self.ticket.is_void:
            return _("Void ticket")
        return _("Winning ticket") if self.won else _("Ticket")


def purchases_of(held: Iterable[Held]) -> list[Purchase]:
    """The purchases that these tickets came with, each once."""
    return list({own.ticket.purchase_id: own.ticket.purchase for own in held}.values())


def wins_of(held: Iterable[Held]) -> list[Held]:
    """Those that have a prize, the first prize first."""
    return sorted((own for own in held if own.won), key=lambda own: own.place)


@dataclass(frozen=True)
class RafflePage:
    raffle: Raffle
    standing: Standing
    held: Sequence[Held]
    void: int
    refused: Refusal | None  # why this viewer cannot buy even one ticket

    @property
    def stage(self) -> Stage:
        return self.standing.stage

    # --- Buying -----------------------------------------------------------------------------------

    @property
    def for_sale(self) -> bool:
        """Whether it is time to buy, or to wait for it."""
        return self.stage in {Stage.UPCOMING, Stage.OPEN}

    @property
    def state(self) -> str:
        """The state of the buy button: idle, or the code of what stands against buying."""
        return self.refused.code if self.refused else "idle"

    @property
    def most(self) -> int:
        """The most that one form can ask for; before the opening, what it will be."""
        left = self.raffle.limit - len(self.held)
        return max(1, min(left, self.raffle.remaining, MOST_A_PURCHASE))

    @property
    def choices(self) -> list[Choice]:
        """What to choose from, if it is few enough to be shown."""
        if self.most > FEW:
            return []
        return [Choice(n, n * self.raffle.price) for n in range(1, self.most + 1)]

    @property
    def purchases(self) -> list[Purchase]:
        return purchases_of(self.held)

    @property
    def until_opening(self) -> str:
        """In words, for whoever has no script that counts down."""
        return timeuntil(self.raffle.opens_at, self.raffle.now) if self.raffle.opens_at else ""

    @property
    def until_closing(self) -> str:
        return timeuntil(self.raffle.closes_at, self.raffle.now) if self.raffle.closes_at else ""

    # --- The terms --------------------------------------------------------------------------------

    @property
    def prizes(self) -> list[Prize]:
        return self.standing.prizes[:MOST_PRIZES]

    @property
    def more_prizes(self) -> list[Prize]:
        return self.standing.prizes[MOST_PRIZES:]

    @property
    def best_chance(self) -> int:
        """How many tickets win once all are sold."""
        return min(len(self.raffle.prizes), self.raffle.capacity)

    @property
    def chance(self) -> int:
        """How many tickets win as things stand."""
        return min(len(self.raffle.prizes), self.entries)

    @property
    def software(self) -> str:
        """What runs; once sealed, what made the seal. Shortened."""
        version = self.standing.seal.software if self.standing.seal else settings.SOFTWARE
        commit, *changed = version.split("-", 1)
        return "-".join([commit[:COMMIT], *changed])

    # --- The draw ---------------------------------------------------------------------------------

    @property
    def entries(self) -> int:
        """How many tickets take part in the draw as things stand."""
        return self.raffle.sold - self.void

    @property
    def offsets(self) -> list[int]:
        return self.standing.seal.offsets[:MOST_OFFSETS] if self.standing.seal else []

    @property
    def more_offsets(self) -> list[int]:
        return self.standing.seal.offsets[MOST_OFFSETS:] if self.standing.seal else []

    @property
    def overdue(self) -> bool:
        """Whether the beacon has spoken, and the draw is not here yet."""
        seal = self.standing.seal
        if self.stage != Stage.SEALED or seal is None or seal.round_at is None:
            return False
        return self.raffle.now >= seal.round_at

    @property
    def wins(self) -> list[Held]:
        return wins_of(self.held)

    @property
    def held_ids(self) -> set[int]:
        return {own.ticket.pk for own in self.held}

    @property
    def news(self) -> str:
        """What is told to whoever was looking when the stage was reached."""
        match self.stage:
            case Stage.CLOSED:
                return _("Sales have closed.")
            case Stage.CONFIRMED:
                return _("The figures are confirmed.")
            case Stage.SEALED:
                return _("The draw is sealed.")
            case Stage.CANCELLED:
                return _("This raffle was cancelled.")
            case Stage.DRAWN:
                if wins := self.wins:
                    return " ".join(_("You won: %s.") % own.prize for own in wins)
                if first := self.standing.prizes[0].held:
                    return _("It is drawn. Ticket %s won.") % first.ticket.number
                return _("It is drawn.")
        return ""


def raffle_page(raffle: Raffle, viewer: Viewer) -> RafflePage:
    """`raffle` must come from as_it_stands(). A draw exists only once the raffle is closed."""
    stands = standing(raffle)
    awards = stands.awards
    held: list[Held] = []
    if isinstance(viewer, User):
        own = raffle.tickets.filter(buyer=viewer).select_related("void", "purchase")
        held = [Held(ticket, awards.get(ticket.pk)) for ticket in own.order_by("number")]
    refused = refusal(raffle, raffle.now, raffle.sold, len(held), quantity=1)
    if viewer.is_staff and not refused:
        refused = StaffCannotBuy()
    return RafflePage(
        raffle=raffle,
        standing=stands,
        held=held,
        void=raffle.voids.count(),
        refused=refused,
    )
