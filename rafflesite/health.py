"""For load balancers and container engines: is the process alive, and can it serve?"""

import time

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503; and how far this machine's clock is from the
    database's, whose time alone counts for sales, draws and the record.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            (database,) = cursor.fetchone()
    except Error:
        return HttpResponse("no database\n", content_type="text/plain", status=503)
    skew = time.time() - float(database)
    return HttpResponse(f"ready\nclock skew {skew:+.3f} s\n", content_type="text/plain")
