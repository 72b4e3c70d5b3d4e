"""Pages for what no view expected; they ask nothing of the database, which may be what is gone."""

import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from rafflesite.logs import request_id

RETRY_AFTER = "5"  # seconds


def server_error(request: HttpRequest) -> HttpResponse:
    """503 with Retry-After while the database is away or overloaded, else 500; either says by which
    name the log knows the request.
    """
    named = {"request_id": request_id.get()}
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError | InternalError):
        response = render(request, "503.html", named, status=503)
        response.headers["Retry-After"] = RETRY_AFTER
        return response
    return render(request, "500.html", named, status=500)
