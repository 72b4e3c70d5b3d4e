"""A polite kill ends a process like an exception does, and not in the middle of something."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

# Python raises KeyboardInterrupt for SIGINT by itself.
UNWINDING = (signal.SIGTERM, signal.SIGHUP)
ENDING = (*UNWINDING, signal.SIGINT)


def unwind_when_told() -> None:
    """Let SIGTERM and SIGHUP leave every `with` block in order instead of ending at once."""
    if _may_handle_signals():
        for number in UNWINDING:
            if signal.getsignal(number) is signal.SIG_DFL:  # nohup's choice is respected
                signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    for each in ENDING:  # a second signal must not disturb the tidying up
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold a signal back until the end of the block, so that nothing in it is left half-done."""
    if not _may_handle_signals():
        yield
        return
    told: list[int] = []
    before = {each: signal.signal(each, lambda number, _: told.append(number)) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in told:
            signal.raise_signal(number)


def _may_handle_signals() -> bool:
    return threading.current_thread() is threading.main_thread()
