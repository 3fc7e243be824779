"""What a mirror's own folder can hold that cannot be read: each is named, and everything else is looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_sinks import UnlistableSink
from support.mirror_kit import asked

from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async.errors import DiskError
from multicart_async.models import VerifyReport
from multicart_async.sandbox import Sandbox

DAMAGED = "103/90/page-0001.json"


@pytest.fixture
async def mirror(sandbox: Sandbox, client, tmp_path: Path) -> Path:
    """Three runs; a file of the last one is damaged, which must be found whatever comes before it."""
    sandbox.add_collections(3, items=5)
    await client.sync(tmp_path)
    asked(sandbox)
    path = tmp_path / DAMAGED
    path.write_bytes(b"x" * path.stat().st_size)
    return tmp_path


def loop(path: Path) -> None:
    """A link that leads to itself."""
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def pipe(path: Path) -> None:
    """A FIFO that nothing is written to."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def pipe_of_that_size(path: Path) -> None:
    """A FIFO where the manifest lists an empty file."""
    pipe(path)
    rewrite(path.parent / "manifest.json", lambda files: [{**file, "size": 0} for file in files])


def rewrite(path: Path, change: Callable[[list[dict[str, object]]], list[dict[str, object]]]) -> None:
    """Change the files that a manifest lists, and seal it again."""
    fields = load_checksummed(path.read_bytes())
    assert isinstance(fields, dict)
    path.write_bytes(dump_checksummed({**fields, "files": change(fields["files"])}))


def blank_in_a_name(path: Path) -> None:
    """A manifest lists a name that no file of a run can have; a file of that name is there."""
    rewrite(
        path.parent / "manifest.json",
        lambda files: [*files, {"name": "a b.json", "size": 2, "sha256": "0" * 64}],
    )
    (path.parent / "a b.json").write_bytes(b"[]")


HARMS = {
    "a loop of links": (
        loop,
        "101/88/page-0001.json",
        "101/88/page-0001.json: missing: expected a file, got something else",
    ),
    "a loop for a manifest": (
        loop,
        "101/88/manifest.json",
        "101/88/manifest.json: cannot be read: expected a regular file, got a link",
    ),
    "a FIFO": (pipe, "101/88/page-0001.json", "101/88/page-0001.json: changed: expected 308 bytes, got 0"),
    "a FIFO of that size": (
        pipe_of_that_size,
        "101/88/page-0001.json",
        "101/88/page-0001.json: cannot be read: expected a regular file, got a ",
    ),
    "a FIFO for a manifest": (
        pipe,
        "101/88/manifest.json",
        "101/88/manifest.json: cannot be read: expected a regular file, got a ",
    ),
    "a name with a blank": (
        blank_in_a_name,
        "101/88/page-0001.json",
        "101/88/a b.json: the manifest lists a name that no file of a run can have",
    ),
}


@pytest.mark.parametrize("kind", HARMS)
async def test_what_cannot_be_read_does_not_hide_the_rest(client, mirror, kind) -> None:
    """The damaged file behind it is found too."""
    harm, name, text = HARMS[kind]
    harm(mirror / name)

    report = await client.verify(mirror)

    texts = [str(failure) for failure in report.failures]
    assert [found for found in texts if found.startswith(text)] != []
    assert texts[-1] == f"{DAMAGED}: changed: the SHA-256 does not match"
    assert report.runs == 3


@pytest.mark.parametrize("folder", ["101", "101/88"])
async def test_a_folder_that_cannot_be_listed_does_not_hide_the_rest(client, mirror, folder) -> None:
    """It is a failure of its own."""

    report = await client.verify(UnlistableSink(mirror, folder))

    assert [str(failure) for failure in report.failures] == [
        f"{folder}: cannot be read: Permission denied",
        f"{DAMAGED}: changed: the SHA-256 does not match",
    ]


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs root, to give its rights up")
async def test_files_of_another_user_do_not_hide_the_rest(client, mirror) -> None:
    """A folder with mode 000, and a file that only its owner may read, seen by a user without rights."""
    for path in (mirror, *mirror.parents[:-1]):
        path.chmod(path.stat().st_mode | 0o711)
    mirror.chmod(0o755)
    (mirror / "101/88").chmod(0)
    (mirror / "102/89/page-0001.json").chmod(0o600)

    report = await _as_another(client, mirror)

    assert [str(failure) for failure in report.failures] == [
        "101/88: cannot be read: Permission denied",
        "102/89/page-0001.json: cannot be read: Permission denied",
        f"{DAMAGED}: changed: the SHA-256 does not match",
    ]


async def _as_another(client, mirror: Path) -> VerifyReport:
    os.seteuid(65534)
    try:
        return await client.verify(mirror)
    finally:
        os.seteuid(0)


async def test_an_unreadable_root_raises(client, mirror) -> None:
    """There is nothing to report then."""

    with pytest.raises(DiskError, match="Permission denied"):
        await client.verify(UnlistableSink(mirror, ""))


async def test_notes_that_cannot_be_read_are_no_notes(client, mirror) -> None:
    """What an interrupted addition has brought is surplus then."""
    for content in (b"{", json.dumps({"version": 2}).encode()):
        (mirror / "101/88/progress.json").write_bytes(content)
        (mirror / "101/88/page-0009.json").write_bytes(b"[]")
        assert "101/88/page-0009.json: surplus: not listed in the manifest" in map(
            str, (await client.verify(mirror)).failures
        )
    loop(mirror / "101/88/progress.json")

    report = await client.verify(mirror)

    assert "101/88/page-0009.json" in [failure.path for failure in report.failures]
