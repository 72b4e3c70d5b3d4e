"""The picture of a prize: what is at an address never changes, so it is fetched once."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from raffle.models import Picture, Raffle

FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def picture(request: HttpRequest, slug: str, size: str, sha256: str) -> HttpResponseBase:
    """For everybody once the raffle is public; before, for staff who may see the draft."""
    if size not in {"wide", "small"}:
        raise Http404
    found = Picture.objects.filter(raffle__slug=slug, sha256=sha256)
    row = found.values_list(size, "raffle__status").first()
    if row is None:
        raise Http404
    content, status = row
    is_draft = status == Raffle.Status.DRAFT
    if is_draft and not (request.user.is_staff and request.user.has_perm("raffle.view_raffle")):
        raise Http404
    etag = quote_etag(f"{size}-{sha256}")
    response = get_conditional_response(request, etag=etag) or HttpResponse(
        bytes(content), content_type="image/webp"
    )
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-store" if is_draft else FOR_EVER
    return response
