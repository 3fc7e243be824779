"""What a folder says of itself: the run's row, and name, source, size and SHA-256 of each file. Written last.

A folder with a manifest is complete. It carries its own checksum, so that one that was cut, edited or written by
something else is not believed: then the files are fetched again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, cast

import attrs

from multicart_async._core.version import __version__

__all__ = [
    "MANIFEST",
    "PROGRESS",
    "Manifest",
    "ManifestFile",
    "dump_checksummed",
    "load_checksummed",
    "parse_manifest",
    "render_manifest",
]

MANIFEST: Final = "manifest.json"
PROGRESS: Final = "progress.json"
"""The same for a folder that is not complete yet: what is there already. Gone when the manifest is there."""

VERSION: Final = 1
_HEAD: Final = {"version": VERSION, "written_by": f"multicart_async {__version__}"}
_FIELDS = ("name", "sha256", "url", "service_name", "records")


@attrs.frozen
class ManifestFile:
    """A file that was whole when it was put in place. ``url`` has no query: a signature is a secret.

    ``records`` is how many it holds, where they were counted.
    """

    name: str
    size: int
    sha256: str
    url: str | None = None
    service_name: str | None = None
    records: int | None = None

    @cached_property
    def text(self) -> str:
        """Its JSON. Notes of progress are written again and again: what does not change is encoded once."""
        return json.dumps(self._fields())

    @cached_property
    def canonical(self) -> str:
        """The same as the checksum wants it."""
        return _canonical(self._fields())

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("name", "size", *_FIELDS[1:])}


@attrs.frozen
class Manifest:
    """What a folder holds. ``run`` is the run's row as the service gave it, links without their queries.

    ``differences`` tell where the row and the files do not agree; what the service counts is not documented.
    """

    collection_id: int
    run_id: int
    run: Mapping[str, Any]
    files: tuple[ManifestFile, ...]
    differences: tuple[str, ...] = ()

    def file(self, name: str) -> ManifestFile | None:
        """The file of that name, if it is listed."""
        return next((file for file in self.files if file.name == name), None)


def render_manifest(manifest: Manifest) -> bytes:
    """JSON for people and programs, with a checksum over the rest of it: a line for each file."""
    before = {"collection_id": manifest.collection_id, "differences": list(manifest.differences)}
    after = {"run": dict(manifest.run), "run_id": manifest.run_id, **_HEAD}
    files = ",".join(file.canonical for file in manifest.files)  # its name is sorted between those two
    checksum = _digest(f'{_canonical(before)[:-1]},"files":[{files}],{_canonical(after)[1:]}')
    rows = ",\n  ".join(file.text for file in manifest.files)
    lines = [*_lines(_HEAD), *_lines(before), f'"run_id": {manifest.run_id}']
    lines += ['"run": {\n  ' + ",\n  ".join(_lines(manifest.run)) + "\n }", f'"files": [\n  {rows}\n ]']
    return _whole([*lines, f'"checksum": "{checksum}"'])


def dump_checksummed(fields: Mapping[str, Any]) -> bytes:
    """*fields* as JSON with a version and a checksum over all of it."""
    content: dict[str, Any] = {**_HEAD, **fields}
    return _whole([*_lines(content), f'"checksum": "{_checksum(content)}"'])


def _lines(fields: Mapping[str, Any]) -> list[str]:
    return [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]


def _whole(lines: Iterable[str]) -> bytes:
    return ("{\n " + ",\n ".join(lines) + "\n}\n").encode()


def load_checksummed(payload: bytes) -> dict[str, Any] | str:
    """What `dump_checksummed` sealed, or why it cannot be believed."""
    try:
        content: Any = json.loads(payload)
        if not isinstance(content, dict):
            return "it is not an object"
        fields = cast("dict[str, Any]", content)
        if fields.get("version") != VERSION:
            return f"its version is {str(fields.get('version'))[:20]}, not {VERSION}"
        if fields.pop("checksum", None) != _checksum(fields):
            return "its checksum does not fit: it was changed or cut"
    except (ValueError, RecursionError):
        return "it is not JSON"
    return fields


def parse_manifest(payload: bytes) -> Manifest | str:
    """The manifest, or why it cannot be believed. Fields that a later library version adds are passed over."""
    fields = load_checksummed(payload)
    if isinstance(fields, str):
        return fields
    try:
        files = tuple(_file(row) for row in fields["files"])
        differences = tuple(str(text) for text in fields.get("differences", ()))
        return Manifest(_id(fields["collection_id"]), _id(fields["run_id"]), dict(fields["run"]), files, differences)
    except (KeyError, TypeError, ValueError) as error:
        return f"it lacks something ({error})"


def _file(row: object) -> ManifestFile:
    if not isinstance(row, Mapping):
        raise TypeError("files")
    row = cast("Mapping[str, Any]", row)
    values = {name: row.get(name) for name in _FIELDS}
    if not isinstance(row["size"], int) or not isinstance(row["name"], str) or not isinstance(row["sha256"], str):
        raise TypeError("files")
    return ManifestFile(size=row["size"], **cast("dict[str, Any]", values))


def _id(value: object) -> int:
    if type(value) is not int:
        raise TypeError("ids")
    return value


def _checksum(content: Mapping[str, Any]) -> str:
    return _digest(_canonical(content))


def _canonical(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _digest(canonical: str) -> str:
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
