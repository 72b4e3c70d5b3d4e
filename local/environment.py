"""The environment of a start on this machine: made once, kept in var/local.env."""

import contextlib
import os
import secrets
import sys
import tempfile
from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "var" / "local.env"


def is_local() -> bool:
    """Whether nobody has said otherwise: a production start brings its own secret key."""
    return os.environ.keys().isdisjoint({"LOCAL", "SECRET_KEY", "SECRET_KEY_FILE"})


def load() -> None:
    """Put the local settings into the environment, below whatever is there already."""
    if not FILE.exists():
        _create()
    if not os.access(FILE, os.R_OK):
        sys.exit(
            f"{FILE.parent} was made by another account; `sudo chown -R $(id -u) var` takes it."
        )
    environ.Env.read_env(FILE)


def _create() -> None:
    """Write the file beside its place and link it there: whole or absent, and never twice."""
    FILE.parent.mkdir(exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=FILE.parent, prefix=f"{FILE.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"LOCAL=on\nSECRET_KEY={secrets.token_urlsafe(50)}\n")
        with contextlib.suppress(FileExistsError):  # another start was quicker: use its file
            os.link(draft, FILE)
    finally:
        Path(draft).unlink()
