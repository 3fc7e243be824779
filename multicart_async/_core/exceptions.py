"""The base classes of all errors and warnings, re-exported by `multicart_async.errors`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from multicart_async._core.text import as_line, printable, shorten

__all__ = [
    "ArgumentError",
    "ClientClosedError",
    "ConfigurationError",
    "MultiCartError",
    "MultiCartWarning",
    "error_attributes",
]

_MAX_ATTRIBUTE = 80  # characters


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


class MultiCartWarning(UserWarning):
    """A warning about valid input with a surprising effect, such as a filter that the service ignores."""

    __module__ = "multicart_async.errors"

    def __str__(self) -> str:
        return as_line(super().__str__())


class MultiCartError(Pickled, Exception):
    """The root of all errors.

    ``report`` is what a call with several steps had completed before it failed, or ``None``. ``file`` is the local name
    of the file at which a download of several files failed, or ``None``.
    """

    __module__ = "multicart_async.errors"

    report: Any = None
    file: str | None = None

    _shown: ClassVar[tuple[str, ...]] = ()

    def __init__(self, reason: str = "") -> None:
        self.reason = shorten(reason)  # secrets are redacted before this: a cut one would not be found
        super().__init__(self.reason)

    def __str__(self) -> str:
        return as_line(self._text())

    def __repr__(self) -> str:
        shown = "".join(f", {name}={_brief_repr(value)}" for name, value in error_attributes(self).items())
        return f"{type(self).__name__}({str(self)!r}{shown})"

    def _text(self) -> str:
        return self.reason


def error_attributes(error: BaseException) -> dict[str, Any]:
    """Return the string and integer attributes that show where an error of this library occurred."""
    names: tuple[str, ...] = getattr(error, "_shown", ()) if isinstance(error, MultiCartError) else ()
    values = {name: getattr(error, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _brief_repr(value: object) -> str:
    return printable(repr(shorten(value, _MAX_ATTRIBUTE) if isinstance(value, str) else value), _MAX_ATTRIBUTE)


class ConfigurationError(MultiCartError, ValueError):
    """A setting is missing or invalid. Nothing was sent."""

    __module__ = "multicart_async.errors"


class ArgumentError(ConfigurationError):
    """An argument of a call is invalid. Nothing was sent; ``argument`` is its name."""

    __module__ = "multicart_async.errors"
    _shown = ("argument",)

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(reason)
        self.argument = argument

    def _text(self) -> str:
        return f"{self.argument}: {self.reason}"


class ClientClosedError(MultiCartError, RuntimeError):
    """The client was closed before or during the call."""

    __module__ = "multicart_async.errors"

    def __init__(self, reason: str = "the client is closed; make a new one") -> None:
        super().__init__(reason)
