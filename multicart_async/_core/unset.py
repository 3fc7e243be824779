"""``UNSET``: not given, therefore not sent. ``None`` is null, and a value like any other."""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias

__all__ = ["UNSET", "Unset"]


class _Token(enum.Enum):
    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Token.UNSET
Unset: TypeAlias = Literal[_Token.UNSET]
