"""Which software this is: it stands in every seal, so that outsiders can fetch the same code."""

from __future__ import annotations

import subprocess
from pathlib import Path


def version(base: Path) -> str:
    """The commit of the checkout at `base`, with "-changed" if its files differ from the commit.

    "unknown" without git; an image is told its commit as SOFTWARE (see Dockerfile).
    """
    git = ["git", "-C", str(base)]
    try:
        commit = _run([*git, "rev-parse", "HEAD"]).strip()
        changed = _run([*git, "status", "--porcelain", "--untracked-files=no"]).strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-changed" if changed else commit


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=5)
    return done.stdout
