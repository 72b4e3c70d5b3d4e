"""The drawing report: a raffle, its sales, the numbers in play, the draw, and who has won what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_noop as _

from accounts.models import User
from raffle.models import Award, Draw, LedgerEntry, Raffle, Seal
from raffle.reports import figures
from raffle.reports.report import LAST, Cell, Item, Report, Sums, Total, sums_of

# Of what was given, and how many are called.
STATES = {
    "claimed": _("prizes claimed"),
    "unclaimed": _("prizes unclaimed"),
    "forfeited": _("prizes forfeited"),
}

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

    name, title = "drawing", _("Drawing")
    about = _("Sales, refunds, numbers in play, seal, draw order, winners and their claims.")

    def __init__(self, raffle: Raffle, *, people: bool) -> None:
        super().__init__(raffle, people=people)
        self.figures = figures.standing(raffle)
        people_of = ("sealed_by", "confirmed_by")
        self.seal = Seal.objects.select_related(*people_of).filter(raffle=raffle).first()
        self.draw = Draw.objects.select_related("drawn_by").filter(raffle=raffle).first()
        self.order = list(enumerate(self.draw.order, start=1)) if self.draw else []
        self.winners = list(self._winners())
        self.sections = [
            (_("Raffle"), self._terms()),
            (_("Sales"), self._sales()),
            (_("Draw"), self._draw()),
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        return (_("section"), _("item"), _("value"), *self.columns_of_a_prize[2:])

    @property
    def columns_of_a_prize(self) -> tuple[str, ...]:
        email = (_("e-mail"),) if self.people else ()
        ticket = (_("place"), _("ticket"), _("buyer"), *email, _("state"))
        settled = (_("given at"), _("claim by"), _("settled at"), _("settled by"), _("reason"))
        return (_("prize"), _("what"), *ticket, *settled)

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
        given = [Total(name, sums[state].count) for state, name in STATES.items()]
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
            (_("organiser"), raffle.organiser),
            (_("contact"), raffle.contact),
            (_("raffle"), raffle.name),
            (_("address"), raffle.slug),
            (_("identity"), raffle.uuid),
            (_("licence"), raffle.licence),
            (_("status"), raffle.get_status_display()),
            (_("prizes"), len(raffle.prizes)),
            (_("alternates"), raffle.alternates),
            (_("one prize a person"), _yes(raffle.one_prize_each)),
            (_("two people needed"), _yes(raffle.two_people)),
            (_("method"), raffle.get_method_display()),
            (_("draw announced for"), raffle.draw_at),
            (_("days to claim"), raffle.claim_days),
        ]

    def _sales(self) -> Facts:
        raffle, now = self.raffle, self.figures
        kinds = ("opened", "closed", "reconciled", "cancelled")
        lines = LedgerEntry.objects.filter(raffle=raffle, kind__in=kinds)
        at = dict(lines.values_list("kind", "at"))
        return [
            (_("opened"), at.get("opened")),
            (_("sales from"), raffle.opens_at),
            (_("sales until"), raffle.closes_at),
            (_("closed"), at.get("closed")),
            (_("figures confirmed"), at.get("reconciled")),
            (_("cancelled"), at.get("cancelled")),
            (_("price of a ticket"), raffle.price),
            (_("currency"), raffle.currency),
            (_("tickets a person"), raffle.limit),
            (_("capacity"), now.capacity),
            (_("sold"), now.sold),
            (_("void"), now.void),
            (_("numbers in play"), now.valid),
            (_("unsold"), now.unsold),
            (_("money for all sold"), now.sales),
            (_("refunds due"), now.refunds),
            (_("net"), now.net),
        ]

    def _draw(self) -> Facts:
        seal, draw = self.seal, self.draw
        if seal is None:
            return []
        facts: Facts = [
            (_("sealed"), seal.sealed_at),
            (_("sealed by"), _name(seal.sealed_by)),
            (_("confirmed by"), seal.confirmed_by.email if seal.confirmed_by else None),
            (_("line of the seal"), seal.ledger_seq),
            (_("numbers in play, as sealed"), seal.entries),
            (_("list (SHA-256)"), seal.manifest),
            (_("offsets"), " ".join(map(str, seal.offsets))),
            (_("software that sealed"), seal.software),
            (_("software now"), settings.SOFTWARE),
        ]
        if seal.round is not None:
            facts += [
                (_("beacon's chain"), seal.chain),
                (_("beacon's round"), seal.round),
                (_("time of the round"), seal.round_at),
                (_("beacon's signature"), draw.signature if draw else None),
            ]
        if draw:
            facts += [
                (_("drawn"), draw.drawn_at),
                (_("drawn by"), _name(draw.drawn_by)),
                (_("line of the draw"), draw.ledger_seq),
            ]
        return facts


def _name(user: User | None) -> str:
    return user.email if user else "operator"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
