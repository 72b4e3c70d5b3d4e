"""What the site knows about somebody, for themselves to take away."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession

from accounts.models import SignIn, User
from raffle.models import Award, NoReminders, Purchase, Ticket


def of(user: User) -> dict[str, Any]:
    """All of it: the account, where it is signed in, and what was bought, codes included."""
    return {
        "account": {
            "number": user.pk,
            "email": user.email,
            "addresses": list(
                EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
            ),
            "first_name": user.first_name,
            "last_name": user.last_name,
            "language": user.language,
            "time_zone": user.time_zone,
            "wants_reminders": not NoReminders.objects.filter(user=user).exists(),
            "joined": user.date_joined,
            "last_sign_in": user.last_login,
        },
        "sessions": list(
            UserSession.objects.filter(user=user).values("created_at", "user_agent").order_by("pk")
        ),
        "sign_ins": list(
            SignIn.objects.filter(user=user).order_by("pk").values("at", "kind", "address")
        ),
        "purchases": [_purchase(each) for each in _purchases(user)],
    }


def _purchases(user: User) -> Any:
    bought = Purchase.objects.filter(buyer=user).select_related("raffle")
    return bought.prefetch_related(
        "tickets__void", "tickets__awards__claim", "tickets__awards__forfeit"
    ).order_by("purchased_at")


def _purchase(bought: Purchase) -> dict[str, Any]:
    return {
        "purchase": bought.pk,
        "raffle": bought.raffle.name,
        "address": f"/raffles/{bought.raffle.slug}/",
        "purchased_at": bought.purchased_at,
        "unit_price": bought.unit_price,
        "currency": bought.raffle.currency,
        "line_of_the_record": bought.ledger_seq,
        "tickets": [_ticket(each) for each in bought.tickets.order_by("number")],
    }


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "validation_code": ticket.code,
        "void": hasattr(ticket, "void"),
        "prizes": [_prize(award) for award in ticket.awards.all()],
    }


def _prize(award: Award) -> dict[str, Any]:
    return {"prize": award.prize, "state": award.state, "claim_by": award.claim_by}
