"""Archives of other people's writers, streamed and not: each is accepted, however the network cuts it."""

from __future__ import annotations

import datetime as dt
import io
import random
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zipfly
from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, ZIP_32, ZIP_64, ZIP_AUTO, stream_zip
from support.zip_kit import DEFLATED, STORED, packed, pieces, reason
from zipstream import ZipStream

from multicart_async.sandbox import Sandbox

KIB, MIB = 2**10, 2**20
SIZES = (1, 4 * KIB, 64 * KIB, MIB)
FIELD = sorted((Path(__file__).parents[2] / "data" / "archives").glob("*.zip"))
WHEN = dt.datetime(2026, 6, 20, 12, 0, 0, tzinfo=dt.UTC)


def similar(own: int, size: int) -> bytes:
    """JSON of *size* bytes: records of 4 KB that differ in *own* random bytes each."""
    chance = random.Random(own)
    text = chance.randbytes(2_000).hex()
    record = '{{"a":"{}{}"}},'.format
    records = "".join(record(text, chance.randbytes(own).hex()) for _ in range(size // len(text) + 1))
    return f"[{records[: size - 2]}]".encode()


PAGES = {
    "page-1.json": similar(60, 2 * MIB),
    "page-2.json": similar(250, MIB // 2),
    "blank.json": b"[" + b" " * 300_000 + b"]",
    "empty.json": b"",
    "one.json": b"1",
}


SMALL = {name: page[:50_000] for name, page in PAGES.items()}  # for stored members in pieces of a byte


def refused(data: bytes, sizes: tuple[int, ...] = SIZES) -> dict[int, str]:
    """The piece sizes in which *data* is rejected, and why."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None, "the test's own archive is damaged"
    found = {size: reason(data, size) for size in sizes}
    return {size: text for size, text in found.items() if text is not None}


def chunks(data: bytes) -> Iterator[bytes]:
    return pieces(data, 60_000) if data else iter([b""])


@pytest.mark.parametrize("path", FIELD, ids=lambda path: path.stem)
@pytest.mark.heavy
def test_archives_from_the_field(path) -> None:
    """Archives of 50:1 that archiver, Go, Java and stream-zip have streamed."""
    assert refused(path.read_bytes()) == {}


def test_all_field_archives_are_there() -> None:
    """Four of them: a list that is empty would test nothing."""
    assert [path.stem.rpartition("-by-")[2] for path in FIELD] == ["archiver", "go", "java", "stream-zip"]


@pytest.mark.parametrize("size", [1, 2, 6])
@pytest.mark.parametrize("own", [220, 110, 50, 20, 10, 4, 0])
@pytest.mark.heavy
def test_streamed_members_of_any_ratio(own, size) -> None:
    """From 15:1 to more than 150:1: the last step of a member unpacks to less or more than a MiB, and the next member follows."""
    page = similar(own, size * MIB)

    data = packed({"a.json": page, "b.json": page[: MIB // 3]}, streamed=True)

    assert refused(data, SIZES if own < 50 else SIZES[1:]) == {}


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 11, 12, 13, 15, 16, 17, 23, 24, 25, 27, 28, 29])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_a_descriptor_that_is_cut(method, cut) -> None:
    """A piece may end anywhere in a descriptor or the signature behind it."""
    data = packed({"a.json": PAGES["page-2.json"], "b.json": b"[]"}, method, streamed=True)
    at = data.index(b"PK\x07\x08") + cut

    assert refused(data, (at,)) == {}


@pytest.mark.parametrize("streamed", [False, True], ids=["sized", "streamed"])
@pytest.mark.parametrize("record", [KIB, 4 * KIB])
@pytest.mark.heavy
async def test_pages_of_the_sandbox(record, streamed) -> None:
    """Pages of records of 1 and 4 KiB, in one archive."""
    async with Sandbox(instant=True, record_bytes=record, items_per_page=500) as sandbox, sandbox.client() as client:
        (collection,) = sandbox.add_collections(1, items=1_500)
        run = await client.runs.latest(collection)
        assert run is not None
        names = [link.rpartition("/")[2] for link in run.download_links.pages]
        content = {}
        for name, link in zip(names, run.download_links.pages, strict=True):
            async with client.stream(link) as stream:
                content[name] = b"".join([piece async for piece in stream])

    assert refused(packed(content, streamed=streamed), SIZES[1:]) == {}


METHODS = {
    "ZIP_32": ZIP_32,
    "ZIP_64": ZIP_64,
    "NO_COMPRESSION_32": NO_COMPRESSION_32,
    "NO_COMPRESSION_64": NO_COMPRESSION_64,
}


@pytest.mark.parametrize("method", METHODS)
def test_stream_zip(method) -> None:
    """Descriptors of 32 and 64 bits, ZIP64 records with full disk numbers."""
    content = PAGES if method.startswith("ZIP") else SMALL
    members = ((name, WHEN, 0o600, METHODS[method], chunks(page)) for name, page in content.items())

    assert refused(b"".join(stream_zip(members))) == {}


def test_stream_zip_with_known_sizes() -> None:
    """Deflated with a size that decides on ZIP64, and stored with size and checksum in the local header."""
    methods = {
        name: ZIP_AUTO(len(page)) if page[:1] == b"[" else NO_COMPRESSION_64(len(page), zlib.crc32(page))
        for name, page in PAGES.items()
    }
    members = ((name, WHEN, 0o600, methods[name], chunks(page)) for name, page in PAGES.items())

    assert refused(b"".join(stream_zip(members))) == {}


@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_zipstream_ng(method) -> None:
    """Members of known and unknown length, a folder, a comment."""
    content = PAGES if method == DEFLATED else SMALL
    stream = ZipStream(compress_type=method)
    for name, page in content.items():
        stream.add(page, name)
    stream.add(chunks(content["page-1.json"]), "unknown.json")
    stream.mkdir("folder")
    stream.comment = "made while it was sent"

    assert refused(b"".join(stream)) == {}


def test_zipfly(tmp_path) -> None:
    """Stored members, and its comment, which it writes unasked."""
    for name, page in SMALL.items():
        (tmp_path / name).write_bytes(page)
    writer = zipfly.ZipFly(paths=[{"fs": str(tmp_path / name), "n": name} for name in SMALL])

    assert refused(b"".join(writer.generator())) == {}


TOOLS = {
    "zip": (
        "zip",
        (
            "zip -qr ARCHIVE .",
            "zip -qr0 ARCHIVE .",
            "zip -qr - . | cat > ARCHIVE",
            "zip -qr -fd ARCHIVE .",
            "zip -qr0 -fd ARCHIVE .",
            "zip -qr -fz ARCHIVE .",
            "cat page-1.json | zip -q - - | cat > ARCHIVE",
            "echo remark | zip -qrz ARCHIVE .",
        ),
    ),
    "bsdtar": (
        "libarchive-tools",
        (
            "bsdtar -a -cf ARCHIVE *",
            "bsdtar --format zip --options zip:compression=store -cf ARCHIVE *",
            "bsdtar --format zip --options zip:zip64 -cf ARCHIVE *",
            "bsdtar --format zip --options zip:experimental -cf ARCHIVE *",
        ),
    ),
    "7z": (
        "p7zip-full",
        (
            "7z a -tzip ARCHIVE .",
            "7z a -tzip -mx0 ARCHIVE .",
            "7z a -tzip -so dummy . | cat > ARCHIVE",
            "cat page-1.json | 7z a -tzip -sipage.json ARCHIVE",
        ),
    ),
    "jar": (
        "default-jdk-headless",
        ("jar cMf ARCHIVE .", "jar c . > ARCHIVE", "jar c0f ARCHIVE .", "jar cf ARCHIVE . && jar uf ARCHIVE one.json"),
    ),
}
COMMANDS = [(tool, package, command) for tool, (package, commands) in TOOLS.items() for command in commands]


@pytest.mark.heavy
@pytest.mark.parametrize(("tool", "package", "command"), COMMANDS, ids=[command for *_, command in COMMANDS])
def test_tools(tool, package, command, tmp_path) -> None:
    """What the usual programs write, to a file and to a pipe."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed: apt install {package}")
    source, target = tmp_path / "source", tmp_path / "archive.zip"
    (source / "folder").mkdir(parents=True)
    for name, page in PAGES.items():
        (source / name).write_bytes(page)
        (source / "folder" / name).write_bytes(page)

    line = command.replace("ARCHIVE", f"'{target}'")
    subprocess.run(line, cwd=source, shell=True, check=True, capture_output=True, timeout=50)

    assert refused(target.read_bytes(), SIZES[1:]) == {}
