"""The proof: the record that everybody can download, and the page that checks it in the browser."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from raffle import closing, publishing
from raffle import ledger as record
from raffle.models import LedgerEntry, Raffle

LINES_A_BLOCK = 500  # sent at a time: few enough for the memory, enough for the network
GROWING = "public, max-age=5"
FINAL = "public, max-age=31536000, immutable"
VERIFIER = settings.BASE_DIR / "verify" / "verify_raffle.py"


@never_cache
@require_safe
def verify(request: HttpRequest, slug: str) -> HttpResponse:
    raffle = _raffle(slug)
    context = {
        "raffle": raffle,
        "is_closed": closing.frozen(raffle) is not None,
        "is_sealed": LedgerEntry.objects.newest(raffle, "sealed") is not None,
        "site": request.build_absolute_uri("/")[:-1],
    }
    return render(request, "raffle/verify.html", context)


@require_safe
def ledger(request: HttpRequest, slug: str) -> HttpResponseBase:
    """ledger.jsonl as it is now: it ends with the head by which its ETag calls it."""
    raffle = _raffle(slug)
    lines = publishing.ledger_lines(raffle)
    return _file(request, lines, "application/x-ndjson; charset=utf-8", raffle.head_hash, GROWING)


@require_safe
def manifest(request: HttpRequest, slug: str) -> HttpResponseBase:
    """manifest.txt, which never changes once it is there."""
    raffle = _raffle(slug)
    frozen = closing.frozen(raffle)
    if frozen is None:
        return _not_yet(_("There is no manifest yet: it is written when sales close."))
    lines = publishing.manifest_lines(raffle)
    return _file(request, lines, "text/plain; charset=utf-8", frozen.manifest, FINAL)


@require_safe
def draw(request: HttpRequest, slug: str) -> HttpResponseBase:
    """draw.json: the seal and what followed from it, all as of one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        raffle = _raffle(slug)
        summary = publishing.draw_summary(raffle)
    if summary is None:
        return _not_yet(_("There is no draw yet: it is announced here when it is sealed."))
    text = json.dumps(summary, indent=1) + "\n"
    return _file(request, [text], "application/json", raffle.head_hash, GROWING)


@require_safe
def verifier(request: HttpRequest) -> HttpResponseBase:
    """The stand-alone verifier, to be kept and run elsewhere."""
    program = VERIFIER.read_text(encoding="utf-8")
    response = _file(
        request, [program], "text/x-python; charset=utf-8", record.sha256(program), GROWING
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{VERIFIER.name}"'
    return response


def _raffle(slug: str) -> Raffle:
    return get_object_or_404(Raffle.objects.public().as_it_stands(), slug=slug)


def _file(
    request: HttpRequest, lines: Iterable[str], content_type: str, version: str, cache: str
) -> HttpResponseBase:
    """`lines` as a file that any cache may keep, or 304 to whoever has this `version` already.

    They are read while they are sent, and for a slow client that takes a while: they must not
    need a transaction.
    """
    etag = quote_etag(version)
    body = () if request.method == "HEAD" else _blocks(lines)
    response: HttpResponseBase
    response = get_conditional_response(request, etag=etag) or StreamingHttpResponse(
        body, content_type=content_type
    )
    response.headers["Cache-Control"] = cache
    response.headers["ETag"] = etag
    return response


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    rest = iter(lines)
    while block := "".join(islice(rest, LINES_A_BLOCK)):
        yield block


def _not_yet(sentence: str) -> HttpResponse:
    return HttpResponse(
        f"{sentence}\n",
        status=404,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
