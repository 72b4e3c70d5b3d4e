"""mypy's plugin for Django, with an environment for the settings that it imports."""

import os

for name, value in {
    "LOCAL": "on",
    "SECRET_KEY": "unused",
    "DATABASE_URL": "postgres://localhost/unused",
}.items():
    os.environ.setdefault(name, value)

from mypy_django_plugin.main import plugin  # noqa: E402 (it reads the settings when imported)

__all__ = ["plugin"]
