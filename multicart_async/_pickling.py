"""Exceptions that survive `pickle` and `copy` with all their attributes, even if ``__init__`` takes other arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

__all__ = ["Pickled"]


class Pickled(BaseException):
    """Pickle ``args``, the attributes, and those in ``_slots``, which a builtin class does not keep in ``__dict__``."""

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
