"""Tables that cannot grow: of others, damaged, in use, or on a disk that fails. Nothing of them is lost."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.growing_tables import BASE, FORMATS, SCENARIOS, ids_in, ids_of, mirror_of, rows_of, snapshot, unexpected

from multicart_async._core import file_lock
from multicart_async._downloads.manifest import dump_checksummed
from multicart_async.errors import ArgumentError, DiskError, IntegrityError, MultiCartError
from multicart_async.sinks import _atomic_file as atomic_file
from multicart_async.tables import _parquet_folder as parquet_folder
from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables import _sqlite_writer as sqlite_writer
from multicart_async.tables import export

AFTER = SCENARIOS["all"][1]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A Parquet table."""
    await export(mirror_of(BASE), tmp_path / "table")
    return tmp_path / "table"


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """A table in an SQLite database."""
    await export(mirror_of(BASE), tmp_path / "table.sqlite")
    return tmp_path / "table.sqlite"


async def refused(table: Path, kind: type[MultiCartError], reason: str) -> None:
    """Check that an export is refused, and changes nothing."""
    there = snapshot(table)
    with pytest.raises(kind, match=reason) as caught:
        await export(mirror_of(AFTER), table)
    assert str(table)[:60] in str(caught.value)
    assert snapshot(table) == there


@pytest.mark.parametrize("name", ["other.txt", "part-000001.parquet", "sub/x"])
async def test_a_folder_of_others_is_refused(name: str, tmp_path: Path) -> None:
    """Not even a lock file is made in it."""
    path = tmp_path / "data" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")

    await refused(tmp_path / "data", ArgumentError, "^dest: expected an empty folder, or one with _export.json, got 1")


async def test_an_empty_folder_becomes_a_table(tmp_path: Path) -> None:
    """The folder may be there already."""
    (tmp_path / "table").mkdir()

    await export(mirror_of(BASE), tmp_path / "table")

    assert ids_of(tmp_path / "table") == ids_in(BASE)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _edit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(Path.unlink, "it is missing"), (_cut, r"expected \d+ bytes, got \d+"), (_edit, "its SHA-256 differs")],
)
async def test_a_damaged_part_is_found(damage: Callable[[Path], None], reason: str, folder: Path) -> None:
    """A size that differs is found by each call, an edited part before it is written again."""
    damage(folder / "part-000001.parquet")

    await refused(
        folder, IntegrityError, f"part-000001.parquet: the table was changed: {reason}; restore it, or export"
    )


async def test_a_part_of_others_is_found(folder: Path) -> None:
    """A file with the name of a later part is neither overwritten nor removed."""
    (folder / "part-000007.parquet").write_text("x")

    await refused(folder, IntegrityError, "part-000007.parquet: expected no part that _export.json does not list")


def _later(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version": 2', b'"version": 3'))


def _sealed_again(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        fields = json.loads(path.read_bytes())
        del fields["checksum"]
        change(fields)
        path.write_bytes(dump_checksummed(fields))

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_edit, "the checksum does not match|it is not valid JSON"),
        (_cut, "it is not valid JSON|the checksum does not match"),
        (_later, "expected version 2, got 3"),
        (_sealed_again(lambda fields: fields.pop("layout")), "a field is missing or invalid"),
        (_sealed_again(lambda fields: fields["parts"][0].update(name="../x")), "a field is missing or invalid"),
        (_sealed_again(lambda fields: fields.update(parts=5)), "a field is missing or invalid"),
        (_sealed_again(lambda fields: fields["fields"]["n"].update(seen=["new"])), "a field is missing or invalid"),
    ],
)
async def test_a_damaged_list_of_parts_is_found(damage: Callable[[Path], None], reason: str, folder: Path) -> None:
    """It is edited, cut, of a later version or of another program."""
    damage(folder / "_export.json")

    await refused(folder, IntegrityError, f"_export.json: it is not trusted: ({reason})")


@pytest.mark.parametrize("size", [0, 30, 9999])
async def test_an_empty_database_becomes_a_table(size: int, tmp_path: Path) -> None:
    """So does a database with other tables; a file that is no database is refused."""
    path = tmp_path / "t.sqlite"
    path.write_bytes(b"x" * size)
    if size:
        await refused(path, ArgumentError, "^dest: expected a database of SQLite, got ")
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE mine (x)")

    await export(mirror_of(BASE), path)

    assert ids_of(path) == ids_in(BASE)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE History (x)",
        "CREATE VIEW runs AS SELECT 1",
        "CREATE TABLE t (x); CREATE INDEX history_run ON t (x)",
    ],
)
async def test_a_database_of_others_is_refused(statement: str, tmp_path: Path) -> None:
    """A database that has something with a name that the table needs."""
    path = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(statement)

    await refused(
        path, ArgumentError, "^dest: expected a database without a table or index '(history|runs|history_run)'"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE _export SET state = '{'",
        "UPDATE _export SET state = '{}'",
        "DELETE FROM _export",
        "DROP TABLE runs",
        "DROP TABLE history",
        "ALTER TABLE history RENAME COLUMN n TO m",
        "ALTER TABLE history ADD COLUMN note TEXT",
    ],
)
async def test_a_changed_database_is_found(statement: str, database: Path) -> None:
    """What export needs is gone or different."""
    with closing(sqlite3.connect(database)) as db:
        db.execute(statement)
        db.commit()

    with pytest.raises(IntegrityError, match=r"expected a database as export has made it, got: .*; restore it, or"):
        await export(mirror_of(AFTER), database)


async def test_a_damaged_database_is_found(database: Path) -> None:
    """Pages that are no longer those of SQLite."""
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * 8192)

    await refused(database, IntegrityError, "malformed")


@pytest.mark.parametrize("mode", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT * FROM runs"])
async def test_a_database_in_use_is_refused(mode: str, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program writes or reads for longer than the call waits; afterwards the next call works."""
    monkeypatch.setattr(sqlite_writer, "_BUSY", 0.0)
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        for statement in mode.split(";"):
            reading = db.execute(statement)
            reading.fetchone()
        with pytest.raises(
            ArgumentError, match=r"^dest: .* is in use by another program, which has locked it for 0 sec"
        ):
            await export(mirror_of(AFTER), database)
        del reading

    assert ids_of(database) == ids_in(BASE)
    await export(mirror_of(AFTER), database)
    assert ids_of(database) == ids_in(AFTER)


def _read_only(path: Any, **options: Any) -> sqlite3.Connection:
    return CONNECT(f"file:{path}?mode=ro", uri=True, **options)


def _small(path: Any, room: int = 0, **options: Any) -> sqlite3.Connection:
    db = CONNECT(path, **options)
    db.execute(f"PRAGMA max_page_count = {path.stat().st_size // 4096 + room}")
    return db


def _lost(path: Any, **options: Any) -> sqlite3.Connection:
    return CONNECT(path.parent / "gone" / path.name, **options)


CONNECT = sqlite3.connect


@pytest.mark.parametrize(
    ("connect", "reason", "number"),
    [
        (_read_only, "attempt to write a readonly database", errno.EACCES),
        (_small, "database or disk is full", errno.ENOSPC),
        (_lost, "unable to open database file", None),
    ],
)
async def test_a_failing_disk_leaves_the_database(
    connect: Any, reason: str, number: int | None, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what the disk has; the rows of the last complete run are there."""
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(DiskError, match=reason) as caught:
        await export(mirror_of({**BASE, (101, 90): [{"asin": "x" * 9999}]}), database)
    monkeypatch.undo()

    assert (caught.value.name, caught.value.errno) == (str(database), number)
    assert ids_of(database) == ids_in(BASE)
    await export(mirror_of(AFTER), database)
    assert ids_of(database) == ids_in(AFTER)


async def test_a_full_disk_keeps_the_indexes(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that does not fit when the table is written again is not left out: the table stays as it was."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE INDEX large ON history (CASE typeof(n) WHEN 'text' THEN hex(zeroblob(99999)) END)")
    there = rows_of(database)
    monkeypatch.setattr(sqlite3, "connect", partial(_small, room=30))

    await refused(database, DiskError, "database or disk is full")

    monkeypatch.undo()
    assert rows_of(database) == there
    await export(mirror_of(AFTER), database)
    with closing(sqlite3.connect(database)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL")}
    assert names == {"large", "history_run"}


async def test_a_mistake_with_the_database_is_no_damage(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the program is not reported as one of the file."""

    def closed(*args: Any, **options: Any) -> sqlite3.Connection:
        db = CONNECT(*args, **options)
        db.close()
        return db

    monkeypatch.setattr(sqlite3, "connect", closed)
    with pytest.raises(sqlite3.ProgrammingError):
        await export(mirror_of(AFTER), database)


async def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables need a version that has STRICT."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))

    with pytest.raises(ArgumentError, match=r"^dest: expected SQLite 3\.37 or later"):
        await export(mirror_of(BASE), tmp_path / "t.sqlite")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
async def test_a_folder_that_cannot_be_made_is_an_error(
    number: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one of the disk, with its number."""

    def mkdir(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(DiskError) as caught:
        await export(mirror_of(BASE), tmp_path / "deep" / name)

    assert (caught.value.name, caught.value.errno) == (str(tmp_path / "deep" / name), number)
    assert not (tmp_path / "deep").exists()


async def test_a_read_only_folder_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock file cannot be opened."""

    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(file_lock.FileLock, "acquire", refuse)

    await refused(folder, DiskError, "Permission denied")


@pytest.mark.parametrize("at", range(1, 40, 3))
async def test_a_disk_that_gets_full_leaves_the_table(at: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any write of a part; no temporary file is left, also not when the writers of pyarrow are deleted."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 3)
    write, count = atomic_file.AtomicFile.write, 0

    def full(file: atomic_file.AtomicFile, piece: bytes) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, piece)

    monkeypatch.setattr(atomic_file.AtomicFile, "write", full)
    there = snapshot(folder)
    with pytest.raises(DiskError) as caught:
        await export(mirror_of(AFTER), folder)
    monkeypatch.undo()

    assert caught.value.errno == errno.ENOSPC
    assert snapshot(folder) == there
    assert unexpected(folder) == set()
    await export(mirror_of(AFTER), folder)
    assert ids_of(folder) == ids_in(AFTER)


@pytest.mark.parametrize("failing", ["_export.json", "part-000001.parquet"])
async def test_a_failing_rename_is_completed_later(failing: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version that is sealed stays until the next call, of any runs, puts it in place."""
    replace = os.replace

    def fail(old: Any, new: Any, **options: Any) -> None:
        if Path(new).name == failing and ".new" in str(old):
            raise OSError(errno.EIO, "Input/output error")
        replace(old, new, **options)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DiskError) as caught:
        await export(mirror_of(AFTER), folder)
    monkeypatch.undo()
    assert caught.value.errno == errno.EIO

    report = await export(mirror_of(AFTER), folder)

    assert (report.rows, report.skipped) == (0, len(AFTER))
    assert ids_of(folder) == ids_in(AFTER)
    assert unexpected(folder) == set()


async def test_a_list_that_cannot_be_written_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new version was not sealed, and is gone."""

    def fail(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet_folder, "dump_checksummed", fail)

    await refused(folder, DiskError, "No space left on device")


async def test_a_table_grows_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file takes the place of the lock, and is no file of others."""

    def unsupported(_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_lock, "try_lock", unsupported)
    for runs in (BASE, AFTER):
        await export(mirror_of(runs), tmp_path / "table")

    assert ids_of(tmp_path / "table") == ids_in(AFTER)
    assert unexpected(tmp_path / "table") == set()
