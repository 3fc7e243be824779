"""How ids are divided into tasks."""

from __future__ import annotations

import pytest

from multicart_async.distributed._planning import plan_tasks


@pytest.mark.parametrize(
    ("ids", "workers", "tasks", "sizes"),
    [
        (0, 4, None, set()),
        (1, 4, None, {1}),
        (10, 4, None, {1}),
        (160, 4, None, {10}),
        (100, 1, 3, {33, 34}),
        (2, 1, 5, {1}),
        (1000, 0, None, {250}),
        (1_000_000, 400, None, {250}),
        (1_000_001, 1, None, {249, 250}),
    ],
)
def test_parts_are_of_nearly_equal_size(ids: int, workers: int, tasks: int | None, sizes: set[int]) -> None:
    """At least four for each thread, unless there are fewer ids, of 250 ids at most; or as many as are wanted."""
    parts = plan_tasks(range(ids), workers=workers, most=250, tasks=tasks)

    assert {len(part) for part in parts} == sizes
    assert [one for part in parts for one in part] == list(range(ids))
    assert tasks is None or len(parts) == min(tasks, ids)
