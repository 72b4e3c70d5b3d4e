"""Genuine records pass, as far as they prove anything; every forgery is called by its name."""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from pathlib import Path

import pytest

from verify import verify_raffle
from verify.tests.cases import failed, genuine, verdict_on
from verify.tests.forgeries import FORGERIES, everything
from verify.tests.genuine import GENUINE, LEVELS
from verify.tests.records import Files
from verify.verify_raffle import CHECKS, Verdict


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_record_passes(name: str) -> None:
    verdict = verdict_on(genuine(name).files(), complete=True)
    assert verdict.failures == []
    assert verdict.level == LEVELS[GENUINE[name]][0]


@pytest.mark.parametrize("name", GENUINE)
def test_a_kept_head_and_every_receipt_take_a_genuine_record_further(name: str) -> None:
    record = genuine(name)
    head = record.head("sealed" if record.all("sealed") else None)
    receipts = [record.receipt(number) for number in record.tickets()]
    verdict = verdict_on(record.files(), receipts=receipts, witnesses=[head])
    assert verdict.failures == []
    assert verdict.level == LEVELS[GENUINE[name]][1]
    assert len(verdict.tickets) == len(receipts)


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_record_passes_at_every_point_on_its_way(name: str) -> None:
    record = GENUINE[name]()
    while record.facts:
        verdict = verdict_on(record.files() if record.all("created") else Files(b""))
        assert verdict.failures == []
        record.facts.pop()


@pytest.mark.parametrize("name", GENUINE)
def test_the_ledger_alone_can_be_checked(name: str) -> None:
    verdict = verdict_on(Files(genuine(name).ledger()))
    assert verdict.failures == []
    assert verdict.level == "L0"
    assert verdict.checks["manifest"] == verdict.checks["draw_file"] == "absent"


@pytest.mark.parametrize("name", [name for name in GENUINE if genuine(name).all("drawn")])
def test_it_works_out_the_same_winners_as_draw_json(name: str) -> None:
    record = genuine(name)
    assert verdict_on(record.files()).winners == record.draw_json()["winners"]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_called_by_its_name_and_proves_nothing(name: str) -> None:
    forgery = FORGERIES[name]
    verdict = verdict_on(forgery.files())
    found = failed(verdict)
    assert forgery.check in found, forgery.sentence
    assert set(found) <= {forgery.check} | forgery.also, forgery.sentence
    assert verdict.level == "L0"
    assert {each["answer"] for each in verdict.questions.values()} == {"no"}


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_its_forgeries(check: str) -> None:
    assert [name for name, forgery in FORGERIES.items() if forgery.check == check]


def test_every_complaint_that_the_verifier_can_make_is_the_first_about_some_forgery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a rule could be taken out of it and no test would notice."""
    heard: set[int] = set()
    fail = Verdict.fail

    def overheard(self: Verdict, check: str, problem: str) -> None:
        if self.ok:
            heard.update(frame.lineno or 0 for frame in traceback.extract_stack())
        fail(self, check, problem)

    monkeypatch.setattr(Verdict, "fail", overheard)
    for forgery in FORGERIES.values():
        verdict_on(forgery.files())
    verdict_on(Files(b""))
    verdict_on(genuine("local").files(manifest=None), complete=True)
    verdict_on(genuine("local").files(draw=None), complete=True)

    tree = ast.parse(inspect.getsource(verify_raffle))
    complaints = {
        node.lineno: ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "fail"
    }
    assert [text for line, text in complaints.items() if line not in heard] == []


def test_the_corpus_can_be_given_to_a_verifier_in_another_language() -> None:
    told = everything()
    assert told["genuine"].keys() == GENUINE.keys()
    for name, forgery in FORGERIES.items():
        ledger = told["forgeries"][name]["ledger"]
        assert ledger.encode("latin-1") == forgery.files().ledger


def test_it_stands_alone_on_the_standard_library() -> None:
    """py_ecc is asked for by name, where it is used, and may be missing."""
    tree = ast.parse(Path(verify_raffle.__file__).read_text("utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)
