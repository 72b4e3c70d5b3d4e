"""The staff's draw with a beacon: seal, wait, publish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.admin.models import LogEntry

from raffle import drawing
from raffle.models import Draw, Raffle, Seal
from raffle.tests.forging import clock
from raffle.tests.makers import make_staff
from raffle.tests.past import ago
from raffle.tests.relay import Relay, shifted
from raffle.tests.test_staff import address, browser, record, sold_raffle, staff_with
from raffle.tests.test_staff_acts import equation

ROUND = 1000
WAITED = timedelta(seconds=150)


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    with Relay() as relay:
        settings.BEACON_RELAYS = [relay.address]
        yield relay


@pytest.fixture
def due() -> Iterator[Raffle]:
    """Sealed, and its round is out."""
    chain = shifted(ROUND, drawing.LEAD.total_seconds(), clock() - WAITED)
    with patch.object(drawing, "CHAIN", chain):
        with ago(WAITED):
            raffle = sold_raffle(5, method="beacon", prizes=["A goose", "A duck"])
            drawing.draw_winner(raffle_id=raffle.pk, by=None)
        yield raffle


def test_the_page_says_what_sealing_means() -> None:
    page = browser(make_staff()).get(address("draw", sold_raffle(3, method="beacon"))).text
    for told in ("random offsets at once", "about two minutes later", "no way back"):
        assert told in page
    assert "you confirm these figures in your name" in page
    assert equation(page) == ["3", "0", "97", "100"]
    assert 'value="Seal the draw"' in page


def test_sealing_wants_the_name_and_draws_nothing_yet() -> None:
    raffle, stella = sold_raffle(3, method="beacon"), make_staff()
    before = record(raffle)
    answer = browser(stella).post(address("draw", raffle), {"name": "Another"})
    assert answer.status_code == 422
    assert record(raffle) == before
    answer = browser(stella).post(address("draw", raffle), {"name": raffle.name}, follow=True)
    assert answer.redirect_chain == [(address("draw", raffle), 303)]
    assert Seal.objects.get(raffle=raffle).sealed_by == stella
    assert not Draw.objects.filter(raffle=raffle).exists()
    assert "Sealed the draw" in LogEntry.objects.get(user=stella).change_message


def test_the_sealed_page_tells_seal_round_and_its_exact_time_and_counts_down() -> None:
    raffle, client = sold_raffle(3, method="beacon", prizes=["A goose", "A duck"]), staff()
    client.post(address("draw", raffle), {"name": raffle.name})
    seal = Seal.objects.get(raffle=raffle)
    page = client.get(address("draw", raffle)).text
    assert seal.round_at
    told = (f"round {seal.round}<", f"{seal.round_at.astimezone(UTC):%H:%M:%S} UTC", seal.manifest)
    for part in (*told, ", ".join(map(str, seal.offsets))):
        assert part in page
    left = int(re.findall(r'data-countdown="(\d+)"', page)[0])
    assert 60 < left <= 123
    assert "admin_raffle/countdown.js" in page
    reload = re.findall(r'<noscript><meta http-equiv="refresh" content="(\d+)">', page)
    assert left < int(reload[0]) <= left + 5
    assert 'value="Publish the result" data-publish disabled' in page


def test_publishing_before_the_round_changes_nothing_and_asks_nobody(relay: Relay) -> None:
    raffle, client = sold_raffle(3, method="beacon"), staff()
    client.post(address("draw", raffle), {"name": raffle.name})
    before = record(raffle)
    for _ in range(2):
        answer = client.post(address("draw", raffle))
        assert (answer.status_code, answer.headers["Location"]) == (303, address("draw", raffle))
    assert record(raffle) == before
    assert relay.asked == []


def test_once_the_round_is_out_the_button_publishes_the_result(due: Raffle, relay: Relay) -> None:
    stella = make_staff()
    client = browser(stella)
    page = client.get(address("draw", due)).text
    assert 'value="Publish the result">' in page
    assert "countdown" not in page
    assert "refresh" not in page
    answer = client.post(address("draw", due), follow=True)
    drawn = Draw.objects.get(raffle=due)
    assert drawn.drawn_by == stella
    assert f"is ticket <strong>{drawn.order[0]}</strong>" in answer.text
    assert "A duck" in answer.text
    assert relay.asked == [ROUND]
    assert LogEntry.objects.get(user=stella).change_message.startswith("Drew the winners")


def test_looking_does_not_publish(due: Raffle, relay: Relay) -> None:
    before = record(due)
    assert staff().get(address("draw", due)).status_code == 200
    assert record(due) == before
    assert relay.asked == []


def test_publishing_needs_the_permission_to_draw(due: Raffle, relay: Relay) -> None:
    client = browser(staff_with("close_raffle", "view_raffle", "change_raffle", "award_prize"))
    assert client.post(address("draw", due)).status_code == 403
    assert not Draw.objects.filter(raffle=due).exists()


def test_a_late_beacon_loses_nothing_and_can_be_asked_again(due: Raffle, relay: Relay) -> None:
    relay.late = True
    client, before = staff(), record(due)
    answer = client.post(address("draw", due))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "3"
    assert "Nothing is lost" in answer.text
    assert 'value="Try again">' in answer.text
    assert "Nothing was changed." not in answer.text
    assert record(due) == before
    relay.late = False
    assert client.post(address("draw", due)).status_code == 303
    assert Draw.objects.filter(raffle=due).exists()


def test_who_publishes_second_is_shown_the_same_result(due: Raffle, relay: Relay) -> None:
    staff().post(address("draw", due))
    tom = make_staff()
    answer = browser(tom).post(address("draw", due), {"name": due.name}, follow=True)
    number = Draw.objects.get(raffle=due).order[0]
    assert f"is ticket <strong>{number}</strong>" in answer.text
    assert not LogEntry.objects.filter(user=tom).exists()


def staff() -> Any:
    return browser(make_staff())
