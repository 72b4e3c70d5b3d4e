"""Drawing with a beacon: seal first, wait for the round, reveal what both together say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connections, transaction

from raffle import beacon, closing, drawing, organising, picking, seconding
from raffle.beacon import QUICKNET, Chain, randomness
from raffle.errors import BeaconLate
from raffle.models import Draw, Raffle, Seal
from raffle.tests.forging import clock
from raffle.tests.makers import buy, make_buyers, make_raffle, make_staff
from raffle.tests.past import ago
from raffle.tests.processes import environment
from raffle.tests.races import kinds, race
from raffle.tests.relay import GENUINE, Relay, Reply, drand_json, shifted
from raffle.verifying import verify
from verify import verify_raffle

ROUND = 1000
WAITED = timedelta(seconds=150)  # ago it was sealed: the round has been out for half a minute


def sold(**terms: Any) -> Raffle:
    """Seven tickets, the third void."""
    raffle = make_raffle(**{"method": "beacon", "prizes": ["A bicycle", "A hat"]} | terms)
    for buyer in make_buyers(7):
        buy(raffle, buyer)
    third = raffle.tickets.get(number=3)
    organising.void_ticket(ticket_id=third.pk, by=make_staff(), reason="a mistake")
    return raffle


def draw(raffle: Raffle) -> Draw | Seal:
    return drawing.draw_winner(raffle_id=raffle.pk, by=None)


def lines(raffle: Raffle) -> list[str]:
    return list(raffle.ledger.order_by("seq").values_list("kind", flat=True))


@contextmanager
def network(chain: Chain) -> Iterator[None]:
    """Draw, and verify, with this network."""
    told = verify_raffle.Chain(chain.hash, chain.public_key, chain.period, chain.genesis)
    check = partial(verify_raffle.verify, chain=told)
    with (
        patch.object(drawing, "CHAIN", chain),
        patch.object(verify_raffle, "verify", check),
    ):
        yield


@contextmanager
def sealed_a_while_ago(**terms: Any) -> Iterator[Raffle]:
    """Its round is 1000 of drand's own, and has just come."""
    with network(shifted(ROUND, drawing.LEAD.total_seconds(), clock() - WAITED)):
        with ago(WAITED):
            raffle = sold(**terms)
            assert isinstance(draw(raffle), Seal)
        yield raffle


@pytest.fixture
def relays(settings: Any) -> Iterator[Callable[..., Relay]]:
    """Start relays, which from then on are those that the site asks."""
    settings.BEACON_RELAYS = []
    with ExitStack() as running:

        def start(**behaviour: Any) -> Relay:
            relay = running.enter_context(Relay(**behaviour))
            settings.BEACON_RELAYS.append(relay.address)
            return relay

        yield start


# --- The seal -------------------------------------------------------------------------------------


def test_the_seal_names_the_first_round_after_two_minutes_and_everybody_can_see_it() -> None:
    raffle, stella = sold(), make_staff()
    seal = drawing.draw_winner(raffle_id=raffle.pk, by=stella)
    assert isinstance(seal, Seal)
    assert (seal.chain, seal.round_at) == (QUICKNET.hash, QUICKNET.time_of(seal.round or 0))
    assert timedelta(0) <= (seal.round_at or clock()) - seal.sealed_at - drawing.LEAD
    assert (seal.round_at or clock()) - seal.sealed_at - drawing.LEAD < timedelta(seconds=3)
    says = raffle.ledger.order_by("-seq")[0].says
    assert (says["kind"], says["offsets"]) == ("sealed", seal.offsets)
    assert (says["beacon"]["round"], says["beacon"]["chain"]) == (seal.round, seal.chain)
    assert verify(raffle.pk).failures == []


def test_before_its_round_asking_again_gives_the_same_seal_and_asks_no_relay(
    relays: Callable[..., Relay],
) -> None:
    raffle, relay = sold(), relays()
    first, again = draw(raffle), draw(raffle)
    assert isinstance(again, Seal)
    assert first == again
    assert relay.asked == []
    assert lines(raffle).count("sealed") == 1
    assert not Draw.objects.filter(raffle=raffle).exists()
    assert not raffle.awards.exists()


def test_many_at_once_seal_once() -> None:
    raffle = sold()
    outcomes = race(*(partial(draw, raffle) for _ in range(6)))
    assert kinds(outcomes) == {"Seal": 6}
    assert lines(raffle)[-3:] == ["closed", "reconciled", "sealed"]


def test_a_seal_too_near_its_round_is_refused_by_the_database() -> None:
    raffle = sold()
    with (
        patch.object(drawing, "LEAD", timedelta(seconds=30)),
        pytest.raises(IntegrityError, match="the round is out, or nearly"),
    ):
        draw(raffle)
    assert lines(raffle)[-1] == "void"


# --- The reveal -----------------------------------------------------------------------------------


def test_the_reveal_is_what_seal_and_round_say_together_and_asking_again_gives_the_same(
    relays: Callable[..., Relay],
) -> None:
    relay = relays()
    with sealed_a_while_ago() as raffle:
        seal = raffle.seal
        drawn = draw(raffle)
        assert isinstance(drawn, Draw)
        told = (raffle.uuid, seal.manifest, ROUND, randomness(GENUINE[ROUND]))
        picked = picking.combine(
            seal.offsets, 6, lambda pick, size: picking.chance(*told, pick, size)
        )
        assert (drawn.picked, drawn.order) == (picked, picking.numbers(picked, {3}))
        assert drawn.signature == GENUINE[ROUND]
        says = raffle.ledger.get(kind="drawn").says
        assert (says["signature"], says["order"]) == (GENUINE[ROUND], drawn.order)
        winners = [award.ticket.number for award in raffle.awards.select_related("ticket")]
        assert winners == drawn.order[:2]
        assert draw(raffle) == drawn
        assert relay.asked == [ROUND]
        assert verify(raffle.pk).failures == []


def test_the_other_part_decides_too_one_beacon_gives_other_seals_other_winners(
    relays: Callable[..., Relay],
) -> None:
    """With all offsets 0 the beacon alone decides; a seal of 1 moves the first pick on by one."""
    relays()
    first = []
    for offset in (0, 1):
        with (
            patch.object(drawing, "pick", lambda entries, offset=offset: min(offset, entries - 1)),
            sealed_a_while_ago() as raffle,
        ):
            draw(raffle)
            told = (raffle.uuid, raffle.seal.manifest, ROUND, randomness(GENUINE[ROUND]))
            first.append((raffle.draw.picked[0] - picking.chance(*told, 0, 6)) % 6)
    assert first == [0, 1]


def test_many_who_reveal_at_once_draw_once(relays: Callable[..., Relay]) -> None:
    relays()
    with sealed_a_while_ago() as raffle:
        outcomes = race(*(partial(draw, raffle) for _ in range(6)))
        assert kinds(outcomes) == {"Draw": 6}
        assert lines(raffle)[-2:] == ["sealed", "drawn"]
        assert raffle.awards.count() == 2
        assert verify(raffle.pk).failures == []


LIES: dict[str, Callable[[int], Reply]] = {
    "another round's signature": lambda round_: (200, drand_json(round_, GENUINE[1001])),
    "no signature": lambda round_: (200, drand_json(round_, "ab" * 48)),
    "another round": lambda round_: (200, drand_json(1001, GENUINE[1001])),
    "nonsense": lambda round_: (200, b"<html>"),
    "out of order": lambda round_: (500, b""),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_relay_draws_nothing_and_an_honest_one_beside_it_is_enough(
    lie: str, relays: Callable[..., Relay]
) -> None:
    liar = relays(reply=LIES[lie])
    with sealed_a_while_ago() as raffle:
        with pytest.raises(BeaconLate):
            draw(raffle)
        assert liar.asked == [ROUND]
        assert lines(raffle)[-1] == "sealed"
        relays()
        drawn = draw(raffle)
        assert isinstance(drawn, Draw)
        assert drawn.signature == GENUINE[ROUND]
        assert verify(raffle.pk).failures == []


def test_while_the_relays_are_late_or_away_the_seal_stands_and_nothing_else_decides(
    relays: Callable[..., Relay],
) -> None:
    """Never the local method instead: not even a pick is asked for."""
    late = relays(late=True)
    with sealed_a_while_ago() as raffle:
        before = Seal.objects.filter(raffle=raffle).values().get()
        with patch.object(drawing, "pick", side_effect=AssertionError("a second pick")):
            for _ in range(2):
                with pytest.raises(BeaconLate):
                    draw(raffle)
            assert not Draw.objects.filter(raffle=raffle).exists()
            assert Seal.objects.filter(raffle=raffle).values().get() == before
            late.late = False
            assert isinstance(draw(raffle), Draw)


def test_without_any_relay_it_is_late(settings: Any) -> None:
    settings.BEACON_RELAYS = ["http://127.0.0.1:1"]
    with sealed_a_while_ago() as raffle, pytest.raises(BeaconLate):
        draw(raffle)


def test_no_lock_is_held_while_the_relays_are_asked(relays: Callable[..., Relay]) -> None:
    raffles: list[Raffle] = []
    free: list[object] = []

    def look() -> None:
        free.extend(race(lambda: locked_in_time(raffles[0])))

    relays(pause=look)
    with sealed_a_while_ago() as raffle:
        raffles.append(raffle)
        draw(raffle)
    assert free == [raffle]


def locked_in_time(raffle: Raffle) -> Raffle:
    with transaction.atomic():
        return Raffle.objects.select_for_update(nowait=True).get(pk=raffle.pk)


def test_killed_between_seal_and_reveal_the_next_one_reveals_the_same(
    relays: Callable[..., Relay],
) -> None:
    """It died with the signature in its hands: nothing was stored, nothing is left to choose."""
    relays()
    with sealed_a_while_ago() as raffle:
        connections.close_all()
        script = (
            "import django, os; django.setup();"
            "from raffle import beacon, drawing;"
            f"beacon.fetch = lambda *asked: {GENUINE[ROUND]!r};"
            "drawing._publish = lambda *known: os.kill(os.getpid(), 9);"
            f"drawing.draw_winner(raffle_id={raffle.pk}, by=None)"
        )
        dead = subprocess.run([sys.executable, "-c", script], env=environment(), check=False)
        assert dead.returncode == -9
        assert lines(raffle)[-1] == "sealed"
        drawn = draw(raffle)
        assert isinstance(drawn, Draw)
        assert verify(raffle.pk).failures == []
        with patch.object(beacon, "fetch", side_effect=AssertionError("asked again")):
            assert draw(raffle) == drawn


def test_a_raffle_of_one_ticket_is_drawn_with_a_beacon_too(relays: Callable[..., Relay]) -> None:
    relays()
    with network(shifted(ROUND, drawing.LEAD.total_seconds(), clock() - WAITED)):
        with ago(WAITED):
            raffle = make_raffle(capacity=1, method="beacon")
            buy(raffle, make_buyers(1)[0])
            draw(raffle)
        draw(raffle)
        assert raffle.draw.order == [1]
        assert verify(raffle.pk).failures == []


def test_where_two_people_are_needed_they_seal_and_anybody_may_reveal(
    relays: Callable[..., Relay],
) -> None:
    """Nothing is left to decide: a command on the server does it, too."""
    relays()
    stella, oscar = make_staff(), make_staff("oscar")
    with network(shifted(ROUND, drawing.LEAD.total_seconds(), clock() - WAITED)):
        with ago(WAITED):
            raffle = make_raffle(method="beacon", two_people=True)
            buy(raffle, make_buyers(1)[0])
            closing.close_raffle(raffle_id=raffle.pk, by=stella, reason="over")
            closing.reconcile_raffle(raffle_id=raffle.pk, by=stella)
            seconding.propose_draw(raffle_id=raffle.pk, by=stella)
            drawing.draw_winner(raffle_id=raffle.pk, by=oscar)
        assert isinstance(draw(raffle), Draw)
        assert raffle.draw.drawn_by is None
        assert verify(raffle.pk).failures == []
