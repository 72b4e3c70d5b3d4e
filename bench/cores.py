"""Who took the cores: web server, PostgreSQL, everybody. Without a /proc nobody can tell."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
IDLE = (3, 4, 7)  # of a line of /proc/stat: idle, waiting for a disk, stolen by other machines


@dataclass(frozen=True, slots=True)
class Shares:
    """Cores' worth of CPU, in percent of one. None: not ours to know, and among the others'."""

    server: float | None
    postgres: float | None
    client: float
    others: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds of CPU until now."""

    at: float
    server: float | None
    postgres: float | None
    machine: float

    def shares_until(self, later: Reading, client: float) -> Shares:
        share = 100 / max(later.at - self.at, 0.001)
        server = _since(self.server, later.server, share)
        postgres = _since(self.postgres, later.postgres, share)
        others = (later.machine - self.machine - client) * share - (server or 0) - (postgres or 0)
        return Shares(server, postgres, client * share, max(others, 0.0))


def read(server: int | None, postmaster: int | None) -> Reading | None:
    """Of the two processes with all that descend from them."""
    if not (PROC / "stat").exists():
        return None
    machine = [int(ticks) for ticks in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    busy = sum(ticks for place, ticks in enumerate(machine) if place not in IDLE)
    return Reading(time.monotonic(), _used(server), _used(postmaster), busy / TICK)


def _since(before: float | None, after: float | None, share: float) -> float | None:
    return None if before is None or after is None else (after - before) * share


def parent(process: int) -> int | None:
    """The process that has started `process`, if that is a PostgreSQL of this machine."""
    try:
        fields = _fields(process)
        named = (PROC / str(process) / "comm").read_text()
    except OSError:
        return None
    return int(fields[1]) if named.startswith("postgres") else None


def _used(root: int | None) -> float | None:
    """The children that have ended are in the sum of whoever waited for them."""
    if root is None:
        return None
    ticks = 0
    for process in (root, *_descendants(root)):
        try:
            fields = _fields(process)
        except OSError:  # it has just ended
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def _descendants(root: int) -> Iterator[int]:
    try:
        children = (PROC / str(root) / "task" / str(root) / "children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)


def _fields(process: int) -> list[str]:
    """/proc/PID/stat after the name, which may hold anything; the first is the state."""
    return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
