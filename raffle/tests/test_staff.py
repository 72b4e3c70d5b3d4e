"""The staff's acts: who may, and that neither looking nor a forged form changes anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from raffle import closing, seconding
from raffle.models import Award, Draw, Proposal, Raffle, Ticket, Void
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff

PERMISSIONS = (
    "open_raffle", "close_raffle", "draw_winner", "void_ticket", "cancel_raffle", "award_prize",
    "read_reports",
)  # fmt: skip

Subject = Raffle | Ticket | Award


def staff_with(*codenames: str) -> User:
    user = make_buyer("stella", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="raffle", codename__in=codenames)
    )
    return user


def browser(user: User | None, **options: Any) -> Client:
    client = Client(**options)
    if user:
        client.force_login(user)
    return client


def sold_raffle(tickets: int = 2, **terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    for _ in range(tickets):
        buy(raffle, make_buyer())
    return raffle


def sold_ticket(**terms: Any) -> Ticket:
    return Ticket.objects.get(raffle=sold_raffle(1, **terms))


def closed_raffle(tickets: int = 2, **terms: Any) -> Raffle:
    raffle = sold_raffle(tickets, **terms)
    return closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Over.")


def confirmed_raffle(tickets: int = 2, **terms: Any) -> Raffle:
    raffle = closed_raffle(tickets, **terms)
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return raffle


def raffle_asked_for(**terms: Any) -> Raffle:
    """Somebody has asked for its draw; another one has to confirm it."""
    raffle = confirmed_raffle(**{"two_people": True} | terms)
    seconding.propose_draw(raffle_id=raffle.pk, by=make_staff())
    return raffle


def ticket_asked_for(reason: str = "Paid with a bad cheque.") -> Ticket:
    """Somebody has asked for its void; another one has to confirm it."""
    ticket = sold_ticket(two_people=True)
    seconding.propose_void(ticket_id=ticket.pk, by=make_staff(), reason=reason)
    return ticket


def won_prize(**terms: Any) -> Award:
    return draw(sold_raffle(5, **terms)).raffle.awards.get(prize=1)


def says_name(subject: Any) -> dict[str, Any]:
    return {"name": str(subject)}


def confirms_void(ticket: Any) -> dict[str, Any]:
    return {"confirmed": "on", "asked": Proposal.objects.get(ticket=ticket).pk}


def shows_code(award: Any) -> dict[str, Any]:
    return {"code": award.ticket.code, "reason": "Given up."}


@dataclass(frozen=True)
class Does:
    """An act: at which page, with which permission, on what, and what has to be typed."""

    page: str
    permission: str
    make: Callable[[], Subject]
    says: Callable[[Any], dict[str, Any]] = field(default=lambda _: {"reason": "It is over."})


ACTS = {
    "open": Does("open", "open_raffle", make_draft, lambda _: {"confirmed": "on"}),
    "close": Does("close", "close_raffle", make_raffle),
    "confirm": Does("confirm", "close_raffle", closed_raffle, lambda _: {"confirmed": "on"}),
    "cancel": Does(
        "cancel", "cancel_raffle", make_raffle, lambda raffle: says_name(raffle) | {"reason": "No."}
    ),
    "draw": Does("draw", "draw_winner", sold_raffle, says_name),
    "seal": Does("draw", "draw_winner", lambda: sold_raffle(method="beacon"), says_name),
    "ask for the draw": Does(
        "ask", "draw_winner", lambda: confirmed_raffle(two_people=True),
        lambda _: {"confirmed": "on"},
    ),
    "enter from the drum": Does(
        "ask", "draw_winner", lambda: confirmed_raffle(method="manual"),
        lambda _: {"numbers": "2 1"},
    ),
    "confirm the draw": Does("draw", "draw_winner", raffle_asked_for, says_name),
    "void": Does("void", "void_ticket", sold_ticket),
    "ask for the void": Does("ask", "void_ticket", lambda: sold_ticket(two_people=True)),
    "confirm the void": Does("void", "void_ticket", ticket_asked_for, confirms_void),
    "claim": Does("claim", "award_prize", won_prize, shows_code),
    "forfeit": Does("forfeit", "award_prize", won_prize, shows_code),
}  # fmt: skip
every_act = pytest.mark.parametrize("does", ACTS.values(), ids=list(ACTS))


def address(page: str, subject: Model) -> str:
    return reverse(f"admin:raffle_{subject._meta.model_name}_{page}", args=[subject.pk])


def record(subject: Subject) -> tuple[Any, ...]:
    """Everything that an act could change: each of them has its line in the ledger."""
    raffle = subject if isinstance(subject, Raffle) else subject.raffle
    raffle.refresh_from_db()
    return (
        raffle.status,
        raffle.ledger.count(),
        Void.objects.filter(ticket__raffle=raffle).count(),
        Draw.objects.filter(raffle=raffle).count(),
        LogEntry.objects.filter(object_id=str(subject.pk), object_repr=str(subject)).count(),
    )


# --- Who may --------------------------------------------------------------------------------------


@every_act
def test_an_act_needs_its_own_permission_and_all_others_do_not_help(does: Does) -> None:
    subject = does.make()
    before = record(subject)
    views = ("view_raffle", "change_raffle", "view_ticket", "view_draw", "view_void", "add_void")
    lacking = staff_with(*views, *(p for p in PERMISSIONS if p != does.permission))
    client = browser(lacking)
    assert client.get(address(does.page, subject)).status_code == 403
    assert client.post(address(does.page, subject), does.says(subject)).status_code == 403
    assert record(subject) == before


@every_act
def test_an_act_needs_no_other_permission_than_its_own(does: Does) -> None:
    subject = does.make()
    before = record(subject)
    client = browser(staff_with(does.permission))
    assert client.get(address(does.page, subject)).status_code == 200
    answer = client.post(address(does.page, subject), does.says(subject))
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).status_code == 200
    assert record(subject) != before


@every_act
def test_visitors_and_buyers_are_kept_out(does: Does) -> None:
    subject = does.make()
    before = record(subject)
    for user in (None, make_buyer()):
        for answer in (
            browser(user).get(address(does.page, subject)),
            browser(user).post(address(does.page, subject), does.says(subject)),
        ):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(reverse("admin:login"))
    assert record(subject) == before


@every_act
def test_a_form_from_another_site_does_nothing(does: Does) -> None:
    subject = does.make()
    before = record(subject)
    client = browser(make_staff(), enforce_csrf_checks=True)
    assert client.post(address(does.page, subject), does.says(subject)).status_code == 403
    assert record(subject) == before


@every_act
def test_looking_changes_nothing(does: Does) -> None:
    subject = does.make()
    before = record(subject)
    client = browser(make_staff())
    for look in (client.get, client.head, client.options):
        assert look(address(does.page, subject), does.says(subject)).status_code == 200
    assert client.put(address(does.page, subject)).status_code == 405
    assert record(subject) == before


@every_act
def test_an_unknown_subject_is_not_found(does: Does) -> None:
    subject = does.make()
    said = does.says(subject)
    subject.pk = 10**15
    client = browser(make_staff())
    assert client.get(address(does.page, subject)).status_code == 404
    assert client.post(address(does.page, subject), said).status_code == 404


@every_act
def test_an_act_is_logged_once_it_is_done(does: Does) -> None:
    subject, stella = does.make(), make_staff()
    browser(stella).post(address(does.page, subject), {})
    assert not LogEntry.objects.filter(user=stella).exists()
    browser(stella).post(address(does.page, subject), does.says(subject))
    entry = LogEntry.objects.get(user=stella)
    assert entry.get_edited_object() == subject
    assert entry.change_message


@pytest.mark.parametrize("permission", ["award_prize", "view_award"])
def test_who_sees_awards_or_records_claims_sees_the_page_of_prizes(permission: str) -> None:
    raffle = won_prize().raffle
    assert browser(staff_with(permission)).get(address("claims", raffle)).status_code == 200
    others = (p for p in (*PERMISSIONS, "view_raffle", "view_ticket") if p != permission)
    lacking = browser(staff_with(*(p for p in others if p != "award_prize")))
    assert lacking.get(address("claims", raffle)).status_code == 403
    assert lacking.post(address("claims", raffle)).status_code == 403
