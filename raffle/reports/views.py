"""The reports for staff who may read them: pages to look at, CSV to take away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe

from accounts import second_factor
from accounts.models import User
from raffle.models import Raffle
from raffle.reports import everything, writing
from raffle.reports.alike import Alike
from raffle.reports.draws import Drawing
from raffle.reports.forms import SearchForm
from raffle.reports.lines import Events, Exceptions
from raffle.reports.reconciling import Reconciliation
from raffle.reports.report import LAST, Cell, Report
from raffle.reports.tickets import Tickets, Voids

REPORTS: dict[str, type[Report]] = {
    kind.name: kind for kind in (Drawing, Reconciliation, Tickets, Voids, Exceptions, Events, Alike)
}
ROWS = 100  # on a page
LONG, LONGEST = 24, 100  # letters, from which on a cell is broken, and wider

View = Callable[..., HttpResponseBase]


def for_readers(view: View) -> View:
    """Lets staff with raffle.read_reports look, asks strangers to sign in, refuses the rest."""

    @require_safe
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if user.lacks_second_factor:
            return second_factor.ask(request)
        if not (user.is_staff and user.has_perm("raffle.read_reports")):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


@for_readers
def index(request: HttpRequest, slug: str) -> HttpResponseBase:
    """What reports there are, and whether the figures agree."""
    with _snapshot():
        reconciliation = Reconciliation(_raffle(slug), people=False)
    reports = [(kind.name, _(kind.title), _(kind.about)) for kind in REPORTS.values()]
    return _page(request, "index", reconciliation, reports=reports, title=_("Reports"))


@for_readers
def report(request: HttpRequest, slug: str, name: str) -> HttpResponseBase:
    """One report; of a long one as many rows as fit on a page, and the totals of all of it."""
    after = _place(request)
    form = SearchForm(request.GET)
    with _snapshot():
        asked = _report(request, slug, name, form)
        if name == "events" and not form.is_valid():
            return _page(request, "list", asked, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        totals = asked.totals(asked.counted())
        if isinstance(asked, Drawing):
            return _page(request, name, asked, totals=totals, money=True, **_sheet(asked))
        if isinstance(asked, Reconciliation):
            return _page(request, name, asked, totals=totals, money=True)
        items = asked.batch(after, ROWS)
        more = items and asked.batch(items[-1].place, 1)
    return _page(
        request,
        "list",
        asked,
        form=form if name == "events" else None,
        **_table(asked.columns, [item.cells for item in items]),
        totals=totals,
        money=any(total.amount is not None for total in totals),
        after=after,
        following=_query(request, after=items[-1].place) if more else "",
        query=_query(request),
    )


@for_readers
def export(request: HttpRequest, slug: str, name: str) -> HttpResponseBase:
    """The whole report as a file. Its rows are read while they are sent, without a transaction."""
    form = SearchForm(request.GET)
    with _snapshot(), override("en"):  # a file says the same to everybody
        asked = _report(request, slug, name, form)
    if name == "events" and not form.is_valid():
        return _page(request, "list", asked, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    raffle = asked.raffle
    body: Iterator[str] = iter(())
    if request.method == "GET":
        done = f"Exported {name}.csv as of line {raffle.head_seq}."
        user = cast(User, request.user)
        LogEntry.objects.log_actions(user.pk, [raffle], CHANGE, done, single_object=True)
        body = writing.lines(asked)
    file = f"{raffle.slug}-{name}-{raffle.head_seq}.csv"  # a slug has nothing to escape
    headers = {
        "Content-Disposition": f'attachment; filename="{file}"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)


@for_readers
def export_everything(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The public record and every report in one file, all as of one line of the ledger."""
    with _snapshot(), override("en"):
        raffle, people = _raffle(slug), request.user.has_perm("accounts.view_user")
        reports = [kind(raffle, people=people) for kind in REPORTS.values()]
        contents = everything.files(raffle, reports)
    body: Iterator[bytes] = iter(())
    if request.method == "GET":
        done = f"Exported everything as of line {raffle.head_seq}."
        user = cast(User, request.user)
        LogEntry.objects.log_actions(user.pk, [raffle], CHANGE, done, single_object=True)
        body = everything.zipped(contents, raffle)
    headers = {
        "Content-Disposition": f'attachment; filename="{raffle.slug}-{raffle.head_seq}.zip"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(body, content_type="application/zip", headers=headers)


def shown(cell: Cell) -> tuple[str, str]:
    """A cell as a page shows it, and its class."""
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "time"
    if isinstance(cell, Decimal):
        return f"{cell:.2f}", "number"
    if isinstance(cell, int):
        return str(cell), "number"
    text = "" if cell is None else str(cell)
    return text, "longest" if len(text) > LONGEST else "long" if len(text) > LONG else ""


@contextmanager
def _snapshot() -> Iterator[None]:
    """Everything read inside is as of one moment. Counting millions may take a while."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = '30s'")
        yield


def _raffle(slug: str) -> Raffle:
    """Drafts, too: staff may look at them."""
    return get_object_or_404(Raffle.objects.as_it_stands(), slug=slug)


def _report(request: HttpRequest, slug: str, name: str, form: SearchForm) -> Report:
    if name not in REPORTS:
        raise Http404
    raffle, people = _raffle(slug), request.user.has_perm("accounts.view_user")
    if name == Events.name:
        return Events(raffle, people=people, search=form.search() if form.is_valid() else None)
    return REPORTS[name](raffle, people=people)


def _sheet(drawing: Drawing) -> dict[str, Any]:
    """What the page of a drawing shows."""
    return {
        "sections": [
            (_(title), [(_(item), shown(value)[0]) for item, value in facts])
            for title, facts in drawing.sections
        ],
        **_table(drawing.columns_of_a_prize, [drawing.prize(won) for won in drawing.winners]),
    }


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, Any]:
    """Cells with their classes; a column is headed as its first cell is."""
    cells = [[shown(cell) for cell in row] for row in rows]
    classes = [css for _, css in cells[0]] if cells else []
    headings = [_(column) for column in columns]
    return {"columns": list(zip(headings, classes, strict=False)), "rows": cells}


def _place(request: HttpRequest) -> int:
    after = request.GET.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) < 11 and int(after) <= LAST):
        raise BadRequest("after")
    return int(after)


def _query(request: HttpRequest, **changed: Any) -> str:
    """What was searched for, as the end of an address."""
    kept = {name: value for name, value in request.GET.items() if name != "after" and value}
    told = urlencode(kept | changed)
    return f"?{told}" if told else ""


def _page(
    request: HttpRequest, template: str, asked: Report, status: int = HTTPStatus.OK, **said: Any
) -> HttpResponse:
    context = admin.site.each_context(request) | {
        "title": _(asked.title),
        "report": asked,
        "raffle": asked.raffle,
        "currency": asked.raffle.currency,
    }
    return render(request, f"reports/{template}.html", context | said, status=status)
