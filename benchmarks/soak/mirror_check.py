"""Compare a mirror, file by file, with what the service has. Nothing of the library is used for that."""

from __future__ import annotations

import json
import os
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from soak.service import Runs

__all__ = ["Row", "Served", "rows_of", "wrong_files"]

Row = tuple[int, int, int, int]
"""Collection, run, page, and the place in the page from 1."""

_OWN: Final = frozenset({"manifest.json", "SHA256SUMS"})
_PAGE: Final = 50


class _Serves(Protocol):
    def files(self, collection: int, run: int) -> Mapping[str, bytes]:
        """The files of a run, by the names that they have in a mirror."""
        ...


class Served:
    """Reads runs and files from the port without faults."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._listed: dict[int, dict[int, Any]] = {}

    def files(self, collection: int, run: int) -> Mapping[str, bytes]:
        """The files of a run, by the names that they have in a mirror."""
        if collection not in self._listed:
            self._listed[collection] = {row["id"]: row for row in self._history(collection)}
        row = self._listed[collection].get(run)
        if row is None or not row["is_download_generated"]:
            return {}
        links = row["download_links"]
        files = {f"page-{number:04d}.json": self._get(link) for number, link in enumerate(links["pages"], 1)}
        return {**files, "all-pages.zip": self._get(links["all_pages"])} if links["all_pages"] else files

    def _history(self, collection: int) -> Iterator[Any]:
        skip = 0
        while True:
            fields = {"collection_id": collection, "skip": skip, "limit": _PAGE}
            told = json.loads(self._get(f"{self._url}/schedules/collections/results/download/", fields))
            yield from told["data"]
            if len(told["data"]) < _PAGE:
                return
            skip += _PAGE

    def _get(self, url: str, fields: Mapping[str, Any] | None = None) -> bytes:
        parts = urlsplit(url)
        request = urllib.request.Request(
            parts._replace(path=quote(parts.path)).geturl(),
            data=None if fields is None else json.dumps(fields).encode(),
            headers={"x-api-key": self._key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            content: bytes = response.read()
        return content


def wrong_files(mirror: Path, served: _Serves, finished: Runs) -> tuple[int, list[str]]:
    """Return how many files were compared, and what is wrong: bytes, files too many or too few, runs too many or few."""
    wrong: list[str] = []
    compared = 0
    found: set[tuple[int, int]] = set()
    for folder in sorted(_folders(mirror)):
        collection, run = int(folder.parent.name), int(folder.name)
        names = {path.name for path in folder.iterdir()}
        if "manifest.json" not in names:
            wrong.append(f"{collection}/{run} has no manifest, but {sorted(names)}")
            continue
        found.add((collection, run))
        files = served.files(collection, run)
        named = {file["name"] for file in json.loads((folder / "manifest.json").read_bytes())["files"]}
        names.discard("progress.json")  # of a process that was killed between writing the manifest and removing this
        if named != names - _OWN:
            wrong.append(f"{collection}/{run}: the manifest names {sorted(named)}, there are {sorted(names - _OWN)}")
        if not {name for name in files if name.startswith("page-")} <= names:
            wrong.append(f"{collection}/{run}: the service has {sorted(files)}, there are {sorted(names)}")
        for name in sorted(names - _OWN):
            compared += 1
            if files.get(name) != (folder / name).read_bytes():
                wrong.append(f"{collection}/{run}/{name} has other bytes than at the service")
    expected = {(collection, run) for collection, runs in finished.items() for run in runs}
    wrong += [f"{collection}/{run} is missing in the mirror" for collection, run in sorted(expected - found)]
    wrong += [f"{collection}/{run} is not at the service" for collection, run in sorted(found - expected)]
    return compared, wrong + [f"{path} was left over" for path in _left_over(mirror)]


def rows_of(mirror: Path) -> Counter[Row]:
    """The rows that a table of the mirror must have."""
    rows: Counter[Row] = Counter()
    for folder in _folders(mirror):
        for page in folder.glob("page-*.json"):
            for number, _ in enumerate(json.loads(page.read_bytes()), 1):
                rows[int(folder.parent.name), int(folder.name), int(page.stem.removeprefix("page-")), number] += 1
    return rows


def _folders(mirror: Path) -> Iterator[Path]:
    for folder in mirror.glob("*/*"):
        if folder.is_dir() and folder.name.isdecimal() and folder.parent.name.isdecimal():
            yield folder


def _left_over(mirror: Path) -> list[str]:
    """Files and folders that belong to no run: temporary ones begin with a point."""
    paths = sorted(mirror.rglob(".*"))
    return [os.fspath(path.relative_to(mirror)) for path in paths]
