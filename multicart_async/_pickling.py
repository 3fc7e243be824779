"""Exceptions that survive `pickle` and `copy` with all that they hold, whatever arguments they are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

__all__ = ["Pickled"]


class Pickled(BaseException):
    """``args`` and attributes travel, ``_slots`` too: attributes that a builtin class does not keep in ``__dict__``."""

    _slots: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> tuple[Callable[..., Pickled], tuple[object, ...]]:
        state = {**self.__dict__, **{name: getattr(self, name) for name in self._slots}}
        return _revive, (type(self), self.args, state)


def _revive(kind: type[Pickled], args: tuple[object, ...], state: dict[str, Any]) -> Pickled:
    error = kind.__new__(kind)
    error.args = args
    for name, value in state.items():
        setattr(error, name, value)
    return error
