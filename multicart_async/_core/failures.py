"""What an error means for a call that handles many runs: one of them fails, or the whole call ends."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from multicart_async._core.exceptions import ClientClosedError, MultiCartError
from multicart_async._core.log import error_info, log_warning

__all__ = ["Listener", "ends_all", "failure_of"]

_MARK = "_multicart_raised_by_listener"


class Listener:
    """Call *listen* with each event and mark its errors: they end a call for many, unlike all other errors."""

    def __init__(self, listen: Callable[[Any], None]) -> None:
        self._listen = listen

    def __call__(self, event: object, /) -> None:
        try:
            self._listen(event)
        except Exception as error:
            error.__dict__[_MARK] = True
            raise


def ends_all(error: BaseException) -> bool:
    """Return whether *error* ends a call for many: the client was closed, or the caller's listener raised it."""
    return isinstance(error, ClientClosedError) or _MARK in error.__dict__


def failure_of(error: Exception) -> MultiCartError:
    """Return *error* as the failure of one of many. An error of another library becomes its cause and is logged.

    Raises:
        Exception: *error* itself, if it ends the whole call.
    """
    if ends_all(error):
        raise error
    if isinstance(error, MultiCartError):
        return error
    failure = MultiCartError(f"unexpected {type(error).__name__}: {error}")
    failure.__cause__ = error
    log_warning("%s; raised %s", failure, _place(error), extra=error_info(failure))
    return failure


def _place(error: Exception) -> str:
    """Return where *error* was raised, because its traceback is not kept."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"in {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno}" if frames else "elsewhere"
