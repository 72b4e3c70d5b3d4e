"""A checkout of its own for each test module: a copy of the project in a path with a space."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from local.environment import ROOT

SETTINGS = ("LOCAL", "SECRET_KEY", "DATABASE_URL", "DB_STATEMENT_TIMEOUT", "MAKELEVEL", "MAKEFLAGS")


class Checkout:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / ".venv" / "bin" / "python"

    def environment(self, **more: str) -> Mapping[str, str]:
        """A new shell's: nothing in it of what this test run has set."""
        return {name: value for name, value in os.environ.items() if name not in SETTINGS} | more

    def processes(self) -> list[psutil.Process]:
        """Whatever runs from here or in here: launcher, site, web server, database."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            seen = [process.cwd(), *process.cmdline()]
        except psutil.Error:
            return False
        return process.status() != psutil.STATUS_ZOMBIE and any(str(self.path) in s for s in seen)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    path = tmp_path_factory.mktemp("a b")
    shutil.copytree(
        ROOT,
        path,
        ignore=shutil.ignore_patterns(".git", ".venv", "var", ".*_cache", "__pycache__"),
        dirs_exist_ok=True,
    )
    (path / ".venv").symlink_to(sys.prefix)
    checkout = Checkout(path)
    yield checkout
    for process in checkout.processes():  # only where a test has failed
        process.kill()
