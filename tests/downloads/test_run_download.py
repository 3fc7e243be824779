"""A run into its folder: the layout, the manifest, what is fetched and what is not."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter

import anyio
import anyio.lowlevel
import attrs
import pytest
from support.download_kit import BASE, files_below, page_bytes, run_of, service_name, temporaries_below, url, zip_bytes
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over

from multicart_async._downloads import manifest
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.manifest import ManifestFile, parse_manifest
from multicart_async.config import Limits
from multicart_async.errors import ArgumentError, IntegrityError, NotFoundError, UnreachableResultError
from multicart_async.events import RunDownloaded
from multicart_async.models import DownloadLinks, Run

PAGES = {number: page_bytes(3, first=number * 10) for number in range(1, 13)}
ARCHIVE = zip_bytes([PAGES[1], PAGES[2]])


def service(**more: FakeFile) -> FakeTransport:
    """A transport with twelve pages and a ZIP of two."""
    files = {url(number): FakeFile.whole(content) for number, content in PAGES.items()}
    return FakeTransport(files={**files, url(None): FakeFile.whole(ARCHIVE), **more})


def opened(transport: FakeTransport) -> list[str]:
    """The file names that were asked for."""
    return [place.rpartition("/")[2] for place, _ in transport.opened]


async def test_pages_lie_in_folders_of_numbers(tmp_path) -> None:
    """<dest>/<collection>/<run>/page-0001.json and so on, and the manifest; the answer names each."""
    groups = groups_over(service())

    done = await groups.runs.download(run_of(1, 2), tmp_path)

    files = files_below(tmp_path)
    assert {name.removeprefix("101/88/") for name in files} == {"manifest.json", "page-0001.json", "page-0002.json"}
    assert [file.path.read_bytes() for file in done.files] == [PAGES[1], PAGES[2]]
    assert [hashlib.sha256(PAGES[number]).hexdigest() for number in (1, 2)] == [file.sha256 for file in done.files]
    assert (tmp_path / "101" / "88", 0, len(PAGES[1]) + len(PAGES[2])) == (done.directory, done.skipped, done.bytes)
    size = len(PAGES[1]) + len(PAGES[2])
    assert RunDownloaded(collection_id=101, run_id=88, files=2, size=size) == groups.events[-1]


async def test_the_manifest_says_what_is_there(tmp_path) -> None:
    """The row, and for each file its source without its query, the service's name, size and SHA-256; and a checksum."""
    signed = run_of(1, total_results=7, extra={"colour": "red"})
    links = DownloadLinks(pages=(url(1) + "?X-Sig=secret",), all_pages=url(None) + "?X-Sig=secret")
    signed = attrs.evolve(signed, download_links=links)
    transport = FakeTransport(files={url(1) + "?X-Sig=secret": FakeFile.whole(PAGES[1])})

    await groups_over(transport).runs.download(signed, tmp_path)

    text = files_below(tmp_path)["101/88/manifest.json"].decode()
    content = json.loads(text)
    assert "secret" not in text
    assert (content["version"], content["collection_id"], content["run_id"]) == (2, 101, 88)
    assert ("red", 7, [url(1)], url(None)) == (
        content["run"]["colour"],
        content["run"]["total_results"],
        content["run"]["download_links"]["pages"],
        content["run"]["download_links"]["all_pages"],
    )
    row = {"name": "page-0001.json", "size": len(PAGES[1]), "sha256": hashlib.sha256(PAGES[1]).hexdigest()}
    assert content["files"] == [{**row, "url": url(1), "service_name": service_name(1), "records": None}]
    before = "".join(text.splitlines(keepends=True)[:-1])
    assert content["checksum"] == hashlib.sha256(before.encode()).hexdigest()


async def test_the_manifest_is_written_last() -> None:
    """After every file, also where there are many at a time."""
    sink = PlainSink()

    await groups_over(service()).runs.download(run_of(*PAGES), sink)

    assert sink.order[-1] == "101/88/manifest.json"
    assert 13 == len(set(sink.order)) == len(sink.order)


async def test_a_long_manifest_is_rendered_in_pieces(tmp_path, monkeypatch) -> None:
    """Other tasks have their turn between two pieces, none of which has more than 250 files."""
    turns, turn_of_entry = 0, []

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    def noting(file: ManifestFile) -> str:
        turn_of_entry.append(turns)
        return render(file)

    render = manifest._entry
    monkeypatch.setattr(manifest, "_entry", noting)
    numbers = range(1, 1001)
    files = {url(number): FakeFile.whole(PAGES[1]) for number in numbers}
    async with anyio.create_task_group() as group:
        group.start_soon(count_turns)
        await groups_over(FakeTransport(files=files)).runs.download(run_of(*numbers), tmp_path)
        group.cancel_scope.cancel()

    assert max(Counter(turn_of_entry[-1000:]).values()) == 250


async def test_a_long_manifest_is_read_off_the_loop(tmp_path, monkeypatch) -> None:
    """It may take tens of milliseconds; for a short one a thread is not worth it."""
    on_loop: list[bool] = []

    def noting(payload: bytes) -> object:
        on_loop.append(threading.current_thread() is threading.main_thread())
        return parse_manifest(payload)

    monkeypatch.setattr("multicart_async._downloads.folder.parse_manifest", noting)
    for pages in (1, 300):
        numbers = range(1, pages + 1)
        files = {url(number): FakeFile.whole(PAGES[1]) for number in numbers}
        for _ in range(2):
            await groups_over(FakeTransport(files=files)).runs.download(run_of(*numbers), tmp_path / str(pages))

    assert on_loop == [True, False]


async def test_a_second_call_asks_for_no_file(tmp_path) -> None:
    """What is there is kept, and counted as skipped; the manifest is not written anew."""
    await groups_over(service()).runs.download(run_of(1, 2), tmp_path)
    before = (tmp_path / "101/88/manifest.json").stat().st_mtime_ns
    transport = FakeTransport()

    done = await groups_over(transport).runs.download(run_of(1, 2), tmp_path)

    assert (transport.opened, transport.sent) == ([], [])
    assert (done.skipped, done.bytes, len(done.files)) == (2, 0, 2)
    assert before == (tmp_path / "101/88/manifest.json").stat().st_mtime_ns


async def test_overwrite_fetches_everything_again(tmp_path) -> None:
    """Whatever is there."""
    await groups_over(service()).runs.download(run_of(1, 2), tmp_path)
    transport = service()

    done = await groups_over(transport).runs.download(run_of(1, 2), tmp_path, overwrite=True)

    assert set(opened(transport)) == {service_name(1), service_name(2)}
    assert (0, len(PAGES[1]) + len(PAGES[2])) == (done.skipped, done.bytes)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("pages", ["page-0001.json", "page-0002.json"]),
        ("zip", ["all-pages.zip"]),
        ("both", ["page-0001.json", "page-0002.json", "all-pages.zip"]),
    ],
)
async def test_files_are_what_was_asked_for(tmp_path, files, names) -> None:
    """Pages, the ZIP, or both."""
    done = await groups_over(service()).runs.download(run_of(1, 2, zipped=True), tmp_path, files=files)

    assert names == [file.name for file in done.files]
    assert {name.removeprefix("101/88/") for name in files_below(tmp_path)} == {*names, "manifest.json"}


async def test_pages_and_then_the_zip_are_one_folder(tmp_path) -> None:
    """The second call fetches what is missing alone, and its manifest lists all that is there."""
    await groups_over(service()).runs.download(run_of(1, 2, zipped=True), tmp_path)
    transport = service()
    done = await groups_over(transport).runs.download(run_of(1, 2, zipped=True), tmp_path, files="both")

    assert opened(transport) == [service_name(None)]
    assert (2, len(ARCHIVE)) == (done.skipped, done.bytes)
    listed = json.loads(files_below(tmp_path)["101/88/manifest.json"])["files"]
    assert [file["name"] for file in listed] == ["all-pages.zip", "page-0001.json", "page-0002.json"]


async def test_a_zip_of_another_run_is_refused(tmp_path) -> None:
    """Its members must be the run's pages; then there is no file, and no manifest."""
    transport = service(**{url(None): FakeFile.whole(zip_bytes([PAGES[1], PAGES[2]], run=87))})

    with pytest.raises(IntegrityError, match="another run"):
        await groups_over(transport).runs.download(run_of(1, 2, zipped=True), tmp_path, files="zip")

    assert files_below(tmp_path) == {}


async def test_pages_have_the_numbers_of_their_links(tmp_path) -> None:
    """Page_10 comes after Page_9 and not after Page_1, in whatever order the service lists them."""
    done = await groups_over(service()).runs.download(run_of(10, 2, 12, 1, 11), tmp_path)

    assert [int(file.name[5:9]) for file in done.files] == [1, 2, 10, 11, 12]
    assert [PAGES[number] for number in (1, 2, 10, 11, 12)] == [file.path.read_bytes() for file in done.files]


async def test_ten_thousand_pages_stay_in_their_order() -> None:
    """Numbers are compared as numbers, where they need a digit more."""
    numbers = [10_000, 9_999, 1, 100_000]
    files = {url(number): FakeFile.whole(page_bytes(1, first=number)) for number in numbers}
    transport, sink = FakeTransport(files=files), PlainSink()
    groups = groups_over(transport)

    done = await groups.runs.download(run_of(*numbers), sink)
    records = [record["asin"] async for record in groups.runs.records(run_of(*numbers))]

    assert [f"page-{number}.json" for number in ("0001", 9999, 10000, 100000)] == [file.name for file in done.files]
    assert [f"B0{number:08d}" for number in sorted(numbers)] == records


@pytest.mark.parametrize("names", [["a.json", "b.json"], ["x_88_Results_Page_1.json", "y_88_Results_Page_1.json"]])
async def test_pages_without_numbers_of_their_own_are_counted(tmp_path, names) -> None:
    """Where the links do not number them, their order does."""
    places = [f"{BASE}/results/101/88/{name}" for name in names]
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=tuple(places)))
    transport = FakeTransport(files={place: FakeFile.whole(PAGES[1]) for place in places})

    done = await groups_over(transport).runs.download(run, tmp_path)

    assert [file.name for file in done.files] == ["page-0001.json", "page-0002.json"]


HOSTILE = ["..\\..\\evil", "C:evil", ".bashrc", "CON", "e\u0301vil", "x" * 300, "a&b;c", "x.exe", "-rf", "~", "aux."]


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_the_service_calls_a_file_never_reaches_the_disk(tmp_path, name) -> None:
    """Its name is in the manifest, and nowhere else: paths are made of numbers alone."""
    dest = tmp_path / "dest"
    run = Run(
        id=88,
        collection=101,
        is_download_generated=True,
        download_links=DownloadLinks(pages=(f"{BASE}/results/101/88/{name}_88_Results_Page_1.json",)),
    )
    transport = FakeTransport()
    headers = {"content-disposition": f'attachment; filename="../../{name}"'}
    transport._files = _AnyUrl(FakeFile.whole(PAGES[1], headers=headers))

    await groups_over(transport).runs.download(run, dest)

    assert files_below(tmp_path).keys() == {"dest/101/88/page-0001.json", "dest/101/88/manifest.json"}
    listed = json.loads(files_below(dest)["101/88/manifest.json"])["files"]
    assert f"{name}_88_Results_Page_1.json" == listed[0]["service_name"]


class _AnyUrl(dict[str, list[FakeFile]]):
    """The same file under every URL."""

    def __init__(self, file: FakeFile) -> None:
        super().__init__()
        self._file = file

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, _: str) -> list[FakeFile]:
        return [self._file]


async def test_an_empty_run_is_a_folder_with_a_manifest(tmp_path) -> None:
    """Finished without any file is a success, and is known the second time."""
    written: set[int] = set()
    for _ in range(2):
        done = await groups_over(FakeTransport()).runs.download(run_of(), tmp_path, files="both")
        assert (done.files, done.skipped, done.bytes) == ((), 0, 0)
        written.add((tmp_path / "101/88/manifest.json").stat().st_mtime_ns)

    assert list(files_below(tmp_path)) == ["101/88/manifest.json"]
    assert len(written) == 1


async def test_what_cannot_be_asked_for_is_an_argument_error(tmp_path) -> None:
    """A run that is not finished, files of another kind, a ZIP that the run has not, a destination that is none."""
    runs = groups_over(FakeTransport()).runs
    unfinished = Run(id=88, collection=101, is_download_generated=False)

    for run, dest, files in (
        (unfinished, tmp_path, "pages"),
        (run_of(1), tmp_path, "csv"),
        (run_of(1), tmp_path, "zip"),
        (run_of(1), 7, "pages"),
    ):
        with pytest.raises(ArgumentError):
            await runs.download(run, dest, files=files)

    with pytest.raises(ArgumentError, match="not finished"):
        await anext(runs.records(unfinished))
    assert files_below(tmp_path) == {}


async def test_one_page_that_fails_leaves_the_others_and_no_manifest(tmp_path) -> None:
    """The error is the page's own, and no temporary file is left."""
    transport = service(**{url(2): FakeFile([b"no"], status=404)})
    transport.script(ok([]))

    groups = groups_over(transport)
    groups.downloader.workers = 1  # so that the other one is whole by then

    with pytest.raises(UnreachableResultError, match="no longer listed by the service"):
        await groups.runs.download(run_of(1, 2), tmp_path)

    assert files_below(tmp_path).keys() == {"101/88/page-0001.json", "101/88/progress.json"}
    assert temporaries_below(tmp_path) == []


async def test_links_that_went_stale_are_listed_once_for_all(tmp_path) -> None:
    """Twelve pages are refused, the run is listed once, and each fresh link is used."""
    stale = {url(number): FakeFile([b"expired"], status=403) for number in PAGES}
    fresh = {url(number) + "?sig=2": FakeFile.whole(content) for number, content in PAGES.items()}
    links = {"pages": [f"{url(number)}?sig=2" for number in PAGES], "all_pages": url(None)}
    row = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": links}
    transport = FakeTransport(ok([row]), files={**stale, **fresh})

    done = await groups_over(transport).runs.download(run_of(*PAGES), tmp_path)

    assert list(PAGES.values()) == [file.path.read_bytes() for file in done.files]
    assert len(transport.sent) == 1


async def test_a_fresh_link_that_is_refused_too_is_the_error(tmp_path) -> None:
    """Listed once, asked once more, and then it is not found."""
    links = {"pages": [url(1)]}
    row = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": links}
    transport = FakeTransport(ok([row]), files={url(1): FakeFile([b"no"], status=404)})

    with pytest.raises(NotFoundError):
        await groups_over(transport).runs.download(run_of(1), tmp_path)

    assert (len(transport.sent), len(transport.opened)) == (1, 2)


class Counting(FakeTransport):
    """Counts how many files are open at a time."""

    now = most = 0

    def stream(self, url, *, label, headers={}, new_connection=False):
        inner = super().stream(url, label=label, headers=headers)
        return _Counted(self, inner)


class _Counted:
    def __init__(self, owner, inner):
        self._owner, self._inner = owner, inner

    async def __aenter__(self):
        self._owner.now += 1
        self._owner.most = max(self._owner.most, self._owner.now)
        await anyio.lowlevel.checkpoint()
        return await self._inner.__aenter__()

    async def __aexit__(self, *args):
        self._owner.now -= 1
        return await self._inner.__aexit__(*args)


@pytest.mark.parametrize("most", [1, 3])
async def test_no_more_files_at_a_time_than_the_limit(most) -> None:
    """In the whole client, also with two runs at once."""
    transport = Counting(files={url(number): FakeFile.whole(content) for number, content in PAGES.items()})
    groups = groups_over(transport)
    groups.downloader.__init__(transport, limits=Limits(downloads=most))

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(groups.runs.download, run_of(*PAGES), PlainSink())

    assert (most, 24) == (transport.most, len(transport.opened))
    assert isinstance(groups.downloader, DownloadContext)


async def test_a_run_of_very_many_pages_does_not_block_the_loop(tmp_path) -> None:
    """For a run of very many pages, the plan, the manifest and reading it again are done in a thread."""
    pages = range(1, 301)
    files = {url(page): FakeFile.whole(page_bytes(1)) for page in pages}

    first = await groups_over(FakeTransport(files=files)).runs.download(run_of(*pages), tmp_path)
    again = await groups_over(FakeTransport(files=files)).runs.download(run_of(*pages), tmp_path)

    assert (first.skipped, again.skipped) == (0, 300)
    assert first.files == again.files


@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_sink_that_does_not_take_all_of_a_file_is_an_error(pieces) -> None:
    """What was not read to its end was not proved, so nobody is told that it is there."""

    class Hasty(PlainSink):
        async def put(self, name, chunks):
            if name.endswith("page-0001.json"):
                for _ in range(pieces):
                    await anext(chunks)
            else:
                await super().put(name, chunks)

    sink, transport = Hasty(), FakeTransport(files={url(1): FakeFile.whole(page_bytes(3))})
    with pytest.raises(IntegrityError, match="has not read the file"):
        await groups_over(transport).runs.download(run_of(1), sink)

    assert len(transport.opened) == 1 if pieces else transport.opened == []
    assert not any(name.endswith("manifest.json") for name in sink.files)


async def test_the_sums_are_those_that_sha256sum_checks(tmp_path) -> None:
    """Written just before the manifest, in no list of files, for every kind of file."""
    done = await groups_over(service()).runs.download(run_of(1, 2, zipped=True), tmp_path, files="both")

    checked = await anyio.run_process(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "101/88")

    assert checked.stdout.decode().splitlines() == ["all-pages.zip: OK", "page-0001.json: OK", "page-0002.json: OK"]
    assert [file.name for file in done.files] == ["page-0001.json", "page-0002.json", "all-pages.zip"]
