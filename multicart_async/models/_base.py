"""What all answers have in common, and which of their fields are strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import attrs

__all__ = ["STRICT", "Model", "Strict", "Undocumented"]

T = TypeVar("T")

STRICT: Final = "strict"
Strict: TypeAlias = Annotated[T, STRICT]
"""The type of a field that is relied on: an answer in which it has another JSON type is invalid."""


@attrs.frozen(kw_only=True)
class Model:
    """A value from an answer of the service.

    Field names are the wire's. A field whose value has another JSON type than declared, or is a date that cannot be
    read, is ``None``, and ``extra`` holds the value under the field's name, beside all fields that are not documented.
    Only what must be relied on is strict: ids, ``is_download_generated``, ``revoked``, ``stage``, links, what became of
    added items, the token of a login, and the item itself.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Undocumented(Model):
    """An answer whose shape is not documented: ``data`` is what came, an object, an array, a text or null.

    Where it is an object, ``extra`` has its fields. Nothing of it is shown by ``repr``: it may hold anything.
    """

    data: Any = attrs.field(default=None, repr=False)
