"""What every test stands on: a real PostgreSQL, real commits, and no cleaning up.

The record is append-only, and the database refuses to truncate it, so no test resets anything:
each makes a raffle and people of its own and looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

# Pages in tests name static files as they are; the site's own storage wants collectstatic first.
settings.STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)


@pytest.fixture(scope="session", autouse=True)
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
