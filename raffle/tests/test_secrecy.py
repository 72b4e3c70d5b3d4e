"""Before the draw the winner exists nowhere: not in a page, an answer, a header, a log, a table.

Everything that can be asked is asked, as visitor, buyer and staff, and by the operators' commands.
While that goes on a pick is an error, and what every holder of a ticket is told is the same. After
the draw the same crawl finds the winner: that shows that it looks in the right places.
"""

from __future__ import annotations

import io
import json
import logging
import re
import secrets
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from difflib import unified_diff
from html import unescape
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from raffle import closing, drawing, seconding
from raffle.models import Draw, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, draw, make_buyer, make_buyers, make_raffle, make_staff
from raffle.tests.past import ago

LINK = re.compile(r'(?:href|action)="(/[^"#]*)')
SPEAKS_OF_A_WINNER = re.compile(
    r"winning[_ ]ticket|winner is ticket|winner</dt>|\d+(?:</strong>)? won\b|you won|--won"
    r'|winner__number|"(?:winners|order)": ?\[\s*[^\]\s]|/admin/raffle/draw/\d+/',
    re.IGNORECASE,
)


PUBLISHED = ("", "verify/", "ledger.jsonl", "manifest.txt", "draw.json")


def sold(count: int = 9, **terms: Any) -> Raffle:
    """So many tickets of as many people, alike in everything but the number."""
    raffle = make_raffle(**{"capacity": 20} | terms)
    for _ in range(count):
        buy(raffle, make_buyer())
    return raffle


@pytest.fixture
def raffle() -> Raffle:
    return sold()


def holder(raffle: Raffle, number: int) -> User:
    return raffle.tickets.get(number=number).buyer


def client_of(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def addresses(raffle: Raffle) -> list[str]:
    """Where to begin: every page and answer that knows of the raffle."""
    records = ("ticket", "purchase", "void", "draw", "ledgerentry")
    return [
        "/",
        "/tickets/",
        *(f"/raffles/{raffle.slug}/{end}" for end in PUBLISHED),
        f"/api/raffles/{raffle.slug}/state",
        f"/api/raffles/{raffle.slug}/tickets",
        "/api/openapi.json",
        "/admin/",
        f"/admin/raffle/raffle/?q={raffle.slug}",
        f"/admin/raffle/raffle/{raffle.pk}/change/",
        f"/admin/raffle/raffle/{raffle.pk}/history/",
        f"/admin/raffle/raffle/{raffle.pk}/draw/",
        f"/admin/raffle/raffle/{raffle.pk}/close/",
        *(f"/admin/raffle/{record}/?raffle__id__exact={raffle.pk}" for record in records),
    ]


def crawl(raffle: Raffle, user: User | None) -> Iterator[tuple[str, str]]:
    """Every address that leads to this raffle, with its status, headers and body as text."""
    client = client_of(user)
    waiting, seen = addresses(raffle), set[str]()
    mine = re.compile(rf"{re.escape(raffle.slug)}|/{raffle.pk}/|={raffle.pk}\b")
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 150 or "logout" in address:
            continue
        seen.add(address)
        answer = client.get(address)
        body = as_text(b"".join(answer))  # some are streamed
        headers = "\n".join(f"{name}: {value}" for name, value in answer.items())
        yield address, f"{answer.status_code}\n{headers}\n{body}"
        waiting += [unescape(link) for link in LINK.findall(body) if mine.search(unescape(link))]


def as_text(body: bytes) -> str:
    """What an answer says; of a ZIP file, what all its files say; of a picture, its bytes."""
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            # The verifier and the words about the files speak of winners in general.
            said = [n for n in archive.namelist() if not n.endswith((".py", ".txt"))]
            return "\n".join(archive.read(name).decode() for name in said)
    return body.decode(errors="replace")


def about_a_winner(raffle: Raffle, user: User | None) -> dict[str, str]:
    """Where the crawl reads of a winner. The API's own description speaks of winners in general."""
    found = {}
    for address, text in crawl(raffle, user):
        heard = SPEAKS_OF_A_WINNER.search(text)
        if heard and address != "/api/openapi.json" and raffle.slug in text:
            found[address] = heard.group()
    return found


def reach(stage: str) -> Raffle:
    """A raffle that has come so far."""
    if stage == "overdue":  # the beacon has spoken: whoever wants to can work the result out
        with ago(timedelta(minutes=3)):
            return reach("sealed")
    raffle = sold(method="beacon" if stage == "sealed" else "local")
    if stage == "closed":
        closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    if stage == "sealed":
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    if stage == "cancelled":
        closing.cancel_raffle(raffle_id=raffle.pk, by=None, reason="over")
    return raffle


@pytest.mark.parametrize("who", ["visitor", "buyer", "staff"])
@pytest.mark.parametrize("stage", ["open", "closed", "sealed", "overdue", "cancelled"])
def test_nothing_speaks_of_a_winner_before_the_draw(
    who: str, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    raffle = reach(stage)
    user = {"visitor": None, "buyer": holder(raffle, 3), "staff": make_staff()}[who]
    with (
        patch.object(secrets, "randbelow", side_effect=AssertionError("picked before the draw")),
        caplog.at_level(logging.DEBUG),
    ):
        assert about_a_winner(raffle, user) == {}
    assert not SPEAKS_OF_A_WINNER.search(caplog.text)
    assert not Draw.objects.filter(raffle=raffle).exists()
    state = client_of(user).get(f"/api/raffles/{raffle.slug}/state").json()
    assert state.keys().isdisjoint({"winning_ticket", "prizes"})


@pytest.mark.parametrize("who", ["visitor", "buyer", "staff"])
def test_control_after_the_draw_the_same_crawl_finds_the_winner(who: str, raffle: Raffle) -> None:
    user = {"visitor": None, "buyer": holder(raffle, 3), "staff": make_staff()}[who]
    draw(raffle)
    found = about_a_winner(raffle, user)
    assert f"/raffles/{raffle.slug}/" in found
    for published in ("ledger.jsonl", "draw.json"):
        assert f"/raffles/{raffle.slug}/{published}" in found
    assert f"/api/raffles/{raffle.slug}/state" in found
    if who == "staff":
        assert any(address.startswith("/admin/raffle/draw/") for address in found)


def test_every_holder_is_told_the_same_before_the_draw(raffle: Raffle) -> None:
    """Byte for byte, once their own numbers, codes and tokens are masked."""
    told: dict[str, set[str]] = {}
    for number in range(4, 9):  # numbers that the page does not name for other reasons
        client = client_of(holder(raffle, number))
        for address in (f"/raffles/{raffle.slug}/", f"/api/raffles/{raffle.slug}/tickets"):
            text = masked(client.get(address).content.decode(), raffle, number)
            told.setdefault(address, set()).add(text)
    for address, texts in told.items():
        first, *others = (text.splitlines() for text in texts)
        assert [list(unified_diff(first, other)) for other in others] == [], address


def masked(text: str, raffle: Raffle, number: int) -> str:
    ticket = raffle.tickets.select_related("purchase", "buyer").get(number=number)
    for own in (ticket.code, str(ticket.purchase_id), ticket.buyer.email):
        text = text.replace(own, "…")
    text = re.sub(r'(name="(?:csrfmiddlewaretoken|key)" value=)"[^"]*"', r"\1…", text)
    text = re.sub(r'("(?:purchased_at|receipt)": ?|data-(?:now|buyer)=)"[^"]*"', r"\1…", text)
    return re.sub(rf"(?<![\w.:-]){number}(?![\w.:-])", "…", text)


def test_the_tables_hold_nothing_that_tells_the_winner_from_the_others(raffle: Raffle) -> None:
    """All columns of all tickets, but for what must differ, are alike before the draw."""
    rows = sql("SELECT * FROM raffle_ticket WHERE raffle_id = %s ORDER BY number", raffle.pk)
    names = [column for (column,) in sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'raffle_ticket'::regclass"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )]  # fmt: skip
    differ = {name for place, name in enumerate(names) if len({row[place] for row in rows}) > 1}
    assert differ == {"id", "number", "code", "purchase_id", "buyer_id"}


def test_the_operators_commands_tell_nothing_before_the_draw(
    raffle: Raffle, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.object(secrets, "randbelow", side_effect=AssertionError("picked before the draw")):
        call_command("draw_winner", raffle.slug, "--dry-run", "--json")
        call_command("verify_raffle", raffle.slug, "--json")
    lines = capsys.readouterr().out.splitlines()
    dry_run, verdict = (json.loads(line) for line in lines)
    assert "winning_ticket" not in dry_run
    assert verdict["winning_ticket"] is None


def test_a_draw_that_was_rolled_back_leaves_no_trace(
    raffle: Raffle, caplog: pytest.LogCaptureFixture
) -> None:
    """It failed after the pick: nobody may learn what it would have been."""
    with (
        patch.object(Draw.objects, "create", side_effect=RuntimeError("the machine went down")),
        caplog.at_level(logging.DEBUG),
        pytest.raises(RuntimeError),
    ):
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    assert not SPEAKS_OF_A_WINNER.search(caplog.text)
    assert about_a_winner(raffle, make_staff()) == {}


# --- From a drum: what the first person has read --------------------------------------------------

READ = (1733, 1129, 1907, 1531)  # in the order drawn, which nothing else has
TOLD = re.compile(r"1733\D{1,60}1129\D")


@pytest.fixture(scope="module")
def drum() -> Raffle:
    """The numbers were read once; the second person has not confirmed them."""
    raffle = make_raffle(method="manual", capacity=2000, limit=1000)
    for buyer in make_buyers(2):
        buy(raffle, buyer, 1000)
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)
    seconding.propose_draw(raffle_id=raffle.pk, by=make_staff("steve"), numbers=READ)
    return raffle


@pytest.mark.parametrize("who", ["visitor", "buyer", "staff"])
def test_what_the_first_person_read_from_the_drum_is_told_to_nobody(
    who: str, drum: Raffle, caplog: pytest.LogCaptureFixture
) -> None:
    user = {"visitor": None, "buyer": holder(drum, 3), "staff": make_staff()}[who]
    button = f"/api/admin/raffles/{drum.slug}/draw-winner"
    with caplog.at_level(logging.DEBUG):
        pages = dict(crawl(drum, user)) | {button: client_of(user).post(button).content.decode()}
    assert len(pages) > 10
    assert {address for address, text in pages.items() if TOLD.search(text)} == set()
    assert not TOLD.search(caplog.text)


def test_control_once_confirmed_the_numbers_are_found(drum: Raffle) -> None:
    drawing.draw_winner(raffle_id=drum.pk, by=make_staff("oscar"), numbers=READ)
    pages = dict(crawl(drum, None))
    for published in ("ledger.jsonl", "draw.json"):
        assert TOLD.search(pages[f"/raffles/{drum.slug}/{published}"])
