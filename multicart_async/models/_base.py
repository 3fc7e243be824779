"""What all answers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Model"]


@attrs.frozen(kw_only=True)
class Model:
    """A value that the service answered. Field names are the wire's; what is not documented is kept in ``extra``."""

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)
