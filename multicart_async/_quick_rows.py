"""Rows that are exactly as they should be, to models, at a third of what a converter costs. Others are not its business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from multicart_async.models import Model

__all__ = ["Hook", "quick_reader"]

M = TypeVar("M", bound=Model)
Hook = Callable[[Any, Any], Any]
"""Makes a value of a type out of what came; raises if it cannot be."""

_AS_IT_IS = (bool, int, str, float)


@attrs.frozen
class _Field:
    alias: str
    exact: frozenset[type]
    """What is taken as it is."""
    hook: Hook
    hint: Any
    null_is_absent: bool


def quick_reader(kind: type[M], hook_of: Callable[[Any], Hook]) -> Callable[[object, Any], M]:
    """Makes a model of a row; raises where anything is unusual: then a slower way shall say what.

    *hook_of* tells how a value of a type is made. Names that the model does not have go into ``extra``.
    """
    hints = get_type_hints(kind)
    fields = {
        field.name: _field(field, hints[field.name], hook_of) for field in attrs.fields(kind) if field.name != "extra"
    }
    field_of = fields.get

    def read(value: object, _: object) -> M:
        if not isinstance(value, dict):
            raise TypeError("expected an object")
        extra: dict[str, Any] = {}
        given: dict[str, Any] = {"extra": extra}
        for name, found in cast("dict[str, Any]", value).items():
            field = field_of(name)
            if field is None:
                extra[name] = found
            elif type(found) in field.exact:
                given[field.alias] = found
            elif found is not None or not field.null_is_absent:
                given[field.alias] = field.hook(found, field.hint)
        return kind(**given)

    return read


def _field(field: attrs.Attribute[Any], hint: Any, hook_of: Callable[[Any], Hook]) -> _Field:
    exact, hint = _exact(hint)
    null_is_absent = field.default is not attrs.NOTHING and field.default is not None
    return _Field(field.alias or field.name, exact, hook_of(hint), hint, null_is_absent)


def _exact(hint: Any) -> tuple[frozenset[type], Any]:
    """What needs no conversion to be of that type, and the type without ``None``."""
    exact: set[type] = set()
    if get_origin(hint) in {Union, UnionType} and NoneType in get_args(hint):
        exact.add(NoneType)
        hint = Union[tuple(kind for kind in get_args(hint) if kind is not NoneType)]  # noqa: UP007 -- made at run time
    if hint in _AS_IT_IS:
        exact.add(hint)
    if get_origin(hint) in {dict, Mapping}:
        exact.add(dict)
    return frozenset(exact), hint
