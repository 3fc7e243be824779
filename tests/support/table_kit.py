"""Runs of a mirror with given records, written without a service."""

from __future__ import annotations

import csv
import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multicart_async._downloads.manifest import Manifest, ManifestFile, iter_manifest
from multicart_async.sinks import MemorySink
from multicart_async.tables import ExportReport, export


def write_run(
    place: Path | MemorySink,
    collection_id: int,
    run_id: int,
    pages: Sequence[Sequence[object] | bytes],
    *,
    updated_at: str | None = None,
    single: bool = False,
) -> None:
    """Write a run with its manifest to a mirror, a folder or a sink; *single*: *place* is the folder of that run alone.

    A page is its records, or its bytes.
    """
    folder = "" if single else f"{collection_id}/{run_id}/"
    for name, content in run_files(collection_id, run_id, pages, updated_at=updated_at).items():
        if isinstance(place, MemorySink):
            place.files[folder + name] = content
        else:
            path = place / (folder + name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def run_files(
    collection_id: int, run_id: int, pages: Sequence[Sequence[object] | bytes], *, updated_at: str | None = None
) -> dict[str, bytes]:
    """The files of a run, its manifest among them."""
    contents = {
        f"page-{number:04}.json": page if isinstance(page, bytes) else json.dumps(page).encode()
        for number, page in enumerate(pages, 1)
    }
    listed = tuple(
        ManifestFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()
    )
    run: dict[str, Any] = {"id": run_id, "collection": collection_id, "is_download_generated": True}
    if updated_at is not None:
        run |= {"created_at": updated_at, "updated_at": updated_at}
    return {**contents, "manifest.json": b"".join(iter_manifest(Manifest(collection_id, run_id, run, listed)))}


async def csv_of(folder: Path, *pages: Any, **options: Any) -> tuple[ExportReport, list[dict[str, str]]]:
    """Export one run with these pages as CSV; the report, and the rows without the first columns."""
    source = MemorySink()
    write_run(source, 101, 88, pages)
    report = await export(source, folder / "t.csv", **options)
    with (folder / "t.csv").open(newline="", encoding="utf-8-sig") as file:
        return report, [dict([*row.items()][5:]) for row in csv.DictReader(file)]


async def lines_of(folder: Path, *pages: Any, **options: Any) -> tuple[ExportReport, list[dict[str, Any]]]:
    """Export one run with these pages as JSON Lines; the report, and the lines without the first columns."""
    source = MemorySink()
    write_run(source, 101, 88, pages)
    report = await export(source, folder / "t.jsonl", **options)
    lines = [json.loads(line) for line in (folder / "t.jsonl").read_text().splitlines()]
    return report, [dict([*line.items()][5:]) for line in lines]


def threads_left() -> list[threading.Thread]:
    """The threads of exports that do not end within five seconds."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("multicart-tables")]
    for thread in threads:
        thread.join(5)
    return [thread for thread in threads if thread.is_alive()]
