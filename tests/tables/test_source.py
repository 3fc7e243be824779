"""What `export`, `batches`, `read_records` and `changes` read: a mirror, the folder of one run, a download, a sink."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.table_kit import write_run

from multicart_async._downloads.manifest import Manifest, ManifestFile, iter_manifest
from multicart_async.errors import ArgumentError, DownloadError, IntegrityError, InvalidResponseError
from multicart_async.models import Run, RunDownload
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.tables import MirrorRecord, export, read_records
from multicart_async.tables._source import open_source


async def values_of(source: Any, **options: Any) -> list[Any]:
    """The records of a source."""
    return [record.value async for record in read_records(source, **options)]


def download_to(folder: Path) -> RunDownload[Run]:
    """What a download of run 88 to a folder returned."""
    run: Any = None
    return RunDownload(run=run, directory=folder, files=(), skipped=0, bytes=0)


async def test_a_source_is_a_folder_a_sink_or_a_download(tmp_path: Path) -> None:
    """A path, its text, a sink that can list, the folder of one run, and a download to it."""
    memory = MemorySink()
    for place in (tmp_path, memory):
        write_run(place, 101, 88, [[{"a": 1}]])
    alone = MemorySink()
    write_run(alone, 101, 88, [[{"a": 1}]], single=True)
    one = tmp_path / "101" / "88"

    for source in (tmp_path, str(tmp_path), DirectorySink(tmp_path), memory, one, str(one), download_to(one), alone):
        assert [record async for record in read_records(source)] == [MirrorRecord(101, 88, 1, 1, {"a": 1})]
        assert (await export(source, tmp_path / "t.csv")).rows == 1


def write_files(source: MemorySink, contents: dict[str, bytes], **run: Any) -> None:
    """Write run 88 with these files."""
    listed = tuple(ManifestFile(name, len(one), hashlib.sha256(one).hexdigest()) for name, one in contents.items())
    about = {"id": 88, "collection": 101, "is_download_generated": True, **run}
    source.files.update({f"101/88/{name}": content for name, content in contents.items()})
    source.files["101/88/manifest.json"] = b"".join(iter_manifest(Manifest(101, 88, about, listed)))


class _PlainSink:
    """A sink that cannot list."""

    def __repr__(self) -> str:
        return "a sink that cannot list"

    async def put(self, name: str, chunks: Any) -> None: ...

    async def read(self, name: str) -> bytes | None: ...

    async def size(self, name: str) -> int | None: ...


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{}/none", "source: expected a folder that sync or download has made, got '/"),
        ("{}/file", "source: expected a folder that sync or download has made, got '/"),
        ("", "source: expected a folder, a sink or a RunDownload, got ''"),
        (None, "source: expected a folder, a sink or a RunDownload, got None"),
        ("ftp://bucket/mirror", "source: expected a path, or s3://.*, got 'ftp://bucket/mirror'"),
        (Path("s3://bucket/mirror"), "source: expected a path, got the URL 's3:/bucket/mirror'"),
        (
            download_to(Path("memory")),
            "source: expected a download to a folder, got one to 'memory'; pass its sink instead",
        ),
        (_PlainSink(), "source: expected .*ListableSink"),
        ("{}", "source: expected a folder with finished downloads, got none that has a manifest"),
    ],
    ids=str,
)
async def test_another_source_is_refused(tmp_path: Path, source: Any, said: str) -> None:
    """With what came, and what can be passed."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "101" / "88").mkdir(parents=True)  # not finished
    given = source.format(tmp_path) if isinstance(source, str) else source

    with pytest.raises(ArgumentError, match=said):
        await export(given, tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


async def test_a_run_with_only_its_zip_is_refused(tmp_path: Path) -> None:
    """Its pages have to be downloaded too; without any file there are no records."""
    source = MemorySink()
    write_run(source, 101, 88, [])
    assert await values_of(source) == []

    write_files(source, {"all-pages.zip": b"PK"})
    with pytest.raises(
        ArgumentError, match=r"source: run 101/88 was downloaded as all-pages\.zip only; .* files='both'"
    ):
        await export(source, tmp_path / "t.csv")


async def test_pages_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Not of their names, and from 0 if there is one; other files of the run are not read."""
    source = MemorySink()
    names = {
        "page-10000.json": 10_000,
        "page-9999.json": 9_999,
        "page-0000.json": 0,
        "notes.json": -1,
        "category_asins.csv": -1,
    }
    write_files(source, {name: f'[{{"n": {number}}}]'.encode() for name, number in names.items()})

    assert [(record.page, record.value["n"]) async for record in read_records(source)] == [
        (0, 0),
        (9999, 9999),
        (10000, 10000),
    ]


async def test_the_file_of_a_category_scrape_is_page_1() -> None:
    """Its CSV has the same items, and is not read."""
    source = MemorySink()
    write_files(source, {"category_asins.json": b'[{"asin": "A"}]', "category_asins.csv": b"asin\r\nA\r\n"})

    assert [record async for record in read_records(source)] == [MirrorRecord(101, 88, 1, 1, {"asin": "A"})]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"updated_at": "2026-06-01T12:00:00+02:00"}, datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ({"updated_at": "2026-06-01T12:00:00"}, datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ({"updated_at": "soon", "created_at": "2026-06-01T12:00:00Z"}, datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ({"updated_at": 5}, None),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, None),
        ({"updated_at": "9999-12-31T23:59:59-14:00"}, None),
        ({}, None),
    ],
    ids=str,
)
async def test_the_time_of_a_run_is_that_of_its_last_change(run: dict[str, Any], expected: datetime | None) -> None:
    """In UTC, else that of its creation; one that is no time, or that UTC has not, is none."""
    source = MemorySink()
    write_files(source, {}, **run)
    found = await (await open_source(source)).run(101, 88)

    assert found is not None
    assert found.scraped_at == expected


async def test_a_manifest_that_is_not_trusted_is_an_error(tmp_path: Path) -> None:
    """In a mirror, and in the folder of one run; it says what mends it."""
    write_run(tmp_path, 101, 88, [[]])
    path = tmp_path / "101" / "88" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"88", b"89"))

    for source in (tmp_path, path.parent):
        with pytest.raises(
            IntegrityError, match=r"manifest.json: the manifest is not trusted: .*; mend the mirror with client.verify"
        ):
            await values_of(source)


async def test_the_folder_of_one_run_has_that_run_alone(tmp_path: Path) -> None:
    """Its collection can be asked for, another one not."""
    source = MemorySink()
    write_run(source, 101, 88, [[{"a": 1}]], single=True)

    assert (await export(source, tmp_path / "t.csv", collections=[101], runs="all")).rows == 1
    with pytest.raises(ArgumentError, match="collections: expected collections of the source, got 102, not there"):
        await values_of(source, collections=[102])
    place = await open_source(source)
    assert (await place.run(101, 89), await place.run_ids(102)) == (None, [])


async def test_records_can_be_of_a_class(tmp_path: Path) -> None:
    """A value that does not fit is an error that names page and number."""
    write_run(tmp_path, 101, 88, [[{"a": 1}], [{"a": 2}, 5]])

    records = read_records(tmp_path)
    assert [(await anext(records)).value, (await anext(records)).value] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InvalidResponseError, match=r"101/88/page-0002\.json: record 2: expected an object, got int 5"):
        await anext(records)


class _BrokenSink(MemorySink):
    """A sink whose storage fails."""

    async def read(self, name: str) -> bytes | None:
        """Fail."""
        raise ConnectionError("no route")


async def test_errors_of_a_sink_are_those_of_downloads(tmp_path: Path) -> None:
    """Whatever the sink raises."""
    with pytest.raises(DownloadError, match=r"manifest\.json: the sink failed: ConnectionError: no route"):
        await export(_BrokenSink(), tmp_path / "t.csv")
