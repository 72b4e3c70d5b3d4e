"""What a receipt says: the facts of one purchase, the same on screen, on paper, by mail and in the
text file. Nothing here changes anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from raffle import ledger
from raffle.models import Award, Draw, LedgerEntry, Purchase, Raffle, Ticket

MASK = "•" * 32  # where staff would see a validation code
FEW = 3  # prizes on a paper ticket
METHODS = {
    Raffle.Method.LOCAL: gettext_lazy(
        "by the organiser's computer; you trust the organiser to run it unchanged"
    ),
    Raffle.Method.BEACON: gettext_lazy(
        "with a public beacon; anybody can check that nobody chose the winner"
    ),
    Raffle.Method.MANUAL: gettext_lazy("from a drum; two people enter the numbers"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str
    url: str = ""
    in_body: bool = True  # of a paper ticket, which has the others in its head and foot


@dataclass(frozen=True, slots=True)
class Stub:
    """One ticket on a receipt. `code` is empty on what staff see."""

    number: int
    code: str
    leaf: str
    seq: int
    hash: str
    is_void: bool
    award: Award | None = None  # the prize that it has, if any

    @property
    def shown_code(self) -> str:
        return self.code or MASK

    @property
    def line(self) -> str:
        """The receipt line, which proves the ticket to whoever has the ledger."""
        return f"{self.number}-{self.shown_code}-{self.seq}-{self.hash}"

    @property
    def state(self) -> str:
        if self.is_void:
            return _("void")
        if self.award:
            won = {
                "prize": self.award.prize,
                "name": self.award.name,
                "claim_by": spell(self.award.claim_by),
            }
            if self.award.state == "claimed":
                return _("won prize %(prize)s: %(name)s (claimed)") % won
            return _("won prize %(prize)s: %(name)s (claim it by %(claim_by)s)") % won
        return _("valid")


@dataclass(frozen=True, slots=True)
class PurchaseReceipt:
    """All that the receipt of one purchase says. `site` is the site's address, without a slash."""

    purchase: Purchase
    raffle: Raffle
    stubs: list[Stub]
    hash: str
    drawn: Draw | None
    site: str

    def masked(self) -> PurchaseReceipt:
        """The same for staff, who must never see a validation code."""
        return replace(self, stubs=[replace(stub, code="") for stub in self.stubs])

    @property
    def is_masked(self) -> bool:
        return not self.stubs[0].code

    @property
    def is_cancelled(self) -> bool:
        return self.raffle.status == Raffle.Status.CANCELLED

    @property
    def numbers(self) -> str:
        return spans(self.purchase.numbers)

    @property
    def void_numbers(self) -> str:
        return spans(stub.number for stub in self.stubs if stub.is_void)

    @property
    def winning(self) -> list[Stub]:
        return [stub for stub in self.stubs if stub.award]

    @property
    def lines(self) -> str:
        """The receipt lines, as the verifiers take them."""
        return "\n".join(stub.line for stub in self.stubs)

    @property
    def page_url(self) -> str:
        return self.site + reverse("raffle:receipt", args=[self.purchase.pk])

    @property
    def raffle_url(self) -> str:
        return self.site + self.raffle.get_absolute_url()

    @property
    def rules_url(self) -> str:
        return f"{self.raffle_url}#rules"

    @property
    def verify_url(self) -> str:
        return self.site + reverse("raffle:verify", args=[self.raffle.slug])

    @property
    def check_url(self) -> str:
        """Checks all tickets. What is behind the # stays in the browser: no server sees it."""
        return f"{self.verify_url}#{','.join(self.lines.splitlines())}"

    def check_one_url(self, stub: Stub) -> str:
        return f"{self.verify_url}#{stub.line}"

    @property
    def prizes(self) -> list[str]:
        return [f"{place}. {prize}" for place, prize in enumerate(self.raffle.prizes, start=1)]

    @property
    def first_prizes(self) -> str:
        """What fits on a paper ticket."""
        more = len(self.prizes) - FEW
        shown = "; ".join(self.prizes[:FEW])
        if more <= 0:
            return shown
        rest = ngettext(
            "and %(count)s more, on the page of the raffle",
            "and %(count)s more, on the page of the raffle",
            more,
        )
        return f"{shown}; {rest % {'count': more}}"

    @property
    def facts(self) -> list[Fact]:
        """All but prizes and tickets, in the order in which they are read."""
        raffle, bought = self.raffle, self.purchase
        unit = _("online, %(site)s") % {"site": urlsplit(self.site).netloc}
        line = _("line %(seq)s, %(hash)s") % {"seq": bought.ledger_seq, "hash": self.hash}
        found = [
            Fact(_("Organiser"), raffle.organiser, in_body=False),
            Fact(_("Raffle"), raffle.name, self.raffle_url, in_body=False),
            Fact(_("Event"), f"{str(raffle.uuid)[:8]} ({raffle.uuid})"),
            Fact(_("Licence"), raffle.licence),
            Fact(_("Tickets"), f"{self.numbers} ({self._state})"),
            Fact(_("Issued"), spell(bought.purchased_at)),
            Fact(_("Sales unit"), unit),
            Fact(_("Price"), self._price),
            Fact(_("Draw"), self._draw),
            Fact(_("Method"), str(METHODS[Raffle.Method(raffle.method)])),
            Fact(_("Claim"), self._claim),
            Fact(_("Presence"), _("You need not be present at the draw.")),
            Fact(_("Contact"), raffle.contact),
            Fact(_("Rules"), self.rules_url, self.rules_url),
            Fact(_("Ledger"), line, in_body=False),
        ]
        return [fact for fact in found if fact.text]

    @property
    def _state(self) -> str:
        if self.is_cancelled:
            return _("void: the raffle was cancelled")
        if self.void_numbers:
            return _("valid, except void: %(numbers)s") % {"numbers": self.void_numbers}
        return pgettext("tickets", "valid") if len(self.stubs) > 1 else _("valid")

    @property
    def _price(self) -> str:
        price, currency = self.purchase.unit_price, self.raffle.currency
        if not price:
            return _("free")
        sums = {"price": price, "total": price * self.purchase.quantity, "currency": currency}
        return _("%(price)s %(currency)s a ticket, %(total)s %(currency)s in all") % sums

    @property
    def _draw(self) -> str:
        if self.is_cancelled:
            return _("called off")
        if self.drawn:
            return _("made on %(time)s") % {"time": spell(self.drawn.drawn_at)}
        if announced := self.raffle.draw_at:
            return _("announced for %(time)s") % {"time": spell(announced)}
        return _("the date is announced later")

    @property
    def _claim(self) -> str:
        days = self.raffle.claim_days
        if not self.drawn:
            rule = ngettext(
                "within %(days)s day after the draw; the exact time is announced with the result",
                "within %(days)s days after the draw; the exact time is announced with the result",
                days,
            )
            return rule % {"days": days}
        rule = ngettext(
            "within %(days)s day after the draw: by %(time)s; a prize that is passed on, as long "
            "after that",
            "within %(days)s days after the draw: by %(time)s; a prize that is passed on, as long "
            "after that",
            days,
        )
        return rule % {"days": days, "time": spell(self.drawn.drawn_at + timedelta(days=days))}


def of(raffle: Raffle, purchases: Sequence[Purchase], site: str) -> list[PurchaseReceipt]:
    """The receipts of `purchases`, all of `raffle`, in their order: four queries, however many."""
    keys = [bought.pk for bought in purchases]
    seqs = [bought.ledger_seq for bought in purchases]
    entries = LedgerEntry.objects.filter(raffle=raffle, seq__in=seqs)
    hashes = dict(entries.values_list("seq", "hash"))
    drawn = Draw.objects.filter(raffle=raffle).first()
    awards = _awards(raffle, keys) if drawn else {}
    cancelled = raffle.status == Raffle.Status.CANCELLED
    stubs = defaultdict(list)
    tickets = Ticket.objects.filter(purchase__in=keys).order_by("number")
    seq_of = dict(zip(keys, seqs, strict=True))
    for key, number, code, void in tickets.values_list("purchase", "number", "code", "void"):
        stub = Stub(
            number=number,
            code=code,
            leaf=ledger.leaf(raffle.uuid, number, code),
            seq=seq_of[key],
            hash=hashes[seq_of[key]],
            is_void=cancelled or void is not None,
            award=awards.get(number),
        )
        stubs[key].append(stub)
    return [
        PurchaseReceipt(bought, raffle, stubs[bought.pk], hashes[bought.ledger_seq], drawn, site)
        for bought in purchases
    ]


def _awards(raffle: Raffle, purchases: Sequence[object]) -> dict[int, Award]:
    """Who of them has a prize now, by ticket number."""
    standing = Award.objects.standing().filter(raffle=raffle, ticket__purchase__in=purchases)
    found = {
        award.ticket.number: award
        for award in standing.select_related("ticket", "claim", "forfeit")
    }
    for award in found.values():
        award.raffle = raffle
    return found


def spell(at: datetime) -> str:
    """A time of 24 hours in the reader's zone, with UTC, which is the same for everybody:
    2 November 2026, 18:03:00 CET (17:03:00 UTC); or as short as 2 November 2026, 17:03:00 UTC.
    """
    here, utc = timezone.localtime(at), at.astimezone(UTC)
    if not here.utcoffset() and here.tzname() == "UTC":
        return f"{_moment(utc)} UTC"
    same_day = here.date() == utc.date()
    beside = f"{utc:%H:%M:%S}" if same_day else _moment(utc)
    zone = here.tzname() or ""
    zone = f"UTC{zone}" if zone[:1] in "+-" else zone  # many zones have no name but their offset
    return f"{_moment(here)} {zone} ({beside} UTC)"


def _moment(at: datetime) -> str:
    # Translators: how a day and a time are written, in the letters of Django's template filter date
    return date_format(at.replace(tzinfo=None), _("j F Y, H:i:s"), use_l10n=False)


def spans(numbers: Iterable[int]) -> str:
    """Ascending numbers, runs put together: 1 to 20, 25."""
    runs: list[range] = []
    for number in numbers:
        if runs and number == runs[-1].stop:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return ", ".join(
        _("%(first)s to %(last)s") % {"first": run[0], "last": run[-1]}
        if len(run) > 2
        else ", ".join(map(str, run))
        for run in runs
    )
