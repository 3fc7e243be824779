"""The file that `export` writes: its format and place, what is left after an error, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.mirror_kit import tree
from support.table_kit import write_run

from multicart_async.errors import ArgumentError
from multicart_async.sinks import MemorySink
from multicart_async.tables import batches, changes, export, read_records

FILES = ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.jsonl.zst", "t.arrow"]


def mirror_of(*pages: Any) -> MemorySink:
    """A mirror with one run of these pages."""
    sink = MemorySink()
    write_run(sink, 101, 88, pages or [[{"a": 1}, {"b": "x"}]])
    return sink


def read(path: Path) -> bytes:
    """What is in a file that may be compressed."""
    if path.suffix == ".zst":
        with pa.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    return gzip.decompress(path.read_bytes()) if path.read_bytes()[:2] == b"\x1f\x8b" else path.read_bytes()


CSV = b"collection_id,run_id,scraped_at,page,number,a,b\r\n101,88,,1,1,1,\r\n101,88,,1,2,,x\r\n"
FIRST = '"collection_id":101,"run_id":88,"scraped_at":null,"page":1,"number":'
JSONL = f'{{{FIRST}1,"a":1}}\n{{{FIRST}2,"b":"x"}}\n'.encode()


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("t.csv", None, CSV),
        ("T.CSV", None, CSV),
        ("t.csv.gz", None, CSV),
        ("t.jsonl", None, JSONL),
        ("t.jsonl.gz", None, JSONL),
        ("t.jsonl.zst", None, JSONL),
        ("t.txt", "csv", CSV),
        ("t", "jsonl", JSONL),
        ("t.csv", "jsonl", JSONL),
        ("t.json.gz", "jsonl", JSONL),
        ("t.ndjson.zst", "jsonl", JSONL),
        ("t.gz", "csv", CSV),
        (".csv", None, CSV),
    ],
)
async def test_the_suffix_says_the_format(tmp_path: Path, name: str, form: Any, expected: bytes) -> None:
    """Or else *format*; what ends with .gz or .zst is compressed in any case."""
    report = await export(mirror_of(), tmp_path / name, format=form)

    assert read(tmp_path / name) == expected
    assert (tmp_path / name).read_bytes()[:2] == (
        b"\x1f\x8b" if name.endswith(".gz") else read(tmp_path / name)[:2]
    ) or (name.endswith(".zst"))
    assert report.bytes == (tmp_path / name).stat().st_size


@pytest.mark.parametrize(
    ("name", "form"),
    [("t", None), ("t/", None), ("t.parquet", None), ("t.csv", "parquet"), ("there", None), ("there.csv/", None)],
)
async def test_a_folder_is_a_parquet_table(tmp_path: Path, name: str, form: Any) -> None:
    """Also if its name looks like that of a file, but ends with a slash or is a folder already."""
    (tmp_path / "there").mkdir()
    await export(mirror_of(), f"{tmp_path}/{name}", format=form)

    assert (tmp_path / name / "_export.json").is_file()


@pytest.mark.parametrize("name", ["t.arrow", "t.feather"])
async def test_an_arrow_file_has_types(tmp_path: Path, name: str) -> None:
    """Of the first columns too; a column that was always null is one of text."""
    source = MemorySink()
    page = b'[{"b": true, "i": 5, "d": 0.5, "t": "x", "n": null, "p": "$5"}]'
    write_run(source, 101, 88, [page], updated_at="2026-06-01T12:00:00+02:00")
    await export(source, tmp_path / name, format="arrow", amounts=["p"])

    with pa.memory_map(str(tmp_path / name)) as file:
        table = pa.ipc.open_file(file).read_all()
    assert [str(kind) for kind in table.schema.types[2:]] == [
        *("timestamp[us, tz=UTC]", "int64", "int64", "bool", "int64", "double", "string", "string", "string"),
        "decimal128(18, 2)",
    ]
    assert [str(value) for value in table.to_pylist()[0].values()][5:] == [
        "True",
        "5",
        "0.5",
        "x",
        "None",
        "$5",
        "5.00",
    ]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz", "t.jsonl.zst", "t.arrow"])
async def test_the_same_table_is_the_same_file(tmp_path: Path, name: str) -> None:
    """Under any name, at any time."""
    await export(mirror_of(), tmp_path / name)
    await export(mirror_of(), tmp_path / "other" / f"x{name}")

    assert (tmp_path / name).read_bytes() == (tmp_path / "other" / f"x{name}").read_bytes()


@pytest.mark.parametrize(
    ("dest", "options", "said"),
    [
        ("t.xlsx", {}, r"^dest: expected a folder for Parquet, or a file that ends with .*\.arrow, got 't\.xlsx'"),
        ("t.csv.zst", {}, r"^dest: expected a folder .*, got 't\.csv\.zst'"),
        ("there", {"format": "csv"}, r"^dest: expected a file for csv, got the folder '/"),
        ("t.csv/", {"format": "csv"}, r"^dest: expected a file for csv, got the folder"),
        ("file", {}, r"^dest: expected a folder for Parquet, got the file '/.*'; choose another name"),
        ("t.csv", {"format": "excel"}, r"^format: expected one of .*, got 'excel'"),
        ("t.jsonl", {"excel": True}, r"^excel: expected a dest that ends with \.csv or \.csv\.gz, got 't\.jsonl'"),
        ("t.csv", {"excel": 1}, r"^excel: expected .*, got 1"),
        ("t.csv", {"runs": "newest"}, r"^runs: expected .*, got 'newest'"),
        ("t.csv", {"flatten": -1}, r"^flatten: expected .*, got -1"),
        ("t.csv", {"flatten": 9}, r"^flatten: expected an integer up to 8, got 9"),
        ("t.csv", {"flatten": True}, r"^flatten: expected .*, got True"),
        ("t.csv", {"max_columns": 0}, r"^max_columns: expected .*, got 0"),
        ("t.csv", {"max_columns": 10_001}, r"^max_columns: expected an integer up to 10000, got 10001"),
        ("t.sqlite", {"max_columns": 1901}, r"^max_columns: expected at most 1900 for SQLite, got 1901"),
        (
            "t.sqlite",
            {"columns": [*map(str, range(1901))]},
            r"^columns: expected at most 1900 names for SQLite, got 1901",
        ),
        ("t.sqlite", {"amounts": [*map(str, range(91))]}, r"^amounts: expected at most 90 names for SQLite, got 91"),
        ("t.csv", {"keep_record": None}, r"^keep_record: expected .*, got None"),
        ("t.csv", {"columns": "asin"}, r"^columns: expected a list of names of fields, got 'asin'"),
        ("t.csv", {"columns": [1]}, r"^columns: expected a list of names of fields, got 1"),
        ("t.csv", {"amounts": 5}, r"^amounts: expected a list of names of fields, got 5"),
        ("t.csv", {"collections": [7]}, r"^collections: expected collections of the source, got 7, not there"),
        ("t.csv", {"on_event": 5}, r"^on_event: expected a function of one event, got int"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_wrong_argument_is_named(tmp_path: Path, dest: str, options: dict[str, Any], said: str) -> None:
    """With what came, and what is expected, before anything is written."""
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ArgumentError, match=said):
        await export(mirror_of(), f"{tmp_path}/{dest}", **options)
    assert tree(tmp_path) == {"file": b""}


@pytest.mark.parametrize("argument", ["columns", "amounts"])
async def test_names_that_can_be_read_only_once_are_refused(argument: str, tmp_path: Path) -> None:
    """They would be used up by the check, and the table would have no such column."""
    with pytest.raises(
        ArgumentError, match=f"^{argument}: expected a list of names of fields, got an object of type list_iterator$"
    ):
        await export(mirror_of(), tmp_path / "t.csv", **{argument: iter(["a"])})  # type: ignore[arg-type]
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("dest", "said"),
    [
        ("", "dest: expected a path, got ''"),
        (5, "dest: expected a path, got 5"),
        (b"x", r"dest: expected a path, got b'x'"),
        ("a\0b.csv", r"dest: expected a path, got 'a\\x00b.csv'"),
        ("s3://bucket/x.csv", "dest: expected a path, got the URL 's3://bucket/x.csv'"),
        (Path("s3://bucket/x.csv"), "dest: expected a path, got the URL 's3:/bucket/x.csv'"),
    ],
    ids=str,
)
async def test_a_dest_that_is_no_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dest: Any, said: str
) -> None:
    """A URL too, which would name a folder."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ArgumentError, match=said):
        await export(mirror_of(), dest)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("dest", "what"),
    [("t.jsonl.zst", "a file that ends with .zst"), ("t.arrow", "an Arrow file"), ("t", "a Parquet table")],
)
async def test_without_pyarrow_the_message_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dest: str, what: str
) -> None:
    """How to install it; nothing is written."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    expected = rf"^dest: {what} needs pyarrow; install it with: pip install 'multicart-async\[parquet\]'$"
    with pytest.raises(ArgumentError, match=expected):
        await export(mirror_of(), tmp_path / dest)
    with pytest.raises(ArgumentError, match=r"^source: a stream of Arrow batches needs pyarrow"):
        batches(mirror_of())
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.sqlite"])
async def test_other_formats_need_no_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The standard library is enough."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, module, None)

    assert (await export(mirror_of(), tmp_path / name)).rows == 2


@pytest.mark.parametrize("seam", range(1, 7))
async def test_half_characters_across_pieces_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seam: int
) -> None:
    """Wherever the file is cut."""
    for name in ("_PIECE", "_AT_ONCE"):
        monkeypatch.setattr(f"multicart_async.tables._pages.{name}", seam)
    source = mirror_of(b'["\\ud800", {"a": "\\uDFFF"}]', b'[{"a": "\xed\xa0\x80"}]')
    await export(source, tmp_path / "t.csv")

    assert (tmp_path / "t.csv").read_text().split("\n")[1:] == [
        '101,88,,1,1,,"""\\ud800"""',
        "101,88,,1,2,\\udfff,",
        "101,88,,2,1,\\ud800,",
        "",
    ]


async def test_no_socket_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By export, batches, read_records and changes. (The loop of a thread has a pair of sockets, which lead nowhere.)"""
    write_run(tmp_path / "mirror", 101, 88, [[{"asin": "A"}]])
    write_run(tmp_path / "mirror", 101, 89, [[{"asin": "B"}]])

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "bind", "sendto", "listen"):
        monkeypatch.setattr(socket.socket, name, none)
    monkeypatch.setattr(socket, "getaddrinfo", none)
    for name in [*FILES, "t.sqlite", "t"]:
        assert (await export(tmp_path / "mirror", tmp_path / name)).rows == 2
    assert (await asyncio.to_thread(pa.table, batches(tmp_path / "mirror"))).num_rows == 1
    assert [record.value async for record in read_records(tmp_path / "mirror")] == [{"asin": "B"}]
    assert [change.key async for change in changes(tmp_path / "mirror", 101)] == ["B", "A"]


async def test_an_empty_run_is_a_table_without_rows(tmp_path: Path) -> None:
    """Each format has its header, schema or nothing."""
    for name in FILES:
        report = await export(mirror_of([]), tmp_path / name)
        assert (report.rows, report.runs, report.columns) == (0, 1, {})
    assert read(tmp_path / "t.csv.gz") == b"collection_id,run_id,scraped_at,page,number\r\n"
    assert read(tmp_path / "t.jsonl.zst") == b""
    with pa.memory_map(str(tmp_path / "t.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().num_rows == 0


async def test_lines_are_json_of_one_object_each(tmp_path: Path) -> None:
    """Separators of lines and paragraphs in a text do not end one."""
    texts = ["a\u2028b", "a\nb", "\x85", "\0"]
    await export(mirror_of([{"t": text} for text in texts]), tmp_path / "t.jsonl")

    assert [json.loads(line)["t"] for line in (tmp_path / "t.jsonl").read_bytes().split(b"\n")[:-1]] == texts
