"""What a download tells while it works, and what an ``on_event`` that raises does to it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.download_kit import BASE, check_nothing_left, fetch, files_below, page_bytes, sized_page, url, wanted_page
from support.fake_sinks import PlainSink
from support.fakes import FakeClock, FakeFile, FakeTransport

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.links import parse_link
from multicart_async._http.retries import Retrier
from multicart_async.config import RetryPolicy
from multicart_async.errors import IncompleteDownloadError, MultiCartError, NotFoundError
from multicart_async.events import (
    Event,
    FileCompleted,
    FileFailed,
    FileProgress,
    FileRestarted,
    FileStarted,
    Retrying,
)
from multicart_async.sinks import DirectorySink

NAME = "101/88/page-0001.json"
LABEL = "results/101/88/page 1"
RANGES = {"etag": '"v1"', "accept-ranges": "bytes"}
CUT = IncompleteDownloadError(LABEL, "cut")


class Ticking(FakeClock):
    """A clock that goes on by *step* whenever it is looked at."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self._step = step

    def now(self) -> float:
        self.advance(self._step)
        return super().now()


def told_by(
    files: list[FakeFile | Exception], *, step: float = 0.0, attempts: int = 3
) -> tuple[DownloadContext, list[Event]]:
    """A downloader over scripted answers, and the list of what it tells."""
    told: list[Event] = []
    clock = Ticking(step)
    policy = RetryPolicy(attempts=attempts, wait_initial=0, wait_max=0, wait_jitter=0)
    transport = FakeTransport(files={url(1): files})
    tries = Retrier(policy, emit=told.append, clock=clock.clock)
    return DownloadContext(transport, retrier=tries, emit=told.append, clock=clock.clock), told


def total(told: list[Event]) -> int:
    """What a listener sums up who adds what advances and takes off what is discarded."""
    done = known = 0
    for event in told:
        if isinstance(event, FileProgress):
            assert event.received >= known, "a file goes back without a word"
            done, known = done + event.received - known, event.received
        elif isinstance(event, FileRestarted | FileFailed):
            done, known = done - event.discarded, 0
        elif isinstance(event, FileCompleted):
            done += event.size - known
    return done


async def test_a_quick_file_is_started_and_done() -> None:
    """Within a tenth of a second there is no need to tell more."""
    content = page_bytes(10)
    owner, told = told_by([FakeFile.whole(content)])

    await fetch(owner, wanted_page(), PlainSink())

    size = len(content)
    assert told == [FileStarted(name=NAME, expected=size), FileCompleted(name=NAME, size=size)]


async def test_a_slow_file_tells_how_far_it_is() -> None:
    """Each piece that comes a tenth of a second after the last word is told; without a length nothing is expected."""
    content = sized_page(3 << 20)
    owner, told = told_by([FakeFile([content[: 1 << 20], content[1 << 20 : 2 << 20], content[2 << 20 :]])], step=0.25)

    await fetch(owner, wanted_page(), PlainSink())

    assert [event.received for event in told if isinstance(event, FileProgress)] == [1 << 20, 2 << 20, 3 << 20]
    assert {event.expected for event in told if isinstance(event, FileStarted | FileProgress)} == {None}


async def test_a_restart_tells_what_is_discarded() -> None:
    """Retrying, then how many bytes are lost: first they are told, so that a sum can lose them."""
    content = page_bytes(100)
    cut = FakeFile([content[:700], CUT], headers={"content-length": str(len(content))})
    owner, told = told_by([cut, FakeFile.whole(content)])

    await fetch(owner, wanted_page(), PlainSink())

    assert [type(event) for event in told] == [FileStarted, Retrying, FileProgress, FileRestarted, FileCompleted]
    assert [told[2].received, told[3].discarded] == [700, 700]
    assert told[3].error is CUT


async def test_a_failure_tells_what_is_discarded() -> None:
    """The last attempt's bytes are taken off, and the error is the one that is raised."""
    cut = FakeFile([b"[" + b" " * 99, CUT], headers={"content-length": "1000"})
    owner, told = told_by([cut], attempts=1)

    with pytest.raises(IncompleteDownloadError):
        await fetch(owner, wanted_page(), PlainSink())

    assert FileFailed(name=NAME, discarded=100, error=CUT) == told[-1]
    assert total(told) == 0


async def test_a_file_that_never_began_tells_nothing_of_itself() -> None:
    """No FileFailed without a FileStarted."""
    owner, told = told_by([FakeFile([b"no"], status=404)])

    with pytest.raises(NotFoundError):
        await fetch(owner, wanted_page(), PlainSink())

    assert told == []


async def test_going_on_in_the_middle_discards_nothing() -> None:
    """A transfer that the server lets go on is a retry, no restart."""
    content = page_bytes(100)
    size = len(content)
    first = FakeFile([content[:700], CUT], headers={"content-length": str(size), **RANGES})
    rest = FakeFile(
        [content[700:]],
        status=206,
        headers={"content-length": str(size - 700), "content-range": f"bytes 700-{size - 1}/{size}", **RANGES},
    )
    owner, told = told_by([first, rest])

    await fetch(owner, wanted_page(), PlainSink())

    assert [type(event) for event in told] == [FileStarted, Retrying, FileCompleted]
    assert told[1].attempt == 2
    assert owner.transport.opened[1][1] == {"Range": "bytes=700-", "If-Range": '"v1"'}


LONG = sized_page((2 << 20) + 7)
AT = st.integers(0, len(LONG) - 1)
SCRIPTS = st.lists(st.tuples(st.sampled_from(["length", "close", "ranges", "rest", "busy", "short"]), AT), max_size=5)


def answer(kind: str, at: int) -> FakeFile:
    """A cut with or without a length or ranges, a rest, a refusal, or an end that comes too early."""
    size = len(LONG)
    promised = {"content-length": str(size)}
    span = {"content-length": str(size - at), "content-range": f"bytes {at}-{size - 1}/{size}"}
    return {
        "length": FakeFile([LONG[:at], CUT], headers=promised),
        "close": FakeFile([LONG[:at], CUT]),
        "ranges": FakeFile([LONG[:at], CUT], headers={**promised, **RANGES}),
        "rest": FakeFile([LONG[at:]], status=206, headers={**span, **RANGES}),
        "busy": FakeFile([b"busy"], status=503),
        "short": FakeFile([LONG[:at]]),
    }[kind]


@given(SCRIPTS, st.sampled_from([0.0, 0.03, 0.25]), st.integers(1, 7))
@settings(deadline=None, max_examples=100)
async def test_sums_never_double(script, step, attempts) -> None:
    """Whatever breaks: a listener's sum ends at the file's size, or at nothing, and what is in the sink is the file."""
    files = [*(answer(kind, at) for kind, at in script), FakeFile.whole(LONG)]
    owner, told = told_by(files, step=step, attempts=attempts)
    sink = PlainSink()

    try:
        await fetch(owner, wanted_page(), sink)
    except MultiCartError:
        assert sink.files == {}
        assert total(told) == 0
    else:
        assert list(sink.files.values()) == [LONG]
        assert len(LONG) == total(told)
        assert FileCompleted(name=NAME, size=len(LONG)) == told[-1]
    assert owner.limiter.borrowed_tokens == 0


@attrs.define
class Refusing:
    """Raises at the event of a number."""

    at: int
    error: BaseException
    count: int = 0

    def __call__(self, event: Event) -> None:
        del event
        self.count += 1
        if self.count == self.at:
            raise self.error


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("mine"), BrokenPipeError("mine"), IncompleteDownloadError("x", "mine")]
)
@pytest.mark.parametrize("at", range(1, 9))
async def test_an_on_event_that_raises_ends_the_call_cleanly(tmp_path, error, at) -> None:
    """At whatever event: its own error comes out, the file is whole or not there, and nothing is left."""
    content = sized_page(2 << 20)
    cut = FakeFile([content[: 3 << 19], CUT], headers={"content-length": str(len(content))})
    transport = FakeTransport(files={url(1): [cut, FakeFile.whole(content)]})
    clock, listener = Ticking(0.2), Refusing(at, error)
    retrier = Retrier(RetryPolicy(attempts=2), emit=listener, clock=clock.clock)
    owner = DownloadContext(transport, retrier=retrier, emit=listener, clock=clock.clock)

    try:
        await fetch(owner, wanted_page(), DirectorySink(tmp_path))
    except type(error) as caught:
        assert "mine" in str(caught)  # noqa: PT017 -- whether it comes at all depends on the number of events
    check_nothing_left(tmp_path, {NAME: [content]})
    assert owner.limiter.borrowed_tokens == 0
    if listener.count < at:
        assert files_below(tmp_path) == {NAME: content}


async def test_a_fresh_link_is_a_beginning_of_its_own() -> None:
    """After a refusal the file is started once: the refused link brought no byte of it."""
    content = page_bytes(3)

    async def refresh(_: FileRequest):
        return parse_link(url(1) + "?sig=2", base=BASE)

    told: list[Event] = []
    files = {url(1): FakeFile([b""], status=403), url(1) + "?sig=2": FakeFile.whole(content)}
    owner = DownloadContext(FakeTransport(files=files), emit=told.append)

    await fetch(owner, wanted_page(), PlainSink(), refresh)

    assert [type(event) for event in told] == [FileStarted, FileCompleted]


async def test_each_repetition_has_a_number_of_its_own() -> None:
    """Whether it goes on in the middle or begins again: 2, then 3."""
    content = sized_page(1000)
    tag = {"etag": '"v1"', "accept-ranges": "bytes", "content-length": "1000"}
    cut = FakeFile([content[:500], CUT], headers=tag)
    other = FakeFile([content], headers={"etag": '"v2"', "content-length": "1000"})
    told: list[Event] = []
    clock = Ticking(0.0)
    retrier = Retrier(RetryPolicy(attempts=5), emit=told.append, clock=clock.clock)
    transport = FakeTransport(files={url(1): [cut, other, FakeFile.whole(content)]})

    await fetch(
        DownloadContext(transport, retrier=retrier, emit=told.append, clock=clock.clock), wanted_page(), PlainSink()
    )

    assert [event.attempt for event in told if isinstance(event, Retrying)] == [2, 3]
