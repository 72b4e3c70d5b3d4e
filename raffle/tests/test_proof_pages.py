"""The record as everybody can download it, and the page that checks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from psycopg.pq import TransactionStatus

from raffle import awarding, closing, organising, publishing
from raffle.models import Award, Raffle
from raffle.pages import proof
from raffle.tests.makers import buy, draw, make_buyer, make_draft, make_raffle, make_staff

FILES = ("ledger.jsonl", "manifest.txt", "draw.json")


def get(raffle: Raffle, name: str, client: Client | None = None, **headers: str) -> Any:
    return (client or Client()).get(f"{raffle.get_absolute_url()}{name}", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def now(raffle: Raffle) -> Raffle:
    return Raffle.objects.as_it_stands().get(pk=raffle.pk)


def close(raffle: Raffle) -> Raffle:
    return closing.close_raffle(raffle_id=raffle.pk, by=make_staff(), reason="Time is up.")


def test_the_ledger_is_a_chain_up_to_the_head_that_its_etag_names() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer(), 2)
    response = get(raffle, "ledger.jsonl")
    assert response.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    lines = body(response).splitlines(keepends=True)
    before = "0" * 64
    for seq, line in enumerate(lines, start=1):
        assert (json.loads(line)["seq"], json.loads(line)["prev"]) == (seq, before)
        before = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
    assert (len(lines), before) == (now(raffle).head_seq, now(raffle).head_hash)
    assert response.headers["ETag"] == f'"{before}"'


def test_what_happens_while_the_ledger_is_sent_is_left_for_the_next_time() -> None:
    raffle = make_raffle()
    response = get(raffle, "ledger.jsonl")
    head = now(raffle)
    buy(raffle, make_buyer())
    lines = body(response).splitlines()
    assert hashlib.sha256(lines[-1]).hexdigest() == head.head_hash
    assert len(lines) == head.head_seq < now(raffle).head_seq


def test_who_has_the_ledger_already_is_told_so_until_it_grows() -> None:
    raffle = make_raffle()
    etag = get(raffle, "ledger.jsonl").headers["ETag"]
    again = get(raffle, "ledger.jsonl", **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "public, max-age=5"
    buy(raffle, make_buyer())
    assert get(raffle, "ledger.jsonl", **{"If-None-Match": etag}).status_code == 200


def test_the_manifest_is_there_from_the_close_on_and_for_ever() -> None:
    raffle = make_raffle(capacity=5)
    buy(raffle, make_buyer(), 2)
    void = raffle.tickets.get(number=2)
    organising.void_ticket(ticket_id=void.pk, by=make_staff(), reason="Lost.")
    early = get(raffle, "manifest.txt")
    assert early.status_code == 404
    assert early.content == b"There is no manifest yet: it is written when sales close.\n"
    assert early.headers["Cache-Control"] == "no-store"
    close(raffle)
    response = get(raffle, "manifest.txt")
    text = body(response)
    frozen = closing.frozen(raffle)
    assert frozen is not None
    assert hashlib.sha256(text).hexdigest() == frozen.manifest
    assert text.splitlines()[1:] == [b"2|VOID", b"3|UNSOLD", b"4|UNSOLD", b"5|UNSOLD"]
    assert response.headers["ETag"] == f'"{frozen.manifest}"'
    assert "immutable" in response.headers["Cache-Control"]


def test_the_draw_is_there_from_the_seal_on() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    close(raffle)
    early = get(raffle, "draw.json")
    assert early.status_code == 404
    assert early.content == b"There is no draw yet: it is announced here when it is sealed.\n"
    draw(raffle, make_staff())
    response = get(raffle, "draw.json")
    assert response.headers["Content-Type"] == "application/json"
    says, head = json.loads(body(response)), now(raffle)
    assert says["order"] == [1]
    assert says["ledger"] == {"seq": head.head_seq, "hash": head.head_hash}
    assert response.headers["ETag"] == f'"{head.head_hash}"'


def test_the_draw_is_told_as_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    draw(raffle, make_staff())
    head, award = now(raffle).head_seq, Award.objects.get(raffle=raffle)
    summarise = publishing.draw_summary

    def claim() -> None:
        awarding.record_claim(award_id=award.pk, by=make_staff(), code=award.ticket.code)
        connection.close()

    def summarise_after_a_claim(raffle: Raffle) -> Any:
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(claim).result()
        return summarise(raffle)

    monkeypatch.setattr(publishing, "draw_summary", summarise_after_a_claim)
    says = json.loads(body(get(raffle, "draw.json")))
    assert (says["ledger"]["seq"], says["winners"][0]["state"]) == (head, "unclaimed")


def test_a_draft_shows_nothing() -> None:
    draft = make_draft()
    assert {get(draft, name).status_code for name in (*FILES, "verify/")} == {404}


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_the_same_for_everybody(name: str) -> None:
    raffle, alice = make_raffle(), make_buyer()
    buy(raffle, alice)
    draw(raffle, make_staff())
    client = Client()
    client.force_login(alice)
    response = get(raffle, name, client)
    assert response.headers["Cache-Control"].startswith("public")
    assert "Vary" not in response.headers
    assert not response.cookies
    assert body(response) == body(get(raffle, name))


@pytest.mark.parametrize("view", [proof.ledger, proof.manifest, proof.draw])
def test_asked_for_its_head_a_file_sends_no_body(view: Callable[..., HttpResponseBase]) -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())
    draw(raffle, make_staff())
    ask = RequestFactory()
    response = view(ask.head("/"), raffle.slug)  # Django's test client would take the body away
    assert (response.status_code, body(response)) == (200, b"")
    assert response.headers["ETag"] == view(ask.get("/"), raffle.slug).headers["ETag"]


@pytest.mark.parametrize("name", ["ledger.jsonl", "manifest.txt"])
def test_a_slow_reader_holds_no_transaction(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PAGE", 2)
    monkeypatch.setattr(proof, "LINES_A_BLOCK", 1)
    raffle = make_raffle(capacity=6)
    for _ in range(3):
        buy(raffle, make_buyer(), 2)
    close(raffle)
    blocks: Iterator[bytes] = iter(get(raffle, name).streaming_content)
    read = 0
    for _ in blocks:
        read += 1
        assert connection.connection is not None
        assert connection.connection.info.transaction_status == TransactionStatus.IDLE
    assert read == 6


def test_the_verifier_is_handed_out_as_it_is() -> None:
    response: Any = Client().get("/verify_raffle.py")
    assert body(response) == (settings.BASE_DIR / "verify" / "verify_raffle.py").read_bytes()
    assert response.headers["Content-Disposition"] == 'attachment; filename="verify_raffle.py"'


def test_only_reading_is_possible() -> None:
    raffle = make_raffle()
    for name in (*FILES, "verify/"):
        response: HttpResponseBase = Client().post(f"{raffle.get_absolute_url()}{name}")
        assert response.status_code == 405


def test_the_page_links_the_files_that_are_there() -> None:
    raffle = make_raffle()
    buy(raffle, make_buyer())

    def links() -> list[bool]:
        page = get(raffle, "verify/").content.decode()
        return [f'href="{raffle.get_absolute_url()}{name}"' in page for name in FILES]

    assert links() == [True, False, False]
    close(raffle)
    assert links() == [True, True, False]
    draw(raffle, make_staff())
    assert links() == [True, True, True]


def test_the_vendored_library_is_the_one_that_its_readme_names() -> None:
    room = settings.BASE_DIR / "static" / "raffle" / "verify"
    found = hashlib.sha256((room / "bls12-381.js").read_bytes()).hexdigest()
    assert f"`{found}`" in (room / "README.md").read_text(encoding="utf-8")
