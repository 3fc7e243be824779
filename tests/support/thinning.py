"""Parameters of which some run in ``make check`` alone, because the others show the same more quickly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(values: Iterable[Any], *keep: Any) -> list[Any]:
    """*values* as parameters: all but those in *keep* are heavy."""
    return [value if value in keep else pytest.param(value, marks=pytest.mark.heavy) for value in values]
