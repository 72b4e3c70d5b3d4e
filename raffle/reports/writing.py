"""Reports as CSV: RFC 4180, in UTF-8, safe to open in a spreadsheet, row by row.

It begins with a byte-order mark: without it Excel takes UTF-8 for another alphabet and spoils every
name that is not ASCII, and programs that read UTF-8 can skip it (`utf-8-sig` in Python).
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from raffle.ledger import timestamp
from raffle.reports.report import Cell, Report, Sum, Sums, add

BOM = "\ufeff"
PAGE = 2000  # rows read and sent at a time: no transaction stays open while a slow client reads

# Where a cell begins, or could be taken to begin by a reader that separates otherwise, and then
# what makes a formula of it, also in the full-width letters that some programs take for the same.
_FORMULA = re.compile("((?:^|[,;|\t\r\n\"'])[^\\S\t\r\n]*)([=+\\-@＝＋－＠])")
_BLANK = ("\t", "\r", "\n")


def lines(report: Report) -> Iterator[str]:
    """The file, a batch of rows at a time. Its last line says of which line of the ledger it is:
    without that it was cut short.
    """
    sums: Sums = defaultdict(Sum)
    after = 0
    yield BOM + _written([report.columns])
    while items := report.batch(after, PAGE):
        add(sums, items)
        yield _written(item.cells for item in items)
        after = items[-1].place
    yield _written(_foot(report, sums))


def spelled(cell: Cell) -> str | int:
    """Numbers stay numbers, times are UTC, and text is never a formula."""
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, int):
        return cell
    if isinstance(cell, Decimal):
        return f"{cell:.2f}"
    if isinstance(cell, datetime):
        return timestamp(cell)
    return "" if cell is None else str(cell)


def harmless(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet could see a formula begin."""
    if text.isalnum():  # as pseudonyms and states are: a million of them need no closer look
        return text
    said = _FORMULA.sub(r"\1'\2", text)
    return f"'{said}" if said.startswith(_BLANK) else said


def _foot(report: Report, sums: Sums) -> Iterator[Sequence[Cell]]:
    raffle, rest = report.raffle, (None,) * (len(report.columns) - 3)
    yield ("Totals", "count", f"amount ({raffle.currency})", *rest)
    for total in report.totals(sums):
        yield (total.name, total.count, total.amount, *rest)
    yield ("As of line", raffle.head_seq, raffle.head_hash, *rest)


def _written(rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([spelled(cell) for cell in row] for row in rows)
    return text.getvalue()
