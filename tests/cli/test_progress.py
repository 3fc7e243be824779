"""What a command has done, from events alone: sums, rate, remaining time, messages."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import FakeClock

from multicart_async.cli._progress import ActiveFile, Progress
from multicart_async.errors import IncompleteDownloadError
from multicart_async.events import (
    Event,
    FileCompleted,
    FileFailed,
    FileProgress,
    FileRestarted,
    FileStarted,
    RateLimited,
    RecordsSkipped,
    Retrying,
    RunDownloaded,
    RunProgress,
    SyncAdvanced,
)

CUT = IncompleteDownloadError("page 1", "the transfer broke off")
A, B, C = "101/88/page-0001.json", "101/88/page-0002.json", "102/89/page-0001.json"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def progress(clock) -> Progress:
    return Progress(now=clock.now)


def tell(progress: Progress, *events: Event) -> None:
    for event in events:
        progress.on_event(event)


def started(name: str, expected: int | None = 100) -> FileStarted:
    return FileStarted(name=name, expected=expected)


def received(name: str, size: int, expected: int | None = 100) -> FileProgress:
    return FileProgress(name=name, received=size, expected=expected)


def completed(name: str, size: int = 100) -> FileCompleted:
    return FileCompleted(name=name, size=size)


def synced(collections: int, of: int | None = 10, *, runs: int | None = None, failed: int = 0, files: int = 0) -> Event:
    runs = collections if runs is None else runs
    return SyncAdvanced(collections=collections, of_collections=of, runs=runs, skipped=0, failed=failed, of_files=files)


def test_nothing_is_done_at_first(progress) -> None:
    """All numbers are 0, or unknown."""
    shown = progress.snapshot()

    assert shown.is_empty
    assert (shown.collections, shown.files, shown.bytes, shown.of_bytes, shown.active) == (0, 0, 0, 0, ())
    assert (shown.of_collections, shown.of_files, shown.fraction, shown.rate, shown.eta) == (None,) * 5


def test_a_file_under_way_counts_with_what_came(progress) -> None:
    """And with its size, as far as that is known."""
    tell(progress, started(A), received(A, 30), started(B, None), received(B, 7, None))

    shown = progress.snapshot()

    assert shown.active == (ActiveFile(A, 30, 100), ActiveFile(B, 7, None))
    assert (shown.files, shown.bytes, shown.of_bytes) == (0, 37, 107)
    assert not shown.is_empty


def test_a_complete_file_is_a_number(progress) -> None:
    """It is no longer active, and its size counts, whatever had been expected."""
    tell(progress, started(A), received(A, 30), completed(A, 120), started(B), completed(B))

    shown = progress.snapshot()

    assert (shown.files, shown.bytes, shown.of_bytes, shown.active) == (2, 220, 220, ())


def test_a_restart_takes_off_what_was_discarded(progress) -> None:
    """The file is still active, at 0; its size does not count twice."""
    tell(progress, started(A), received(A, 60), FileRestarted(name=A, discarded=60, error=CUT), received(A, 10))

    shown = progress.snapshot()

    assert (shown.bytes, shown.of_bytes) == (10, 100)


def test_a_failed_file_is_taken_off(progress) -> None:
    """With all that it had received, and with its size."""
    tell(progress, started(A), received(A, 60), started(C), FileFailed(name=A, discarded=60, error=CUT))

    shown = progress.snapshot()

    assert (shown.files, shown.bytes, shown.of_bytes, shown.active) == (0, 0, 100, (ActiveFile(C, 0, 100),))


def test_a_file_with_a_fresh_link_starts_again(progress) -> None:
    """After its failure with the old link."""
    tell(progress, started(A), FileFailed(name=A, discarded=0, error=CUT), started(A), completed(A))

    assert (progress.snapshot().files, progress.snapshot().bytes) == (1, 100)


def test_transfers_that_ended_with_their_run_are_forgotten(progress, clock) -> None:
    """No event tells that they were cancelled: some seconds of silence after a failure do, and one that goes on comes back."""
    tell(progress, synced(0), started(A), received(A, 50), started(C), received(C, 40))
    clock.advance(1)
    tell(progress, synced(1, failed=1))
    clock.advance(1)
    tell(progress, received(C, 50))
    clock.advance(2)
    shown = progress.snapshot()
    tell(progress, FileRestarted(name=A, discarded=50, error=CUT), received(A, 60))

    assert (shown.bytes, shown.of_bytes, shown.active) == (50, 100, (ActiveFile(C, 50, 100),))
    assert progress.snapshot().bytes == 110


@pytest.mark.parametrize("failure", ["file", "outcome"])
def test_other_failures_end_transfers_too(progress, clock, failure) -> None:
    """Also without a sync: a file that failed, or an outcome that a command adds."""
    tell(progress, started(A), received(A, 50), started(B), received(B, 50))
    clock.advance(1)
    if failure == "file":
        tell(progress, FileFailed(name=B, discarded=50, error=CUT))
    else:
        progress.add_outcome(ok=False)
    before = len(progress.snapshot().active)
    clock.advance(3)

    assert before >= 1
    assert progress.snapshot().active == ()


def test_silence_alone_is_no_end(progress, clock) -> None:
    """A transfer that stalls is shown as long as nothing has failed."""
    tell(progress, started(A), received(A, 50))
    clock.advance(1000)

    assert progress.snapshot().active == (ActiveFile(A, 50, 100),)


def test_five_files_are_shown(progress) -> None:
    """Those that have been under way for the longest time; the others as a number."""
    names = [f"101/88/page-{number:04d}.json" for number in range(8)]
    tell(progress, *map(started, names), completed(names[1]))

    shown = progress.snapshot()

    assert [file.name for file in shown.active] == [names[0], *names[2:6]]
    assert shown.further == 2


def test_a_run_that_is_downloaded_counts(progress) -> None:
    """Without a sync; of its files none is under way any more."""
    tell(
        progress, started(A), received(A, 50), started(C), RunDownloaded(collection_id=101, run_id=88, files=2, size=9)
    )

    shown = progress.snapshot()

    assert (shown.runs, shown.active) == (1, (ActiveFile(C, 0, 100),))


def test_a_sync_counts_runs_itself(progress) -> None:
    """Those that were skipped too, and no run twice."""
    tell(progress, synced(0), RunDownloaded(collection_id=101, run_id=88, files=2, size=9), synced(2, runs=2))

    assert progress.snapshot().runs == 2


def test_outcomes_are_counted(clock) -> None:
    """By a command that knows how many collections it was given."""
    progress = Progress(of_collections=2, now=clock.now)

    progress.add_outcome(ok=True)
    half = progress.snapshot()
    progress.add_outcome(ok=False)
    whole = progress.snapshot()

    assert (half.collections, half.of_collections, half.failed, half.fraction) == (1, 2, 0, 0.5)
    assert (whole.collections, whole.failed, whole.fraction, whole.eta) == (2, 1, 1.0, 0.0)


def test_skipped_runs_are_done(progress) -> None:
    """A sync that had nothing to do is complete."""
    tell(progress, SyncAdvanced(collections=3, of_collections=3, runs=3, skipped=3, failed=0))

    assert (progress.snapshot().skipped, progress.snapshot().fraction) == (3, 1.0)


def test_no_collections_are_all_of_them(progress) -> None:
    """An empty account is complete."""
    tell(progress, synced(0, 0))

    assert progress.snapshot().fraction == 1.0


def test_a_new_pass_begins_at_nothing(progress, clock) -> None:
    """A sync that follows the account counts each pass by itself."""
    tell(progress, synced(0), started(A), completed(A), synced(10, files=1), synced(0, 12))

    shown = progress.snapshot()

    assert (shown.collections, shown.of_collections, shown.runs, shown.files, shown.bytes) == (0, 12, 0, 0, 0)


def test_the_end_of_a_pass_leaves_no_file(progress) -> None:
    """What is still active then has been cancelled with its run."""
    tell(progress, synced(0), started(A), received(A, 50), synced(10, failed=1))

    assert (progress.snapshot().active, progress.snapshot().bytes) == ((), 0)


def test_files_of_examined_runs_are_known(progress) -> None:
    """Their number comes with the events of a sync, which may be late: those that were seen count at least."""
    tell(progress, synced(0), synced(1, files=2), started(A))
    known = progress.snapshot().of_files
    tell(progress, completed(A), started(B), completed(B), started(C))

    assert (known, progress.snapshot().of_files) == (2, 3)


def test_the_rate_is_that_of_ten_seconds(progress, clock) -> None:
    """What came before does not count; unknown in the first second."""
    tell(progress, started(A, 10**6))
    for step in range(1, 41):
        clock.advance(0.5)
        tell(progress, received(A, step * 100, 10**6))
        if step == 1:
            assert progress.snapshot().rate is None
    steady = progress.snapshot().rate
    clock.advance(5)
    slower = progress.snapshot().rate
    clock.advance(5)

    assert (steady, slower, progress.snapshot().rate) == (200.0, 100.0, 0.0)


def test_a_restart_is_no_negative_rate(progress, clock) -> None:
    """The rate is that of the network."""
    tell(progress, started(A), received(A, 60), FileRestarted(name=A, discarded=60, error=CUT), received(A, 40))
    clock.advance(2)

    assert progress.snapshot().rate == 50.0


def test_the_remaining_time_follows_the_collections(progress, clock) -> None:
    """As many as were done in the last minute; unknown until some are."""
    tell(progress, synced(0, 100))
    early = progress.snapshot().eta
    clock.advance(10)
    none_yet = progress.snapshot().eta
    tell(progress, synced(20, 100))

    assert (early, none_yet, progress.snapshot().eta) == (None, None, 40.0)


def test_known_files_take_at_least_their_time(progress, clock) -> None:
    """However fast the collections before were done: the rest of those under way, and the mean size of the others."""
    tell(progress, synced(0, 100), synced(99, 100, files=12), started(A), completed(A), started(B), received(B, 0))
    clock.advance(8)

    assert progress.snapshot().rate == 12.5
    assert progress.snapshot().eta == (100 + 10 * 100) / 12.5


def test_a_pause_is_the_message(progress, clock) -> None:
    """With the seconds that are left, before all others, until it is over."""
    waiting = RunProgress(collection_id=101, run_id=None, status=None, waited=1.0, finished=False)
    tell(progress, waiting, Retrying(path="/x/", attempt=2, error=CUT), RateLimited(path="/x/", seconds=30.0))
    clock.advance(4)
    pause = progress.snapshot().message
    clock.advance(26)
    after = progress.snapshot().message
    tell(progress, Retrying(path="/x/", attempt=3, error=CUT))
    retry = progress.snapshot().message

    assert pause == "rate limited: the service asked for a pause, 26 s left"
    assert after == "waiting for a new run of collection 101: not started"
    assert retry == "attempt 3: page 1: the transfer broke off"


def test_a_finished_run_is_no_longer_waited_for(progress) -> None:
    """Its message goes with it; that of another collection stays."""

    def state(collection: int, *, finished: bool) -> RunProgress:
        return RunProgress(collection_id=collection, run_id=88, status="Processing", waited=9.0, finished=finished)

    tell(progress, state(101, finished=False), state(102, finished=True))
    other = progress.snapshot().message
    tell(progress, state(101, finished=True), state(101, finished=True))

    assert other == "waiting for run 88 of collection 101: Processing"
    assert progress.snapshot().message is None


def test_other_events_are_ignored(progress) -> None:
    """There may be more than are counted here, and those of files that are not known."""
    tell(progress, RecordsSkipped(collection_id=1, run_id=2, page="p", count=3))
    tell(progress, FileRestarted(name=A, discarded=1, error=CUT), FileFailed(name=B, discarded=1, error=CUT))

    assert progress.snapshot().is_empty


def test_thousands_of_files_take_no_memory(progress, clock) -> None:
    """Complete files are two numbers, and the rate keeps few samples."""
    for number in range(5000):
        clock.advance(0.01)
        tell(
            progress, started(str(number)), received(str(number), 50), completed(str(number)), synced(number + 1, 5001)
        )

    assert progress.snapshot().files == 5000
    assert len(progress._files.active) == 0
    assert len(progress._files.speed._samples) <= 42
    assert len(progress._speed._samples) <= 242


class Account:
    """The simple way to count: each file by itself, and nothing forgotten."""

    def __init__(self) -> None:
        self.received: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.complete: dict[str, int] = {}

    def step(self, name: str, action: str, amount: int) -> list[Event]:
        """The events as the client emits them."""
        if name in self.complete:
            return []
        if name not in self.received:
            self.received[name], self.sizes[name] = 0, 1000 + amount
            return [FileStarted(name=name, expected=self.sizes[name])]
        if action == "receive":
            self.received[name] = min(self.received[name] + amount, self.sizes[name])
            return [received(name, self.received[name], self.sizes[name])]
        lost = self.received[name]
        if action == "restart":
            self.received[name] = 0
            return [FileRestarted(name=name, discarded=lost, error=CUT)]
        del self.received[name]
        if action == "fail":
            return [FileFailed(name=name, discarded=lost, error=CUT)]
        self.complete[name] = self.sizes[name]
        return [FileCompleted(name=name, size=self.sizes[name])]


STEPS = st.tuples(
    st.sampled_from([f"{number}/1/page-0001.json" for number in range(9)]),
    st.sampled_from(["receive", "receive", "receive", "restart", "fail", "complete"]),
    st.integers(1, 700),
    st.sampled_from([0.0, 0.1, 0.4]),
)


@settings(max_examples=int(os.environ.get("MULTICART_FUZZ_EXAMPLES", "60")), deadline=None)
@given(st.lists(STEPS, max_size=120))
def test_sums_are_right_after_any_events(steps) -> None:
    """As if each file were counted by itself, whatever is restarted or fails; nothing is above its total at any time."""
    clock, account = FakeClock(), Account()
    progress = Progress(now=clock.now)
    for name, action, amount, pause in steps:
        clock.advance(pause)
        tell(progress, *account.step(name, action, amount))
        shown = progress.snapshot()
        assert 0 <= shown.bytes <= shown.of_bytes
        assert shown.bytes <= sum(account.complete.values()) + sum(account.received.values())
        assert len(shown.active) <= 5
        assert shown.rate is None or shown.rate >= 0
        if progress._files.failed_at is None:
            assert shown.bytes == sum(account.complete.values()) + sum(account.received.values())
            assert len(shown.active) + shown.further == len(account.received)

    for name in [*account.received]:
        tell(progress, *account.step(name, "complete", 0))

    shown = progress.snapshot()
    assert (shown.files, shown.active) == (len(account.complete), ())
    assert shown.bytes == shown.of_bytes == sum(account.complete.values())
