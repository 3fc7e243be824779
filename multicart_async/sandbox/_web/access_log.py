"""One line for each request: method, path, status, code of the envelope, and how long it took.

No credential and no value of a query is part of it, because the links of files may contain secrets.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Generator, Iterable
from typing import Final
from urllib.parse import unquote

from multicart_async._core.log import LOGGER as PARENT
from multicart_async._core.text import MAX_TEXT, printable

__all__ = ["LOGGER", "access_line", "requests_on_stderr"]

LOGGER: Final = PARENT.getChild("sandbox")
"""The requests are its records of the level DEBUG."""

REDACTED: Final = "<credential>"
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")  # a client that takes the sandbox for a proxy
_QUERY: Final = re.compile("[?#].*", re.DOTALL)


def access_line(
    method: str, target: str, answer: tuple[int, int | None] | None, seconds: float, secrets: Iterable[str] = ()
) -> str:
    """Return the line of a request for *target*.

    *answer* is the HTTP status and the code of the envelope, if there is one; ``None`` if no response was sent.
    """
    path, query = _without_query(_AUTHORITY.sub("", unquote(target), count=1))
    for secret in filter(None, secrets):
        path = path.replace(secret, REDACTED)
    shown = f"{printable(method, MAX_TEXT)} {printable(path, MAX_TEXT)}{'?…' if query else ''}"
    return f"{shown} {_result(answer)}, {seconds * 1000:.0f} ms"


def _without_query(path: str) -> tuple[str, bool]:
    """Return *path* without its query, and whether it has one. It is unquoted: an escaped ``?`` hides what follows."""
    bare = _QUERY.sub("", path, count=1)
    return bare, bare != path


def _result(answer: tuple[int, int | None] | None) -> str:
    if answer is None:
        return "no response"
    status, code = answer
    return f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"


class _Stderr(logging.Handler):
    """Write to the stderr of the moment; one that cannot be used is ignored, because the sandbox goes on serving."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(record.getMessage() + "\n")
            sys.stderr.flush()


@contextlib.contextmanager
def requests_on_stderr() -> Generator[None]:
    """Write the line of each request to stderr in this block."""
    handler = _Stderr()
    level, propagate = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        LOGGER.propagate = propagate
