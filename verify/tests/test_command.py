"""The file as a command: alone in an empty folder, on files and on addresses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from verify import verify_raffle
from verify.tests.cases import genuine, genuine_files
from verify.tests.genuine import GENUINE
from verify.tests.records import Files

NAMES = {"ledger": "ledger.jsonl", "manifest": "manifest.txt", "draw": "draw.json"}
Pages = dict[str, bytes | int | str]  # what an address gives: bytes, a status, or where it leads


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(verify_raffle.__file__, tmp_path / "verify_raffle.py")
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Isolated from this project and from every installed package."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify_raffle.py", *arguments],
        cwd=folder, capture_output=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def save(files: Files, folder: Path) -> list[str]:
    options = []
    for kind, name in NAMES.items():
        content: bytes | None = getattr(files, kind)
        if content is not None:
            (folder / name).write_bytes(content)
            options += [f"--{kind}", name]
    return options


def told(folder: Path, *arguments: str) -> Any:
    return json.loads(run(folder, *arguments, "--json")[1])


@contextmanager
def site(pages: Pages) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, 404)
            self.send_response(page if isinstance(page, int) else 302 if type(page) is str else 200)
            if isinstance(page, str):
                self.send_header("Location", page)
            body = page if isinstance(page, bytes) else b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def pages_of(name: str) -> Pages:
    files = genuine_files(name)
    pages: Pages = {}
    for kind, file in NAMES.items():
        if (content := getattr(files, kind)) is not None:
            pages[f"/raffles/summer/{file}"] = content
    return pages


# Files


@pytest.mark.parametrize("name", GENUINE)
def test_agrees_with_a_genuine_record_all_by_itself(folder: Path, name: str) -> None:
    status, said, _ = run(folder, *save(genuine_files(name), folder))
    assert (status, "all that is there agrees" in said) == (0, True)


def test_says_which_check_fails_and_ends_with_status_1(folder: Path) -> None:
    record = GENUINE["local"]()
    record.last("drawn")["picked"] = [5]
    options = save(record.reorder().files(), folder)
    status, said, _ = run(folder, *options)
    assert (status, "DO NOT TRUST" in said) == (1, True)
    assert [line for line in said.splitlines() if "FAILED" in line] == [
        "  FAILED    draw        the picks follow from the seal and the beacon"
    ]
    verdict = told(folder, *options)
    assert (verdict["ok"], verdict["level"], verdict["checks"]["draw"]) == (False, "L0", "failed")
    assert [failure["check"] for failure in verdict["failures"]] == ["draw"]


def test_takes_receipts_and_heads(folder: Path) -> None:
    record = genuine("beacon")
    options = save(genuine_files("beacon"), folder)
    given = ["--receipt", record.receipt(1), "--receipt", record.receipt(5)]
    verdict = told(folder, *options, *given, "--witness", record.head("sealed"))
    assert (verdict["ok"], verdict["level"]) == (True, "L2")  # the signature was not checked
    assert "ticket 1, 5" in verdict["questions"]["b"]["because"]
    assert verdict["checks"]["receipt"] == verdict["checks"]["witness"] == "ok"
    assert verdict["winners"] == record.draw_json()["winners"]
    status, said, _ = run(folder, *options, "--witness", "3:" + "0" * 64)
    assert (status, "FAILED    witness" in said) == (1, True)


def test_prints_the_winners_and_nothing_that_moves_the_cursor(folder: Path) -> None:
    record = GENUINE["local"]()
    for facts in record.facts[:2]:
        facts["terms"]["prizes"] = ["Boat 🚣\x1b[2J\r\ud800"]
    files = record.files()
    options = save(files, folder)
    status, said, _ = run(folder, *options, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (status, "Prize 1, Boat 🚣\\x1b[2J\\r\\ud800: ticket" in said) == (0, True)
    assert "\x1b" not in said


def test_another_network_is_read_from_a_file(folder: Path) -> None:
    options = save(genuine_files("beacon"), folder)
    info = {
        "public_key": "8" * 192, "period": 3, "genesis_time": 0, "hash": "ab" * 32,
        "schemeID": "bls-unchained-g1-rfc9380",
    }  # fmt: skip
    (folder / "info.json").write_text(json.dumps(info))
    assert told(folder, *options, "--beacon", "info.json")["checks"]["beacon"] == "failed"
    (folder / "info.json").write_text("{}")
    status, _, problem = run(folder, *options, "--beacon", "info.json")
    assert (status, "schemeID" in problem) == (3, True)


def test_a_file_that_is_not_there_is_status_3(folder: Path) -> None:
    status, _, problem = run(folder, "--ledger", "nowhere.jsonl")
    assert (status, "nowhere.jsonl" in problem) == (3, True)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--draw", "draw.json"],
        ["https://a.example/", "--ledger", "ledger.jsonl"],
        ["https://a.example/", "--manifest", "manifest.txt"],
        ["http://a.example/raffles/summer/"],
        ["http://192.0.2.1/raffles/summer/"],
        ["file:///etc/passwd"],
        ["ftp://127.0.0.1/"],
        ["https://[/"],
        ["--nothing"],
    ],
)
def test_wrong_usage_is_status_2(folder: Path, wrong: list[str]) -> None:
    status, said, problem = run(folder, *wrong)
    assert (status, said, "usage:" in problem) == (2, "", True)


# Addresses


@pytest.mark.parametrize("end", ["", "/", "/verify/", "/verify", "/?page=2#x"])
def test_fetches_what_is_below_the_raffles_page(folder: Path, end: str) -> None:
    with site(pages_of("local")) as address:
        status, said, _ = run(folder, f"{address}/raffles/summer{end}")
    assert (status, "Prize 1, A bicycle: ticket" in said) == (0, True)


@pytest.mark.parametrize("name", GENUINE)
def test_whatever_is_not_there_yet_is_no_failure(folder: Path, name: str) -> None:
    with site(pages_of(name)) as address:
        assert told(folder, f"{address}/raffles/summer/")["failures"] == []


@pytest.mark.parametrize(("missing", "check"), [("manifest", "manifest"), ("draw", "draw_file")])
def test_what_should_be_there_and_is_not_is_a_failure(
    folder: Path, missing: str, check: str
) -> None:
    pages = pages_of("local")
    del pages[f"/raffles/summer/{NAMES[missing]}"]
    with site(pages) as address:
        verdict = told(folder, f"{address}/raffles/summer/")
    assert [failure["check"] for failure in verdict["failures"]] == [check]
    assert verdict["level"] == "L0"


def test_a_record_that_grows_meanwhile_is_fetched_again(folder: Path) -> None:
    old, new = pages_of("two_people"), pages_of("two_people")
    record = GENUINE["two_people"]()
    record.facts.pop()
    old["/raffles/summer/ledger.jsonl"] = record.ledger()

    class Growing(dict[str, Any]):
        def get(self, path: str, *default: Any) -> Any:
            page = (new if self else old).get(path, *default)
            if path.endswith("draw.json"):
                self["asked"] = True
            return page

    with site(Growing()) as address:
        assert told(folder, f"{address}/raffles/summer/")["failures"] == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (404, "no such raffle"),
        (500, "status 500"),
        (403, "status 403"),
        ("http://192.0.2.1/ledger.jsonl", "not https"),
        ("file:///etc/passwd", "status 302"),
        ("/raffles/summer/ledger.jsonl", "status 302"),  # round and round
    ],
)
def test_says_why_it_could_not_fetch(folder: Path, page: int | str, says: str) -> None:
    with site({"/raffles/summer/ledger.jsonl": page}) as address:
        status, said, problem = run(folder, f"{address}/raffles/summer/")
    assert (status, said) == (3, "")
    assert says in problem


def test_nobody_answers(folder: Path) -> None:
    with site({}) as address:
        pass
    status, _, problem = run(folder, f"{address}/raffles/summer/")
    assert (status, "could not be fetched" in problem) == (3, True)


def test_a_site_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify_raffle, "TIMEOUT", 0.2)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        address = f"http://127.0.0.1:{silent.server_port}/raffles/summer/"
        assert verify_raffle.main([address]) == 3
    assert "nothing came for 0.2 seconds" in capsys.readouterr().err


def test_a_file_far_too_large_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify_raffle, "MAX_FILE", 1000)
    with site(pages_of("local")) as address:
        assert verify_raffle.main([f"{address}/raffles/summer/"]) == 3
    assert "larger than" in capsys.readouterr().err


def test_a_draw_json_far_too_long_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify_raffle, "MAX_LINE", 50_000)
    pages = pages_of("local")
    pages["/raffles/summer/draw.json"] = (genuine_files("local").draw or b"") + b" " * 50_000
    with site(pages) as address:
        assert verify_raffle.main([f"{address}/raffles/summer/"]) == 1
    assert "far too long" in capsys.readouterr().out


def test_a_page_that_is_no_ledger_is_called_so(folder: Path) -> None:
    with site({"/raffles/summer/ledger.jsonl": "<!doctype html>\né".encode("latin-1")}) as address:
        verdict = told(folder, f"{address}/raffles/summer/")
    assert [failure["check"] for failure in verdict["failures"]] == ["chain"]


def test_who_has_seen_enough_may_stop_reading(folder: Path) -> None:
    options = save(genuine_files("local"), folder)
    command = [sys.executable, "-I", "-S", "verify_raffle.py", *options]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()


def test_says_on_a_terminal_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert len(list(verify_raffle.with_progress([b"\n"] * 25_000))) == 25_000
    assert "20000 lines" in capsys.readouterr().err
