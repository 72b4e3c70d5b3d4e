"""gunicorn's gevent worker, with the site's own ways to wait and to answer."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import Any

from gevent import GreenletExit
from gunicorn.workers import ggevent

from rafflesite.accepting import TakingTurns

# The site, and all that stands on Django or psycopg, comes only when gevent has patched the
# threads that they are made with.


ggevent.StreamServer = TakingTurns  # gunicorn has no setting for it


class Worker(ggevent.GeventWorker):  # type: ignore[misc]
    def load_wsgi(self) -> None:
        super().load_wsgi()
        from rafflesite import quick, waiting, wsgi  # noqa: PLC0415

        waiting.install()
        quick.install(self, wsgi.application, wsgi.lane)
        # All that was loaded stays: to look through it for garbage takes a tenth of a second, each
        # time, in which nobody is answered.
        gc.collect()
        gc.freeze()

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        with suppress(GreenletExit, SystemExit):  # as gunicorn itself, when the worker ends
            if not req.answer():
                super().handle_request(listener_name, req, sock, addr)
        if not self.alive:
            raise StopIteration  # no request more on this connection
