"""A combiner: while many requests wait for the same thing, one of them does the work of all.

One hot row serves one transaction at a time, so a hundred waiting transactions only make the
queue slower; and a hundred questions asked as one cost little more than one. Here those who wait
queue in the process, without a connection; the first of them leads: it takes up to `most` requests
in the order of arrival, has them served together, and hands the lead to the next in line.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Generic, TypeVar

from django.db import connection

Request = TypeVar("Request")
Outcome = TypeVar("Outcome")

MOST = 200  # requests a batch, and
HEAVIEST = 400  # their weight together: what one transaction does in a tenth of a second or so
PATIENCE = 10.0  # seconds in the queue before a request gives up; nothing was done for it then


class _Waiting(Generic[Request, Outcome]):
    """One request in the queue, and the thread that waits for its outcome."""

    __slots__ = ("called", "error", "leads", "outcome", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.called = threading.Event()  # set when served, or when it is this thread's turn to lead
        self.leads = False
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None


class Batch(list[Request]):
    """Who is served together. Whoever came while the leader waited for a lock may still join."""

    def __init__(
        self, requests: Iterable[Request] = (), more: Callable[[], Iterable[Request]] = list
    ) -> None:
        super().__init__(requests)
        self._more = more

    def join(self) -> None:
        """Add those who came since, as many as one batch may have."""
        self += self._more()


class Combiner(Generic[Request, Outcome]):
    """Serves requests with the same `by` together: `serve(batch)` gives one outcome each.

    If it raises `busy`, nothing was done, and all who wait behind are told the same at once.
    """

    def __init__(
        self,
        serve: Callable[[Batch[Request]], list[Outcome]],
        by: Callable[[Request], Hashable],
        busy: type[Exception],
        weight: Callable[[Request], int] = lambda request: 1,
        most: int = MOST,
        patience: float = PATIENCE,
    ) -> None:
        self.serve, self._by, self._weight, self._busy = serve, by, weight, busy
        self._most, self._patience = most, patience
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """A forked child has none of the threads that were waiting."""
        self._mutex = threading.Lock()
        self._queues: dict[Hashable, deque[_Waiting[Request, Outcome]]] = {}

    def submit(self, request: Request) -> Outcome:
        """The outcome of `request`, served with those of others. Raises `busy` if it was not."""
        line = self._by(request)
        mine: _Waiting[Request, Outcome] = _Waiting(request)
        with self._mutex:
            # A line exists exactly while somebody leads it.
            queue = self._queues.get(line)
            if queue is None:
                queue = self._queues[line] = deque()
                mine.leads = True
            queue.append(mine)
        if not mine.leads:
            connection.close()  # back to the pool: the waiting hold nothing that others need
            try:
                self._wait(mine, queue)
            except BaseException:  # too long, or told to exit
                self._leave(mine, line, queue)
                raise
        if mine.leads:
            self._lead(mine, line, queue)
        if mine.error is not None:
            raise mine.error
        return mine.outcome  # type: ignore[return-value]

    def _wait(
        self, mine: _Waiting[Request, Outcome], queue: deque[_Waiting[Request, Outcome]]
    ) -> None:
        if mine.called.wait(self._patience):
            return
        with self._mutex:
            if mine in queue and not mine.leads:
                raise self._busy
        mine.called.wait()  # being served this moment: the database's time-outs bound that

    def _board(
        self,
        batch: list[_Waiting[Request, Outcome]],
        queue: deque[_Waiting[Request, Outcome]],
    ) -> list[Request]:
        """Move those who are first in line into `batch`, while they are not too many or too heavy.

        Whoever is alone always gets in. Returns the requests of those who did.
        """
        aboard = len(batch)
        load = sum(self._weight(waiting.request) for waiting in batch)
        with self._mutex:
            while queue and len(batch) < self._most:
                load += self._weight(queue[0].request)
                if batch and load > HEAVIEST:
                    break
                batch.append(queue.popleft())
        return [waiting.request for waiting in batch[aboard:]]

    def _lead(
        self,
        mine: _Waiting[Request, Outcome],
        line: Hashable,
        queue: deque[_Waiting[Request, Outcome]],
    ) -> None:
        """Serve one batch, mine among it, and pass the lead on, whatever happens."""
        batch: list[_Waiting[Request, Outcome]] = []
        try:
            time.sleep(0)  # whoever is about to ask may join
            board = partial(self._board, batch, queue)
            outcomes = self.serve(Batch(board(), more=board))
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.outcome = outcome
        except self._busy as busy:
            # Whoever waits behind would wait for the same thing, once more and in vain.
            with self._mutex:
                batch += queue
                queue.clear()
            for waiting in batch:
                waiting.error = busy
        except BaseException as error:
            for waiting in batch:
                waiting.error = error
            mine.error = error
        finally:
            self._leave(mine, line, queue)
            for waiting in batch:
                waiting.called.set()

    def _leave(
        self,
        mine: _Waiting[Request, Outcome],
        line: Hashable,
        queue: deque[_Waiting[Request, Outcome]],
    ) -> None:
        """I wait no longer, and whoever is first now leads if I did."""
        with self._mutex:
            if mine in queue:
                queue.remove(mine)
            if not mine.leads:
                return
            if queue:
                queue[0].leads = True
                queue[0].called.set()
            else:
                del self._queues[line]
