"""What all answers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Model", "Tentative", "Undocumented"]


@attrs.frozen(kw_only=True)
class Model:
    """A value that the service answered. Field names are the wire's; what is not documented is kept in ``extra``."""

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Tentative(Model):
    """A row of an answer that is not documented, or not wholly: its fields are those that other pages show.

    One that comes with another type is as one that did not come, and its value is in ``extra``.
    """


@attrs.frozen(kw_only=True)
class Undocumented(Model):
    """An answer whose shape is not documented: ``data`` is what came, an object, an array, a text or null.

    Where it is an object, ``extra`` has its fields. Nothing of it is shown by ``repr``: it may hold anything.
    """

    data: Any = attrs.field(default=None, repr=False)
