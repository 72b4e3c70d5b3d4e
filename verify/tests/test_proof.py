"""How far a record proves anything: levels, questions, receipts, kept heads, beacons."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from verify.tests.cases import failed, genuine, verdict_on
from verify.tests.forgeries import FORGERIES
from verify.tests.genuine import GENUINE
from verify.tests.records import Files, Record, round_time, spell
from verify.verify_raffle import QUICKNET, Chain, Ledger, Left, Verdict, microseconds, read_chain

KEY = Scalar(123_456_789)  # of a beacon that one person runs
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


def answers(verdict: Verdict) -> list[str]:
    return [verdict.questions[key]["answer"] for key in "abcd"]


def test_without_a_receipt_nobody_is_told_that_their_ticket_is_in_it() -> None:
    verdict = verdict_on(genuine("beacon").files())
    assert (verdict.level, answers(verdict)) == (
        "L1",
        ["against the staff", "no", "against the staff", "no"],
    )


def test_a_receipt_says_that_the_ticket_is_in_it() -> None:
    record = genuine("beacon")
    verdict = verdict_on(record.files(), receipts=[f" {record.receipt(2)}\n"])
    assert (verdict.level, answers(verdict)[1]) == ("L1", "yes")
    assert "ticket 2." in verdict.questions["b"]["because"]


def test_the_receipt_of_a_void_ticket_says_so() -> None:
    record = genuine("beacon")
    verdict = verdict_on(record.files(), receipts=[record.receipt(4)])
    assert verdict.tickets == ["4 (void)"]
    assert answers(verdict)[1] == "no"
    both = verdict_on(record.files(), receipts=[record.receipt(4), record.receipt(5)])
    assert answers(both)[1] == "yes"


def test_after_cancelling_every_ticket_is_void() -> None:
    record = genuine("cancelled")
    verdict = verdict_on(record.files(), receipts=[record.receipt(1)])
    assert verdict.tickets == ["1 (void)"]


def test_a_receipt_holds_while_sales_go_on_but_no_list_is_closed() -> None:
    record = genuine("open")
    verdict = verdict_on(record.files(), receipts=[record.receipt(2)])
    assert (verdict.ok, verdict.level, verdict.tickets) == (True, "L0", ["2"])
    assert answers(verdict) == ["no"] * 4


@pytest.mark.parametrize(
    ("kept", "level"),
    [
        ("purchase", "L1"),  # before the close: nothing up to it was changed, and no more
        ("closed", "L2"),
        ("reconciled", "L2"),
        ("sealed", "L3"),
        ("drawn", "L2"),  # such a head cannot have been kept before the round
    ],
)
def test_what_a_kept_head_is_worth(kept: str, level: str) -> None:
    record = genuine("beacon")
    verdict = verdict_on(record.files(), witnesses=[record.head(kept)])
    assert (verdict.failures, verdict.level) == ([], level)


def test_the_best_of_several_heads_counts() -> None:
    record = genuine("beacon")
    heads = [record.head(kind) for kind in ("drawn", "opened", "sealed", "closed")]
    assert verdict_on(record.files(), witnesses=heads).level == "L3"


def test_one_false_head_among_true_ones_is_enough() -> None:
    record = genuine("beacon")
    heads = [record.head("sealed"), "3:" + "0" * 64]
    verdict = verdict_on(record.files(), witnesses=heads)
    assert (verdict.level, failed(verdict)) == ("L0", ["witness"])


def test_the_verdict_names_the_moment_before_which_the_head_must_have_been_kept() -> None:
    record = genuine("beacon")
    verdict = verdict_on(record.files(), witnesses=[record.head("sealed")])
    assert answers(verdict) == ["yes", "no", "yes", "yes"]
    assert spell(round_time(1000)) in verdict.questions["d"]["because"]
    assert any("copied from the site today" in each for each in verdict.not_proven)


@pytest.mark.parametrize("name", ["local", "manual"])
def test_who_drew_must_be_trusted_without_a_beacon(name: str) -> None:
    record = genuine(name)
    verdict = verdict_on(record.files(), witnesses=[record.head("sealed")])
    assert (verdict.level, answers(verdict)[3]) == ("L2", "no")
    assert name in verdict.questions["d"]["because"]


def test_without_a_manifest_no_level_is_reached() -> None:
    record = genuine("beacon")
    verdict = verdict_on(record.files(manifest=None), witnesses=[record.head("sealed")])
    assert (verdict.ok, verdict.level) == (True, "L0")


def test_without_its_package_it_says_how_to_check_the_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "py_arkworks_bls12381", None)
    record = genuine("beacon")
    verdict = verdict_on(record.files(), witnesses=[record.head("sealed")])
    assert (verdict.ok, verdict.level, verdict.checks["beacon"]) == (True, "L2", "absent")
    (told,) = [each for each in verdict.not_proven if "pip install" in each]
    assert f"/{QUICKNET.hash}/public/1000" in told


@pytest.mark.parametrize("name", [name for name, each in FORGERIES.items() if each.needs_bls])
def test_a_false_signature_gets_no_further_without_its_package(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py_arkworks_bls12381", None)
    record = genuine("beacon")
    files = FORGERIES[name].files()
    verdict = verdict_on(files, witnesses=[record.head("sealed")])
    assert (verdict.failures, verdict.level, answers(verdict)[3]) == ([], "L2", "no")


def test_hashes_that_do_not_fit_evenly_are_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With so many entries, every second hash is."""
    size = 2**255 + 1
    record = genuine("beacon")
    ledger = Ledger(Verdict(), QUICKNET, set())
    ledger.read(record.ledger().splitlines(keepends=True))
    monkeypatch.setattr(ledger, "entries", lambda: size)
    manifest = record.last("sealed")["manifest"]
    for i in range(20):
        assert ledger.chance(f"{manifest}|1000", i) == record.chance(i, size - i)


# Another network


def test_another_network_is_accepted_by_its_own_info_and_called_another() -> None:
    chain = read_chain(json.dumps(_info()))
    record = _drawn_by(chain)
    verdict = verdict_on(record.files(), witnesses=[record.head("sealed")], chain=chain)
    assert (verdict.failures, verdict.level) == ([], "L3")
    assert any("not the League of Entropy's quicknet" in each for each in verdict.not_proven)


def test_another_network_is_not_taken_for_quicknet() -> None:
    record = _drawn_by(read_chain(json.dumps(_info())))
    assert failed(verdict_on(record.files())) == ["beacon"]


def test_quicknet_is_not_taken_for_another_network() -> None:
    chain = read_chain(json.dumps(_info()))
    assert failed(verdict_on(genuine("beacon").files(), chain=chain)) == ["beacon"]


@pytest.mark.parametrize(
    "lie",
    [
        {"schemeID": "pedersen-bls-chained"},
        {"period": 0},
        {"period": 3.5},
        {"period": True},
        {"genesis_time": -1},
        {"genesis_time": None},
        {"public_key": "zz"},
        {"public_key": None},
        {"hash": "52"},
    ],
)
def test_refuses_a_malformed_network(lie: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"malformed|whole|schemeID"):
        read_chain(json.dumps(_info() | lie))


def test_a_network_whose_key_is_no_point_signs_nothing() -> None:
    at_infinity = "c" + "0" * 191
    for key in ("0" * 192, "f" * 192, at_infinity):
        chain = Chain("0" * 64, key, 3, 0)
        assert chain.signed(1, _sign(1)) == "false"
        assert chain.signed(1, "c" + "0" * 95) == "false"


@settings(deadline=None)
@given(st.integers(0, 10**12), st.integers(1, 1000), st.integers(0, 10**10))
def test_the_round_is_the_first_at_or_after_two_minutes(
    after: int, period: int, genesis: int
) -> None:
    chain = Chain("", "", period, genesis)
    sealed_at = genesis * 10**6 + after - 120 * 10**6
    number = chain.round_after(sealed_at)
    assert chain.time_of(number) >= sealed_at + 120 * 10**6
    assert number == 1 or chain.time_of(number - 1) < sealed_at + 120 * 10**6


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_read_to_the_microsecond(at: datetime) -> None:
    text = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    assert microseconds(text) == since // timedelta(microseconds=1)


@settings(deadline=None)
@given(st.data())
def test_takes_what_a_plain_list_would_give(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 40))
    void = data.draw(st.sets(st.integers(1, size))) if size else set()
    plain = [number for number in range(1, size + 1) if number not in void]
    left = Left(size, void)
    for _ in range(len(plain)):
        index = data.draw(st.integers(-2, len(plain) + 1))
        there = 0 <= index < len(plain)
        assert left.take(index) == (plain.pop(index) if there else None)


def test_an_empty_ledger_is_no_raffle() -> None:
    assert failed(verdict_on(Files(b""))) == ["chain"]


def _info() -> dict[str, Any]:
    return {
        "public_key": (G2Point() * KEY).to_compressed_bytes().hex(), "period": 30,
        "genesis_time": 1_600_000_000, "hash": "ab" * 32, "groupHash": "cd" * 32,
        "schemeID": "bls-unchained-g1-rfc9380", "metadata": {"beaconID": "mine"},
    }  # fmt: skip


def _sign(number: int) -> str:
    message = hashlib.sha256(number.to_bytes(8, "big")).digest()
    return (G1Point.hash_to_curve(message, DOMAIN) * KEY).to_compressed_bytes().hex()


def _drawn_by(chain: Chain) -> Record:
    record = GENUINE["beacon"]()
    sealed, drawn = record.last("sealed"), record.last("drawn")
    number = chain.round_after(microseconds(sealed["at"]))
    time = spell(datetime.fromtimestamp(chain.time_of(number) // 10**6, UTC))
    sealed["beacon"] = {"chain": chain.hash, "round": number, "time": time}
    drawn |= {"signature": _sign(number), "at": max(drawn["at"], time)}
    return record.rework()
