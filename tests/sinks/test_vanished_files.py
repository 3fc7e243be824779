"""A temporary file that another program removes: the file is begun again, a bounded number of times, and is whole then."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.download_kit import (
    chunks,
    fetch,
    files_below,
    open_below,
    run_of,
    sized_page,
    temporaries_below,
    url,
    wanted_page,
)
from support.fake_sinks import OwnPutSink
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over
from support.open_folders import opener, path_at, temporary

from multicart_async._downloads.category_csv import category_csv
from multicart_async.config import RetryPolicy
from multicart_async.errors import DiskError, IncompleteDownloadError
from multicart_async.events import FileFailed, FileRestarted, Retrying
from multicart_async.sinks import DirectorySink, MemorySink, Sink, _atomic_file
from multicart_async.sinks._open_folder import OpenFolder
from multicart_async.sinks._protocol import put_bytes

NAME = "101/88/page-0001.json"
SMALL = sized_page(2_000)
LARGE = sized_page(3 << 20)
SIZES = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])


def cleaner(monkeypatch: pytest.MonkeyPatch, times: int, clean: Callable[[Path], object] = Path.unlink) -> list[str]:
    """Another program that removes temporary files just before they get their names, so often; which it removed."""
    replace, removed = os.replace, []

    def too_late(source: str, target: str, **folders: int) -> None:
        if len(removed) < times:
            removed.append(source)
            clean(path_at(source, folders["src_dir_fd"]))
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", too_late)
    return removed


def parts(content: bytes) -> FakeFile:
    """The file as the network brings it."""
    pieces = [content[start : start + (1 << 18)] for start in range(0, len(content), 1 << 18)]
    return FakeFile(pieces, headers={"content-length": str(len(content))})


@SIZES
async def test_a_file_that_lost_its_temporary_is_begun_again(tmp_path, monkeypatch, content) -> None:
    """As after a broken transfer: from the start, and the event says that what was received is discarded."""
    removed = cleaner(monkeypatch, 2 if content is SMALL else 1)
    groups = groups_over(FakeTransport(files={url(1): parts(content)}))

    fetched = await fetch(groups.downloader, wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {NAME: content}
    assert fetched.size == len(content)
    assert len(set(removed)) == len(removed)
    assert len(groups.transport.opened) == 2
    (restarted,) = [event for event in groups.events if isinstance(event, FileRestarted)]
    assert restarted.discarded == len(content)
    assert [type(event.error) for event in groups.events if isinstance(event, Retrying)] == [IncompleteDownloadError]
    assert open_below(tmp_path) == []


async def test_a_small_file_that_vanished_once_is_not_fetched_again(tmp_path, monkeypatch) -> None:
    """Its bytes are at hand, so it is written once more."""
    cleaner(monkeypatch, 1)
    groups = groups_over(FakeTransport(files={url(1): parts(SMALL)}))

    await fetch(groups.downloader, wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {NAME: SMALL}
    assert len(groups.transport.opened) == 1


@SIZES
@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_file_that_is_removed_each_time_fails_in_the_end(tmp_path, monkeypatch, content, attempts) -> None:
    """After as many attempts as the policy allows; the error says what happened, and nothing is left."""
    removed = cleaner(monkeypatch, 1_000)
    groups = groups_over(FakeTransport(files={url(1): parts(content)}), retry=RetryPolicy(attempts=attempts))

    with pytest.raises(IncompleteDownloadError, match="temporary file was removed by another program") as caught:
        await fetch(groups.downloader, wanted_page(), DirectorySink(tmp_path))

    assert caught.value.name == str(tmp_path / NAME)
    assert len(groups.transport.opened) == attempts
    assert len(removed) == attempts * (2 if content is SMALL else 1)
    assert files_below(tmp_path) == {}
    assert isinstance(groups.events[-1], FileFailed)


@SIZES
async def test_an_older_file_stays_when_the_new_one_is_lost(tmp_path, monkeypatch, content) -> None:
    """Losing a temporary file harms nothing that is in place."""
    sink = DirectorySink(tmp_path, durable=True)
    await sink.put("a", chunks(b"old"))
    cleaner(monkeypatch, 1_000)

    with pytest.raises(IncompleteDownloadError):
        await sink.put("a", chunks(content))

    assert files_below(tmp_path) == {"a": b"old"}


@SIZES
async def test_a_sink_derived_from_a_folder_begins_again_too(tmp_path, monkeypatch, content) -> None:
    """Its files are written by the same means."""
    cleaner(monkeypatch, 2 if content is SMALL else 1)
    groups = groups_over(FakeTransport(files={url(1): parts(content)}))

    await fetch(groups.downloader, wanted_page(), OwnPutSink(tmp_path))

    assert files_below(tmp_path) == {NAME: content}


@SIZES
async def test_a_folder_that_vanished_is_a_disk_error(tmp_path, monkeypatch, content) -> None:
    """All that was in it is gone with it, other files of the run too: that is for the caller to know."""
    cleaner(monkeypatch, 1_000, lambda path: shutil.rmtree(path.parent))
    groups = groups_over(FakeTransport(files={url(1): parts(content)}))

    with pytest.raises(DiskError, match="folder was removed") as caught:
        await fetch(groups.downloader, wanted_page(), DirectorySink(tmp_path))

    assert caught.value.errno == errno.ENOENT
    assert len(groups.transport.opened) == 1
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("verb", ["write", "flush", "close"])
def test_a_network_disk_tells_of_a_removed_file_earlier(tmp_path, verb) -> None:
    """There a file that another machine removed is stale from then on: the error of that means the same."""
    one = temporary(tmp_path, "a")
    one.write(b"n" * 10)
    assert one._part is not None
    (tmp_path / one._part).unlink()

    class Stale:
        """What is left of the file object."""

        def __init__(self, file) -> None:
            self.file = file

        def __getattr__(self, name: str):
            if name != verb:
                return getattr(self.file, name)
            self.file.close()
            raise OSError(errno.ESTALE, "Stale file handle")

    one._file = Stale(one._file)

    with pytest.raises(IncompleteDownloadError, match="removed by another program"):
        one.commit(b"n")
    one.abort()
    assert files_below(tmp_path) == {}


def test_a_stale_disk_is_no_removed_file(tmp_path) -> None:
    """The same number while the temporary file is there is the disk's own trouble."""
    one = temporary(tmp_path, "a")
    one.write(b"1")
    file, one._file = one._file, None

    class Stale:
        def write(self, _: bytes) -> int:
            raise OSError(errno.ESTALE, "Stale file handle")

        def close(self) -> None:
            file.close()

    one._file = Stale()

    with pytest.raises(OSError, match="Stale file handle") as caught:
        one.write(b"2")
    one.abort()
    assert not isinstance(caught.value, IncompleteDownloadError)


def test_a_full_disk_is_no_removed_file(tmp_path, monkeypatch) -> None:
    """Even if the temporary file was removed too: writing it again would help nothing."""

    def full(source: str, *_: str, **folders: int) -> None:
        path_at(source, folders["src_dir_fd"]).unlink()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)

    for content in (b"1", b"n" * 10):
        one = temporary(tmp_path, "a")
        if len(content) > 1:
            one.write(content)
        with pytest.raises(OSError, match="No space left on device") as caught:
            one.commit(content)
        one.abort()
        assert caught.value.errno == errno.ENOSPC
        assert not isinstance(caught.value, IncompleteDownloadError)


def test_a_disk_that_cannot_tell_has_removed_nothing(tmp_path, monkeypatch) -> None:
    """The error that came first is the one that is told."""
    one = temporary(tmp_path, "a")
    one.write(b"1")
    (name,) = temporaries_below(tmp_path)
    (tmp_path / name).unlink()

    def refuse(*_: object) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(OpenFolder, "stat", refuse)
        patched.setattr(_atomic_file, "refuse_special", lambda *_: None)
        with pytest.raises(FileNotFoundError) as caught:
            one.commit(b"2")
    one.abort()

    assert not isinstance(caught.value, IncompleteDownloadError)


def test_a_folder_that_a_file_has_replaced_is_gone(tmp_path) -> None:
    """It is told as a folder that was removed."""
    one = temporary(tmp_path, "101", "a")
    one.write(b"who")
    shutil.rmtree(tmp_path / "101")
    (tmp_path / "101").touch()

    with pytest.raises(FileNotFoundError, match="its folder was removed while the file was written"):
        one.commit(b"le")
    one.abort()

    assert files_below(tmp_path) == {"101": b""}


def test_a_small_file_goes_to_the_folder_that_is_there_now(tmp_path, monkeypatch) -> None:
    """When it is written again, its folder is looked for again too."""

    def moved(path: Path) -> None:
        path.unlink()
        path.parent.rename(tmp_path / "moved")
        path.parent.mkdir()

    cleaner(monkeypatch, 1, moved)

    temporary(tmp_path, "101", "a").commit(b"1")

    assert files_below(tmp_path) == {"101/a": b"1"}


def test_a_folder_that_is_removed_each_time_is_an_error(tmp_path) -> None:
    """That of the system: there was no temporary file yet that could have been removed."""

    def removed(create: bool) -> OpenFolder:
        folder = opener(tmp_path, "101")(create)
        (tmp_path / "101").rmdir()
        return folder

    one = temporary(tmp_path, "101", "a")
    one._open_folder = one._open_shared = removed
    with pytest.raises(FileNotFoundError):
        one.commit(b"1")
    one.abort()

    assert open_below(tmp_path) == []


@pytest.mark.parametrize("size", [10, 3 << 20])
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_bytes_at_hand_are_written_again(tmp_path, monkeypatch, size, times) -> None:
    """Manifests and notes need no transfer: they are put until they are there, a bounded number of times."""
    cleaner(monkeypatch, times if size == 10 else min(times, 2))

    await put_bytes(DirectorySink(tmp_path), "101/88/manifest.json", b"n" * size)

    assert files_below(tmp_path) == {"101/88/manifest.json": b"n" * size}


async def test_bytes_at_hand_are_given_up_in_the_end(tmp_path, monkeypatch) -> None:
    """A program that removes each of them must be reported."""
    removed = cleaner(monkeypatch, 1_000)

    with pytest.raises(IncompleteDownloadError, match="removed by another program"):
        await put_bytes(DirectorySink(tmp_path), "a", b"1")

    assert len(removed) == 6
    assert files_below(tmp_path) == {}


async def test_a_sink_that_loses_bytes_is_asked_again() -> None:
    """Any sink may say that what it got was not complete."""

    class Forgetful(MemorySink):
        lost = 0

        async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
            await super().put(name, chunks)
            if not self.lost:
                self.lost = 1
                del self.files[name]
                raise IncompleteDownloadError(name, "lost")

    sink: Sink = Forgetful()
    await put_bytes(sink, "a", b"1")

    assert sink.files == {"a": b"1"}  # type: ignore[attr-defined]


async def test_a_whole_run_survives_a_cleaner(tmp_path, monkeypatch) -> None:
    """Pages and manifest alike lose their temporary file once, and the run is complete."""
    replace, seen = os.replace, set()

    def first_of_each(source: str, target: str, **folders: int) -> None:
        if target not in seen:
            seen.add(target)
            path_at(source, folders["src_dir_fd"]).unlink()
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", first_of_each)
    files = {url(page): parts(LARGE if page == 1 else SMALL) for page in (1, 2, 3)}
    groups = groups_over(FakeTransport(files=files))

    done = await groups.runs.download(run_of(1, 2, 3), tmp_path)

    assert len(done.files) == 3
    assert sorted(Path(name).name for name in files_below(tmp_path)) == [
        "manifest.json",
        "page-0001.json",
        "page-0002.json",
        "page-0003.json",
    ]


JOINED = {"domain": {"id": 1, "domain": "amazon.com.au"}, "customer_postcode": {"id": 15, "zipcode": "0800"}}


async def test_an_export_that_lost_its_temporary_says_so(tmp_path, monkeypatch) -> None:
    """Its rows are gone with it: the error says what to do, the older file stays, and nothing else is there."""
    (tmp_path / "asins.csv").write_bytes(b"old")
    cleaner(monkeypatch, 1)
    groups = groups_over(FakeTransport(ok([{"id": 1, "asin": "B1", **JOINED, "include_raw_html": True}]), ok([])))

    with pytest.raises(DiskError, match=r"removed by another program.*call again") as caught:
        await groups.asins.export_csv(101, tmp_path / "asins.csv")

    assert (caught.value.name, caught.value.errno) == (str(tmp_path / "asins.csv"), errno.ENOENT)
    assert files_below(tmp_path) == {"asins.csv": b"old"}


@pytest.mark.parametrize("times", [1, 2, 1_000])
async def test_the_csv_of_a_category_is_made_again(tmp_path, monkeypatch, times) -> None:
    """From its JSON, which is in place; where it is removed each time, the error names it."""
    source = [{"asin": f"B{number}", "seller_name": "x" * 2_000} for number in range(1_000)]
    await put_bytes(DirectorySink(tmp_path), "1/2/category_asins.json", json.dumps(source).encode())
    cleaner(monkeypatch, times)

    making = category_csv(DirectorySink(tmp_path), "1/2/category_asins.json", "1/2/category_asins.csv")

    if times > 2:
        with pytest.raises(IncompleteDownloadError, match=r"category_asins\.csv: .*removed by another program"):
            await making
        assert list(files_below(tmp_path)) == ["1/2/category_asins.json"]
        return
    made = await making
    content = files_below(tmp_path)["1/2/category_asins.csv"]
    assert (made.size, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert content.count(b"\n") == 1_001


def test_a_small_file_that_is_stale_is_written_again(tmp_path, monkeypatch) -> None:
    """As another machine leaves it that removed it meanwhile."""
    flush, removed = os.fsync, []

    def stale(descriptor: int) -> None:
        if not removed:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            removed.append(path)
            path.unlink()
            raise OSError(errno.ESTALE, "Stale file handle")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", stale)
    temporary(tmp_path, "a", durable=True).commit(b"whole")

    assert files_below(tmp_path) == {"a": b"whole"}
    assert open_below(tmp_path) == []
