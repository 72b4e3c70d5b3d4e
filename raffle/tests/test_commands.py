"""The operators' commands: what they print, where, and with which exit status."""

from __future__ import annotations

import json
import os
import pty
import secrets
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError

from accounts.models import User
from raffle import drawing
from raffle.models import Draw, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, make_buyer, make_buyers, make_draft, make_raffle, make_staff
from raffle.tests.processes import ROOT, environment
from raffle.verifying import CHECKS


def run(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own, as an operator runs it; nobody sits at a terminal."""
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *words],
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def some_sold() -> Raffle:
    raffle = make_raffle(capacity=5)
    for buyer in make_buyers(3):
        buy(raffle, buyer)
    return raffle


# --- draw_winner ----------------------------------------------------------------------------------


def test_draws_and_prints_one_result_on_stdout() -> None:
    raffle = some_sold()
    done = run("draw_winner", raffle.slug, "--yes")
    winner = Draw.objects.get(raffle=raffle).ticket.number
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Ticket {winner} of 3 wins.")
    assert done.stdout.count("\n") == 1
    assert "draw closes it for good" in done.stderr


def test_run_again_it_says_the_same_and_that_it_was_before() -> None:
    raffle = some_sold()
    first, again = (json.loads(run("draw_winner", raffle.slug, "--yes", "--json").stdout),
                    json.loads(run("draw_winner", raffle.slug, "--json").stdout))  # fmt: skip
    assert (first.pop("already_drawn"), again.pop("already_drawn")) == (False, True)
    assert first == again


def test_without_a_terminal_and_without_yes_it_draws_nothing() -> None:
    raffle = some_sold()
    done = run("draw_winner", raffle.slug, stdin=f"{raffle.slug}\n")
    assert done.returncode == 6
    assert "--yes" in done.stderr
    assert not Draw.objects.filter(raffle=raffle).exists()


@pytest.mark.parametrize(("typed", "draws"), [("the slug", True), ("y", False), ("", False)])
def test_at_a_terminal_it_wants_the_address_typed(
    typed: str, draws: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = some_sold()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answer = typed.replace("the slug", raffle.slug)
    monkeypatch.setattr("builtins.input", lambda: answer)
    try:
        call_command("draw_winner", raffle.slug)
    except CommandError as refused:
        assert refused.returncode == 6
    assert Draw.objects.filter(raffle=raffle).exists() is draws


def test_a_dry_run_says_what_would_be_drawn_from_and_picks_nothing() -> None:
    raffle = some_sold()
    with patch.object(secrets, "randbelow", side_effect=AssertionError("picked")):
        call_command("draw_winner", raffle.slug, "--dry-run")
    done = run("draw_winner", raffle.slug, "--dry-run", "--json")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["entries"] == 3
    assert not {"winning_ticket", "picked", "number"} & set(result)
    raffle.refresh_from_db()
    assert raffle.status == "OPEN"
    assert not Draw.objects.filter(raffle=raffle).exists()


def test_the_exit_status_says_what_is_the_matter() -> None:
    assert run("draw_winner").returncode == 2
    assert run("draw_winner", "no-such-raffle", "--yes").returncode == 3
    assert run("draw_winner", make_draft().slug, "--yes").returncode == 4
    assert run("draw_winner", make_raffle().slug, "--yes").returncode == 5
    assert run("draw_winner", make_raffle().slug, "--dry-run").returncode == 5
    away = "postgres://raffle@127.0.0.1:1/raffle"
    assert run("draw_winner", "any", "--yes", DATABASE_URL=away).returncode == 75


def test_a_lock_held_by_others_is_try_again_later() -> None:
    raffle = some_sold()
    with (
        patch.object(drawing, "draw_winner", side_effect=OperationalError("lock timeout")),
        pytest.raises(CommandError) as refused,
    ):
        call_command("draw_winner", raffle.slug, "--yes")
    assert refused.value.returncode == 75


def test_draws_in_the_name_of_a_member_of_staff_who_may() -> None:
    raffle, stella = some_sold(), make_staff()
    done = run("draw_winner", raffle.slug, "--yes", "--by", stella.email)
    assert done.returncode == 0, done.stderr
    confirmed = raffle.ledger.get(kind="reconciled")
    assert confirmed.actor == Draw.objects.get(raffle=raffle).drawn_by == stella


@pytest.mark.parametrize("person", [make_buyer, partial(make_buyer, is_staff=True)])
def test_refuses_to_draw_in_the_name_of_somebody_who_may_not(person: Callable[[], User]) -> None:
    raffle = some_sold()
    done = run("draw_winner", raffle.slug, "--yes", "--by", person().email)
    assert done.returncode == 3
    assert not raffle.ledger.filter(kind="closed").exists()


def test_a_raffle_for_two_people_is_not_drawn_by_an_operator() -> None:
    raffle = make_raffle(two_people=True)
    buy(raffle, make_buyer())
    done = run("draw_winner", raffle.slug, "--yes")
    assert done.returncode == 4
    assert "Two members of staff are needed" in done.stderr
    assert not raffle.ledger.filter(kind="closed").exists()


def test_seals_first_where_a_beacon_decides_and_says_when_to_come_back() -> None:
    raffle = make_raffle(method="beacon")
    buy(raffle, make_buyer())
    done = run("draw_winner", raffle.slug, "--yes", "--json")
    again = run("draw_winner", raffle.slug, "--yes", "--json")
    assert (done.returncode, again.returncode) == (7, 7), done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads(again.stdout), "one seal"
    assert (told["sealed"], told["drawn"], told["round"]) == (True, False, raffle.seal.round)


# --- verify_raffle --------------------------------------------------------------------------------


def test_verifies_an_honest_raffle_check_by_check() -> None:
    raffle = some_sold()
    done = run("verify_raffle", raffle.slug)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{raffle.slug}: verified, 3 sold, 0 void")
    for promise in CHECKS.values():
        assert promise in done.stderr
    assert "–      the picks follow" in done.stderr, "nothing is drawn yet"
    assert "\r" not in done.stderr, "no progress bar in a log"


def test_says_what_is_wrong_and_fails() -> None:
    raffle = some_sold()
    with (
        patch("raffle.ledger.leaf", lambda *known: "0" * 64),  # as if every code were another
        pytest.raises(CommandError) as failed,
    ):
        call_command("verify_raffle", raffle.slug, "--json")
    assert failed.value.returncode == 1


def test_prints_json_for_programs() -> None:
    raffle = some_sold()
    result = json.loads(run("verify_raffle", raffle.slug, "--json").stdout)
    assert result["ok"] is True
    assert result["sold"] == 3
    assert result["ledger_head"] == raffle.ledger.order_by("-seq")[0].hash


def test_a_missing_raffle_is_named_with_those_that_exist() -> None:
    done = run("verify_raffle", "no-such-raffle")
    assert done.returncode == 3
    assert "There is no raffle “no-such-raffle”" in done.stderr


# --- open, close, cancel, list --------------------------------------------------------------------


def test_a_raffle_is_opened_closed_and_listed_without_a_browser() -> None:
    slug, stella = make_draft().slug, make_staff()
    opened = run("open_raffle", slug, "--yes", "--by", stella.email)
    assert (opened.returncode, opened.stdout) == (0, f"{slug} is now open, 0 sold.\n")
    raffle = Raffle.objects.get(slug=slug)
    assert raffle.ledger.get(kind="opened").actor == stella
    buy(raffle, make_buyer())
    closed = run("close_raffle", slug, "--reason", "The fair is over", "--yes", "--json")
    told = json.loads(closed.stdout)
    line = raffle.ledger.get(kind="closed")
    assert told == {
        "raffle": slug,
        "status": "CLOSED",
        "already": False,
        "sold": 1,
        "ledger_head": line.hash,
    }
    assert line.says["reason"] == "The fair is over"
    listed = json.loads(run("list_raffles", "--state", "closed", "--json").stdout)["raffles"]
    (row,) = [row for row in listed if row["raffle"] == slug]
    assert (row["status"], row["drawn"], row["sold"], row["capacity"]) == ("CLOSED", False, 1, 100)
    assert f"{slug}\tclosed\t1\t100\t-\n" in run("list_raffles").stdout


@pytest.mark.parametrize(
    ("act", "reason"), [("open_raffle", ()), ("close_raffle", ("--reason", "x")),
                        ("cancel_raffle", ("--reason", "x"))]
)  # fmt: skip
def test_an_act_that_is_run_again_says_so_and_does_nothing(
    act: str, reason: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    raffle = make_draft() if act == "open_raffle" else make_raffle()
    for already in (False, True):
        call_command(act, raffle.slug, *reason, "--yes", "--json")
        assert json.loads(capsys.readouterr().out)["already"] is already
    assert raffle.ledger.count() == (2 if act == "open_raffle" else 3)


@pytest.mark.parametrize("act", ["close_raffle", "cancel_raffle"])
def test_nothing_is_closed_or_cancelled_without_a_word(act: str) -> None:
    raffle = make_raffle()
    done = run(act, raffle.slug, "--reason", "x", stdin=f"{raffle.slug}\n")
    assert done.returncode == 6
    assert "--yes" in done.stderr
    assert run(act, raffle.slug, "--yes").returncode == 2, "no reason"
    raffle.refresh_from_db()
    assert raffle.status == "OPEN"


def test_an_act_out_of_turn_or_by_somebody_who_may_not_is_refused() -> None:
    def status(*words: str) -> int:
        with pytest.raises(CommandError) as refused:
            call_command(*words, "--yes")
        return refused.value.returncode

    draft, drawn = make_draft(), some_sold()
    drawing.draw_winner(raffle_id=drawn.pk, by=None)
    assert status("close_raffle", draft.slug, "--reason", "x") == 4
    assert status("open_raffle", drawn.slug) == 4
    assert status("cancel_raffle", drawn.slug, "--reason", "x") == 4
    assert status("open_raffle", "nowhere") == 3
    assert status("open_raffle", draft.slug, "--by", make_buyer(is_staff=True).email) == 3
    draft.refresh_from_db()
    assert draft.status == "DRAFT"


# --- Colour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "redirected", "coloured"),
    [({}, False, True), ({"NO_COLOR": "1"}, False, False), ({}, True, False)],
)
def test_colour_is_for_terminals_and_for_who_wants_it(
    more: dict[str, str], redirected: bool, coloured: bool, tmp_path: Path
) -> None:
    raffle, (ours, theirs) = some_sold(), pty.openpty()
    with (tmp_path / "stderr").open("w") as log, os.fdopen(ours, "rb", 0) as terminal:
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", "verify_raffle", raffle.slug, "--json"],
            env=environment(TERM="xterm", **more),
            stdout=theirs,
            stderr=log if redirected else theirs,
            timeout=60,
            check=True,
        )
        os.close(theirs)
        said = terminal.read(100_000).decode()
    assert done.returncode == 0
    said = (tmp_path / "stderr").read_text() if redirected else said
    assert CHECKS["tables"] in said
    assert ("\x1b[" in said) is coloured


# --- demo -----------------------------------------------------------------------------------------


def test_demo_leaves_a_database_in_use_alone() -> None:
    make_buyer()
    before = sql("SELECT count(*) FROM raffle_raffle")
    assert "no demo data" in run("demo").stdout
    assert sql("SELECT count(*) FROM raffle_raffle") == before


# --- Help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, app in get_commands().items() if app == "raffle"])
def test_every_command_explains_itself(name: str) -> None:
    command: Any = load_command_class("raffle", name)
    assert len(command.help) > 80
    if name != "demo":
        assert "exit status" in command.help
        assert "example" in command.help
