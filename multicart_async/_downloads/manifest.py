"""Read and write manifests: a snapshot of the run, and the name, source, size and SHA-256 of each file.

The manifest is written last, so a folder with a manifest is complete. Its last line is the SHA-256 of all bytes before
that line. A manifest that was cut, edited or written by another program is not trusted, and its files are fetched again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import attrs

from multicart_async._core.version import __version__

__all__ = [
    "MANIFEST",
    "PROGRESS",
    "Manifest",
    "ManifestFile",
    "dump_checksummed",
    "iter_manifest",
    "load_checksummed",
    "manifest_checksum",
    "parse_manifest",
]

MANIFEST: Final = "manifest.json"
PROGRESS: Final = "progress.json"
"""A manifest of the files so far, in a folder that is not complete. Removed when the manifest is written."""

VERSION: Final = 2
_HEADER: Final = {"version": VERSION, "written_by": f"multicart_async {__version__}"}
_LAST_LINE: Final = ' "checksum": "%s"}\n'
_LAST_LINE_SIZE: Final = len(_LAST_LINE % ("0" * 64))
_FIELDS: Final = ("name", "size", "sha256", "url", "service_name", "records")
_PIECE: Final = 250  # files rendered at a time
_quoted = json.encoder.encode_basestring_ascii


@attrs.frozen
class ManifestFile:
    """One file, which was complete when it was put in place.

    ``url`` has no query, because a signature is a secret. ``records`` is the number of records, if they were counted.
    """

    name: str
    size: int
    sha256: str
    url: str | None = None
    service_name: str | None = None
    records: int | None = None


@attrs.frozen
class Manifest:
    """The contents of a folder. ``run`` is the service's description of the run, with links without queries.

    ``differences`` describe where the files do not match it; what the service counts is not documented.
    """

    collection_id: int
    run_id: int
    run: Mapping[str, Any]
    files: tuple[ManifestFile, ...]
    differences: tuple[str, ...] = ()

    def file(self, name: str) -> ManifestFile | None:
        """Return the file with that name, or ``None`` if it is not listed."""
        return next((file for file in self.files if file.name == name), None)


def iter_manifest(manifest: Manifest) -> Iterator[bytes]:
    """Yield the manifest as readable JSON, with one line for each file and the checksum in the last line.

    Each piece takes less than a millisecond.
    """
    digest = hashlib.sha256()
    for piece in _iter_lines(manifest):
        digest.update(piece)
        yield piece
    yield (_LAST_LINE % digest.hexdigest()).encode()


def _iter_lines(manifest: Manifest) -> Iterator[bytes]:
    fields = {**_HEADER, "collection_id": manifest.collection_id, "differences": list(manifest.differences)}
    yield _join([*_lines({**fields, "run_id": manifest.run_id}), '"run": {\n  '], start="{\n ", end="")
    yield _join(_lines(manifest.run), between=",\n  ", end='\n },\n "files": [\n  ')
    for start in range(0, len(manifest.files), _PIECE):
        piece = manifest.files[start : start + _PIECE]
        yield _join(map(_entry, piece), between=",\n  ", end=",\n  " if start + _PIECE < len(manifest.files) else "")
    yield b"\n ],\n"


def _entry(file: ManifestFile) -> str:
    url, service_name = _json(file.url), _json(file.service_name)
    start = f'{{"name": {_quoted(file.name)}, "size": {file.size}, "sha256": {_quoted(file.sha256)}, '
    return f'{start}"url": {url}, "service_name": {service_name}, "records": {_json(file.records)}}}'


def _json(value: object) -> str:
    if value is None:
        return "null"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)  # in a manifest by others it may be anything


def dump_checksummed(fields: Mapping[str, Any]) -> bytes:
    """Return *fields* and a version as JSON, with the checksum of the preceding bytes in the last line."""
    content = _join(_lines({**_HEADER, **fields}), start="{\n ")
    return content + _last_line(content)


def load_checksummed(payload: bytes) -> dict[str, Any] | str:
    """Return the fields passed to `dump_checksummed`, and the version, or the reason why *payload* is not trusted."""
    try:
        content: Any = json.loads(payload)
        if not isinstance(content, dict):
            return f"expected a JSON object, got {type(content).__name__}"
        fields = cast("dict[str, Any]", content)
        if fields.get("version") != VERSION:
            return f"expected version {VERSION}, got {str(fields.get('version'))[:20]}"
    except (ValueError, RecursionError):
        return "it is not valid JSON"
    before = memoryview(payload)[:-_LAST_LINE_SIZE]
    if payload[len(before) :] != _last_line(before):
        return "the checksum does not match, so it was changed or cut"
    fields.pop("checksum")
    return fields


def _lines(fields: Mapping[str, Any]) -> list[str]:
    return [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]


def _join(lines: Iterable[str], *, start: str = "", between: str = ",\n ", end: str = ",\n") -> bytes:
    return f"{start}{between.join(lines)}{end}".encode()


def _last_line(before: bytes | memoryview) -> bytes:
    return (_LAST_LINE % hashlib.sha256(before).hexdigest()).encode()


def manifest_checksum(payload: bytes) -> str:
    """Return the checksum in the last line of a trusted manifest, which identifies its content."""
    return payload[-_LAST_LINE_SIZE:].split(b'"')[3].decode()


def parse_manifest(payload: bytes) -> Manifest | str:
    """Return the manifest, or the reason why it is not trusted. Unknown fields, from later versions, are ignored."""
    fields = load_checksummed(payload)
    if isinstance(fields, str):
        return fields
    try:
        files = tuple(_file(entry) for entry in fields["files"])
        differences = tuple(str(text) for text in fields.get("differences", ()))
        return Manifest(_id(fields["collection_id"]), _id(fields["run_id"]), dict(fields["run"]), files, differences)
    except (KeyError, TypeError, ValueError) as error:
        return f"a field is missing or invalid ({error})"


def _file(entry: object) -> ManifestFile:
    if not isinstance(entry, Mapping):
        raise TypeError("files")
    entry = cast("Mapping[str, Any]", entry)
    values = {name: entry.get(name) for name in _FIELDS}
    if type(entry["size"]) is not int or not isinstance(entry["name"], str) or not isinstance(entry["sha256"], str):
        raise TypeError("files")
    return ManifestFile(**cast("dict[str, Any]", values))


def _id(value: object) -> int:
    if type(value) is not int:
        raise TypeError("ids")
    return value
