"""What is known of a call before it is made."""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, TypeVar, cast

import attrs

__all__ = ["ANYTHING", "Endpoint", "Safety"]

T = TypeVar("T")

ANYTHING: Final = cast("type[Any]", Any)
"""The type of an answer whose shape is not documented, or does not matter."""

Safety = Literal["read", "repeatable", "recoverable", "unsafe"]
"""What may be done when a request was sent and no answer came.

``read``: ask again. ``repeatable``: send again, "already so" is success. ``recoverable``: look for the effect, never
send again. ``unsafe``: tell the caller that the outcome is unknown.
"""


@attrs.frozen
class Endpoint(Generic[T]):
    """One call of the service: where it lives, what it answers, what may be done when its answer is lost.

    ``public``: it needs no credential and gets none. ``private``: a key or token can be in its answer, so nothing of an
    answer that cannot be understood is shown.
    """

    path: str
    returns: type[T]
    safety: Safety = attrs.field(kw_only=True)
    method: Literal["POST", "GET"] = attrs.field(default="POST", kw_only=True)
    public: bool = attrs.field(default=False, kw_only=True)
    private: bool = attrs.field(default=False, kw_only=True)

    @property
    def changes(self) -> bool:
        """Whether it changes something, and so wants a fresh connection: aiohttp cannot repeat a POST on a stale one."""
        return self.safety != "read"
