"""The result of one check of ``multicart doctor``. No I/O."""

from __future__ import annotations

from typing import Any

import attrs

from multicart_async._core.text import as_line

__all__ = ["Check"]


@attrs.frozen
class Check:
    """What was found; ``detail`` ends with what to do if it is not ok. ``made`` is false if it could not be tried."""

    name: str
    ok: bool = attrs.field(kw_only=True)
    detail: str = attrs.field(kw_only=True, converter=as_line)
    made: bool = attrs.field(default=True, kw_only=True)

    @classmethod
    def impossible(cls, name: str, reason: str) -> Check:
        """Return a check that cannot be made because an earlier one failed."""
        return cls(name, ok=False, detail=f"not checked, because {reason}", made=False)

    def row(self) -> dict[str, Any]:
        """Return the row that is shown."""
        return {"check": self.name, "ok": self.ok, "detail": self.detail}
