"""What every test stands on: a real PostgreSQL, real commits, and no cleaning up.

The record is append-only, and the database refuses to truncate it, so no test resets anything:
each makes a raffle and people of its own and looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test.utils import setup_databases, teardown_databases

from raffle import refusals

# Pages in tests name static files as they are; the site's own storage wants collectstatic first.
settings.STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
# WhiteNoise warns, and warnings are errors here, where collectstatic has never run.
Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session", autouse=True)
def database(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """One test database for the run; pytest-django's own fixtures would truncate it."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
        yield
        refusals.forget()  # none of them may come in while the database goes
        teardown_databases(made, verbosity=0)
