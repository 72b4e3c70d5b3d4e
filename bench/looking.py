"""What growth.py looks at: everything that shows a raffle, or does something with all of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bench import filling
from raffle import closing, letters, mailing, publishing, reminding
from raffle.book import Order, look
from raffle.models import LedgerEntry, MailedUpTo, Purchase, Raffle
from raffle.reports.views import REPORTS

STAND_ALONE = Path(__file__).resolve().parent.parent / "verify" / "verify_raffle.py"
LISTS = ("ticket", "purchase", "ledgerentry")
IN_BETWEEN = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    run: Callable[[], object]
    again: bool = True  # it can be done five times, for a median
    apart: bool = False  # it says by itself how many megabytes its process took


def while_open(name: str) -> Iterator[Case]:
    """Pages, and a purchase, while tickets are sold."""
    raffle = Raffle.objects.as_it_stands().get(slug=name)
    holder, veteran, staff = _holder(raffle), filling.veteran(), filling.member_of_staff()
    page, api = f"/raffles/{name}/", f"/api/raffles/{name}/"
    receipt = Purchase.objects.filter(raffle=raffle).order_by("ledger_seq")[0]
    yield from [
        Case("raffle's page, a stranger", _get(None, page)),
        Case("raffle's page, a holder", _get(holder, page)),
        Case("raffle's page, staff", _get(staff, page)),
        Case("stage", _get(None, f"{page}live/")),
        Case("page to verify", _get(None, f"{page}verify/")),
        Case("list of raffles", _get(None, "/")),
        Case("list of raffles, last page", _get(None, "/?page=last")),
        Case("state (API)", _get(None, f"{api}state")),
        Case("own tickets (API)", _get(holder, f"{api}tickets")),
        Case("my tickets, of one raffle", _get(holder, "/tickets/")),
        Case("my tickets, of years", _get(veteran, "/tickets/")),
        Case("my tickets, of years, last page", _get(veteran, "/tickets/?page=last")),
        Case("receipt", _get(holder, f"/receipts/{receipt.pk}/")),
        Case("purchase, under the lock", lambda: _buy(raffle)),
    ]
    yield from _desk(raffle, staff, holder)
    yield from _reports(name, staff)
    yield Case("ledger.jsonl, open", _get(None, f"{page}ledger.jsonl"), again=False)
    yield Case("send_mail: what is due", lambda: mailing._due(None))
    yield Case("send_mail: a batch of receipts", lambda: _letters(raffle))
    yield Case("send_mail: a batch of reminders", lambda: _reminders(raffle))
    yield Case("list_raffles", _command("list_raffles"))


def closing_it(name: str) -> Iterator[Case]:
    """The way from open to drawn; a raffle that has gone it is left as it is."""
    raffle = Raffle.objects.get(slug=name)
    if raffle.status == Raffle.Status.OPEN:
        yield Case("draw_winner --dry-run", _command("draw_winner", name, "--dry-run"), False)
        yield Case("verify_raffle, open", _command("verify_raffle", name), False)
        yield Case("close_raffle", lambda: _close(raffle), False)
        yield Case("confirm the figures", lambda: _confirm(raffle), False)
        yield Case("draw_winner", _command("draw_winner", name, "--yes"), False)


def when_drawn(name: str) -> Iterator[Case]:
    """Downloads, verifiers, and the pages that have more to tell now."""
    raffle = Raffle.objects.get(slug=name)
    holder, staff = _holder(raffle), filling.member_of_staff()
    page, desk = f"/raffles/{name}/", f"/admin/raffle/raffle/{raffle.pk}/"
    drawn = LedgerEntry.objects.get(raffle=raffle, kind="drawn")
    yield from [
        Case("drawn: raffle's page", _get(holder, page)),
        Case("drawn: stage", _get(None, f"{page}live/")),
        Case("drawn: page to verify", _get(None, f"{page}verify/")),
        Case("drawn: state (API)", _get(None, f"/api/raffles/{name}/state")),
        Case("drawn: raffle in the admin", _get(staff, f"{desk}change/")),
        Case("drawn: prizes and claims", _get(staff, f"{desk}claims/")),
        Case("send_mail: a batch of news", lambda: letters.recipients(drawn, raffle, 0, 50)),
    ]
    yield Case("draw.json", _get(None, f"{page}draw.json"))
    for file in ("ledger.jsonl", "manifest.txt"):
        yield Case(file, _get(None, f"{page}{file}"), again=False)
    yield Case("everything.zip", _get(staff, f"/staff/raffles/{name}/everything.zip"), False)
    yield Case("verify_raffle", _command("verify_raffle", name), False)
    yield Case("stand-alone verifier", lambda: _alone(name), False, apart=True)
    yield Case("check_raffles --all", _command("check_raffles", "--all"), False)
    yield Case("check_raffles, nothing moved", _command("check_raffles"), False)


PARTS = (while_open, closing_it, when_drawn)


def _desk(raffle: Raffle, staff: User, holder: User) -> Iterator[Case]:
    """The staff's pages in the admin."""
    yield Case("dashboard", _get(staff, "/admin/"))
    yield Case("dashboard, last page", _get(staff, f"/admin/?page={filling.count() // 8 + 1}"))
    yield Case("admin: raffles", _get(staff, "/admin/raffle/raffle/"))
    yield Case("admin: raffles, a search", _get(staff, f"/admin/raffle/raffle/?q={raffle.slug}"))
    yield Case("admin: raffle", _get(staff, f"/admin/raffle/raffle/{raffle.pk}/change/"))
    for model in LISTS:
        place = f"/admin/raffle/{model}/"
        of_one = f"{place}?raffle__id__exact={raffle.pk}"
        number, name, part = raffle.sold // 2, holder.email, holder.email[:-16]
        yield Case(f"admin: {model}", _get(staff, place))
        yield Case(f"admin: {model}, of the raffle", _get(staff, of_one))
        yield Case(f"admin: {model}, a deep page", _get(staff, f"{of_one}&p={_deep(raffle)}"))
        yield Case(f"admin: {model}, by number", _get(staff, f"{of_one}&q={number}"))
        yield Case(f"admin: {model}, by e-mail", _get(staff, f"{place}?q={name}"))
        yield Case(f"admin: {model}, by part of an e-mail", _get(staff, f"{place}?q={part}"))
    yield Case("admin: ticket, void", _get(staff, "/admin/raffle/ticket/?void=yes"))
    yield Case("admin: ticket, valid", _get(staff, "/admin/raffle/ticket/?void=no"))
    ledger = "/admin/raffle/ledgerentry/"
    yield Case("admin: ledgerentry, of a kind", _get(staff, f"{ledger}?kind=void"))
    yield Case("admin: ledgerentry, sales", _get(staff, f"{ledger}?kind=purchase"))
    yield Case("admin: ledgerentry, a period", _get(staff, f"{ledger}?from=2020-01-01"))
    yield Case("admin: void", _get(staff, "/admin/raffle/void/"))
    ticket = raffle.tickets.get(number=raffle.sold // 2)
    yield Case("admin: one ticket", _get(staff, f"/admin/raffle/ticket/{ticket.pk}/change/"))
    yield Case("admin: users", _get(staff, "/admin/accounts/user/"))
    yield Case("admin: users, a deep page", _get(staff, f"/admin/accounts/user/?p={_deep(raffle)}"))
    yield Case("admin: users, a search", _get(staff, f"/admin/accounts/user/?q={holder.email}"))


def _deep(raffle: Raffle) -> int:
    """A page far behind: half of what there is, or the last one that can be reached."""
    return min(raffle.sold // 200, 200) or 1


def _reports(name: str, staff: User) -> Iterator[Case]:
    yield Case("reports", _get(staff, reverse("reports:index", args=[name])))
    events = reverse("reports:report", args=[name, "events"])
    yield Case("report: events, since a day", _get(staff, f"{events}?since=2020-01-01&kind=void"))
    for kind in REPORTS:
        page = reverse("reports:report", args=[name, kind])
        yield Case(f"report: {kind}", _get(staff, page))
        yield Case(f"{kind}.csv", _get(staff, f"{page[:-1]}.csv"), again=False)


def _get(user: User | None, address: str) -> Callable[[], int]:
    """Reads the whole answer and counts its bytes, without keeping it."""

    client = _browser(user)
    return lambda: _read(client, address)


@cache
def _browser(user: User | None) -> Client:
    """Signed in before anything is measured."""
    client = Client(headers={"host": "localhost"})
    if user:
        client.force_login(user)
    return client


def _read(client: Client, address: str) -> int:
    answer = client.get(address, follow=True)
    if answer.status_code != HTTPStatus.OK:
        raise RuntimeError(f"{address}: {answer.status_code}")
    return sum(map(len, answer)) if answer.streaming else len(answer.content)


def _command(name: str, *words: str) -> Callable[[], None]:
    ends: list[type[Exception]] = [CommandError] if name == "check_raffles" else []  # by findings

    def run() -> None:
        with suppress(*ends):
            call_command(name, *words, stdout=io.StringIO(), stderr=io.StringIO())

    return run


def _holder(raffle: Raffle) -> User:
    return raffle.tickets.select_related("buyer").get(number=1).buyer


def _buy(raffle: Raffle) -> None:
    """What a purchase does under the lock, taken back: nothing is sold."""
    with transaction.atomic():
        Raffle.objects.lock(raffle.pk)
        order = Order(raffle.pk, filling.veteran().pk, 1, "bench")
        book = look(raffle.pk, [order])
        book.answer(order)
        book.write()
        transaction.set_rollback(True)


def _letters(raffle: Raffle) -> list[Any]:
    place = MailedUpTo(raffle=raffle, seq=raffle.head_seq // 2)
    return list(mailing._letters(place, "http://localhost"))


def _reminders(raffle: Raffle) -> list[Any]:
    """Nobody may buy more, so that all are looked through: once a raffle."""
    raffle.closes_at = raffle.now + timedelta(days=3)
    return reminding._holders(raffle, 0)


def _close(raffle: Raffle) -> None:
    closing.close_raffle(raffle_id=raffle.pk, by=None, reason="Bench")


def _confirm(raffle: Raffle) -> None:
    closing.reconcile_raffle(raffle_id=raffle.pk, by=None)


def _alone(name: str) -> float:
    """The three files, and the verifier in a process of its own, whose megabytes it returns."""
    raffle = Raffle.objects.as_it_stands().get(slug=name)
    with tempfile.TemporaryDirectory() as folder:
        python = [sys.executable, "-I"]  # in between: a process counts as large as its parent was
        command = [*python, "-c", IN_BETWEEN, *python, str(STAND_ALONE)]
        for kind, lines in (
            ("ledger", publishing.ledger_lines(raffle)),
            ("manifest", publishing.manifest_lines(raffle)),
            ("draw", [json.dumps(publishing.draw_summary(raffle))]),
        ):
            file = Path(folder, kind)
            with file.open("w") as out:
                out.writelines(lines)
            command += [f"--{kind}", str(file)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(told) / 1024
