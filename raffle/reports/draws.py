"""The drawing report: a raffle, its sales, the numbers in play, the draw, and who has won what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from accounts.models import User
from raffle.models import Award, Draw, LedgerEntry, Raffle, Seal
from raffle.reports import figures
from raffle.reports.report import LAST, Cell, Item, Report, Sums, Total, sums_of

STATES = ("claimed", "unclaimed", "forfeited")  # of what was given

Facts = list[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Winner:
    """A prize, and a ticket that it was given to: a forfeited prize has several, one after the
    other, and a prize for which no ticket was left has none.
    """

    prize: int
    what: str
    state: str
    place: int | None = None
    ticket: int | None = None
    buyer: str | None = None
    email: str | None = None
    award: Award | None = None

    @property
    def settled(self) -> tuple[Cell, ...]:
        """When it was given, until when it can be claimed; when, by whom and why it was settled."""
        award = self.award
        if award is None:
            return (None,) * 5
        given = (award.awarded_at, award.claim_by)
        match award.state:
            case "claimed":
                claim = award.claim
                return (*given, claim.claimed_at, claim.recorded_by.email, None)
            case "forfeited":
                lost = award.forfeit
                return (*given, lost.forfeited_at, lost.recorded_by.email, lost.reason)
        return (*given, None, None, None)


class Drawing(Report):
    """One raffle from its sales to its prizes, on one sheet."""

    name, title = "drawing", "Drawing"
    about = "Sales, refunds, numbers in play, seal, draw order, winners and their claims."

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.figures = figures.standing(raffle)
        people_of = ("sealed_by", "confirmed_by")
        self.seal = Seal.objects.select_related(*people_of).filter(raffle=raffle).first()
        self.draw = Draw.objects.select_related("drawn_by").filter(raffle=raffle).first()
        self.order = list(enumerate(self.draw.order, start=1)) if self.draw else []
        self.winners = list(self._winners())
        self.sections = [
            ("Raffle", self._terms()),
            ("Sales", self._sales()),
            ("Draw", self._draw()),
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        return ("section", "item", "value", *self.columns_of_a_prize[2:])

    @property
    def columns_of_a_prize(self) -> tuple[str, ...]:
        email = ("e-mail",) if self.people else ()
        ticket = ("place", "ticket", "buyer", *email, "state")
        settled = ("given at", "claim by", "settled at", "settled by", "reason")
        return ("prize", "what", *ticket, *settled)

    def prize(self, won: Winner) -> tuple[Cell, ...]:
        """The cells of one prize."""
        email = (won.email,) if self.people else ()
        ticket = (won.place, won.ticket, won.buyer, *email, won.state)
        return (won.prize, won.what, *ticket, *won.settled)

    def batch(self, after: int, size: int) -> list[Item]:
        return [] if after else list(self._items())

    def counted(self) -> Sums:
        return sums_of(self._items())

    def totals(self, sums: Sums) -> list[Total]:
        given = [Total(f"prizes {state}", sums[state].count) for state in STATES]
        return [*self.figures.totals(), *given]

    def _items(self) -> Iterator[Item]:
        width = len(self.columns)
        for title, facts in self.sections:
            for item, value in facts:
                yield Item(LAST, (title, item, value, *[None] * (width - 3)), "fact")
        for place, number in self.order:
            cells = ("Order", None, None, place, number)
            yield Item(LAST, (*cells, *[None] * (width - 5)), "order")
        for won in self.winners:
            yield Item(LAST, ("Prize", *self.prize(won)), won.state)

    def _winners(self) -> Iterator[Winner]:
        given: dict[int, list[Award]] = defaultdict(list)
        seen = ("ticket__buyer", "claim__recorded_by", "forfeit__recorded_by")
        for award in Award.objects.filter(raffle=self.raffle).select_related(*seen):
            given[award.prize].append(award)
        for prize, what in enumerate(self.raffle.prizes, start=1):
            if not given[prize]:
                yield Winner(prize, what, "nobody was left" if self.draw else "not drawn yet")
            for award in given[prize]:
                won = award.ticket
                buyer = self.raffle.pseudonym(won.buyer_id)
                email = won.buyer.email if self.people else None
                told = (award.state, award.place, won.number, buyer, email, award)
                yield Winner(prize, what, *told)

    def _terms(self) -> Facts:
        raffle = self.raffle
        return [
            ("organiser", raffle.organiser),
            ("contact", raffle.contact),
            ("raffle", raffle.name),
            ("address", raffle.slug),
            ("identity", raffle.uuid),
            ("licence", raffle.licence),
            ("status", raffle.get_status_display()),
            ("prizes", len(raffle.prizes)),
            ("alternates", raffle.alternates),
            ("one prize a person", _yes(raffle.one_prize_each)),
            ("two people needed", _yes(raffle.two_people)),
            ("method", raffle.get_method_display()),
            ("draw announced for", raffle.draw_at),
            ("days to claim", raffle.claim_days),
        ]

    def _sales(self) -> Facts:
        raffle, now = self.raffle, self.figures
        kinds = ("opened", "closed", "reconciled", "cancelled")
        lines = LedgerEntry.objects.filter(raffle=raffle, kind__in=kinds)
        at = dict(lines.values_list("kind", "at"))
        return [
            ("opened", at.get("opened")),
            ("sales from", raffle.opens_at),
            ("sales until", raffle.closes_at),
            ("closed", at.get("closed")),
            ("figures confirmed", at.get("reconciled")),
            ("cancelled", at.get("cancelled")),
            ("price of a ticket", raffle.price),
            ("currency", raffle.currency),
            ("tickets a person", raffle.limit),
            ("capacity", now.capacity),
            ("sold", now.sold),
            ("void", now.void),
            ("numbers in play", now.valid),
            ("unsold", now.unsold),
            ("money for all sold", now.sales),
            ("refunds due", now.refunds),
            ("net", now.net),
        ]

    def _draw(self) -> Facts:
        seal, draw = self.seal, self.draw
        if seal is None:
            return []
        facts: Facts = [
            ("sealed", seal.sealed_at),
            ("sealed by", _name(seal.sealed_by)),
            ("confirmed by", seal.confirmed_by.email if seal.confirmed_by else None),
            ("line of the seal", seal.ledger_seq),
            ("numbers in play, as sealed", seal.entries),
            ("list (SHA-256)", seal.manifest),
            ("offsets", " ".join(map(str, seal.offsets))),
            ("software that sealed", seal.software),
            ("software now", settings.SOFTWARE),
        ]
        if seal.round is not None:
            facts += [
                ("beacon's chain", seal.chain),
                ("beacon's round", seal.round),
                ("time of the round", seal.round_at),
                ("beacon's signature", draw.signature if draw else None),
            ]
        if draw:
            facts += [
                ("drawn", draw.drawn_at),
                ("drawn by", _name(draw.drawn_by)),
                ("line of the draw", draw.ledger_seq),
            ]
        return facts


def _name(user: User | None) -> str:
    return user.email if user else "operator"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
