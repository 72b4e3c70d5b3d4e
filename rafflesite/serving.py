"""gunicorn's logging: one line on stdout for each request, when its last byte is out."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from rafflesite import logs

STDOUT = 1
# What a page asks for by itself again and again: on a terminal it would push everything else away.
DULL = re.compile(r"/static/|/api/raffles/[^/]+/state$|/healthz$|/readyz$")


class RequestLog(Logger):  # type: ignore[misc]
    """Says who asked for what and what came of it; never a query, a cookie, a header or a body."""

    def setup(self, cfg: Any) -> None:
        self.form = logs.form()
        super().setup(cfg)
        line = logs.JsonLine() if self.form == "json" else logs.Line()
        for handler in self.error_log.handlers:
            handler.setFormatter(line)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], took: timedelta) -> None:
        if self.form == "quiet":
            return
        # What gunicorn refused by itself has only these, and no name.
        path = logs.clean_path(environ.get("PATH_INFO") or req.path or "-")
        status = int(resp.status[:3])
        if self.form == "short":
            if status >= 400 or not DULL.match(path):
                ms = took.total_seconds() * 1000
                self.access_log.info(f"{environ['REQUEST_METHOD']} {path} {status} {ms:.0f} ms")
            return
        # Named in rafflesite/naming.py.
        name, user, address = environ.get("raffle.seen") or ("-", None, environ["REMOTE_ADDR"])
        line = {
            "time": logs.now(),
            "request": name,
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "status": status,
            "ms": round(took.total_seconds() * 1000, 1),
            "bytes": resp.sent,
            "user": user or "-",
            "address": address,
        }
        # One write, which no other process can come between; half the price of a logging call.
        os.write(STDOUT, f"{json.dumps(line)}\n".encode())
        logs.request_id.set("-")
