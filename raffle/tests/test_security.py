"""Ways in that are not there: settings, uploads, and what staff without all powers could try."""

from __future__ import annotations

import subprocess
import sys
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import Client

from accounts.models import User
from raffle.tests.makers import make_buyer, make_raffle
from raffle.tests.processes import ROOT, environment


def clerk(*codenames: str) -> Client:
    """Staff with these permissions and no others, signed in."""
    user = make_buyer("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.mark.parametrize("wrong", [{"DEBUG": "on"}, {"SECRET_KEY": "short"}])
def test_production_refuses_to_start_with_debug_or_a_short_key(wrong: dict[str, str]) -> None:
    right = {
        "LOCAL": "off",
        "SECRET_KEY": "k" * 50,
        "ALLOWED_HOSTS": "raffle.example.org",
        "EMAIL_URL": "consolemail://",
    }
    command = [sys.executable, str(ROOT / "manage.py"), "check"]
    started, refused = (
        subprocess.run(command, env=environment(**env), capture_output=True, text=True, check=False)
        for env in (right, right | wrong)
    )
    assert started.returncode == 0, started.stderr
    assert refused.returncode != 0
    assert "SECRET_KEY of 50 letters" in refused.stderr


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/signup/"])
def test_nobody_can_fill_the_disk_with_files(address: str) -> None:
    file = SimpleUploadedFile("big.bin", b"x" * 4_000_000)
    stored = AssertionError("an uploaded file was stored")
    with patch.object(TemporaryUploadedFile, "__init__", side_effect=stored):
        assert Client().post(address, {"file": file}).status_code == 200


def test_who_edits_accounts_cannot_give_another_person_an_address() -> None:
    client = clerk("add_emailaddress", "change_emailaddress", "change_user", "view_user")
    assert client.get("/admin/account/emailaddress/add/").status_code == 404


def test_only_superusers_deal_in_the_powers_of_groups() -> None:
    group = Group.objects.create(name=f"Group {make_buyer().pk}")
    client = clerk("change_group", "add_group", "view_group", "delete_group")
    for page in ("add/", f"{group.pk}/change/", f"{group.pk}/delete/", ""):
        assert client.get(f"/admin/auth/group/{page}").status_code == 403


@pytest.mark.parametrize("lookup", ["pseudonym_key__startswith", "pseudonym_key"])
def test_the_key_of_the_pseudonyms_cannot_be_guessed_with_a_filter(lookup: str) -> None:
    raffle = make_raffle()
    guess = {lookup: raffle.pseudonym_key[:3]}
    assert clerk("view_raffle").get("/admin/raffle/raffle/", guess).status_code == 400
