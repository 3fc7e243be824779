"""`run_stepwise`: other tasks have their turn at each pause of a long computation."""

from __future__ import annotations

from collections.abc import Generator

import anyio
import pytest

from multicart_async._core.stepwise import run_stepwise


def counting(upto: int, done: list[int]) -> Generator[None, None, int]:
    """Count with a pause after each number."""
    for number in range(upto):
        done.append(number)
        yield
    return upto


async def test_another_task_runs_at_each_pause() -> None:
    """Two computations advance in turn, and each returns its result."""
    done: list[int] = []
    results: list[int] = []

    async def run(upto: int) -> None:
        results.append(await run_stepwise(counting(upto, done)))

    async with anyio.create_task_group() as group:
        group.start_soon(run, 3)
        group.start_soon(run, 3)

    assert done == [0, 0, 1, 1, 2, 2]
    assert results == [3, 3]


async def test_an_error_of_a_step_is_raised() -> None:
    """It ends the computation."""

    def failing() -> Generator[None, None, int]:
        yield
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_stepwise(failing())
