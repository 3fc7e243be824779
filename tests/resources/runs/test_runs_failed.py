"""When ``schedule_status`` Failed ends a wait, and when it still tells of the run before."""

from __future__ import annotations

from typing import Any

import pytest
from support.groups import Groups, groups_over
from support.wire_rows import GET, RUN, RUNS, ByPath, collection_row, each_look, in_turn, pages_of, run_row

from multicart_async import PollPolicy
from multicart_async.errors import RunFailedError
from multicart_async.models import StartedRun

STARTED = StartedRun(101, 87)
STEADY = PollPolicy(poll_interval=10, growth=1, jitter=0)
EARLIER = "2026-06-20T10:00:00Z"
LATER = "2026-06-20T11:00:00Z"


def failed(at: str | None = EARLIER, message: str | None = "Scraping failed") -> dict[str, Any]:
    """A collection whose latest news is a failure."""
    return collection_row(status="Failed", failed_message=message, updated_at=at)


def over(statuses: list[Any], looks: list[Any]) -> Groups:
    """Groups over a service that answers statuses and lists of runs in turn."""
    return groups_over(ByPath({RUN: in_turn("Queued!"), GET: in_turn(*statuses), RUNS: each_look(*looks)}))


async def test_failed_after_another_status_is_believed_at_once() -> None:
    """Trap 21: it was seen to come; the service's reason is in the error."""
    groups = over([collection_row(), failed()], [[run_row(88)]])
    with pytest.raises(RunFailedError, match=r"the run of collection 101 failed: Scraping failed") as caught:
        await groups.runs.wait(STARTED, policy=STEADY)

    assert groups.clock.now() == 10
    assert (caught.value.failed_message, caught.value.started) == ("Scraping failed", STARTED)
    assert (caught.value.last.run.id, caught.value.last.schedule_status) == (88, "Failed")


async def test_failed_without_a_reason_says_so() -> None:
    """The service documents a message for a cancelled category only."""
    groups = over([collection_row(), failed(message=None)], [[run_row(88)]])

    with pytest.raises(RunFailedError, match="no reason is given"):
        await groups.runs.wait(STARTED, policy=STEADY)


async def test_failed_of_the_run_before_does_not_end_a_fresh_wait() -> None:
    """Right after the start the collection still says Failed, unchanged; then it goes to work and ends well."""
    old, row = failed(), run_row(88)
    groups = over(
        [old, old, old, collection_row()], [[run_row(87)], [run_row(87)], [row], [row], [run_row(88, finished=True)]]
    )
    started = await groups.runs.start(101)

    assert started == STARTED
    assert (await groups.runs.wait(started, policy=STEADY)).id == 88


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (collection_row(status="Completed", updated_at=EARLIER), failed()),
        (failed(EARLIER), failed(LATER)),
        (failed(message="an old reason"), failed(message="a new reason")),
    ],
)
async def test_a_failed_status_that_changed_is_trusted_at_once(before: Any, now: Any) -> None:
    """ "Failed" with another status, time or reason than before the start concerns this run, and ends the wait at once."""
    groups = over([before, now], [[run_row(87)], [run_row(88)]])
    started = await groups.runs.start(101)

    with pytest.raises(RunFailedError):
        await groups.runs.wait(started, policy=STEADY)
    assert groups.clock.slept == []


@pytest.mark.parametrize(("looks", "rows"), [(3, [run_row(88)]), (10, [])])
async def test_failed_that_stays_is_believed_in_the_end(looks: int, rows: list[Any]) -> None:
    """Three looks with a new run, ten without one: another process may wait, which has not seen the start."""
    groups = over([failed()], [rows])

    with pytest.raises(RunFailedError):
        await groups.runs.wait(STARTED, policy=STEADY)
    assert looks == groups.transport.count(GET)


async def test_what_was_before_another_start_does_not_count() -> None:
    """A wait for an older start has no "before" to compare with: Failed must stay to be believed."""
    groups = over([collection_row(status="Completed"), failed()], [[run_row(87)], [run_row(87), run_row(86)]])
    await groups.runs.start(101)

    with pytest.raises(RunFailedError):
        await groups.runs.wait(StartedRun(101, 85), policy=STEADY)
    assert groups.transport.count(GET) - 1 == 3


async def test_a_finished_run_wins_over_failed() -> None:
    """``is_download_generated`` is the authority; the collection is not even asked."""
    groups = over([failed()], [[run_row(88, finished=True)]])

    assert (await groups.runs.wait(STARTED)).id == 88
    assert groups.transport.count(GET) == 0


async def test_completed_without_a_finished_run_is_no_end() -> None:
    """Only the run itself tells that its files are there."""
    groups = over([collection_row(status="Completed")], [[run_row(88)], [run_row(88)], [run_row(88, finished=True)]])

    assert (await groups.runs.wait(STARTED, policy=STEADY)).id == 88
    assert groups.clock.now() == 20


async def test_ambiguity_is_told_even_when_the_collection_failed() -> None:
    """Of two new runs one may have failed: the smallest finished one is the result."""
    rows = [[run_row(88), run_row(89)], [run_row(88), run_row(89, finished=True)]]
    run = await over([collection_row()], rows).runs.wait(STARTED)

    assert (run.id, run.ambiguous) == (89, True)


async def test_a_failure_is_believed_when_all_pages_are_read() -> None:
    """Failed may be of another run: the finished one stands behind a page that falls to the baseline."""
    rows = [*[run_row(number, finished=True) for number in range(87, 37, -1)], run_row(88, finished=True)]
    statuses = in_turn(collection_row(), failed())
    groups = groups_over(ByPath({RUN: in_turn("Queued!"), GET: statuses, RUNS: pages_of(rows)}))

    assert (await groups.runs.wait(STARTED, policy=STEADY)).id == 88
    assert groups.clock.now() == 10
