"""Makes a bare `pytest` work: local settings and a database server, before Django asks for them."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from local import database, environment

environment.load()
os.environ.setdefault("DB_POOL_SIZE", "40")  # the races have more threads than a web process


@pytest.hookimpl(wrapper=True)  # so that it is ready before pytest-django reads the settings
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    server = contextlib.ExitStack()
    early_config.add_cleanup(server.close)
    server.enter_context(database.available())
    yield
