"""Two versions of a run: what a refresh of it needs, and how a folder that holds one of them is told."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import attrs

from multicart_async import AsyncMultiCart
from multicart_async.errors import NotFoundError
from multicart_async.models import Run
from multicart_async.sinks import ListableSink, Sink
from support.download_kit import files_below, page_bytes, run_of, url, zip_bytes
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import Groups, groups_over

FOLDER = "101/88"


@attrs.frozen
class Version:
    """What the service has of the run, and with which row."""

    total: int
    pages: tuple[bytes, ...]
    zipped: bool

    @property
    def run(self) -> Run:
        """The run as it is listed."""
        return run_of(*range(1, len(self.pages) + 1), zipped=self.zipped, total_results=self.total)

    @property
    def files(self) -> dict[str, bytes]:
        """The result files, by their local name."""
        found = {f"{FOLDER}/page-{number:04d}.json": page for number, page in enumerate(self.pages, 1)}
        return {**found, f"{FOLDER}/all-pages.zip": zip_bytes(self.pages)} if self.zipped else found

    def transport(self, *, broken: frozenset[str] = frozenset()) -> FakeTransport:
        """The service with this version; the links of *broken* names have expired."""
        links = {**{url(number): page for number, page in enumerate(self.pages, 1)}, url(None): zip_bytes(self.pages)}
        files: dict[str, Any] = {link: FakeFile.whole(content) for link, content in links.items()}
        for name in broken:
            files[name] = NotFoundError(name, 404, "expired")
        return FakeTransport(*[ok([])] * 20, files=files)


OLD = Version(9, tuple(page_bytes(3, first=number) for number in (10, 20, 30)), zipped=True)
NEW = Version(8, tuple(page_bytes(4, first=number) for number in (60, 70)), zipped=False)  # fewer pages, no ZIP


async def deliver(version: Version, dest: Path | Sink, **given: Any) -> Groups:
    """Download all files of a version."""
    groups = groups_over(version.transport())
    await groups.runs.download(version.run, dest, files="both" if version.zipped else "pages", **given)
    return groups


async def verified(mirror: Path | ListableSink) -> bool:
    """Whether a mirror is found to be as it was written."""
    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        return (await client.verify(mirror)).ok


def version_in(folder: Path, *, staged: bool = True) -> Version | None:
    """The version whose files, and a manifest of them, are all that the folder holds; but for what is *staged*, or not."""
    files = files_below(folder, staged=staged)
    held = {name: content for name, content in files.items() if not name.endswith("/manifest.json")}
    found = next((version for version in (OLD, NEW) if version.files == held), None)
    if found is None:
        return None
    manifest = json.loads((folder / FOLDER / "manifest.json").read_bytes())
    sums = {f"{FOLDER}/{file['name']}": file["sha256"] for file in manifest["files"]}
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in found.files.items()}
    listed = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=folder / FOLDER,
        capture_output=True,
        check=False,
    )
    return (
        found if sums == wanted and manifest["run"]["total_results"] == found.total and not listed.returncode else None
    )


KILLED = """
import asyncio, json, os, signal, sys
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
from multicart_async._core import threads
from support.refresh_kit import NEW, deliver

threads.WORKERS = 1
CALLS = ("open", "replace", "unlink", "rmdir", "mkdir")

def watch(limit):
    count = 0
    def counted(real):
        def call(*given, **more):
            nonlocal count
            count += 1
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*given, **more)
            return result
        return call
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))

for line in sys.stdin:
    limit, dest = json.loads(line)
    child = os.fork()
    if not child:
        watch(limit)
        asyncio.run(deliver(NEW, Path(dest)))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Killing:
    """``with Killing() as killing``: refreshes in processes that are killed at their k-th system call on a name."""

    def __enter__(self) -> Self:
        here = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLED, json.dumps(here)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def refresh(self, limit: int, dest: Path) -> int:
        """How the process ended, as ``os.waitpid`` tells it, that was to be killed at call *limit*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([limit, str(dest)]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())
