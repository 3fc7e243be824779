"""Which collection is read next."""

from __future__ import annotations

from multicart_async.resources.runs._follow_queue import ReadingQueue, Reason


def taken(queue: ReadingQueue) -> list[tuple[int, Reason]]:
    """All that are waiting."""
    found: list[tuple[int, Reason]] = []
    while (one := queue.take()) is not None:
        found.append(one)
    return found


def test_a_collection_that_has_changed_comes_first() -> None:
    """Also if it was waiting already."""
    queue = ReadingQueue()
    for number in (1, 2, 3):
        queue.add(number, Reason.ALL)
    queue.add(2, Reason.SHOWN)
    queue.add(4, Reason.SHOWN)

    assert taken(queue) == [(4, Reason.SHOWN), (2, Reason.SHOWN), (1, Reason.ALL), (3, Reason.ALL)]


def test_a_collection_waits_once_for_its_first_reason() -> None:
    """Unless it has changed."""
    queue = ReadingQueue()
    queue.add(1, Reason.AGAIN)
    queue.add(1, Reason.ALL)

    assert taken(queue) == [(1, Reason.AGAIN)]


def test_a_change_during_a_reading_is_read_once_more() -> None:
    """The reading may have been before it; any other reason needs no second reading."""
    queue = ReadingQueue()
    queue.add(1, Reason.ALL)
    queue.add(2, Reason.ALL)
    assert len(taken(queue)) == queue.reading == 2

    queue.add(1, Reason.SHOWN)
    queue.add(2, Reason.ALL)
    assert taken(queue) == []

    queue.finish(1)
    queue.finish(2)
    assert queue.reading == 0
    assert taken(queue) == [(1, Reason.SHOWN)]


def test_a_collection_can_be_forgotten() -> None:
    """Whether it was waiting or not."""
    queue = ReadingQueue()
    queue.add(1, Reason.ALL)
    queue.discard(1)
    queue.discard(2)

    assert taken(queue) == []
