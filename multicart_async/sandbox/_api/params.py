"""Documented parameters of an endpoint, and the validation of the fields that arrive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

import attrs

from multicart_async.sandbox._content.envelope import BAD_REQUEST, NOT_FOUND, ApiFailure

Kind = Literal["string", "email", "integer", "string or integer", "boolean", "object", "integers", "any", "file"]


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def _is_string(value: object) -> bool:
    return isinstance(value, str) and not _SURROGATES.search(value)  # a lone surrogate cannot be stored


def _is_integer(value: object) -> bool:
    return (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    )  # true is not an integer in JSON


def _is_email(value: object) -> bool:
    return isinstance(value, str) and _is_string(value) and _EMAIL.fullmatch(value) is not None


def _is_integers(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_integer, cast("list[object]", value)))


_CHECKS: dict[Kind, tuple[str, Callable[[object], bool]]] = {
    "string": ("a string", _is_string),
    "email": ("an e-mail address", _is_email),
    "integer": ("an integer", _is_integer),
    "string or integer": ("a string or an integer", lambda value: _is_string(value) or _is_integer(value)),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "integers": ("an array of integers", _is_integers),
    "any": ("anything", lambda _value: True),
    "file": ("an uploaded file", lambda value: isinstance(value, bytes)),
}


@attrs.frozen
class Param:
    """One documented parameter."""

    name: str
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    nullable: bool = False
    missing: int = BAD_REQUEST

    def check(self, value: object) -> None:
        """Reject a value of the wrong type, or outside of a documented list."""
        if value is None and (self.nullable or self.kind == "any"):
            return
        expected, is_valid = _CHECKS[self.kind]
        if not is_valid(value):
            raise ApiFailure(BAD_REQUEST, f"{self.name}: must be {expected}.")
        if self.choices and value not in self.choices:
            raise ApiFailure(BAD_REQUEST, f"{self.name}: must be one of {', '.join(self.choices)}.")
        if self.required and value == "":
            raise ApiFailure(BAD_REQUEST, f"{self.name}: This field may not be blank.")

    def raise_missing(self) -> None:
        """Reject a call that lacks this required parameter."""
        if self.missing == NOT_FOUND:
            raise ApiFailure(NOT_FOUND, "Not found.")
        raise ApiFailure(self.missing, f"{self.name}: This field is required.")


def required(name: str, kind: Kind, *, choices: tuple[str, ...] = ()) -> Param:
    """Return a required parameter; a call without it fails with code 400."""
    return Param(name, kind, required=True, choices=choices)


def required_id(name: str) -> Param:
    """Return a required id; a call without it fails with code 404, not 400, because nothing is found."""
    return Param(name, "integer", required=True, missing=NOT_FOUND)


def optional(name: str, kind: Kind, *, choices: tuple[str, ...] = (), nullable: bool = False) -> Param:
    """Return an optional parameter."""
    return Param(name, kind, choices=choices, nullable=nullable)


def undocumented_fields(params: Iterable[Param], given: Iterable[str]) -> list[str]:
    """Return the names of fields that are not documented; the service ignores such fields silently."""
    known = {param.name for param in params}
    return [name for name in given if name not in known]


def parse_params(params: Iterable[Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documented fields among *given*, validated."""
    fields: dict[str, Any] = {}
    for param in params:
        if param.name in given:
            param.check(given[param.name])
            fields[param.name] = given[param.name]
        elif param.required:
            param.raise_missing()
    return fields
