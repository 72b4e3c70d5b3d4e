"""The translations: complete, of the texts that are there, and with their placeholders."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

LOCALE = Path(settings.BASE_DIR) / "locale"
FILES = [
    pytest.param(language, domain, id=f"{language} {domain}")
    for language in ("de", "es")
    for domain in ("django", "djangojs")
]
SOURCE = ("accounts", "raffle", "rafflesite", "static", "templates")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The translations with the texts of today's source, as `make messages` would leave them. The
    source is there by links: a folder that is called locale is written to, wherever it is found.
    """
    root = tmp_path_factory.mktemp("collected")
    shutil.copytree(LOCALE, folder := root / "locale")
    for name in SOURCE:
        (root / name).symlink_to(settings.BASE_DIR / name)
    with override_settings(LOCALE_PATHS=[folder]), pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for domain in ("django", "djangojs"):
            call_command(
                "makemessages", locale=["de", "es"], domain=domain, symlinks=True,
                ignore_patterns=["*/tests/*", "bls12-381.js"], no_obsolete=True, verbosity=0,
            )  # fmt: skip
    return folder


def run(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize(("language", "domain"), FILES)
def test_every_text_is_translated(collected: Path, language: str, domain: str) -> None:
    file = collected / language / "LC_MESSAGES" / f"{domain}.po"
    for kind in ("--untranslated", "--only-fuzzy"):
        left = run("msgattrib", kind, "--no-wrap", file)
        assert not re.findall(r'^msgid "(.+)"', left, re.MULTILINE)


@pytest.mark.parametrize(("language", "domain"), FILES)
def test_what_is_served_is_what_was_translated(tmp_path: Path, language: str, domain: str) -> None:
    file = LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
    run("msgfmt", "--check", "-o", tmp_path / "made.mo", file)
    assert (tmp_path / "made.mo").read_bytes() == file.with_suffix(".mo").read_bytes()


@pytest.mark.parametrize(("language", "domain"), FILES)
def test_what_is_filled_in_stands_in_the_translation_too(language: str, domain: str) -> None:
    """Names, numbers and elements of a page; the one that a singular spells out may be missing."""
    text = run("msgcat", "--no-wrap", LOCALE / language / "LC_MESSAGES" / f"{domain}.po")
    for entry in text.split("\n\n")[1:]:
        source = re.findall(r'^msgid(?:_plural)? "(.*)"', entry, re.MULTILINE)[-1]
        translated = re.findall(r'^msgstr(?:\[\d\])? "(.*)"', entry, re.MULTILINE)[-1]
        if source and translated:
            named = sorted(PLACEHOLDER.findall(source))
            assert sorted(PLACEHOLDER.findall(translated)) == named, source
