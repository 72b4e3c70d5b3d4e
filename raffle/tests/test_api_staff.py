"""The API: what staff do to a raffle up to the draw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from raffle import closing, organising
from raffle.models import LedgerEntry, Raffle
from raffle.tests.makers import (
    buy,
    draw,
    make_buyer,
    make_draft,
    make_raffle,
    make_staff,
)
from raffle.tests.programs import (
    admin_path,
    assert_problem,
    post,
    signed_in,
    state,
    want,
)


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


def with_permissions(*codenames: str, **fields: Any) -> User:
    user = make_buyer("carl", **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_staff_close_a_raffle(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice)
    stella = make_staff()

    response = post(signed_in(stella), admin_path(raffle, "close"), {"reason": "Rain."})

    assert response.status_code == 200
    assert response.json() == {"success": True, "status": "CLOSED", "sold": 1, "unsold": 99}
    line = json.loads(LedgerEntry.objects.get(raffle=raffle, kind="closed").line)
    assert line["reason"] == "Rain."
    assert line["by"] == raffle.pseudonym(stella.pk)
    assert state(raffle)["status"] == "CLOSED"
    assert_problem(want(signed_in(alice), raffle), 409, "closed")


def test_a_raffle_is_closed_once(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    post(client, admin_path(raffle, "close"), {"reason": "Rain."})

    again = post(client, admin_path(raffle, "close"), {"reason": "Rain."})

    assert_problem(again, 409, "not_open")


@pytest.mark.parametrize(
    "reason", ["", " \n", "a\x00b", "\ud800", "x" * 1001, 1, None, ["Rain."]], ids=repr
)
def test_a_close_and_a_cancellation_need_a_reason(raffle: Raffle, reason: Any) -> None:
    for end in ("close", "cancel"):
        response = post(signed_in(make_staff()), admin_path(raffle, end), {"reason": reason})

        assert assert_problem(response, 422, "invalid")["errors"][0]["name"] == "reason"
    assert state(raffle)["status"] == "OPEN"


def test_even_the_oddest_blank_is_no_reason(raffle: Raffle) -> None:
    for end in ("close", "cancel"):
        response = post(signed_in(make_staff()), admin_path(raffle, end), {"reason": "\x1c"})

        assert_problem(response, 422, "reason_missing")


def test_a_closed_raffle_is_reconciled_once(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice, 2)
    stella = make_staff()
    ticket = raffle.tickets.get(number=1)
    organising.void_ticket(ticket_id=ticket.pk, by=stella, reason="A test.")
    client, address = signed_in(stella), admin_path(raffle, "reconcile")
    assert_problem(post(client, address), 409, "not_closed")
    post(client, admin_path(raffle, "close"), {"reason": "Rain."})

    response = post(client, address)

    line = LedgerEntry.objects.get(raffle=raffle, kind="reconciled").says
    assert response.status_code == 200
    assert response.json() == {
        "success": True, "sold": 1, "void": 1, "unsold": 98, "manifest": line["manifest"],
    }  # fmt: skip
    assert line["by"] == raffle.pseudonym(stella.pk)
    assert_problem(post(client, address), 409, "already_reconciled")


def test_a_raffle_is_cancelled_once_and_never_once_sealed(raffle: Raffle, alice: User) -> None:
    buy(raffle, alice, 2)
    drawn, stella = make_raffle(), make_staff()
    buy(drawn, alice)
    draw(drawn)
    client, body = signed_in(stella), {"reason": "Rain."}

    response = post(client, admin_path(raffle, "cancel"), body)

    assert response.status_code == 200
    assert response.json() == {
        "success": True, "status": "CLOSED", "cancelled": True, "tickets": 2,
    }  # fmt: skip
    assert LedgerEntry.objects.get(raffle=raffle, kind="cancelled").says["reason"] == "Rain."
    assert_problem(post(client, admin_path(raffle, "cancel"), body), 409, "cancelled")
    assert_problem(post(client, admin_path(raffle, "draw-winner")), 409, "cancelled")
    assert_problem(post(client, admin_path(raffle, "reconcile")), 409, "not_closed")
    assert_problem(post(client, admin_path(drawn, "cancel"), body), 409, "already_sealed")
    assert_problem(post(client, admin_path(make_draft(), "cancel"), body), 409, "not_open")
    assert_problem(want(signed_in(alice), raffle), 409, "closed")


@pytest.mark.parametrize("end", ["close", "reconcile", "cancel", "draw-winner"])
def test_only_staff_with_the_permission_may_press_a_button(
    end: str, raffle: Raffle, alice: User
) -> None:
    permission = {
        "close": "close_raffle", "reconcile": "close_raffle", "cancel": "cancel_raffle",
        "draw-winner": "draw_winner",
    }[end]  # fmt: skip
    others = {"close_raffle", "cancel_raffle", "draw_winner", "open_raffle"} - {permission}
    refused = [alice, with_permissions(permission), with_permissions(*others, is_staff=True)]
    buy(raffle, alice)
    if end == "reconcile":
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough.")
    lines = raffle.ledger.count()
    for user in refused:
        for found in (raffle, make_draft()):
            response = post(signed_in(user), admin_path(found, end), {"reason": "Because."})
            assert_problem(response, 403, "forbidden")
    assert raffle.ledger.count() == lines

    allowed = signed_in(with_permissions(permission, is_staff=True))

    assert post(allowed, admin_path(raffle, end), {"reason": "Because."}).status_code == 200


def test_forms_from_other_programs_cannot_break_the_staff_buttons(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    del client.defaults["HTTP_X_CSRFTOKEN"]
    bodies = [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=\u00e9", "x"),
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(2000))),
        ("application/x-www-form-urlencoded", "a=" + "x" * 70_000),
    ]
    for content_type, body in bodies:
        response = client.generic(
            "POST", admin_path(raffle, "draw-winner"), body, content_type=content_type
        )
        assert response.status_code in {400, 403, 413, 415}
        assert response.headers["Content-Type"] == "application/problem+json"
