"""A mirror that is read again: what is named, and what is passed over."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from support.fake_sinks import PlainSink, WatchedSink
from support.mirror_kit import asked, tree

from multicart_async import errors
from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async.errors import ClientClosedError
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink, MemorySink

RUN = "101/88"


@pytest.fixture
async def mirror(sandbox: Sandbox, client, tmp_path: Path) -> Path:
    """One run with three pages and a ZIP, in a folder."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path, files="both")
    asked(sandbox)
    assert (tmp_path / RUN).is_dir()
    return tmp_path


async def test_a_mirror_as_it_was_written_is_fine(sandbox, client, mirror) -> None:
    """All files are read, and nobody is asked."""
    report = await client.verify(mirror)

    sizes = [len(content) for name, content in tree(mirror).items() if "page" in name]
    assert (1, 4, sum(sizes), ()) == (report.runs, report.files, report.bytes, report.failures)
    assert report.ok
    assert asked(sandbox) == {}


async def test_it_needs_no_service(mirror) -> None:
    """Nor a key that works."""
    from multicart_async import AsyncMultiCart  # noqa: PLC0415 -- used here alone

    async with AsyncMultiCart("another.key", base_url="https://nowhere.invalid/api/v1") as client:
        assert (await client.verify(mirror)).ok


def _edit(path: Path, **changes: object) -> None:
    fields = load_checksummed(path.read_bytes())
    assert isinstance(fields, dict)
    path.write_bytes(dump_checksummed({**fields, **changes}))


def _turn_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _into_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


PAGE, ZIP, MANIFEST = f"{RUN}/page-0002.json", f"{RUN}/all-pages.zip", f"{RUN}/manifest.json"

DAMAGES = {
    "missing": (PAGE, Path.unlink, "missing"),
    "a folder": (PAGE, _into_a_folder, "missing"),
    "shorter": (PAGE, lambda path: path.write_bytes(path.read_bytes()[:-1]), "changed: expected 308 bytes, got 307"),
    "longer": (ZIP, lambda path: path.write_bytes(path.read_bytes() + b"x"), "changed: "),
    "empty": (PAGE, lambda path: path.write_bytes(b""), "changed: expected 308 bytes, got 0"),
    "a bit": (PAGE, _turn_a_byte, "changed: the SHA-256 does not match"),
    "a bit of the ZIP": (ZIP, _turn_a_byte, "changed: the SHA-256 does not match"),
    "surplus": (f"{RUN}/page-0009.json", Path.touch, "surplus: not listed in the manifest"),
    "a surplus folder": (f"{RUN}/more", Path.mkdir, "surplus: not listed in the manifest"),
    "cut manifest": (
        MANIFEST,
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        "the manifest is not trusted: it is not valid JSON",
    ),
    "edited manifest": (
        MANIFEST,
        lambda path: path.write_text(path.read_text().replace('"size": 308', '"size": 309')),
        "the manifest is not trusted: the checksum does not match, so it was changed or cut",
    ),
    "later manifest": (
        MANIFEST,
        lambda path: path.write_text(path.read_text().replace('"version": 2', '"version": 3')),
        "the manifest is not trusted: expected version 2, got 3",
    ),
    "manifest of another run": (
        MANIFEST,
        lambda path: _edit(path, run_id=87),
        "the manifest is not trusted: expected the manifest of 101/88, got that of 101/87",
    ),
    "manifest of another collection": (
        MANIFEST,
        lambda path: _edit(path, collection_id=100),
        "the manifest is not trusted: expected the manifest of 101/88, got that of 100/88",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
async def test_a_damage_is_named(client, mirror, kind) -> None:
    """By the path of the file below the mirror, and what is wrong with it; and nothing else is."""
    name, harm, reason = DAMAGES[kind]
    harm(mirror / name)

    (failure,) = (report := await client.verify(mirror)).failures

    assert not report.ok
    assert name == failure.path
    assert failure.reason.startswith(reason)
    assert f"{name}: {failure.reason}" == str(failure)


async def test_a_run_without_a_manifest_is_named(client, mirror) -> None:
    """It is not complete, whatever lies there."""
    (mirror / MANIFEST).unlink()

    (failure,) = (await client.verify(mirror)).failures

    assert f"{RUN}: no manifest, so the run is incomplete" == str(failure)


async def test_several_damages_are_all_named(client, mirror) -> None:
    """In a steady order, and the good files are still read."""
    (mirror / PAGE).unlink()
    _turn_a_byte(mirror / ZIP)
    (mirror / RUN / "notes.txt").touch()
    (mirror / "101/99").mkdir()

    report = await client.verify(mirror)

    assert [(failure.path, failure.reason) for failure in report.failures] == [
        (ZIP, "changed: the SHA-256 does not match"),
        (PAGE, "missing"),
        (f"{RUN}/notes.txt", "surplus: not listed in the manifest"),
        ("101/99", "no manifest, so the run is incomplete"),
    ]
    assert (report.runs, report.files) == (2, 3)


async def test_a_damaged_mirror_is_mended(client, mirror) -> None:
    """Of what `verify` names, a new call fetches what is missing or has another size; with overwrite, everything."""
    before = tree(mirror)
    (mirror / PAGE).unlink()
    await client.sync(mirror, files="both")
    assert before == tree(mirror)

    _turn_a_byte(mirror / PAGE)
    await client.sync(mirror, files="both")
    assert not (await client.verify(mirror)).ok
    await client.sync(mirror, files="both", overwrite=True)

    assert before == tree(mirror)


@pytest.mark.parametrize("name", ["notes", "latest", "101x", ".git", "-1", "²", "١٢٣", "1 2", "101.5"])
async def test_folders_that_are_not_numbers_are_passed_over(client, mirror, name) -> None:
    """They are somebody else's, beside collections and beside runs."""
    (mirror / name / "7").mkdir(parents=True)
    (mirror / "101" / name).mkdir()
    (mirror / "101" / name / "file").touch()

    report = await client.verify(mirror)

    assert (report.runs, report.ok) == (1, True)


@pytest.mark.parametrize("name", ["0101/88", "101/088", "0/88", "101/0"])
async def test_numbers_that_no_id_is_written_as_are_passed_over(client, mirror, name) -> None:
    """They are not taken for the run whose number they would be."""
    (mirror / name).mkdir(parents=True)

    report = await client.verify(mirror)

    assert (report.ok, report.runs) == (True, 1)


async def test_files_in_place_of_folders_are_passed_over(client, mirror) -> None:
    """Numbers or not."""
    for name in ("7", "101/7", "readme"):
        (mirror / name).touch()

    assert (await client.verify(mirror)).ok


async def test_what_is_under_way_is_not_surplus(client, mirror) -> None:
    """Temporary files, notes of progress, and what other programs hide."""
    for name in (".mc-0123456789abcdef.part", "progress.json", ".DS_Store"):
        (mirror / RUN / name).touch()

    assert (await client.verify(mirror)).ok


@pytest.mark.parametrize("place", [".", "101", RUN])
async def test_a_link_to_nowhere_hides_nothing(client, mirror, place) -> None:
    """What stands beside it is still looked at."""
    (mirror / place / "0").symlink_to("nowhere")
    (mirror / PAGE).unlink()

    failures = {str(failure) for failure in (await client.verify(mirror)).failures}

    assert failures - {"101/88/0: surplus: not listed in the manifest"} == {f"{PAGE}: missing"}


@pytest.mark.parametrize("name", ["101", "101/88"])
async def test_a_linked_folder_is_named_and_not_read(client, mirror, name) -> None:
    """A link may lead anywhere, even to another run, so it is reported and not read."""
    shutil.move(mirror / name, mirror.parent / "elsewhere")
    (mirror / name).symlink_to(mirror.parent / "elsewhere")

    report = await client.verify(mirror)

    link = name.rpartition("/")[2]
    assert [str(failure) for failure in report.failures] == [
        f"{name}: cannot be read: {link} is a link, and links below the destination are not followed"
    ]
    assert report.files == 0
    shutil.rmtree(mirror.parent / "elsewhere")


async def test_a_mirror_that_is_a_link_itself_is_read(client, mirror) -> None:
    """The destination itself may be a link, to another disk for instance."""
    (mirror.parent / "link").symlink_to(mirror)

    report = await client.verify(mirror.parent / "link")

    assert (report.runs, report.files, report.ok) == (1, 4, True)


async def test_an_empty_folder_is_an_empty_mirror(client, tmp_path) -> None:
    """Nothing is wrong with it."""
    report = await client.verify(tmp_path)

    assert (report.runs, report.ok) == (0, True)


async def test_a_folder_that_is_not_there_is_no_empty_mirror(client, tmp_path) -> None:
    """A name that is mistyped must not pass for a mirror without faults."""
    with pytest.raises(errors.DiskError, match="dest: expected an existing folder"):
        await client.verify(tmp_path / "mistyped")


async def test_a_mirror_in_memory(sandbox, client) -> None:
    """Is verified as one in a folder."""
    sandbox.add_collections(2, items=5)
    sink = MemorySink()
    await client.sync(sink)
    good = await client.verify(sink)
    sink.files[PAGE] = b"[]"
    del sink.files["102/89/page-0001.json"]
    sink.files["102/89/more"] = b""

    found = [failure.path for failure in (await client.verify(sink)).failures]

    assert (good.runs, good.files, good.ok) == (2, 6, True)
    assert found == [PAGE, "102/89/page-0001.json", "102/89/more"]


async def test_a_sink_that_cannot_be_looked_through_is_refused(client) -> None:
    """It says so, instead of finding nothing."""
    with pytest.raises(
        errors.ArgumentError,
        match=r"dest: expected a ListableSink, with list, iter_bytes, delete and rename, got ",
    ):
        await client.verify(PlainSink())  # type: ignore[arg-type]


@pytest.mark.parametrize("dest", [None, 7, b"\0"])
async def test_what_is_no_destination_is_refused(client, dest) -> None:
    """By its name."""
    with pytest.raises(errors.ArgumentError, match="dest: expected a path or a Sink"):
        await client.verify(dest)


async def test_each_file_is_read_once(client, mirror) -> None:
    """And no other."""
    sink = WatchedSink(mirror)

    await client.verify(sink)

    pages = {f"chunks page-000{number}.json": 1 for number in (1, 2, 3)}
    assert dict(sink.seen) == {**pages, "chunks all-pages.zip": 1, "read manifest.json": 1}


async def test_files_that_go_meanwhile_are_all_named(client, mirror) -> None:
    """Each is a failure, and the others are read all the same."""

    class Going(WatchedSink):
        def iter_bytes(self, name):
            if "page-0002" in name or "zip" in name:
                (mirror / name).unlink()
            return super().iter_bytes(name)

    report = await client.verify(Going(mirror))

    assert [str(failure) for failure in report.failures] == [
        "101/88/all-pages.zip: cannot be read: No such file or directory",
        "101/88/page-0002.json: cannot be read: No such file or directory",
    ]
    assert report.files == 4


async def test_a_large_file_is_read_in_pieces(client, mirror) -> None:
    """Here of a MiB; it is never in memory as a whole."""
    path = mirror / RUN / "page-0001.json"
    path.write_bytes(os.urandom(3 * 2**20 + 1))
    pieces = [len(piece) async for piece in WatchedSink(mirror).iter_bytes(f"{RUN}/page-0001.json")]

    assert pieces == [2**20] * 3 + [1]


async def test_a_closed_client_ends_a_look_at_a_mirror(sandbox, tmp_path) -> None:
    """It reads as long as there is something to read."""
    sandbox.add_collections(3, items=3)
    client = sandbox.client()
    await client.sync(tmp_path)
    reading = asyncio.Event()

    class Endless(DirectorySink):
        async def iter_bytes(self, name):
            reading.set()
            await asyncio.Event().wait()
            yield b""

    work = asyncio.ensure_future(client.verify(Endless(tmp_path)))
    await reading.wait()
    await client.aclose()

    with pytest.raises(ClientClosedError):
        await work
