"""End a command that this process runs, as ^C does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable


def interrupt_when(ready: Callable[[], bool], number: signal.Signals = signal.SIGINT) -> threading.Thread:
    """Send a signal to this process once *ready* is true; the thread has ended then."""

    def send() -> None:
        while not ready():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread
