"""The stage's page: what everybody may see of a raffle, the same for all."""

from __future__ import annotations

from django.test import Client

from raffle import closing
from raffle.models import Raffle
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff
from raffle.tests.reading import sold


def live(raffle: Raffle, client: Client | None = None) -> str:
    response = (client or Client()).get(f"{raffle.get_absolute_url()}live/")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def test_nothing_of_whoever_is_signed_in_is_on_it() -> None:
    raffle, alice = make_raffle(capacity=1), make_buyer()
    buy(raffle, alice)
    client = Client()
    client.force_login(alice)
    for happens in (lambda: None, lambda: draw(raffle)):
        happens()
        own, other = (live(raffle, who).split("data-now")[0] for who in (client, None))
        assert own == other
        assert alice.email not in live(raffle, client)
    assert "You won" not in live(raffle, client)


def test_a_draft_has_none_for_anybody() -> None:
    raffle, client = make_draft(), Client()
    client.force_login(make_staff())
    assert client.get(f"{raffle.get_absolute_url()}live/").status_code == 404


def test_there_is_no_number_on_it_before_there_is_a_draw() -> None:
    raffle = sold(5)
    for happens in (
        lambda: None,
        lambda: closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Enough"),
        lambda: closing.reconcile_raffle(raffle_id=raffle.pk, by=None),
    ):
        happens()
        assert "data-drawn" not in live(raffle)
    number = draw(raffle).order[0]
    assert f"data-drawn>{number}<" in live(raffle)


def test_its_code_leads_to_the_raffles_page() -> None:
    raffle = make_raffle()
    page = live(raffle)
    assert f'href="{raffle.get_absolute_url()}"' in page
    assert "<svg" in page
    assert f"testserver{raffle.get_absolute_url()}" in page
    assert f"{raffle.get_absolute_url()}live/" in Client().get(raffle.get_absolute_url()).text
