"""Verifying: everything checked again, by the verifier that outsiders use and against the tables.

It reads one snapshot and changes nothing. The rules of the record are worked out by
verify/verify_raffle.py, which shares no code with selling and drawing; comparing.py then holds
the tables, which outsiders cannot see, against the record, row by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction

from raffle import guards, publishing
from raffle.closing import Progress, quiet
from raffle.comparing import Comparison
from raffle.models import Draw, Raffle
from verify import verify_raffle

# What is checked, in the order in which it is reported.
CHECKS = {
    name: promise
    for name, promise in verify_raffle.CHECKS.items()
    if name not in ("receipt", "witness")  # nobody has given any
} | {
    "tables": "the tables say what the ledger says, no more and no less",
    "staff": "no member of staff holds a ticket",
    "guards": "the database's own guards are all in force",
}


@dataclass(slots=True)
class Verdict:
    """What was found: no problems, or which check failed and how."""

    raffle: str
    entries: int = 0
    sold: int = 0
    void: int = 0
    head: str = ""
    winner: int | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)  # checks for which there is nothing to look at

    @property
    def failures(self) -> list[str]:
        return [f"{check}: {problem}" for check, problem in self.problems]

    def failed(self, check: str) -> bool:
        return any(name == check for name, _ in self.problems)


def verify(raffle_id: int, progress: Progress = quiet) -> Verdict:
    """Check every invariant of a raffle. Changes nothing; sales may go on meanwhile. `progress` is
    told of the lines that were read; every line is read twice.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it thinks, too
            cursor.execute("SET LOCAL statement_timeout = 0")
        return verify_snapshot(raffle_id, progress)


def verify_snapshot(raffle_id: int, progress: Progress) -> Verdict:
    """verify(), in the transaction that the caller has begun."""
    raffle = Raffle.objects.as_it_stands().get(pk=raffle_id)
    total = 2 * raffle.head_seq
    told = verify_raffle.verify(
        _counted(publishing.ledger_lines(raffle), progress, total),
        _manifest(raffle),
        _draw_file(raffle),
    )
    problems = [(failure["check"], failure["problem"]) for failure in told.failures]
    comparison = Comparison(raffle)
    comparison.run(lambda seq: progress(raffle.head_seq + seq, total))
    progress(total, total)
    problems += comparison.problems
    if missing := guards.missing():
        problems.append(("guards", f"not in force: {', '.join(missing)}"))
    drawn = Draw.objects.filter(raffle=raffle).first()
    return Verdict(
        raffle=raffle.slug,
        entries=raffle.head_seq,
        sold=comparison.sold,
        void=comparison.void,
        head=raffle.head_hash,
        winner=drawn.order[0] if drawn else None,
        problems=problems,
        absent={check for check, state in told.checks.items() if state == "absent"},
    )


def _counted(lines: Iterable[str], progress: Progress, total: int) -> Iterator[str]:
    for done, line in enumerate(lines, start=1):
        if done % publishing.PAGE == 0:
            progress(done, total)
        yield line


def _manifest(raffle: Raffle) -> Iterator[str] | None:
    closed = raffle.ledger.filter(kind="closed").exists()
    return publishing.manifest_lines(raffle) if closed else None


def _draw_file(raffle: Raffle) -> bytes | None:
    summary = publishing.draw_summary(raffle)
    return json.dumps(summary).encode() if summary else None
