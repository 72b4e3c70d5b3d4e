"""Everything of a raffle in one file: complete, checkable, without secrets."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from raffle.models import Raffle
from raffle.reports import everything, writing
from raffle.reports.views import REPORTS
from raffle.tests.makers import draw, make_buyer, make_draft, make_staff
from raffle.tests.reading import sold
from raffle.tests.test_staff import browser, staff_with


def where(raffle: Raffle) -> str:
    return reverse("reports:everything", args=[raffle.slug])


def taken(raffle: Raffle, *permissions: str) -> zipfile.ZipFile:
    client = browser(staff_with("read_reports", *permissions) if permissions else make_staff())
    answer = client.get(where(raffle))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    body: Iterator[bytes] = answer.streaming_content  # type: ignore[attr-defined]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(body)))
    assert archive.testzip() is None
    return archive


def names(archive: zipfile.ZipFile, raffle: Raffle) -> set[str]:
    return {name.removeprefix(f"{raffle.slug}/") for name in archive.namelist()}


ALWAYS = {"README.txt", "ledger.jsonl", "verify_raffle.py"} | {
    f"reports/{name}.csv" for name in REPORTS
}


def test_it_has_all_that_there_is_of_a_drawn_raffle() -> None:
    raffle = draw(sold(3)).raffle
    archive = taken(raffle)
    assert names(archive, raffle) == ALWAYS | {"manifest.txt", "draw.json"}
    readme = archive.read(f"{raffle.slug}/README.txt").decode()
    for name in names(archive, raffle) - {"README.txt"}:
        assert name in readme


def test_of_a_draft_there_is_less() -> None:
    raffle = make_draft()
    assert names(taken(raffle), raffle) == ALWAYS


def test_the_verifier_in_it_verifies_the_files_in_it_as_the_readme_says(tmp_path: Path) -> None:
    raffle = draw(sold(3)).raffle
    archive = taken(raffle)
    archive.extractall(tmp_path)
    readme = (tmp_path / raffle.slug / "README.txt").read_text()
    (line,) = [line for line in readme.splitlines() if "python3 verify_raffle.py" in line]
    command = [sys.executable, *line.split()[1:]]
    done = subprocess.run(
        command, cwd=tmp_path / raffle.slug, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_are_those_that_are_to_be_had_one_by_one() -> None:
    raffle = draw(sold(3)).raffle
    archive, client = taken(raffle), browser(make_staff())
    for name in ("ledger.jsonl", "manifest.txt", "draw.json"):
        answer = client.get(f"{raffle.get_absolute_url()}{name}")
        assert archive.read(f"{raffle.slug}/{name}") == answer.getvalue()
    for name in REPORTS:
        answer = client.get(reverse("reports:export", args=[raffle.slug, name]))
        assert archive.read(f"{raffle.slug}/reports/{name}.csv") == answer.getvalue()


def test_no_validation_code_and_no_key_is_in_it() -> None:
    raffle = draw(sold(3)).raffle
    archive = taken(raffle)
    text = "".join(archive.read(name).decode() for name in archive.namelist())
    secrets = [raffle.pseudonym_key, *raffle.tickets.values_list("code", flat=True)]
    assert not any(secret in text for secret in secrets)


def test_buyers_are_named_only_to_those_who_may_see_accounts() -> None:
    raffle = sold(1)
    email = raffle.tickets.get().buyer.email
    tickets = f"{raffle.slug}/reports/tickets.csv"
    assert email not in taken(raffle, "view_raffle").read(tickets).decode()
    assert email in taken(raffle).read(tickets).decode()


def test_only_those_who_may_read_reports_get_it_and_it_is_logged() -> None:
    raffle = sold(1)
    assert browser(None).get(where(raffle)).status_code == 302
    for user in (make_buyer(), staff_with("view_raffle", "draw_winner")):
        assert browser(user).get(where(raffle)).status_code == 403
    stella = make_staff()
    assert browser(stella).head(where(raffle)).status_code == 200
    assert browser(stella).post(where(raffle)).status_code == 405
    assert not LogEntry.objects.filter(user=stella).exists()
    browser(stella).get(where(raffle))
    assert "Exported everything as of line" in LogEntry.objects.get(user=stella).change_message
    assert browser(stella).get("/staff/raffles/none-such/everything.zip").status_code == 404


def test_a_raffle_of_any_size_takes_the_same_memory() -> None:
    raffle = Raffle.objects.as_it_stands().get(pk=sold(1).pk)

    def peak(lines: int) -> int:
        long: everything.Files = [("a", (f"{n:0>200}\n" for n in range(lines)))]
        tracemalloc.start()
        try:
            for _ in everything.zipped(long, raffle):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(50_000) < 2 * peak(5_000)  # ten times as much: 10 MB


def test_nothing_is_read_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "lines", _explodes)
    raffle = sold(1)
    answer = browser(make_staff()).get(where(raffle))
    assert answer.status_code == 200
    body: Iterator[bytes] = answer.streaming_content  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="was read"):
        list(body)


def _explodes(_report: object) -> Iterator[str]:
    yield from map(_never, [""])


def _never(_line: str) -> str:
    raise AssertionError("was read")
