"""A signature takes py_ecc two seconds, and the records have few: each is checked once a run."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from verify.verify_raffle import Chain


@pytest.fixture(autouse=True, scope="session")
def each_signature_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Chain, "signed", functools.cache(Chain.signed))
        yield
