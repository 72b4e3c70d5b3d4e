"""For load balancers and container engines: is the process alive, and can it serve?"""

import time
from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """200 whatever the database does: a new process would not help it."""
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and is as this code needs it, else 503; and how far this
    machine's clock is from the database's, whose time alone counts for sales, draws and the record.
    """
    try:
        skew, missing = clock_skew(), pending_migrations()
    except Error:
        return HttpResponse("no database\n", content_type="text/plain", status=503)
    if missing:
        text = f"not migrated: {', '.join(missing)}\n"
        return HttpResponse(text, content_type="text/plain", status=503)
    return HttpResponse(f"ready\nclock skew {skew:+.3f} s\n", content_type="text/plain")


def clock_skew() -> float:
    """Seconds by which this machine's clock is ahead of the database's."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (database,) = cursor.fetchone()
    return (before + time.time()) / 2 - float(database)


def pending_migrations() -> list[str]:
    """The newest migration of each app that the database has not seen; newer ones do no harm."""
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app} {name}" for app, name in _newest() if (app, name) not in applied]


@cache
def _newest() -> list[tuple[str, str]]:
    return sorted(MigrationLoader(None).graph.leaf_nodes())
