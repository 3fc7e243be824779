"""What a folder says of itself, and when it is believed."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._downloads.manifest import (
    Manifest,
    ManifestFile,
    _checksum,
    dump_checksummed,
    parse_manifest,
    render_manifest,
)

PAGE = ManifestFile("page-0001.json", 3, "ab" * 32, "https://h/results/101/88/x", "AU é_88.json")
CSV = ManifestFile("category_asins.csv", 0, "cd" * 32)
MANIFEST = Manifest(101, 88, {"id": 88, "total_results": 1, "name": "é\ud800"}, (PAGE, CSV))


def sealed(**changes: object) -> bytes:
    """The manifest with changes, and a checksum that fits."""
    content: dict[str, Any] = json.loads(render_manifest(MANIFEST))
    del content["checksum"]
    content.update(changes)
    return json.dumps({**content, "checksum": _checksum(content)}).encode()


def test_a_manifest_comes_back_as_it_was() -> None:
    """Texts of all kinds included."""
    assert parse_manifest(render_manifest(MANIFEST)) == MANIFEST


def test_a_manifest_is_for_people_too() -> None:
    """Several lines of plain ASCII with what wrote it."""
    text = render_manifest(MANIFEST).decode("ascii")

    assert text.endswith("}\n")
    assert json.loads(text)["written_by"].startswith("multicart_async ")
    assert len(text.splitlines()) > 10


def test_a_file_is_found_by_its_name() -> None:
    """Or there is none."""
    assert MANIFEST.file("page-0001.json") == PAGE
    assert MANIFEST.file("page-0002.json") is None


def test_a_manifest_cut_anywhere_is_not_believed() -> None:
    """At every byte; only the last line break can be missing."""
    whole = render_manifest(MANIFEST)

    for end in range(len(whole) - 1):
        assert isinstance(parse_manifest(whole[:end]), str)


@pytest.mark.parametrize("old", [b"101", b"88", b"page-0001", b"abab", b'"size": 3', b"AU "])
def test_a_changed_manifest_is_not_believed(old: bytes) -> None:
    """Whatever was changed, the checksum does not fit."""
    whole = render_manifest(MANIFEST)
    changed = whole.replace(old, old[:-1] + b"7", 1)
    assert whole != changed

    assert parse_manifest(changed) == "its checksum does not fit: it was changed or cut"


def test_layout_does_not_matter() -> None:
    """Blanks and the order of fields are not content."""
    content = json.loads(render_manifest(MANIFEST))
    turned = json.dumps(dict(reversed(content.items()))).encode()

    assert parse_manifest(turned) == MANIFEST


def test_fields_of_later_versions_are_passed_over() -> None:
    """In the manifest and in its files."""
    files = [{**attrs.asdict(PAGE), "crc": 5}]

    assert attrs.evolve(MANIFEST, files=(PAGE,)) == parse_manifest(sealed(files=files, new="x"))


def test_another_version_is_not_believed() -> None:
    """It may mean something else by the same names."""
    assert parse_manifest(sealed(version=2)) == "its version is 2, not 1"
    assert parse_manifest(b"{}") == "its version is None, not 1"


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe", b"<html>", b"[" * 100_000], ids=["empty", "bytes", "HTML", "deep"]
)
def test_what_is_no_json_is_not_believed(payload: bytes) -> None:
    """Nor does it raise."""
    assert parse_manifest(payload) == "it is not JSON"


@pytest.mark.parametrize("payload", [b"null", b"[]", b"5", b'"x"'])
def test_what_is_no_object_is_not_believed(payload: bytes) -> None:
    """A manifest is an object."""
    assert parse_manifest(payload) == "it is not an object"


ODD = [
    {"files": None},
    {"files": 5},
    {"files": [5]},
    {"files": ["x"]},
    {"files": {"a": 1}},
    {"files": [{}]},
    {"files": [{**attrs.asdict(PAGE), "size": "3"}]},
    {"files": [{**attrs.asdict(PAGE), "name": 3}]},
    {"files": [{**attrs.asdict(PAGE), "sha256": None}]},
    {"run": None},
    {"run": [1]},
    {"run_id": "88"},
    {"run_id": True},
    {"collection_id": 1.0},
]


@pytest.mark.parametrize("changes", ODD, ids=repr)
def test_an_odd_manifest_with_a_good_checksum_is_not_believed(changes: dict[str, object]) -> None:
    """Another program can compute a checksum too."""
    found = parse_manifest(sealed(**changes))

    assert isinstance(found, str)
    assert "it lacks something" in found


def test_deep_nesting_is_not_believed() -> None:
    """At any depth there is an answer, also between what can be read and what can be written."""
    for depth in range(800, 1010):
        nested = b"[" * depth + b"]" * depth
        for payload in (b'{"version": 1, "x": ' + nested + b"}", b'{"version": ' + nested + b"}"):
            assert isinstance(parse_manifest(payload), str)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["files", "run", "run_id", "collection_id"]), json_values)
def test_any_json_is_a_manifest_or_a_reason(name: str, value: object) -> None:
    """No file that somebody left there raises."""
    assert isinstance(parse_manifest(sealed(**{name: value})), Manifest | str)


def test_a_manifest_is_sealed_like_everything_else() -> None:
    """What is encoded file by file has the checksum of the whole, and is the same content."""
    rendered, sealed_whole = (
        json.loads(render_manifest(MANIFEST)),
        json.loads(dump_checksummed(attrs.asdict(MANIFEST))),
    )

    assert sealed_whole == rendered


def test_each_file_has_a_line_of_its_own() -> None:
    """So that a diff of two manifests shows which file has changed."""
    lines = render_manifest(MANIFEST).decode().splitlines()

    assert sum('"sha256"' in line for line in lines) == 2
