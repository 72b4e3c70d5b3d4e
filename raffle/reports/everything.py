"""Everything there is of a raffle in one ZIP file, put together while it is sent.

Whatever the raffle's size, no more than a block of it is in the memory at once.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from django.conf import settings
from django.utils.translation import gettext as _

from raffle import closing, publishing
from raffle.models import Raffle
from raffle.reports import writing
from raffle.reports.report import Report

VERIFIER = settings.BASE_DIR / "verify" / "verify_raffle.py"
BLOCK = 65_536  # bytes sent at a time, or a little more

Files = list[tuple[str, Iterable[str]]]


def files(raffle: Raffle, reports: Sequence[Report]) -> Files:
    """Names and contents. To be called in a snapshot, which the contents do not need any more.

    The validation codes of tickets are in none of them.
    """
    record: Files = [("ledger.jsonl", publishing.ledger_lines(raffle))]
    if closing.frozen(raffle):
        record.append(("manifest.txt", publishing.manifest_lines(raffle)))
    if summary := publishing.draw_summary(raffle):
        record.append(("draw.json", [json.dumps(summary, indent=1) + "\n"]))
    tables: Files = [(f"reports/{told.name}.csv", writing.lines(told)) for told in reports]
    verifier: Files = [(VERIFIER.name, [VERIFIER.read_text(encoding="utf-8")])]
    readme: Files = [("README.txt", [_readme(raffle, record, reports)])]
    return readme + record + verifier + tables


def zipped(contents: Files, raffle: Raffle) -> Iterator[bytes]:
    """The ZIP file, block by block. A file that was cut short has no directory at its end, and no
    program opens it.
    """
    pipe = _Pipe()
    at = raffle.now.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in contents:
            member = zipfile.ZipInfo(f"{raffle.slug}/{name}", at)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line.encode())
                    if pipe.held >= BLOCK:
                        yield pipe.take()
    yield pipe.take()


class _Pipe(io.RawIOBase):
    """Takes what the archive writes and hands it on. It cannot go back, and zipfile knows how."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.held = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        block = bytes(data)  # type: ignore[call-overload]
        if block:  # most lines are only taken in by the compression
            self.blocks.append(block)
            self.held += len(block)
        return len(block)

    def take(self) -> bytes:
        taken = b"".join(self.blocks)
        self.blocks, self.held = [], 0
        return taken


def _readme(raffle: Raffle, record: Files, reports: Sequence[Report]) -> str:
    said = {
        "ledger.jsonl": _("the ledger: every act, line by line, each sealed with the one before"),
        "manifest.txt": _("the list of tickets as it was frozen at the close"),
        "draw.json": _("the seal, and the draw if there was one"),
    }
    told = [
        raffle.name,
        raffle.organiser,
        "",
        _("Everything there is of this raffle, as of line %(seq)d of its ledger:")
        % {"seq": raffle.head_seq},
        raffle.head_hash or "",
        "",
        *(f"{name}  {said[name]}" for name, _lines in record),
        f"{VERIFIER.name}  {_('checks those files, on any computer with Python:')}",
        f"    python3 {VERIFIER.name} {' '.join(_options(record))}",
        *(f"reports/{report.name}.csv  {report.about}" for report in reports),
        "",
        _("All times are UTC. Validation codes of tickets are not in here: only buyers have them."),
        _("It may name people. Keep it where only those find it who may see it."),
    ]
    return "\n".join(told) + "\n"


def _options(record: Files) -> list[str]:
    """How the verifier is told which file is which."""
    return [f"--{name.partition('.')[0]} {name}" for name, _lines in record]
