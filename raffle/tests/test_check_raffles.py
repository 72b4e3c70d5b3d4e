"""check_raffles: what monitoring hears, of what is wrong and of what waits for somebody."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from raffle import closing, drawing, guards, mailing
from raffle.models import LastCheck, MailedUpTo, Raffle
from raffle.tests.forging import sql
from raffle.tests.makers import buy, draw, make_buyer, make_raffle
from raffle.tests.past import ago
from raffle.tests.test_commands import run
from raffle.tests.test_watching import tamper

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def sold(**terms: Any) -> Raffle:
    raffle = make_raffle(**terms)
    buy(raffle, make_buyer())
    return raffle


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Any:
    """The command's exit status, and its result."""

    def checked(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = 0
        try:
            call_command("check_raffles", "--json", *words)
        except CommandError as stopped:
            status = stopped.returncode
        return status, json.loads(capsys.readouterr().out)

    return checked


def what(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found["level"], found["what"]) for found in result["findings"]]


def told(raffle: Raffle) -> None:
    """As if all its mails were sent."""
    seq = raffle.ledger.count()
    MailedUpTo.objects.update_or_create(raffle=raffle, defaults={"seq": seq})


def test_all_is_well_with_an_honest_raffle_and_the_verdict_is_kept(check: Any) -> None:
    raffle = sold()
    status, result = check(raffle.slug)
    assert (status, result["status"], result["findings"]) == (0, "ok", [])
    assert LastCheck.objects.get(raffle=raffle).seq == raffle.ledger.count()


def test_what_has_not_moved_is_not_gone_through_again_unless_all_is_asked(check: Any) -> None:
    raffle = sold()

    def verified(*words: str) -> int:
        count: int = check(raffle.slug, *words)[1]["verified"]
        return count

    assert (verified(), verified(), verified("--all")) == (1, 0, 1)
    buy(raffle, make_buyer())
    assert (verified(), verified()) == (1, 0)
    LastCheck.objects.filter(raffle=raffle).update(checked_at=timezone.now() - 2 * DAY)
    assert (verified(), verified()) == (1, 0)
    LastCheck.objects.filter(raffle=raffle).update(problem="something")
    assert (verified(), verified()) == (1, 0)


def test_a_record_that_does_not_hold_is_critical_until_it_does(check: Any) -> None:
    raffle = sold()
    tamper(raffle)
    for _ in range(2):
        status, result = check(raffle.slug)
        assert (status, what(result)[0]) == (2, ("critical", "record"))
        assert result["findings"][0]["raffle"] == raffle.slug


def test_a_ledger_that_lost_its_end_is_critical_and_stays_so(check: Any) -> None:
    raffle = sold()
    check(raffle.slug)
    LastCheck.objects.filter(raffle=raffle).update(seq=99, hash="f" * 64)
    for _ in range(2):
        status, result = check(raffle.slug, "--all")
        assert (status, what(result)) == (2, [("critical", "record")])
        assert "line 99" in result["findings"][0]["says"]


def test_guards_that_are_gone_are_critical(check: Any) -> None:
    raffle = sold()
    check(raffle.slug)
    with patch.object(guards, "in_force", lambda: guards.expected() - {"raffle_sealed"}):
        status, result = check(raffle.slug)
    assert (status, what(result)) == (2, [("critical", "guards")])
    assert "raffle_sealed" in result["findings"][0]["says"]


def test_pending_migrations_are_critical_and_nothing_else_is_asked(check: Any) -> None:
    with patch("rafflesite.health._newest", lambda: [("raffle", "9999_not_yet")]):
        status, result = check()
    assert (status, what(result), result["raffles"]) == (2, [("critical", "migrations")], 0)


def test_a_clock_that_is_off_is_a_warning(check: Any) -> None:
    raffle = sold()
    with patch("rafflesite.health.time.time", lambda: timezone.now().timestamp() + 5):
        status, result = check(raffle.slug)
    assert (status, what(result)) == (1, [("warning", "clock")])
    assert "+5.0 s" in result["findings"][0]["says"]


def test_sales_that_ended_long_ago_want_to_be_closed(check: Any) -> None:
    with ago(2 * HOUR):
        raffle = make_raffle(closes_at=timezone.now() - HOUR)
    told(raffle)
    status, result = check(raffle.slug)
    assert (status, what(result)) == (1, [("warning", "close")])
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="over")
    assert check(raffle.slug)[0] == 0


def test_a_draw_that_was_announced_wants_to_be_drawn(check: Any) -> None:
    raffle = sold(draw_at=timezone.now() - 2 * HOUR)
    status, result = check(raffle.slug)
    assert (status, what(result)) == (1, [("warning", "draw")])
    draw(raffle)
    assert check(raffle.slug)[0] == 0


def test_a_seal_whose_round_is_out_and_not_published_is_critical(check: Any) -> None:
    with ago(HOUR):
        raffle = sold(method="beacon")
        drawing.draw_winner(raffle_id=raffle.pk, by=None)
    told(raffle)
    status, result = check(raffle.slug)
    assert (status, what(result)) == (2, [("critical", "publish")])


def test_a_seal_whose_round_is_still_to_come_is_well(check: Any) -> None:
    raffle = sold(method="beacon", draw_at=timezone.now() - 2 * HOUR)
    drawing.draw_winner(raffle_id=raffle.pk, by=None)
    assert check(raffle.slug)[0] == 0


def test_prizes_that_nobody_claimed_in_time_are_a_warning(check: Any) -> None:
    with ago(2 * DAY):
        raffle = sold(claim_days=1)
        draw(raffle)
    told(raffle)
    status, result = check(raffle.slug)
    assert (status, what(result)) == (1, [("warning", "claims")])


@pytest.mark.parametrize(("waited", "expected"), [(HOUR, (1, "warning")), (DAY, (2, "critical"))])
def test_mails_that_wait_are_told_and_the_longer_the_louder(
    waited: timedelta, expected: tuple[int, str], check: Any
) -> None:
    with ago(waited):
        raffle = sold()
    status, result = check(raffle.slug)
    assert (status, what(result)) == (expected[0], [(expected[1], "mail")])
    mailing.deliver("https://raffle.example.org", mailing.Tally(), only=raffle)
    assert check(raffle.slug)[0] == 0


# --- As an operator runs it -----------------------------------------------------------------------


def test_people_read_the_findings_on_stderr_and_one_line_on_stdout() -> None:
    well, waits = sold(), sold(draw_at=timezone.now() - 2 * HOUR)
    done = run("check_raffles", well.slug, waits.slug)
    assert done.returncode == 1
    assert done.stdout == "WARNING: 2 raffle(s), 2 gone through anew, 1 finding(s).\n"
    assert f"{waits.slug}: Its draw was announced for" in done.stderr
    assert well.slug not in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr


def test_a_database_that_is_away_is_critical_and_an_unknown_raffle_unknown() -> None:
    away = run("check_raffles", DATABASE_URL="postgres://raffle@127.0.0.1:1/raffle")
    assert (away.returncode, away.stdout) == (2, "")
    assert "database is away" in away.stderr
    assert run("check_raffles", "no-such-raffle").returncode == 3


def test_without_a_name_every_public_raffle_is_looked_at() -> None:
    sql(
        "INSERT INTO raffle_lastcheck (raffle_id, checked_at, seq, hash, problem)"
        " SELECT DISTINCT ON (raffle_id) raffle_id, clock_timestamp(), seq, hash, ''"
        " FROM raffle_ledgerentry ORDER BY raffle_id, seq DESC"
        " ON CONFLICT (raffle_id) DO UPDATE SET checked_at = excluded.checked_at,"
        " seq = excluded.seq, hash = excluded.hash, problem = ''"
    )  # those of all other tests have just been gone through
    new = {make_raffle().slug, make_raffle().slug}
    expected = sql("SELECT count(*) FROM raffle_raffle WHERE status <> 'DRAFT'")[0][0]
    result = json.loads(run("check_raffles", "--json").stdout)
    assert (result["raffles"], result["verified"]) == (expected, len(new))
    assert LastCheck.objects.filter(raffle__slug__in=new, problem="").count() == len(new)
