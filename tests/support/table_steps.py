"""The steps of an export on the disk, counted, so that a process can end before any of them."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_CALLS = ("open", "replace", "rename", "unlink", "mkdir", "rmdir", "fsync")


class Killed(BaseException):
    """The process has ended, as far as the disk can tell."""


class Steps:
    """Count steps, and call *kill* before the step *at*. If that returns by raising, no later step does anything."""

    def __init__(self, at: int, kill: Callable[[], object]) -> None:
        self._at = at
        self._kill = kill
        self._count = 0

    @property
    def reached(self) -> bool:
        """Whether the process has ended."""
        return self._count >= self._at

    def take(self) -> bool:
        """Count a step, and return whether it happens."""
        if self.reached:
            return False
        self._count += 1
        if self.reached:
            self._kill()
        return True


def raise_killed() -> None:
    """End as a process would that is killed."""
    raise Killed


@contextmanager
def counted(steps: Steps) -> Generator[None]:
    """Count what this process does with names and files of the operating system, and with databases."""
    replaced = {name: getattr(os, name) for name in _CALLS}
    connect = sqlite3.connect
    for name, call in replaced.items():
        setattr(os, name, _counting(name, call, steps))
    sqlite3.connect = lambda *args, **options: connect(*args, factory=_connection(steps), **options)
    try:
        yield
    finally:
        sqlite3.connect = connect
        for name, call in replaced.items():
            setattr(os, name, call)


def _counting(name: str, call: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    def counting(*args: Any, **options: Any) -> Any:
        if steps.take():
            return call(*args, **options)
        if name == "open":
            raise OSError(errno.EIO, "the process has ended")
        return None

    return counting


def _connection(steps: Steps) -> type[sqlite3.Connection]:
    class Counting(sqlite3.Connection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            if not steps.take():
                raise Killed
            return super().execute(*args)

        def executemany(self, *args: Any) -> sqlite3.Cursor:
            if not steps.take():
                raise Killed
            return super().executemany(*args)

    return Counting
