"""The changes between two runs of a mirror."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.table_kit import write_run

from multicart_async.errors import ArgumentError, DiskError, IntegrityError, InvalidResponseError
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.tables import Change, changes
from multicart_async.tables import _run_index as run_index
from multicart_async.tables._run_index import RunIndex

EXAMPLES = int(os.environ.get("MULTICART_EXAMPLES", "0"))


def mirror_of(*runs: list[list[Any]] | list[Any]) -> MemorySink:
    """A mirror with collection 101, whose runs, from 88 on, have these pages; a flat list is one page."""
    sink = MemorySink()
    for run_id, pages in enumerate(runs, 88):
        write_run(sink, 101, run_id, pages if pages and isinstance(pages[0], list) else [pages])
    return sink


async def all_of(source: Any, collection_id: int = 101, **options: Any) -> list[Change]:
    """All changes."""
    return [change async for change in changes(source, collection_id, **options)]


TWO = mirror_of(
    [[{"asin": "A", "price": "$1,049.99"}, {"asin": "B", "price": "$5", "old": 1}], [{"asin": "C"}, {"asin": "D"}]],
    [[{"asin": "E"}], [{"asin": "B", "price": "$6", "new": 2}, {"asin": "A", "price": "$1049.99"}]],
)


async def test_changes_are_added_changed_then_removed() -> None:
    """Added and changed records come in the order of the new run, removed ones in that of the old one."""
    assert await all_of(TWO) == [
        Change("added", "E", None, None, {"asin": "E"}),
        Change("changed", "B", "price", "$5", "$6"),
        Change("changed", "B", "new", None, 2),
        Change("changed", "B", "old", 1, None),
        Change("removed", "C", None, {"asin": "C"}, None),
        Change("removed", "D", None, {"asin": "D"}, None),
    ]


async def test_changes_backwards_are_the_reverse() -> None:
    """The old run may be the newer one."""
    found = await all_of(TWO, old=89, new=88, fields=["price"])

    assert [(change.kind, change.key) for change in found] == [
        ("changed", "B"),
        ("added", "C"),
        ("added", "D"),
        ("removed", "E"),
    ]


async def test_a_mirror_can_be_any_listable_source(tmp_path: Path) -> None:
    """A path, a folder sink and a memory sink have the same changes."""
    write_run(tmp_path, 101, 88, [[{"asin": "A"}]])
    write_run(tmp_path, 101, 89, [[{"asin": "B"}]])

    for source in (tmp_path, str(tmp_path), DirectorySink(tmp_path)):
        assert [change.kind for change in await all_of(source)] == ["added", "removed"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (92, 93)),
        ({"new": 92}, (90, 92)),
        ({"old": 90}, (90, 93)),
        ({"old": 93, "new": 90}, (93, 90)),
        ({"old": 88, "new": 92}, (88, 92)),
    ],
    ids=str,
)
async def test_the_runs_compared_are_the_newest(options: dict[str, int], expected: tuple[int, int]) -> None:
    """By default the two newest with a manifest, and the newest one below the new one."""
    sink = MemorySink()
    for run_id in (88, 90, 92, 93):
        write_run(sink, 101, run_id, [[{"asin": "A", "run": run_id}]])
    for run_id in (91, 94):  # still being downloaded
        sink.files[f"101/{run_id}/page-0001.json"] = b"[]"

    (change,) = await all_of(sink, **options)

    assert (change.old, change.new) == expected


async def test_only_two_manifests_are_read_of_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs there are."""
    sink = mirror_of(*([{"asin": "A", "run": number}] for number in range(50)))
    seen: list[str] = []
    read = MemorySink.read

    async def counted(self: MemorySink, name: str) -> bytes | None:
        seen.append(name)
        return await read(self, name)

    monkeypatch.setattr(MemorySink, "read", counted)
    assert len(await all_of(sink)) == 1

    assert sorted(seen) == [
        "101/136/manifest.json",
        "101/136/page-0001.json",
        "101/137/manifest.json",
        "101/137/page-0001.json",
        "manifest.json",
    ]


async def test_a_key_of_several_fields_is_a_tuple() -> None:
    """A list of one name counts as several."""
    sink = mirror_of(
        [{"asin": "A", "postcode": "2000", "n": 1}, {"asin": "A", "postcode": "0800", "n": 1}],
        [{"asin": "A", "postcode": "0800", "n": 2}, {"asin": "A", "n": 3}],
    )

    found = await all_of(sink, key=["asin", "postcode"])

    assert [(change.kind, change.key) for change in found] == [
        ("changed", ("A", "0800")),
        ("added", ("A", None)),
        ("removed", ("A", "2000")),
    ]
    assert {change.key for change in await all_of(mirror_of([{"n": 1, "x": 1}], [{"n": 1, "x": 2}]), key=("n",))} == {
        (1,)
    }


async def test_keys_are_compared_by_their_json() -> None:
    """1 and "1" differ, as true and 1 do; lists are keys too, and the order of members does not count."""
    sink = mirror_of(
        [{"id": 1}, {"id": True}, {"id": ["a", {"x": 1, "y": 2}]}, {"id": None}],
        [{"id": "1"}, {"id": ["a", {"y": 2, "x": 1}]}, {}],
    )

    assert [(change.kind, change.key) for change in await all_of(sink, key="id")] == [
        ("added", "1"),
        ("removed", 1),
        ("removed", True),
    ]


async def test_runs_without_records_have_no_key_to_miss() -> None:
    """A run may be empty."""
    assert await all_of(mirror_of([], []), fields=["price"]) == []
    assert [change.kind for change in await all_of(mirror_of([], [{"asin": "A"}]), fields=[])] == ["added"]


SINGLE = MemorySink()
write_run(SINGLE, 101, 88, [[{"asin": "A"}]], single=True)
FIELDS = mirror_of([{"asin": "A", "sku": 1}], [{"asin": "B", **{f"field{number}": 1 for number in range(20)}}])
BARE = MemorySink()
BARE.files["101/88/page-0001.json"] = b"[]"
TWICE = mirror_of([{"asin": "A"}], [{"asin": "B"}, {"asin": "C"}, {"asin": "C"}, {"asin": "B"}])


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (TWO, {"collection_id": 0}, "collection_id: expected a positive integer, got 0"),
        (TWO, {"collection_id": 7}, "collection_id: expected a collection of the source, got 7, not there"),
        (TWO, {"old": "88"}, "old: expected a positive integer, got '88'"),
        (TWO, {"new": 5}, "new: expected a run of collection 101 with a manifest, got 5; the newest one is 89"),
        (BARE, {"old": 88}, "old: expected a run of collection 101 with a manifest, got 88; there is none"),
        (BARE, {}, "collection_id: expected a collection with two runs, got 101, which has none with a manifest"),
        (
            mirror_of([{"asin": "A"}]),
            {},
            "collection_id: expected a collection with two runs, got 101, which has one with a manifest: 88; mirror more",
        ),
        (
            SINGLE,
            {},
            "collection_id: expected a collection with two runs, got the folder of run 101/88 alone; pass the mirror",
        ),
        (TWO, {"new": 88}, "new: expected a run with an older one, got 88, the oldest here; pass old too"),
        (TWO, {"old": 89}, "old: expected another run than 89, which is the new one"),
        (TWO, {"old": 88, "new": 88}, "old: expected another run than 88, which is the new one"),
        (TWO, {"key": 5}, "key: expected the name of a field, or a list of names, got 5"),
        (TWO, {"key": ["asin", 5]}, "key: expected the name of a field, or a list of names, got 5"),
        (TWO, {"key": []}, "key: expected at least one name of a field, got none"),
        (TWO, {"fields": "price"}, "fields: expected a list of names of fields, got 'price'"),
        (TWO, {"key": "sku"}, "key: no record of run 88 has 'sku'; they have: asin, price, old"),
        (FIELDS, {"key": "sku"}, "key: no record of run 89 has 'sku'; they have: asin, field0, field1, field2,"),
        (TWO, {"fields": ["prise"]}, "fields: no record of run 88 or 89 has 'prise'; they have: asin, price, new"),
        (
            mirror_of([{"asin": "A"}], []),
            {"fields": ["x"]},
            "fields: no record of run 88 or 89 has 'x'; they have: asin",
        ),
        (
            TWICE,
            {},
            "key: expected one record for each key, got 'C' twice in run 89; pass more fields, such as key=('asin', 'post",
        ),
    ],
    ids=lambda value: str(value)[:30] if type(value) is dict else None,
)
async def test_what_cannot_be_compared_is_named(source: MemorySink, options: dict[str, Any], message: str) -> None:
    """Before the first change, with what is there and what to do."""
    arguments: Any = {"collection_id": 101, **options}

    with pytest.raises(ArgumentError) as caught:
        await anext(changes(source, **arguments))

    assert str(caught.value).startswith(message)


async def test_a_record_that_is_no_object_is_an_error() -> None:
    """It has no key."""
    with pytest.raises(InvalidResponseError, match=r"101/89/page-0001.json: record 2: expected an object, got int 5"):
        await all_of(mirror_of([{"asin": "A"}], [{"asin": "A"}, 5]))


async def test_a_damaged_page_is_found_before_the_first_change() -> None:
    """Of either run."""
    for run_id in (88, 89):
        sink = mirror_of([{"asin": "A"}], [{"asin": "B"}])
        sink.files[f"101/{run_id}/page-0001.json"] = b'[{"asin": "Z"}]'
        with pytest.raises(IntegrityError, match=f"101/{run_id}/page-0001.json: it differs from its manifest"):
            await anext(changes(sink, 101))


async def test_a_record_nested_too_deeply_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the record; the limit depends on the version of Python."""

    def failing(_: object) -> str:
        raise RecursionError

    monkeypatch.setattr(run_index, "key_text", failing)
    with pytest.raises(InvalidResponseError, match=r"101/88/page-0001.json: record 1: it is nested too deeply"):
        await all_of(TWO)


async def test_a_full_disk_is_an_error_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is larger than its share of memory is kept in a temporary file."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunIndex, "_add", full)
    with pytest.raises(DiskError, match="No space left on device") as caught:
        await all_of(TWO)

    assert caught.value.errno == errno.ENOSPC


class Watched(SpooledTemporaryFile[bytes]):
    """A temporary file that is remembered once it is on disk."""

    on_disk: ClassVar[list[Watched]] = []

    def rollover(self) -> None:
        """Remember it."""
        self.on_disk.append(self)
        super().rollover()


async def test_a_large_run_is_kept_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes are the same, and the temporary files are closed afterwards, also if the consumer stops early."""
    expected = await all_of(TWO)
    monkeypatch.setattr(run_index, "_IN_MEMORY", 10)
    monkeypatch.setattr(run_index, "SpooledTemporaryFile", Watched)

    assert await all_of(TWO) == expected
    found = changes(TWO, 101)
    await anext(found)
    await found.aclose()

    assert [file.closed for file in Watched.on_disk] == [True] * 4


VALUES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, 2**70, float("nan"), float("inf")])
    | st.sampled_from(["$5", "5", "$5.00", "A$5", "€5", "00123", "123", "x", "", "1.049", "1,049", "\ud800"])
    | st.lists(st.sampled_from([1, 1.0, "$5", None]), max_size=2)
    | st.dictionaries(st.sampled_from("ab"), st.sampled_from([1, True, "5", None]), max_size=2)
)
RECORDS = st.dictionaries(st.sampled_from(["price", "title", "price.a", "ü", ""]), VALUES, max_size=4)
KEYS = st.sampled_from([None, "A", "B", 1, "1", True, ["A"], 1.0])


@st.composite
def runs(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """The pages of a run with different keys, some without."""
    keys = draw(st.lists(KEYS, unique_by=json.dumps, max_size=6))
    records = [{**draw(RECORDS), **({} if key is None else {"asin": key})} for key in keys]
    if records and not any("asin" in record for record in records):
        records[0]["asin"] = None
    cut = draw(st.integers(0, len(records)))
    return [records[:cut], records[cut:]]


def expected_changes(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The changes, found in the simplest way."""
    before = {json.dumps(record.get("asin")): record for record in old}
    after = {json.dumps(record.get("asin")): record for record in new}
    found: list[tuple[Any, ...]] = []
    for key, record in after.items():
        if key not in before:
            found.append(("added", record.get("asin"), None, None, record))
            continue
        names = [*record, *(name for name in before[key] if name not in record)]
        pairs = [(name, before[key].get(name), record.get(name)) for name in names if name != "asin"]
        found += [("changed", record.get("asin"), *pair) for pair in pairs if not are_equal(*pair[1:])]
    found += [("removed", record.get("asin"), None, record, None) for key, record in before.items() if key not in after]
    return found


PRICES = {"$5": (5, "$"), "5": (5, None), "$5.00": (5, "$"), "A$5": (5, "AUD"), "€5": (5, "EUR"), "1,049": (1049, None)}


def are_equal(old: Any, new: Any) -> bool:
    """Of the values that are drawn here."""
    if isinstance(old, str) and isinstance(new, str) and {old, new} <= {*PRICES}:
        (first, one), (second, other) = PRICES[old], PRICES[new]
        return first == second and (one == other or None in (one, other))
    return as_text(old) == as_text(new)


def as_text(value: Any) -> str:
    """Return the same for 1 and 1.0."""
    return (
        json.dumps(value, sort_keys=True)
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True).replace("1.0", "1")
    )


@settings(max_examples=EXAMPLES or 100, derandomize=not EXAMPLES, deadline=None)
@given(runs(), runs())
async def test_any_two_runs_have_the_changes_of_a_naive_comparison(old: list[Any], new: list[Any]) -> None:
    """``MULTICART_EXAMPLES=20000`` compares so many pairs, other ones each time."""
    found = await all_of(mirror_of(old, new))

    got = [(change.kind, change.key, change.field, change.old, change.new) for change in found]
    assert list(map(repr, got)) == list(map(repr, expected_changes(chain(*old), chain(*new))))
