"""The base class of all responses, and the markers of strict and secret fields."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Final, NoReturn, TypeAlias, TypeVar, cast

import attrs

from multicart_async._core.redaction import MASK
from multicart_async.models._serialization import Serializable, mask_credentials

__all__ = [
    "SECRET",
    "STRICT",
    "Extra",
    "Model",
    "Strict",
    "Undocumented",
    "merged_extra",
    "no_extra",
    "received_of",
]

T = TypeVar("T")

STRICT: Final = "strict"
Strict: TypeAlias = Annotated[T, STRICT]
"""The type of a field that is relied on: a response in which it has another JSON type is invalid."""

SECRET: Final = {"secret": True}
"""The ``metadata`` of a field that `Model.to_dict` masks with dots."""


class Extra(dict[str, Any]):
    """The undocumented fields of a response, and a note of which documented fields it had.

    ``received`` has a bit for each field of the model that the response had with a value that may equal the default:
    null, an array or an object. It is kept here, not in the model, because `attrs.asdict` and signatures show what the
    service documents.
    """

    __slots__ = ("received",)  # assigned by the codec: a constructor would dominate the cost
    received: int

    def __reduce__(self) -> tuple[Any, ...]:
        return Extra, (dict(self),), (None, {"received": received_of(self)})


class _NoExtra(Extra):
    """An empty `Extra` that cannot be changed, because many models share it, also after pickling; `dict` of it can be."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return no_extra, (self.received,)  # many models of one pickle share it, so it stays unchangeable

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the fields of a response cannot be changed; make a dict of them")

    # what could add a field
    __setitem__ = __ior__ = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]


@functools.lru_cache(maxsize=1024)
def no_extra(received: int) -> Extra:
    """Return the `Extra` of all responses without undocumented fields that have the bits *received*.

    It is one object for all of them: in a list of thousands, an object for each would take as long to make as to free, and
    the garbage collector would visit each.
    """
    shared = _NoExtra()
    shared.received = received
    return shared


def merged_extra(first: Mapping[str, Any], second: Mapping[str, Any]) -> Extra:
    """Return the fields of both, and the notes of both."""
    merged = Extra({**first, **second})
    merged.received = received_of(first) | received_of(second)
    return merged


def received_of(extra: Mapping[str, Any]) -> int:
    """Return the bits noted in *extra*, 0 if it was not read from a response."""
    return getattr(extra, "received", 0)


@attrs.frozen(kw_only=True)
class Model(Serializable):
    """A value from a response of the service.

    Field names are those of the wire format. A field whose value has another JSON type than declared, or is an
    unreadable date, is ``None``, and ``extra`` holds the value under the field's name, together with all undocumented
    fields. Only the fields that must be relied on are strict: ids, ``is_download_generated``, ``revoked``, ``stage``,
    links, the outcome of added items, the token of a login, and the item itself.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)

    def _fields_to_write(self) -> Mapping[str, Any]:
        """Return the fields that the response had, and those that this library has set."""
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
    """A response of undocumented shape: ``data`` is the value received, an object, an array, a string or null.

    If it is an object, ``extra`` has its fields. ``repr`` shows nothing of it, because it may contain secrets.
    """

    data: Any = attrs.field(default=None, repr=False)

    def _fields_to_write(self) -> Mapping[str, Any]:
        """Return an object as received; any other value under ``data``."""
        data: Any = mask_credentials(self.data)
        return {**(data if isinstance(data, dict) else {"data": data}), **mask_credentials(self.extra)}
