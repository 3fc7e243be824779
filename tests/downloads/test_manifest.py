"""What a folder says of itself, and when it is believed."""

from __future__ import annotations

import hashlib
import json
import os

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.download_kit import render_manifest

from multicart_async._downloads.manifest import (
    Manifest,
    ManifestFile,
    dump_checksummed,
    load_checksummed,
    parse_manifest,
)

AT_LENGTH = int(os.environ.get("MULTICART_FUZZ_EXAMPLES", "0"))
PAGE = ManifestFile("page-0001.json", 3, "ab" * 32, "https://h/results/101/88/x", "AU é_88.json")
CSV = ManifestFile("category_asins.csv", 0, "cd" * 32)
MISMATCH = "the checksum does not match, so it was changed or cut"
MANIFEST = Manifest(101, 88, {"id": 88, "total_results": 1, "name": "é\ud800"}, (PAGE, CSV))


def sealed(**changes: object) -> bytes:
    """Return the manifest with changes, and a checksum that fits."""
    content = load_checksummed(render_manifest(MANIFEST))
    assert isinstance(content, dict)
    return dump_checksummed({**content, **changes})


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
    """Each shorter file is rejected, also the one that lacks the last line break alone."""
    whole = render_manifest(MANIFEST)

    for end in range(len(whole)):
        assert isinstance(parse_manifest(whole[:end]), str)


@pytest.mark.parametrize("old", [b"101", b"88", b"page-0001", b"abab", b'"size": 3', b"AU "])
def test_a_changed_manifest_is_not_believed(old: bytes) -> None:
    """Whatever was changed, the checksum does not fit."""
    whole = render_manifest(MANIFEST)
    changed = whole.replace(old, old[:-1] + b"7", 1)
    assert whole != changed

    assert parse_manifest(changed) == MISMATCH


@pytest.mark.parametrize("indent", [None, 1])
def test_another_layout_is_not_trusted(indent: int | None) -> None:
    """The same content in other bytes was written by another program: the checksum is that of the bytes."""
    content = json.loads(render_manifest(MANIFEST))

    assert parse_manifest(json.dumps(content, indent=indent).encode()) == MISMATCH


def test_the_last_line_is_the_checksum_of_the_rest() -> None:
    """SHA-256 of the exact bytes before the last line, in a manifest and in any other checksummed file."""
    for payload in (render_manifest(MANIFEST), dump_checksummed({"run": 7})):
        *lines, last = payload.splitlines(keepends=True)
        assert last == f' "checksum": "{hashlib.sha256(b"".join(lines)).hexdigest()}"}}\n'.encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a checksummed file in which one byte, one line or the length differs."""
    payload = draw(st.sampled_from([render_manifest(MANIFEST), dump_checksummed({"run": 7, "name": "é"})]))
    lines = payload.splitlines(keepends=True)
    place, line = draw(st.integers(0, len(payload) - 1)), draw(st.integers(0, len(lines) - 1))
    other = draw(st.integers(1, 255))
    inserted = draw(st.sampled_from([b"\n", b" ", b' "name": 1,\n', lines[line]]) | st.binary(min_size=1, max_size=9))
    return draw(
        st.sampled_from(
            [
                payload[:place] + bytes([payload[place] ^ other]) + payload[place + 1 :],
                payload[:place] + payload[place + 1 :],
                payload[:place],
                payload[:place] + inserted + payload[place:],
                payload + inserted,
                b"".join([*lines[:line], *lines[line + 1 :]]),
                b"".join([*lines[:line], inserted, *lines[line:]]),
                b"".join([*lines[:line], *reversed(lines[line : line + 2]), *lines[line + 2 :]]),
            ]
        ).filter(lambda changed: changed != payload)
    )


@settings(max_examples=AT_LENGTH or 300, derandomize=not AT_LENGTH, deadline=None)
@given(damaged())
def test_any_damage_is_rejected(payload: bytes) -> None:
    """One byte changed, removed or inserted, a line removed, added or moved, or the end cut off: never trusted.

    ``MULTICART_FUZZ_EXAMPLES=20000`` runs that many examples, other ones each time.
    """
    assert isinstance(load_checksummed(payload), str)


def test_each_single_bit_counts() -> None:
    """Every bit of a whole manifest, turned alone, makes it untrusted."""
    whole = render_manifest(MANIFEST)

    for place in range(len(whole)):
        for bit in range(8):
            turned = bytearray(whole)
            turned[place] ^= 1 << bit
            assert isinstance(parse_manifest(bytes(turned)), str)


def test_fields_of_later_versions_are_passed_over() -> None:
    """In the manifest and in its files."""
    files = [{**attrs.asdict(PAGE), "crc": 5}]

    assert attrs.evolve(MANIFEST, files=(PAGE,)) == parse_manifest(sealed(files=files, new="x"))


def test_another_version_is_not_believed() -> None:
    """It may mean something else by the same names."""
    assert parse_manifest(sealed(version=3)) == "expected version 2, got 3"
    assert parse_manifest(sealed(version=1)) == "expected version 2, got 1"
    assert parse_manifest(b"{}") == "expected version 2, got None"


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe", b"<html>", b"[" * 100_000], ids=["empty", "bytes", "HTML", "deep"]
)
def test_what_is_no_json_is_not_believed(payload: bytes) -> None:
    """Nor does it raise."""
    assert parse_manifest(payload) == "it is not valid JSON"


@pytest.mark.parametrize("payload", [b"null", b"[]", b"5", b'"x"'])
def test_what_is_no_object_is_not_believed(payload: bytes) -> None:
    """A manifest is an object."""
    assert parse_manifest(payload) == f"expected a JSON object, got {type(json.loads(payload)).__name__}"


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
    assert "a field is missing or invalid" in found


def test_deep_nesting_is_not_believed() -> None:
    """At any depth there is an answer, also between what can be read and what can be written."""
    for depth in range(800, 1010):
        nested = b"[" * depth + b"]" * depth
        for payload in (b'{"version": 2, "x": ' + nested + b"}", b'{"version": ' + nested + b"}"):
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
    """A manifest, which is encoded file by file, has the same fields as one that is encoded at once."""
    rendered = load_checksummed(render_manifest(MANIFEST))

    assert rendered == load_checksummed(dump_checksummed(json.loads(json.dumps(attrs.asdict(MANIFEST)))))


def test_each_file_has_a_line_of_its_own() -> None:
    """So that a diff of two manifests shows which file has changed."""
    lines = render_manifest(MANIFEST).decode().splitlines()

    assert sum('"sha256"' in line for line in lines) == 2
