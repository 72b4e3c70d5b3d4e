"""What the mails say. A mail is made from a line of the ledger and goes to whom the line is about.

Their Message-IDs come from what they are about, so that a mail that was sent twice is recognisable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from raffle.models import LedgerEntry, Raffle, Ticket
from raffle.receipts import PurchaseReceipt, spans, spell

LONG = 12  # tickets: a longer receipt's lines are in an attached file
SUBJECT = 120  # characters of a raffle's name


def receipt(written: PurchaseReceipt, to: User) -> EmailMultiAlternatives:
    """The receipt of one purchase."""
    bought = written.purchase
    text = render_to_string("mail/receipt.txt", {"receipt": written})
    is_long = len(written.stubs) > LONG
    context = {"receipt": written, "raffle": written.raffle, "is_long": is_long}
    html = render_to_string("mail/receipt.html", context)
    subject = f"Your receipt: {one_line(written.raffle.name)}"
    letter = _letter(to, subject, text, html, f"receipt.{bought.pk}", written.site)
    if is_long:
        letter.attach("receipt.txt", text, "text/plain")
    return letter


def notices(
    entry: LedgerEntry, raffle: Raffle, holders: Sequence[User], site: str
) -> Iterator[tuple[User, EmailMultiAlternatives]]:
    """What `entry` says, to each of `holders`, with their own numbers."""
    tickets = Ticket.objects.filter(raffle=raffle, buyer__in=holders).order_by("number")
    numbers: dict[int, list[int]] = {}
    for buyer_id, number in tickets.values_list("buyer", "number"):
        numbers.setdefault(buyer_id, []).append(number)
    subject, told = _told(entry, raffle)
    told |= {
        "raffle": raffle,
        "raffle_url": site + raffle.get_absolute_url(),
        "verify_url": site + reverse("raffle:verify", args=[raffle.slug]),
        "witness": f"{entry.seq}:{entry.hash}",
        "at": spell(entry.at),
    }
    for holder in holders:
        own = numbers[holder.pk]
        won = [prize for prize in told.get("winners", ()) if prize["number"] in own]
        context = told | {"numbers": spans(own), "won": won}
        text = render_to_string(f"mail/{entry.kind}.txt", context)
        html = render_to_string("mail/notice.html", {"text": text, "raffle": raffle})
        name = f"{entry.kind}.{raffle.uuid}.{entry.seq}.{raffle.pseudonym(holder.pk)}"
        yield holder, _letter(holder, f"{subject}: {one_line(raffle.name)}", text, html, name, site)


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
    """The subject, and what the line says in a form for templates."""
    says = entry.says
    claim_by = spell(entry.at + timedelta(days=raffle.claim_days))
    match entry.kind:
        case "sealed":
            time = parse_datetime(says["beacon"]["time"])
            assert time  # noqa: S101 - as the ledger spells it
            in_time = timezone.now() < time
            beacon = says["beacon"] | {"time": spell(time)}
            return "The draw is sealed", {"beacon": beacon, "in_time": in_time}
        case "drawn":
            pairs = zip(raffle.prizes, says["winners"], strict=True)
            winners = [
                {"prize": place, "name": name, "number": number}
                for place, (name, number) in enumerate(pairs, start=1)
            ]
            return "The result", {"winners": winners, "claim_by": claim_by}
        case "forfeited":
            name = raffle.prizes[says["prize"] - 1]
            won = {"prize": says["prize"], "name": name, "number": says["next"]}
            return "A prize has passed to you", {"passed": won, "claim_by": claim_by}
        case _:
            return "Cancelled", {"reason": says["reason"]}


def _letter(
    to: User, subject: str, text: str, html: str, name: str, site: str
) -> EmailMultiAlternatives:
    headers = {
        "Message-ID": f"<{name}@{urlsplit(site).hostname}>",
        "Auto-Submitted": "auto-generated",
    }
    letter = EmailMultiAlternatives(subject, text, to=[to.email], headers=headers)
    letter.attach_alternative(html, "text/html")
    return letter


def one_line(name: str) -> str:
    """A raffle's name for a header: whoever typed it, it cannot add a line to one."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    plain = " ".join(plain.split())
    return plain if len(plain) <= SUBJECT else f"{plain[: SUBJECT - 1]}…"
