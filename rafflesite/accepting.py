"""How a process takes new connections: a few, and then the other processes have their turn.

All wait for the same socket, and who accepts from it keeps the connection for as long as it lasts.
Without the pause the first to wake takes all that come at once, while the others sleep on.
"""

from __future__ import annotations

from gevent.server import StreamServer

A_FEW = 4  # connections
PAUSE = 0.001  # seconds: for others to wake, and yet thousands of connections a second


class TakingTurns(StreamServer):  # type: ignore[misc]
    def start(self) -> None:
        self.max_accept = A_FEW  # gunicorn's one is too few where a turn takes long
        super().start()

    def _do_read(self) -> None:
        super()._do_read()
        if self._watcher is not None:  # neither full nor in trouble
            self.stop_accepting()
            self._timer = self.loop.timer(PAUSE)
            self._timer.start(self._start_accepting_if_started)
