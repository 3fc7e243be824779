"""When colours and moving displays are used."""

from __future__ import annotations

import os
from typing import TextIO

from multicart_async.cli._options import Color

__all__ = ["is_terminal", "uses_color"]


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal; a closed one is none, and there may be no stream at all."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def uses_color(stream: TextIO, color: Color) -> bool:
    """Return whether to use colours: ``auto`` means on a terminal that can, unless NO_COLOR is set."""
    if color != "auto":
        return color == "always"
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
