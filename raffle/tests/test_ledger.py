"""The record's arithmetic, checked against values worked out with other tools."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from raffle import ledger

RAFFLE = UUID("06233e59-a19b-4de8-8d9d-5c7a8185f0dc")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_the_first_line_byte_for_byte() -> None:
    entry = ledger.entry(ledger.Head(), RAFFLE, "note", NOON, {"b": 1, "a": "é"})
    assert entry.line == (
        '{"a":"\\u00e9","at":"2026-11-22T12:00:00.000000Z","b":1,"kind":"note",'
        f'"prev":"{"0" * 64}","raffle":"{RAFFLE}","seq":1}}'
    )
    assert entry.hash == hashlib.sha256(entry.line.encode("utf-8")).hexdigest()


def test_each_line_carries_the_hash_of_the_one_before() -> None:
    first = ledger.entry(ledger.Head(), RAFFLE, "note", NOON, {})
    second = ledger.entry(first.head, RAFFLE, "note", NOON, {})
    says = json.loads(second.line)
    assert (says["prev"], says["seq"]) == (first.hash, 2)


def test_facts_cannot_overwrite_the_frame_of_a_line() -> None:
    entry = ledger.entry(ledger.Head(), RAFFLE, "note", NOON, {"seq": 9, "prev": "x"})
    assert json.loads(entry.line)["seq"] == 1


def test_times_are_utc_and_always_as_long() -> None:
    east = datetime(2026, 11, 22, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert ledger.timestamp(east) == ledger.timestamp(NOON) == "2026-11-22T12:00:00.000000Z"


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.canonical({"n": float("nan")})


def test_a_leaf_is_the_sha256_of_what_the_holder_knows() -> None:
    known = f"ticket/v1|{RAFFLE}|7|00ff"
    assert ledger.leaf(RAFFLE, 7, "00ff") == hashlib.sha256(known.encode()).hexdigest()


def test_a_pseudonym_differs_from_raffle_to_raffle_and_person_to_person() -> None:
    names = {ledger.pseudonym(key * 32, user) for key in ("aa", "bb") for user in (1, 2, 12)}
    assert len(names) == 6
    assert ledger.pseudonym("aa" * 32, 1) == ledger.pseudonym("aa" * 32, 1)


def test_a_pseudonym_is_an_hmac_under_the_secret_of_the_raffle() -> None:
    told = hmac.new(b"\xaa" * 32, b"12", hashlib.sha256).hexdigest()[:32]
    assert ledger.pseudonym("aa" * 32, 12) == told


def test_the_manifest_has_a_line_for_every_number() -> None:
    lines = list(ledger.manifest(5, [(1, "a" * 64), (2, None), (3, "b" * 64)]))
    assert lines == [
        f"1|SOLD|{'a' * 64}\n", "2|VOID\n", f"3|SOLD|{'b' * 64}\n", "4|UNSOLD\n", "5|UNSOLD\n",
    ]  # fmt: skip
    counted = ledger.reconcile(lines)
    assert (counted.sold, counted.void, counted.unsold) == (2, 1, 2)
    assert counted.manifest == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_manifest_of_nothing_sold() -> None:
    assert list(ledger.manifest(1, [])) == ["1|UNSOLD\n"]
