"""What the mails say, each in the words and the time zone of whom it goes to. A mail is made from a
line of the ledger and goes to whom the line is about; or it reminds, before the sales end.

Their Message-IDs come from what they are about, so that a mail that was sent twice is recognisable.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from accounts.models import User
from raffle.models import LedgerEntry, Raffle, Ticket
from raffle.receipts import PurchaseReceipt, spans, spell

LONG = 12  # tickets: a longer receipt's lines are in an attached file
SUBJECT = 120  # characters of a raffle's name


def receipt(written: PurchaseReceipt, to: User) -> EmailMultiAlternatives:
    """The receipt of one purchase."""
    bought = written.purchase
    with _in_the_words_of(to):
        text = _rendered("receipt.txt", {"receipt": written})
        is_long = len(written.stubs) > LONG
        context = {"receipt": written, "raffle": written.raffle, "is_long": is_long}
        html = _rendered("receipt.html", context)
        subject = _("Your receipt")
    letter = _letter(to, subject, written.raffle, text, html, f"receipt.{bought.pk}", written.site)
    if is_long:
        letter.attach("receipt.txt", text, "text/plain")
    return letter


def notices(
    entry: LedgerEntry, raffle: Raffle, holders: Sequence[User], site: str
) -> Iterator[tuple[User, EmailMultiAlternatives]]:
    """What `entry` says, to each of `holders`, with their own numbers."""
    bought = _bought(raffle, holders)
    for holder in holders:
        own = bought[holder.pk]
        with _in_the_words_of(holder):
            subject, told = _told(entry, raffle)
            won = [
                prize | {"receipt_url": _receipt_url(own[prize["number"]], site)}
                for prize in told["winners"]
                if prize["number"] in own
            ]
            context = told | {
                "raffle": raffle,
                "raffle_url": site + raffle.get_absolute_url(),
                "verify_url": site + reverse("raffle:verify", args=[raffle.slug]),
                "witness": f"{entry.seq}:{entry.hash}",
                "at": spell(entry.at),
                "numbers": spans(own),
                "won": won,
                "heading": _("You have won") if won else subject,
            }  # fmt: skip
            text, html = _both(entry.kind, context)
        name = f"{entry.kind}.{raffle.uuid}.{entry.seq}.{raffle.pseudonym(holder.pk)}"
        yield holder, _letter(holder, subject, raffle, text, html, name, site)


def reminder(raffle: Raffle, holder: User, site: str, stop_url: str) -> EmailMultiAlternatives:
    """That the sales of `raffle`, as it stands, end soon, to somebody who may still buy."""
    own = _bought(raffle, [holder])[holder.pk]
    with _in_the_words_of(holder):
        subject = _("Closing soon")
        context = {
            "raffle": raffle,
            "raffle_url": site + raffle.get_absolute_url(),
            "ends": spell(raffle.closes_at) if raffle.closes_at else "",
            "numbers": spans(own),
            "held": len(own),
            "stop_url": stop_url,
            "heading": subject,
        }
        text, html = _both("closing_soon", context)
    name = f"closing_soon.{raffle.uuid}.{raffle.pseudonym(holder.pk)}"
    letter = _letter(holder, subject, raffle, text, html, name, site)
    letter.extra_headers["List-Unsubscribe"] = f"<{stop_url}>"
    letter.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    return letter


def recipients(entry: LedgerEntry, raffle: Raffle, after: int, at_most: int) -> list[User]:
    """The next `at_most` of those who get a notice of `entry`, in the order of their accounts,
    `after` that one.
    """
    tickets = Ticket.objects.filter(raffle=raffle)
    if entry.kind == "forfeited":
        tickets = tickets.filter(number=entry.says["next"])
    elif entry.kind in ("drawn", "cancelled") or "beacon" in entry.says:
        tickets = tickets.filter(slot=1)  # of each holder one ticket
    else:
        return []
    told = tickets.filter(buyer__gt=after).order_by("buyer").select_related("buyer")
    return [ticket.buyer for ticket in told[:at_most]]


def _told(entry: LedgerEntry, raffle: Raffle) -> tuple[str, dict[str, Any]]:
    """The subject, and what the line says in a form for templates; `winners` are of whom it is."""
    says = entry.says
    told: dict[str, Any] = {
        "winners": [],
        "claim_by": spell(entry.at + timedelta(days=raffle.claim_days)),
    }
    match entry.kind:
        case "sealed":
            time = parse_datetime(says["beacon"]["time"])
            assert time  # noqa: S101 - as the ledger spells it
            beacon = says["beacon"] | {"time": spell(time)}
            told |= {"beacon": beacon, "in_time": timezone.now() < time}
            return _("The draw is sealed"), told
        case "drawn":
            pairs = zip(raffle.prizes, says["winners"], strict=True)
            told["winners"] = [
                {"prize": place, "name": name, "number": number}
                for place, (name, number) in enumerate(pairs, start=1)
            ]
            return _("The result"), told
        case "forfeited":
            name = raffle.prizes[says["prize"] - 1]
            told["winners"] = [{"prize": says["prize"], "name": name, "number": says["next"]}]
            return _("A prize has passed to you"), told
        case _:
            return _("Cancelled"), told | {"reason": says["reason"]}


@contextmanager
def _in_the_words_of(user: User) -> Iterator[None]:
    language = user.language if user.language in dict(settings.LANGUAGES) else None
    try:
        zone = zoneinfo.ZoneInfo(user.time_zone) if user.time_zone else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        zone = None  # renamed, or gone from the machine's tables
    with translation.override(language or settings.LANGUAGE_CODE), timezone.override(zone):
        yield


def _bought(raffle: Raffle, holders: Sequence[User]) -> dict[int, dict[int, UUID]]:
    """By holder: the numbers of their tickets, ascending, each with the purchase it is of."""
    tickets = Ticket.objects.filter(raffle=raffle, buyer__in=holders).order_by("number")
    bought: dict[int, dict[int, UUID]] = {}
    for buyer_id, number, purchase in tickets.values_list("buyer", "number", "purchase"):
        bought.setdefault(buyer_id, {})[number] = purchase
    return bought


def _receipt_url(purchase: UUID, site: str) -> str:
    return site + reverse("raffle:receipt", args=[purchase])


def _both(name: str, context: dict[str, Any]) -> tuple[str, str]:
    """The plain text, and the same laid out."""
    text = _rendered(f"{name}.txt", context)
    return text, _rendered("notice.html", context | {"text": text})


def _rendered(template: str, context: dict[str, Any]) -> str:
    return render_to_string(f"mail/{template}", context | {"language": translation.get_language()})


def _letter(
    to: User, subject: str, raffle: Raffle, text: str, html: str, name: str, site: str
) -> EmailMultiAlternatives:
    headers = {
        "Message-ID": f"<{name}@{urlsplit(site).hostname}>",
        "Auto-Submitted": "auto-generated",
    }
    subject = f"{subject}: {one_line(raffle.name)}"
    letter = EmailMultiAlternatives(subject, text, to=[to.email], headers=headers)
    letter.attach_alternative(html, "text/html")
    return letter


def one_line(name: str) -> str:
    """A raffle's name for a header: whoever typed it, it cannot add a line to one."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    plain = " ".join(plain.split())
    return plain if len(plain) <= SUBJECT else f"{plain[: SUBJECT - 1]}…"
