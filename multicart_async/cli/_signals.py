"""SIGINT and SIGTERM: the first cancels the command, which ends cleanly; the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Generator
from types import FrameType
from typing import Final, NoReturn

__all__ = ["Signals", "interruptible"]

_HANDLED: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = b"\x1b[?25h"  # a progress display has hidden it


class Signals:
    """Cancel *task* when a signal arrives. ``received`` is its number, or ``None``."""

    def __init__(self, task: asyncio.Task[int]) -> None:
        self._task = task
        self.received: int | None = None

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        """Handle the signals in this block."""
        loop = asyncio.get_running_loop()
        added: list[signal.Signals] = []
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not in the main thread
            for number in _HANDLED:
                loop.add_signal_handler(number, self._receive, number)
                added.append(number)
        try:
            yield
        finally:
            for number in added:
                loop.remove_signal_handler(number)

    def _receive(self, number: int) -> None:
        if self.received is None:
            self.received = number
            self._task.cancel()
            return
        with contextlib.suppress(OSError):
            if os.isatty(2):
                os.write(2, _SHOW_CURSOR)
        os._exit(128 + number)


@contextlib.contextmanager
def interruptible() -> Generator[None]:
    """Let signals interrupt a prompt, which blocks the event loop: by `KeyboardInterrupt`, or `SystemExit` with 143."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _exit}
    try:
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    except ValueError:  # not in the main thread, as in tests
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
