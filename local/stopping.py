"""A polite kill ends a process like an exception does."""

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

# Ctrl-C is not among them: Python raises KeyboardInterrupt for it by itself.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def unwind_when_told() -> None:
    """Let SIGTERM and SIGHUP leave every `with` block in order instead of ending at once."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:  # nohup's choice is respected
                signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    for each in (*SIGNALS, signal.SIGINT):  # a second signal must not disturb the tidying up
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
