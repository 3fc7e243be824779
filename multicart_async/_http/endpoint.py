"""What is known of a call before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, TypeVar, cast

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._http.transport import MultipartForm

__all__ = ["ANYTHING", "Endpoint", "Safety"]

T = TypeVar("T")

ANYTHING: Final = cast("type[Any]", Any)
"""The type of an answer whose shape is not documented, or does not matter."""

Safety = Literal["safe", "idempotent", "verifiable", "unsafe"]
"""What may be done when a request was sent and no answer came.

``safe``: ask again. ``idempotent``: send again, "already so" is success. ``verifiable``: look for the effect, never
send again. ``unsafe``: tell the caller that the outcome is unknown.
"""


@attrs.frozen
class Endpoint(Generic[T]):
    """One call of the service: where it lives, what it answers, what may be done when its answer is lost.

    ``public``: it needs no credential and gets none. ``private``: a key or token can be in its answer, so nothing of an
    answer that cannot be understood is shown. ``echo``: a field that is sent, and the attribute that repeats it in the
    answer, or in each row of it, as documented. ``subject``: the kind of the one object that a call is about, and the field
    with its id; errors of the service name it.
    """

    path: str
    returns: type[T]
    safety: Safety = attrs.field(kw_only=True)
    method: Literal["POST", "GET"] = attrs.field(default="POST", kw_only=True)
    public: bool = attrs.field(default=False, kw_only=True)
    sensitive: bool = attrs.field(default=False, kw_only=True)
    echo: tuple[str, str] | None = attrs.field(default=None, kw_only=True)
    subject: tuple[str, str] | None = attrs.field(default=None, kw_only=True)

    @property
    def mutates(self) -> bool:
        """Whether it changes something, and so wants a fresh connection: aiohttp cannot repeat a POST on a stale one."""
        return self.safety != "safe"

    def subject_of(self, fields: Mapping[str, object] | MultipartForm) -> str | None:
        """Return what a call with *fields* is about, such as ``collection 101``, for the text of its errors."""
        if self.subject is None:
            return None
        kind, name = self.subject
        return f"{kind} {(fields.fields if isinstance(fields, MultipartForm) else fields)[name]}"

    def mismatch(self, fields: Mapping[str, object], value: T) -> str | None:
        """Return why *value* cannot be the answer to *fields*, if it repeats another id.

        Nothing in HTTP/1.1 says which request a response belongs to: an extra response shifts all further ones on its
        connection by one.
        """
        if self.echo is None:
            return None
        name, attribute = self.echo
        rows = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        for row in rows:
            answered = getattr(row, attribute)
            if answered is not None and answered != fields[name]:
                asked = f"{name} {short_repr(fields[name])}"
                return f"the response belongs to another request: expected {attribute} of {asked}, got {answered}"
        return None
