"""Convert models, reports and outcomes to dictionaries of JSON values, and to JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, ClassVar, Final, cast

import attrs

from multicart_async._core.exceptions import error_attributes
from multicart_async._core.redaction import MASK, Credential, Redacted, RedactedBytes, RedactedStr
from multicart_async._core.short_repr import short_repr
from multicart_async._core.text import as_line
from multicart_async._core.unset import UNSET

__all__ = ["Serializable", "mask_credentials"]

_REDACTED: Final = (Redacted, RedactedStr, RedactedBytes, Credential)
_SIMPLE: Final = frozenset({str, bool, int, type(None)})
_CREDENTIAL_NAME: Final = re.compile(
    r"token|secret|passw|credential|authorization|(?:api|access|private)[-_]?key|(?:^|[^a-z])key(?:$|[^a-z])",
    re.IGNORECASE,
)


class Serializable:
    """A value that can be written as JSON: each field under its name, and the properties in ``_also_written``."""

    __slots__ = ()

    _also_written: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a new dictionary of JSON values: dictionaries, lists, strings, numbers, booleans and ``None``.

        For a response of the service the keys are those of the wire format. Undocumented fields are included as
        received; documented fields that the response lacked are left out. Dates are ISO 8601, with ``Z`` for UTC. Links
        are complete, with their query.

        Credentials are masked with dots: the token of a login, and each undocumented value whose name is that of a key,
        token, password or secret. A number that JSON cannot represent becomes ``None``. An error has its ``type``, its
        ``message`` in one line, and the attributes that locate it, such as ``path`` and ``code``.
        """
        return cast("dict[str, Any]", _convert(self._fields_to_write(), _write_level))

    def to_json(self) -> str:
        """Return `to_dict` as JSON: one line of ASCII."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def _fields_to_write(self) -> Mapping[str, Any]:
        names = [*(field.name for field in attrs.fields(cast("Any", type(self)))), *self._also_written]
        return {name: getattr(self, name) for name in names}

    def _part_to_write(self) -> Any:
        """Return the representation of this value inside another value."""
        return self._fields_to_write()


def mask_credentials(value: Any) -> Any:
    """Return a copy of a JSON value with dots for each member whose name is that of a credential."""
    return _convert(value, _mask_level)


def _convert(value: Any, convert_level: Callable[[object, Any], Any]) -> Any:
    """Convert one level at a time: a call per level would exceed Python's recursion limit."""
    root: list[Any] = [value]
    places: list[tuple[Any, Any]] = [(root, 0)]
    while places:
        container, key = places.pop()
        done: Any = convert_level(key, container[key])
        container[key] = done
        if type(done) in {dict, list}:
            places += [(done, at) for at in _keys(done)]
    return root[0]


def _keys(container: Any) -> Iterable[Any]:
    return container if hasattr(container, "keys") else range(len(container))


def _mask_level(name: object, value: Any) -> Any:
    if isinstance(name, str) and _CREDENTIAL_NAME.search(name) and not isinstance(value, bool | None):
        return MASK
    members: Any = value
    if isinstance(value, Mapping):
        return dict(members)
    return [*members] if isinstance(value, list) else value


def _write_level(_: object, value: Any) -> Any:
    if type(value) in _SIMPLE:
        return value
    part: Any = value
    if isinstance(value, Serializable):
        part = value._part_to_write()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- of this module
    members: Any = part
    if isinstance(part, Mapping):
        return {str(name): member for name, member in members.items() if member is not UNSET}
    if isinstance(part, list | tuple | set | frozenset):
        return [*members]
    return _write_scalar(part)


def _write_scalar(value: Any) -> Any:
    if isinstance(value, _REDACTED):
        return MASK
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return re.sub(r"\+00:00\Z", "Z", value.isoformat())
    if isinstance(value, BaseException):
        return {"type": type(value).__name__, "message": as_line(str(value)), **error_attributes(value)}
    if isinstance(value, str | int):
        return value
    return str(value) if isinstance(value, PurePath) else short_repr(value)
