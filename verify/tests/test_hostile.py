"""Whatever the files hold: any change is found, and nothing crashes or hangs."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify import verify_raffle
from verify.tests.cases import failed, genuine, genuine_files, verdict_on
from verify.tests.genuine import GENUINE
from verify.tests.records import Files, canonical

FILES = ("ledger", "manifest", "draw")
DRAWN = [name for name in GENUINE if genuine(name).all("drawn")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([10**30, -1, 2**53, "0" * 64, "\ud800", "9999-12-31T23:59:59.999999Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip


def assert_found(name: str, file: str, changed: bytes) -> None:
    files = genuine_files(name)
    if file == "draw":  # where blanks do not matter
        with suppress(ValueError):
            if canonical(json.loads(changed)) == canonical(json.loads(files.draw or b"")):
                return
    assert not verdict_on(files, **{file: changed}).ok


@pytest.mark.parametrize("file", FILES)
def test_every_single_byte_counts(file: str) -> None:
    whole: bytes = getattr(genuine_files("local"), file)
    for index in range(len(whole)):
        flip = (1, 2, 32)[index % 3]  # 32: capital letters
        changed = whole[:index] + bytes([whole[index] ^ flip]) + whole[index + 1 :]
        assert_found("local", file, changed)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_byte_changed_put_in_or_taken_out_is_found(data: st.DataObject) -> None:
    name, file = data.draw(st.sampled_from(DRAWN)), data.draw(st.sampled_from(FILES))
    whole: bytes = getattr(genuine_files(name), file)
    index = data.draw(st.integers(0, len(whole) - 1))
    byte, kept = data.draw(st.binary(max_size=2)), data.draw(st.integers(0, 1))
    changed = whole[:index] + byte + whole[index + kept :]
    if changed != whole:
        assert_found(name, file, changed)


@settings(deadline=None)
@given(st.binary(), st.none() | st.binary(), st.none() | st.binary(), st.text(), st.text())
def test_junk_is_called_junk(
    ledger: bytes, manifest: bytes | None, draw: bytes | None, receipt: str, head: str
) -> None:
    verdict = verdict_on(Files(ledger, manifest, draw, (receipt,), (head,)))
    assert failed(verdict)[0] == "chain"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_anything_in_the_place_of_anything_crashes_nothing(data: st.DataObject) -> None:
    """Any value of any line, at any depth, becomes another one, and the chain is made anew."""
    record = GENUINE[data.draw(st.sampled_from(list(GENUINE)))]()
    files = record.files()
    place: Any = record.facts[data.draw(st.integers(0, len(record.facts) - 1))]
    while True:
        where = data.draw(
            st.sampled_from(sorted(place) if type(place) is dict else range(len(place)))
        )
        if (
            not isinstance(place[where], dict | list)
            or not place[where]
            or data.draw(st.booleans())
        ):
            break
        place = place[where]
    place[where] = data.draw(JSON)
    receipts = (genuine("open").receipt(2), genuine("local").receipt(1))
    with suppress(ValueError):  # not every value has a spelling
        verdict_on(Files(record.ledger(), files.manifest, files.draw, receipts, ("3:" + "0" * 64,)))


@settings(deadline=None)
@given(JSON, st.sampled_from(["draw", "winners", "beacon", "ledger"]))
def test_anything_in_draw_json_crashes_nothing(value: Any, member: str) -> None:
    record = genuine("beacon")
    whole = value if member == "draw" else record.draw_json() | {member: value}
    assert not verdict_on(record.files(draw=json.dumps(whole).encode())).ok


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00\n",
        b"\n",
        b"{}\n",
        b"null\n",
        b'{"kind":["created"]}\n',
        b'{"kind":{}}\n',
        b'{"kind":NaN}\n',
        b'{"kind":1e999}\n',
        b"[" * 1_000_000 + b"\n",
        b'{"a":' * 100_000 + b"\n",
        b"1" * 1_000_000 + b"\n",
        b'"' + b"x" * 1_000_000 + b"\n",
        '{"kind":"créé"}\n'.encode("utf-16"),
    ],
)
def test_a_line_that_is_none_is_called_so(line: bytes) -> None:
    assert failed(verdict_on(Files(line))) == ["chain"]
    record = genuine("local")
    assert failed(verdict_on(record.files(ledger=record.ledger() + line)))[0] == "chain"


def test_a_line_far_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_raffle, "MAX_LINE", 100)
    assert failed(verdict_on(genuine("local").files())) == ["chain"]


@pytest.mark.parametrize("capacity", [2**53 - 1, 10**30, 0, -1])
def test_no_capacity_makes_it_hang(capacity: int) -> None:
    record = GENUINE["local"]()
    manifest = record.files().manifest
    for facts in record.facts[:2]:
        facts["terms"]["capacity"] = capacity
    assert not verdict_on(Files(record.ledger(), manifest)).ok


def test_no_number_of_days_to_claim_goes_beyond_the_calendar() -> None:
    record = GENUINE["local"]()
    for facts in record.facts[:2]:
        facts["terms"]["claim_days"] = 2**53 - 1
    verdict = verdict_on(Files(record.ledger(), record.manifest().encode()))
    assert verdict.winners[0]["claim_by"] == "9999-12-31T23:59:59.999999Z"


def test_a_thousand_lies_are_not_all_listed() -> None:
    record = GENUINE["open"]()
    for _ in range(1000):
        record.add("void", number=1, reason="again")
    verdict = verdict_on(record.files())
    assert (len(verdict.failures), verdict.unlisted) == (50, 950)


def test_lines_may_be_given_as_text() -> None:
    files = genuine("beacon").files()
    lines = files.ledger.decode().splitlines(keepends=True)
    manifest = (files.manifest or b"").decode().splitlines(keepends=True)
    assert verify_raffle.verify(lines, iter(manifest), files.draw).failures == []


def test_deep_nesting_crashes_nothing_where_the_limit_was_lifted() -> None:
    """Some packages lift Python's own limit for the whole process."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200_000)
    try:
        assert failed(verdict_on(Files(b"[" * 200_000 + b"\n"))) == ["chain"]
        assert sys.getrecursionlimit() == 200_000
    finally:
        sys.setrecursionlimit(limit)
