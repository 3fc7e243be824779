"""The logger of this library and the attributes of its records.

``path``, ``attempt`` and ``error`` are attributes of a log record where they apply, for a formatter that writes JSON:
the call or file, the number of the next attempt, and the error in one line. The message contains them too.
"""

from __future__ import annotations

import logging
from typing import Final

from multicart_async._core.exceptions import MultiCartError
from multicart_async._core.text import as_line

__all__ = ["LOGGER", "error_info", "log_info", "log_retry", "log_warning"]

LOGGER: Final = logging.getLogger("multicart_async")


def error_info(error: BaseException, path: str | None = None) -> dict[str, object]:
    """Return the ``extra`` of a log record about *error*: strings, because an error would keep its frames alive.

    An error of another library is represented by its class alone, because its message may contain a secret.
    """
    place = getattr(error, "path", None) if path is None else path
    about = f"{type(error).__name__}: {error}" if isinstance(error, MultiCartError) else type(error).__name__
    return {"error": as_line(about)} if place is None else {"path": as_line(str(place)), "error": as_line(about)}


def log_retry(path: str, attempt: int, error: BaseException) -> None:
    """Log that attempt *attempt* at *path* follows, at INFO: the call has not failed yet."""
    if LOGGER.isEnabledFor(logging.INFO):
        about = error_info(error, path)
        text = "%s: attempt %d follows: %s"
        _log(logging.INFO, text, (about["path"], attempt, about["error"]), {**about, "attempt": attempt})


def log_info(message: str, *args: object, extra: dict[str, object]) -> None:
    """Log *message* at INFO with *extra*, which is that of `error_info`."""
    _log(logging.INFO, message, args, extra)


def log_warning(message: str, *args: object, extra: dict[str, object]) -> None:
    """Log *message* at WARNING with *extra*, which is that of `error_info`."""
    _log(logging.WARNING, message, args, extra)


def _log(level: int, message: str, args: tuple[object, ...], extra: dict[str, object]) -> None:
    try:
        LOGGER.log(level, message, *args, extra=extra, stacklevel=3)
    except KeyError:  # the application's record factory sets an attribute of the same name
        LOGGER.log(level, message, *args, stacklevel=3)
