"""What all answers have in common, and which of their fields are strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar, cast

import attrs

from multicart_async._core.redaction import MASK
from multicart_async.models._serialization import Serializable, mask_credentials

__all__ = ["SECRET", "STRICT", "Extra", "Model", "Strict", "Undocumented", "received_of"]

T = TypeVar("T")

STRICT: Final = "strict"
Strict: TypeAlias = Annotated[T, STRICT]
"""The type of a field that is relied on: an answer in which it has another JSON type is invalid."""

SECRET: Final = {"secret": True}
"""The ``metadata`` of a field that `Model.to_dict` writes as dots."""


class Extra(dict[str, Any]):
    """The fields of an answer that are not documented, and a note of which documented ones it had.

    ``received`` has a bit for each field of the model. Only those are noted whose value may be the default: null, an array
    or an object. It is kept here and not in the model, because `attrs.asdict` and signatures show what the service documents.
    """

    __slots__ = ("received",)  # set from outside: a constructor would take longer than the rest
    received: int

    def __reduce__(self) -> tuple[Any, ...]:
        return Extra, (dict(self),), (None, {"received": received_of(self)})


def received_of(extra: Mapping[str, Any]) -> int:
    """Return what *extra* notes, nothing where it was not read from an answer."""
    return getattr(extra, "received", 0)


@attrs.frozen(kw_only=True)
class Model(Serializable):
    """A value from an answer of the service.

    Field names are the wire's. A field whose value has another JSON type than declared, or is a date that cannot be
    read, is ``None``, and ``extra`` holds the value under the field's name, beside all fields that are not documented.
    Only what must be relied on is strict: ids, ``is_download_generated``, ``revoked``, ``stage``, links, what became of
    added items, the token of a login, and the item itself.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)

    def _fields_to_write(self) -> Mapping[str, Any]:
        """Return the fields that the answer had, and those that are not as they are by default: set by this library."""
        received = received_of(self.extra)
        written: dict[str, Any] = {}
        for place, field in enumerate(attrs.fields(cast("Any", type(self)))):
            value = getattr(self, field.name)
            if received >> place & 1 or (field.name != "extra" and value != _default_of(field)):
                written[field.name] = MASK if field.metadata.get("secret") else value
        return {**written, **mask_credentials(self.extra)}


def _default_of(field: attrs.Attribute[Any]) -> object:
    default: Any = field.default
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class Undocumented(Model):
    """An answer whose shape is not documented: ``data`` is what came, an object, an array, a text or null.

    Where it is an object, ``extra`` has its fields. Nothing of it is shown by ``repr``: it may hold anything.
    """

    data: Any = attrs.field(default=None, repr=False)

    def _fields_to_write(self) -> Mapping[str, Any]:
        """Return an object as it came; any other value stands under ``data``."""
        came: Any = mask_credentials(self.data)
        return {**(came if isinstance(came, dict) else {"data": came}), **mask_credentials(self.extra)}
