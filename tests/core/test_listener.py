"""What can be told events: a function whose body runs when it is called."""

from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from multicart_async import AsyncMultiCart
from multicart_async.errors import ArgumentError
from multicart_async.events import Event


async def coroutine(event: Event) -> None:
    """Never runs when it is only called."""


async def asynchronous_generator(event: Event):
    """Neither does this."""
    yield event


def generator(event: Event):
    """Nor this."""
    yield event


def with_prefix(prefix: str, event: Event) -> None:
    """Runs when it is called."""


class Asynchronous:
    """An object that is called, a method, and a method of the class."""

    async def __call__(self, event: Event) -> None: ...

    async def hear(self, event: Event) -> None: ...

    @classmethod
    async def hear_all(cls, event: Event) -> None: ...

    @staticmethod
    async def overhear(event: Event) -> None: ...


class Plain:
    """The same, to be called as it is."""

    def __call__(self, event: Event) -> None: ...

    def hear(self, event: Event) -> None: ...


NEVER_RUN: dict[str, Any] = {
    "a function": coroutine,
    "a generator": generator,
    "an asynchronous generator": asynchronous_generator,
    "a partial": functools.partial(coroutine),
    "a partial of a partial": functools.partial(functools.partial(coroutine)),
    "a method": Asynchronous().hear,
    "a method of the class": Asynchronous.hear_all,
    "a static method": Asynchronous.overhear,
    "a partial of a method": functools.partial(Asynchronous().hear),
    "an object": Asynchronous(),
    "a partial of an object": functools.partial(Asynchronous()),
    "the call of an object": Asynchronous().__call__,
    "a mock": AsyncMock(),
}
RUN: dict[str, Any] = {
    "a function": lambda event: None,
    "a partial": functools.partial(with_prefix, "multicart"),
    "a method": Plain().hear,
    "an object": Plain(),
    "a built-in method": [].append,
    "a built-in function": print,
    "a class": Asynchronous,
    "a mock": Mock(),
    "nothing": None,
}


@pytest.mark.parametrize("listener", NEVER_RUN.values(), ids=NEVER_RUN)
def test_a_listener_that_would_never_run_is_refused(listener: Any) -> None:
    """Calling it runs nothing: at construction an error says so, and what to do instead."""
    with pytest.raises(ArgumentError, match=r"\Aon_event: expected a plain function.* queue") as caught:
        AsyncMultiCart(on_event=listener)

    assert caught.value.argument == "on_event"


@pytest.mark.parametrize("listener", RUN.values(), ids=RUN)
def test_a_listener_that_runs_when_called_is_taken(listener: Any) -> None:
    """Any other kind of callable, and none at all."""
    assert repr(AsyncMultiCart(on_event=listener)).startswith("<AsyncMultiCart http")


@pytest.mark.parametrize("listener", [7, "print", [print]], ids=repr)
def test_what_cannot_be_called_is_no_listener(listener: Any) -> None:
    """The error names the kind of thing that came."""
    with pytest.raises(ArgumentError, match=rf"\Aon_event: .*{type(listener).__name__}"):
        AsyncMultiCart(on_event=listener)
