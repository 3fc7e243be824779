"""The description of one API call: path, safety class, and type of the response."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, Generic, Literal, TypeVar, cast

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._http.row_reader import make_reader
from multicart_async._http.structuring import Structure
from multicart_async._http.transport import MultipartForm

__all__ = ["ANYTHING", "Endpoint", "Safety"]

T = TypeVar("T")

ANYTHING: Final = cast("type[Any]", Any)
"""The type of a response whose shape is not documented or not used."""

Safety = Literal["safe", "idempotent", "verifiable", "unsafe"]
"""What the client does if a request was sent and no response came.

``safe``: send it again. ``idempotent``: send it again, and take "already done" for success. ``verifiable``: look for the
effect, never send it again. ``unsafe``: report that the outcome is unknown.
"""


@attrs.frozen
class Endpoint(Generic[T]):
    """One call of the service: its path, the type of its response, and its safety class.

    A ``public`` call needs no credential and sends none. The response of a ``sensitive`` call may contain a key or token,
    so errors show nothing of a response that cannot be decoded. ``echo`` names a field of the request, and the attribute
    of the response, or of each of its rows, that is documented to repeat it. ``subject`` is the kind of the one
    object that a call is about, and the field with its id: errors of the service name it.
    """

    path: str
    returns: type[T]
    safety: Safety = attrs.field(kw_only=True)
    method: Literal["POST", "GET"] = attrs.field(default="POST", kw_only=True)
    public: bool = attrs.field(default=False, kw_only=True)
    sensitive: bool = attrs.field(default=False, kw_only=True)
    echo: tuple[str, str] | None = attrs.field(default=None, kw_only=True)
    subject: tuple[str, str] | None = attrs.field(default=None, kw_only=True)

    @cached_property
    def read(self) -> Structure:
        """The function that converts the data of a response to ``returns``."""
        return make_reader(cast("Any", self.returns))

    @property
    def mutates(self) -> bool:
        """Whether it changes something, and so needs a new connection: aiohttp cannot repeat a POST on a stale one."""
        return self.safety != "safe"

    def subject_of(self, fields: Mapping[str, object] | MultipartForm) -> str | None:
        """Return what a call with *fields* is about, such as ``collection 101``, for the text of its errors."""
        if self.subject is None or isinstance(fields, MultipartForm):
            return None
        kind, name = self.subject
        return f"{kind} {fields[name]}"

    def mismatch(self, fields: Mapping[str, object], value: T) -> str | None:
        """Return why *value* cannot be the response to *fields*, or ``None`` if it repeats no other id.

        HTTP/1.1 does not say which request a response belongs to: an extra response shifts all later ones on its
        connection by one.
        """
        if self.echo is None:
            return None
        name, attribute = self.echo
        expected = fields[name]
        rows: Any = value if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType]
        for row in rows:
            answered = getattr(row, attribute)
            if answered is not None and answered != expected:
                wanted = f"{attribute} {short_repr(expected)}"
                return f"the response belongs to another request: expected {wanted}, got {answered}"
        return None
