"""The API: drawing, by this computer, with a beacon, and where two people are needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from accounts.models import User
from raffle import closing, drawing, seconding
from raffle.models import Draw, LedgerEntry, Raffle, Seal
from raffle.tests.makers import buy, make_buyer, make_buyers, make_draft, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.programs import admin_path, assert_problem, post, signed_in, state
from raffle.tests.races import race
from raffle.tests.relay import OwnChain, Relay


@pytest.fixture
def raffle() -> Raffle:
    return make_raffle()


@pytest.fixture
def alice() -> User:
    return make_buyer("alice")


def press(user: User, raffle: Raffle) -> Any:
    return post(signed_in(user), admin_path(raffle, "draw-winner"))


# --- By this computer -----------------------------------------------------------------------------


def test_staff_draw_the_winner_and_get_the_same_answer_again(raffle: Raffle) -> None:
    for buyer in make_buyers(3):
        buy(raffle, buyer, 2)
    stella, steve = signed_in(make_staff()), signed_in(make_staff("steve"))

    first = post(stella, admin_path(raffle, "draw-winner"))
    again = post(steve, admin_path(raffle, "draw-winner"))

    drawn = Draw.objects.get(raffle=raffle)
    assert first.status_code == 200
    assert first.json() == {
        "success": True,
        "winning_ticket": drawn.ticket.number,
        "entries": 6,
        "picked": drawn.ticket.number - 1,
        "order": drawn.order,
        "manifest": drawn.manifest,
        "drawn_at": drawn.drawn_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "already_drawn": False,
    }
    assert again.json() == first.json() | {"already_drawn": True}
    assert state(raffle)["winning_ticket"] == drawn.ticket.number


def test_of_many_who_draw_at_once_one_has_drawn_and_all_get_the_same(
    raffle: Raffle, alice: User
) -> None:
    """Two of them are the same person, whose finger slipped."""
    buy(raffle, alice, 2)
    stella = make_staff()
    clients = [signed_in(user) for user in (stella, stella, make_staff(), make_staff())]

    def told(client: Client) -> Any:
        return post(client, admin_path(raffle, "draw-winner")).json()

    answers: list[Any] = race(*[partial(told, client) for client in clients])

    assert sorted(answer.pop("already_drawn") for answer in answers) == [False, True, True, True]
    assert all(answer == answers[0] for answer in answers)


def test_nothing_can_be_drawn_from_nothing(raffle: Raffle) -> None:
    client = signed_in(make_staff())
    assert_problem(post(client, admin_path(raffle, "draw-winner")), 409, "nothing_sold")
    assert_problem(post(client, admin_path(make_draft(), "draw-winner")), 409, "not_open")
    unknown = post(client, "/api/admin/raffles/no-such/draw-winner")
    assert_problem(unknown, 404, "not_found")


# --- With a beacon --------------------------------------------------------------------------------

OWN = OwnChain()


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    with Relay(sign=OWN.sign, chain=OWN.chain) as relay, patch.object(drawing, "CHAIN", OWN.chain):
        settings.BEACON_RELAYS = [relay.address]
        yield relay


def closed(**terms: Any) -> Raffle:
    """Three tickets of three people, the figures confirmed."""
    raffle = make_raffle(**terms)
    for buyer in make_buyers(3):
        buy(raffle, buyer)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough.")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    return raffle


def test_with_a_beacon_the_draw_is_sealed_first_and_everybody_told_when_to_ask_again() -> None:
    raffle, stella = closed(method="beacon"), make_staff()

    first, again = press(stella, raffle), press(make_staff(), raffle)

    seal = Seal.objects.get(raffle=raffle)
    assert seal.round_at
    told = first.json()
    wait = told.pop("retry_after")
    assert first.status_code == again.status_code == 202
    assert told == {
        "success": True,
        "sealed": {
            "seq": seal.ledger_seq,
            "hash": LedgerEntry.objects.get(raffle=raffle, seq=seal.ledger_seq).hash,
            "round": seal.round,
            "round_at": seal.round_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
        "entries": 3,
        "manifest": seal.manifest,
    }
    assert 110 < wait <= 123, "two minutes, and up to the next round"
    assert first.headers["Retry-After"] == str(wait)
    assert first.headers["Cache-Control"] == "private, no-store"
    assert again.json()["sealed"] == told["sealed"]
    assert raffle.ledger.filter(kind="sealed").count() == 1


def test_after_the_round_the_beacon_is_asked_and_the_winner_drawn(relay: Relay) -> None:
    stella = make_staff()
    with ago(timedelta(minutes=3)):
        raffle = closed(method="beacon")
        assert press(stella, raffle).status_code == 202
    relay.late = True
    assert_problem(press(stella, raffle), 503, "beacon_late")
    late = press(stella, raffle)
    relay.late = False

    drawn, again = press(stella, raffle), press(stella, raffle)

    assert late.headers["Retry-After"] == "3"
    assert drawn.status_code == 200
    assert drawn.json()["order"] == Draw.objects.get(raffle=raffle).order
    assert drawn.json()["already_drawn"] is False
    assert again.json() == drawn.json() | {"already_drawn": True}
    assert state(raffle)["winning_ticket"] == drawn.json()["winning_ticket"]


# --- Two people -----------------------------------------------------------------------------------


def test_where_two_people_are_needed_the_second_one_draws() -> None:
    raffle, stella, oscar = closed(two_people=True), make_staff("stella"), make_staff("oscar")
    assert_problem(press(stella, raffle), 409, "second_person_needed")
    seconding.propose_draw(raffle_id=raffle.pk, by=stella)

    assert_problem(press(stella, raffle), 409, "second_person_needed")
    drawn = press(oscar, raffle)

    assert drawn.status_code == 200
    assert drawn.json()["already_drawn"] is False
    assert press(stella, raffle).json()["already_drawn"] is True


def test_what_comes_from_a_drum_is_entered_elsewhere_and_told_here_once_drawn() -> None:
    raffle, stella, oscar = closed(method="manual"), make_staff("stella"), make_staff("oscar")
    assert_problem(press(stella, raffle), 409, "second_person_needed")
    seconding.propose_draw(raffle_id=raffle.pk, by=stella, numbers=[3, 1, 2])

    for user in (stella, oscar):
        assert_problem(press(user, raffle), 409, "second_person_needed")
    assert not Seal.objects.filter(raffle=raffle).exists()
    drawing.draw_winner(raffle_id=raffle.pk, by=oscar, numbers=[3, 1, 2])

    assert press(oscar, raffle).json()["order"] == [3, 1, 2]
