import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import environment


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "var" / "local.env"
    monkeypatch.setattr(environment, "FILE", file)
    for name in ("LOCAL", "SECRET_KEY", "SECRET_KEY_FILE"):
        monkeypatch.setenv(name, "")  # so that what this test run has comes back
        monkeypatch.delenv(name)
    return file


def test_a_start_without_settings_is_local() -> None:
    assert environment.is_local()


@pytest.mark.parametrize("name", ["LOCAL", "SECRET_KEY", "SECRET_KEY_FILE"])
def test_a_start_that_brings_its_settings_is_not(name: str) -> None:
    os.environ[name] = "off"
    assert not environment.is_local()


def test_the_file_is_made_once_and_for_its_owner_only(file: Path) -> None:
    environment.load()
    first = file.read_text()
    environment.load()
    assert file.read_text() == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.environ["LOCAL"] == "on"
    assert len(os.environ["SECRET_KEY"]) >= 50


def test_what_the_environment_says_comes_first() -> None:
    os.environ["SECRET_KEY"] = "mine"
    environment.load()
    assert os.environ["SECRET_KEY"] == "mine"


def test_many_first_starts_agree_on_one_file(file: Path) -> None:
    with ThreadPoolExecutor(20) as starts:
        for start in [starts.submit(environment.load) for _ in range(20)]:
            start.result()
    assert list(file.parent.iterdir()) == [file]
    assert os.environ["SECRET_KEY"] in file.read_text()
