"""The names that files of a sink have."""

from __future__ import annotations

import re
from typing import Final

from multicart_async._core.short_repr import short_repr
from multicart_async.errors import ArgumentError

__all__ = ["LOCK", "check_name"]

LOCK: Final = ".multicart.lock"
"""The object in the folder of a run that locks it in an object store."""

_WORD: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME: Final = re.compile(
    rf"{_WORD}(/{_WORD})*(/\.new(/{_WORD})*|/{re.escape(LOCK)})?\Z"
)  # .new holds files that will replace those beside it


def check_name(name: str) -> str:
    """Return *name*.

    Raises:
        ArgumentError: It has other characters than the names of result files, or leads out of the sink.
    """
    if not _NAME.match(name):
        raise ArgumentError(
            "name", f"expected words of letters, digits, '.', '_' and '-', joined by '/', got {short_repr(name)}"
        )
    return name
