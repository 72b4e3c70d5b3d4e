"""What every test here asks of the verifier."""

from __future__ import annotations

import functools
from typing import Any

from verify.tests.genuine import GENUINE
from verify.tests.records import Files, Record
from verify.verify_raffle import Verdict, verify


@functools.cache
def genuine(name: str) -> Record:
    """To look at only: a forger makes one of his own."""
    return GENUINE[name]()


@functools.cache
def genuine_files(name: str) -> Files:
    return genuine(name).files()


def verdict_on(files: Files, **more: Any) -> Verdict:
    return verify(**(vars(files) | more))


def failed(verdict: Verdict) -> list[str]:
    return [failure["check"] for failure in verdict.failures]
