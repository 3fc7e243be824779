"""Numbers as they are typed: ASCII digits of a bounded length, because Python accepts much more. No I/O."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from multicart_async._core.short_repr import short_repr

__all__ = ["ID", "whole_number"]

_DIGITS: Final = re.compile(r"[0-9]{1,16}\Z")


def whole_number(text: str) -> int | None:
    """Return the number, or ``None`` if the text is none of at most 16 digits."""
    return int(text) if _DIGITS.match(text) else None


class _Id(click.IntRange):
    """The id of an object of the service."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if not whole_number(str(value)):
            self.fail(f"expected an id, which is a positive integer, got {short_repr(value)}", param, ctx)
        return super().convert(value, param, ctx)


ID: Final = _Id(min=1)
