"""The one table: medians of the rounds, the worst of errors, ratios of the same rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import median

from bench.measuring import Results
from bench.scenarios import SCENARIOS, Sizes
from bench.serving import NAIVE, SINGLY, SITE

LABEL = 32
COLUMN = 13
WAYS = (SITE.name, SINGLY.name, NAIVE.name)


def lines(results: Results, sizes: Sizes) -> Iterator[str]:
    yield results.machine
    measured = [way for way in WAYS if any(key[1] == way for key in results.figures)]
    columns = [*measured, *(f"site / {way}" for way in measured[1:])]
    if measured:
        yield _line("", columns)
    for name, scenario in SCENARIOS.items():
        if (name, SITE.name) not in results.figures:
            continue
        yield f"{name} {scenario.title.format(**asdict(sizes))}"
        ways = [way for way in measured if (name, way) in results.figures]
        for figure in results.figures[name, SITE.name][0]:
            yield _line(f"  {figure}", _cells(results, name, figure, measured, ways))
        yield _line("  errors", [str(results.errors[name, way]) for way in ways])
        yield from _shares(results, name, measured)
    yield from _limits(results)


def _cells(
    results: Results, name: str, figure: str, measured: Sequence[str], ways: Sequence[str]
) -> list[str]:
    rounds = {way: [told[figure] for told in results.figures[name, way]] for way in ways}
    cells = [_number(median(rounds[way])) if way in ways else "" for way in measured]
    for way in measured[1:]:
        pairs = zip(rounds[SITE.name], rounds.get(way, ()), strict=False)
        ratios = [site / control for site, control in pairs if control]
        cells.append(f"{median(ratios):.2f}" if ratios else "")
    return cells


def _shares(results: Results, name: str, measured: Sequence[str]) -> Iterator[str]:
    """Who took how much of the cores, as they are shared; 100 is one core."""
    told = [results.shares.get((name, way), []) for way in measured]
    if not any(told):
        return
    for who, label in (
        ("server", "server"),
        ("postgres", "PostgreSQL"),
        ("client", "this client"),
        ("others", "others"),
    ):
        known = [[s for each in way if (s := getattr(each, who)) is not None] for way in told]
        if any(known):
            cells = [f"{median(shares):.0f} %" if shares else "" for shares in known]
            yield _line(f"  CPU: {label}", cells)


def _limits(results: Results) -> Iterator[str]:
    if not results.limits:
        return
    site = results.figures.get(("B", SITE.name), [])
    yield _line("P PostgreSQL alone (pgbench)", ["purchases/s", *(["site B / it"] if site else [])])
    for kind, rates in results.limits.items():
        cells = [_number(median(rates))]
        reached = [
            told["accepted a second"] / rate for told, rate in zip(site, rates, strict=False)
        ]
        if reached:
            cells.append(f"{median(reached):.2f}")
        yield _line(f"  {kind}", cells)


def _line(label: str, cells: Sequence[str]) -> str:
    wide = max(COLUMN, *(len(cell) + 2 for cell in cells)) if cells else COLUMN
    return (f"{label:{LABEL}}" + "".join(f"{cell:>{wide}}" for cell in cells)).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
