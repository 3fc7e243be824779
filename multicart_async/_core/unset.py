"""``UNSET``: not given, therefore not sent. ``None`` is null, a value like any other."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["UNSET", "Unset"]


class Unset(enum.Enum):
    """The type of `UNSET`, its only value: ``name: str | Unset = UNSET``."""

    # an enum, because type checkers narrow it by ``is UNSET``, and pickling or copying it returns the same object
    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""The default of a parameter that is not sent unless it is given."""
