"""The staff's acts: who may, and that neither looking nor a forged form changes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from raffle.models import Draw, Raffle, Ticket, Void
from raffle.tests.makers import buy, make_buyer, make_draft, make_raffle, make_staff

PERMISSIONS = ("open_raffle", "close_raffle", "draw_winner", "void_ticket")

Subject = Raffle | Ticket


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


def sold_raffle(tickets: int = 2) -> Raffle:
    raffle = make_raffle()
    for _ in range(tickets):
        buy(raffle, make_buyer())
    return raffle


def sold_ticket() -> Ticket:
    return Ticket.objects.get(raffle=sold_raffle(1))


ACTS: dict[str, tuple[str, Callable[[], Subject], Callable[[Subject], dict[str, Any]]]] = {
    "open": ("open_raffle", make_draft, lambda _: {"confirmed": "on"}),
    "close": ("close_raffle", make_raffle, lambda _: {"reason": "The evening is over."}),
    "draw": ("draw_winner", sold_raffle, lambda raffle: {"name": str(raffle)}),
    "void": ("void_ticket", sold_ticket, lambda _: {"reason": "Paid with a bad cheque."}),
}
every_act = pytest.mark.parametrize("act", ACTS)


def address(act: str, subject: Subject) -> str:
    return reverse(f"admin:raffle_{subject._meta.model_name}_{act}", args=[subject.pk])


def record(subject: Subject) -> tuple[Any, ...]:
    """Everything that an act could change."""
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
def test_an_act_needs_its_own_permission_and_all_others_do_not_help(act: str) -> None:
    permission, make, says = ACTS[act]
    subject = make()
    before = record(subject)
    views = ("view_raffle", "change_raffle", "view_ticket", "view_draw", "view_void", "add_void")
    lacking = staff_with(*views, *(p for p in PERMISSIONS if p != permission))
    client = browser(lacking)
    assert client.get(address(act, subject)).status_code == 403
    assert client.post(address(act, subject), says(subject)).status_code == 403
    assert record(subject) == before


@every_act
def test_an_act_needs_no_other_permission_than_its_own(act: str) -> None:
    permission, make, says = ACTS[act]
    subject = make()
    before = record(subject)
    client = browser(staff_with(permission))
    assert client.get(address(act, subject)).status_code == 200
    answer = client.post(address(act, subject), says(subject))
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).status_code == 200
    assert record(subject) != before


@every_act
def test_visitors_and_buyers_are_kept_out(act: str) -> None:
    _, make, says = ACTS[act]
    subject = make()
    before = record(subject)
    for user in (None, make_buyer()):
        for answer in (
            browser(user).get(address(act, subject)),
            browser(user).post(address(act, subject), says(subject)),
        ):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(reverse("admin:login"))
    assert record(subject) == before


@every_act
def test_a_form_from_another_site_does_nothing(act: str) -> None:
    _, make, says = ACTS[act]
    subject = make()
    before = record(subject)
    client = browser(make_staff(), enforce_csrf_checks=True)
    assert client.post(address(act, subject), says(subject)).status_code == 403
    assert record(subject) == before


@every_act
def test_looking_changes_nothing(act: str) -> None:
    _, make, says = ACTS[act]
    subject = make()
    before = record(subject)
    client = browser(make_staff())
    for look in (client.get, client.head, client.options):
        assert look(address(act, subject), says(subject)).status_code == 200
    assert client.put(address(act, subject)).status_code == 405
    assert record(subject) == before


@every_act
def test_an_unknown_subject_is_not_found(act: str) -> None:
    _, make, _ = ACTS[act]
    somewhere = reverse(f"admin:raffle_{make()._meta.model_name}_{act}", args=[10**15])
    client = browser(make_staff())
    assert client.get(somewhere).status_code == 404
    assert (
        client.post(somewhere, {"name": "x", "reason": "x", "confirmed": "on"}).status_code == 404
    )


@every_act
def test_an_act_is_logged_once_it_is_done(act: str) -> None:
    _, make, says = ACTS[act]
    subject, stella = make(), make_staff()
    browser(stella).post(address(act, subject), {})
    assert not LogEntry.objects.filter(user=stella).exists()
    browser(stella).post(address(act, subject), says(subject))
    entry = LogEntry.objects.get(user=stella)
    assert entry.get_edited_object() == subject
    assert entry.change_message
