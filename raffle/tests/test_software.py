"""Which software it is: told by git, in every seal, and on the page of a raffle."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from django.test import Client

from raffle.tests.makers import buy, draw, make_buyer, make_raffle
from rafflesite import software


def test_the_version_is_the_commit_and_says_if_files_were_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message=one")
    commit = git("rev-parse", "HEAD")
    assert software.version(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert software.version(tmp_path) == f"{commit}-changed"


def test_without_git_it_is_unknown(tmp_path: Path) -> None:
    assert software.version(tmp_path) == "unknown"


def test_every_seal_names_the_commit_that_runs(settings: Any) -> None:
    settings.SOFTWARE = "c" * 40
    raffle = make_raffle()
    buy(raffle, make_buyer())
    draw(raffle)
    assert raffle.seal.software == "c" * 40
    assert raffle.ledger.get(kind="sealed").says["software"] == "c" * 40


def test_the_page_of_a_raffle_names_the_commit(settings: Any) -> None:
    settings.SOFTWARE = "d" * 40
    assert "d" * 7 in Client().get(make_raffle().get_absolute_url()).text
