"""docs/compliance.md keeps its word: 28 requirements, each with tests that are really there."""

from __future__ import annotations

import ast
import re

import pytest

from raffle.tests.processes import ROOT

TABLE = re.findall(
    r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$",
    (ROOT / "docs" / "compliance.md").read_text(),
    flags=re.MULTILINE,
)


def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_has_a_row() -> None:
    assert [int(row[0]) for row in TABLE] == list(range(1, 29))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_the_tests_it_names_exist(row: tuple[str, ...]) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row[3])
    assert named, "a test, or there is nothing to show"
    for path, test in named:
        assert test in functions_in(path), f"{path} has no {test}"
