"""`records`: values that are no records or do not fit, and classes that records cannot become."""

from __future__ import annotations

import dataclasses
import enum
import json
from contextlib import aclosing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol, TypedDict
from unittest import mock

import attrs
import pytest
from support.download_kit import run_of, url
from support.fakes import FakeFile, FakeTransport
from support.groups import Groups, groups_over
from support.record_classes import Branch, Leaf, Node, Tree

from multicart_async import Limits, RetryPolicy
from multicart_async._core.redaction import MASK, Redacted
from multicart_async._core.redactor import Redactor
from multicart_async._downloads import record_codec
from multicart_async._downloads.record_codec import record_reader
from multicart_async.errors import ArgumentError, IncompleteDownloadError, InvalidResponseError
from multicart_async.events import RecordsSkipped, Retrying

LABEL = "results/101/88/page 1"


def over(*contents: bytes, chunked: bool = False) -> Groups:
    """Groups whose run has these pages."""
    files = {
        url(number): FakeFile([content], headers={"transfer-encoding": "chunked"})
        if chunked
        else FakeFile.whole(content)
        for number, content in enumerate(contents, 1)
    }
    return groups_over(FakeTransport(files=files), retry=RetryPolicy(attempts=3))


async def read(groups: Groups, pages: int = 1, **options: Any) -> list[Any]:
    """All records of the run."""
    async with aclosing(groups.runs.records(run_of(*range(1, pages + 1)), **options)) as records:
        return [record async for record in records]


def skipped(groups: Groups) -> list[RecordsSkipped]:
    """The events about records that were left out."""
    return [event for event in groups.events if isinstance(event, RecordsSkipped)]


OTHERS = {
    "null": "null",
    "7": "int 7",
    "-1.5": "float -1.5",
    "NaN": "float nan",
    "true": "bool True",
    '"B0"': "str 'B0'",
    r'"\ud83d\u001b"': r"str '\ud83d\x1b'",
    "[]": "list of 0",
    "[[{}], 2]": "list of 2",
    '"' + "x" * 1000 + '"': "str '" + "x" * 80 + "'",
}


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: value[:20])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_value_that_is_no_object_is_an_error(value, chunked) -> None:
    """It names page, record and what came; the records before it were given, and nothing is asked for again."""
    groups = over(f'[{{"asin": "B0"}}, {value}, {{}}]'.encode(), chunked=chunked)
    found: list[Any] = []

    with pytest.raises(InvalidResponseError) as caught:
        async for record in groups.runs.records(run_of(1)):
            found.append(record)  # noqa: PERF401 -- what came before the error is wanted

    assert str(caught.value) == f"{LABEL}: record 2: expected an object, got {OTHERS[value]}"
    assert found == [{"asin": "B0"}]
    assert len(groups.transport.opened) == 1
    assert skipped(groups) == []


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: value[:20])
async def test_a_value_that_is_no_object_can_be_skipped(value) -> None:
    """The others are given, and an event tells how many were left out, once for each page that has such."""
    groups = over(f'[{{"a": 1}}, {value}, {value}, {{"b": 2}}]'.encode(), b'[{"c": 3}]', f"[{value}]".encode())

    found = await read(groups, 3, on_invalid="skip")

    assert found == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert skipped(groups) == [
        RecordsSkipped(collection_id=101, run_id=88, page="page-0001.json", count=2),
        RecordsSkipped(collection_id=101, run_id=88, page="page-0003.json", count=1),
    ]


@pytest.mark.parametrize("content", [b'[{}, {"a" 1}]', b"[{},]", b"[{}", b"[{}] x", b'[{"a": "\xff"}]', b"null", b""])
async def test_broken_json_is_an_error_in_any_case(content) -> None:
    """What cannot be read is nothing that could be skipped."""
    with pytest.raises(InvalidResponseError, match=LABEL):
        await read(over(content), on_invalid="skip")


@pytest.mark.parametrize("chunked", [False, True])
async def test_numbers_that_json_does_not_have_are_read(chunked) -> None:
    """As Python reads them, in either framing."""
    content = b'[{"a": NaN, "b": [Infinity, -Infinity, 1e400]}]'

    assert repr(await read(over(content, chunked=chunked))) == repr(json.loads(content))


async def test_skipped_records_are_counted_once_in_a_broken_transfer() -> None:
    """Those of the first attempt are not counted again, and the numbers in errors go on."""
    content = b'[null, {"a": 1}, 2, ' + b'{"b": "' + b"x" * 300 + b'"}, 3, {"c": 3}]'
    cut = FakeFile([content[:40], IncompleteDownloadError(LABEL, "cut")], headers={"content-length": str(len(content))})
    groups = groups_over(FakeTransport(files={url(1): [cut, FakeFile.whole(content)]}))

    found = await read(groups, on_invalid="skip")

    assert [list(record) for record in found] == [["a"], ["b"], ["c"]]
    assert [event.count for event in skipped(groups)] == [3]
    assert len([event for event in groups.events if isinstance(event, Retrying)]) == 1


async def test_a_page_that_is_left_early_tells_what_was_skipped() -> None:
    """Nothing is left out silently."""
    groups = over(b'[1, {"a": 1}, 2, {"b": 2}]')
    async with aclosing(groups.runs.records(run_of(1), on_invalid="skip")) as records:
        assert await anext(records) == {"a": 1}

    assert [event.count for event in skipped(groups)] == [1]


async def test_a_record_above_the_limit_is_an_error_that_names_both() -> None:
    """Also in a transfer that proves nothing: another one would not help."""
    content = b'[{}, {"a": "' + b"x" * 2000 + b'"}]'
    for file in (FakeFile.whole(content), FakeFile([content])):
        groups = groups_over(FakeTransport(files={url(1): file}))
        groups.downloader.limits = Limits(record_bytes=1000)

        with pytest.raises(InvalidResponseError) as caught:
            await read(groups, on_invalid="skip")

        reason = "record 2 takes more than 1,000 bytes of JSON: raise Limits.record_bytes to read it"
        assert str(caught.value) == f"{LABEL}: {reason}"
        assert len(groups.transport.opened) == 1


class Colour(enum.Enum):
    """An enumeration."""

    RED = "red"


@attrs.frozen
class Offer:
    """A class of attrs, in a list."""

    seller: str
    price: float | None = None


@attrs.frozen
class Product:
    """A class of attrs with fields of many types."""

    asin: str
    stock: int = 0
    price: str | float | None = None
    seen: datetime | None = None
    offers: list[Offer] = attrs.field(factory=list[Offer])
    sizes: dict[str, int] = attrs.field(factory=dict[str, int])
    tags: tuple[str, ...] = ()
    codes: frozenset[int] = frozenset()
    colour: Colour = Colour.RED
    kind: Literal["new", "used"] = "new"
    anything: object = None
    more: Any = None
    parts: "list[Product] | None" = None


@dataclasses.dataclass
class Plain:
    """A dataclass."""

    asin: str
    tags: list[str] = dataclasses.field(default_factory=list)
    best: Offer | None = None
    made: str = dataclasses.field(default="x", init=False)


class Typed(TypedDict, total=False):
    """A typed dictionary."""

    asin: str
    offer: Offer


@attrs.frozen
class Positive:
    """A class that checks by itself."""

    stock: int = attrs.field(validator=attrs.validators.ge(0))


async def test_records_become_values_of_many_classes() -> None:
    """Classes of attrs and dataclasses, with classes in them; fields that they do not have are left out."""
    row = {
        "asin": "B0", "stock": 5, "price": 3, "seen": "2026-01-02T03:04:05Z", "offers": [{"seller": "x", "price": 2, "y": 1}],
        "sizes": {"a": 1}, "tags": ["b"], "codes": [1, 1], "colour": "red", "kind": "used", "anything": [1], "more": {},
        "parts": [{"asin": "B1"}], "title": "…",
    }  # fmt: skip
    groups = over(json.dumps([row]).encode())

    (product,) = await read(groups, into=Product)

    assert product == Product(
        "B0", 5, 3.0, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), [Offer("x", 2.0)], {"a": 1}, ("b",), frozenset({1}),
        Colour.RED, "used", [1], {}, [Product("B1")],
    )  # fmt: skip
    (plain,) = await read(over(b'[{"asin": "B0", "tags": ["x"], "best": {"seller": "y"}, "made": 1}]'), into=Plain)
    assert plain == Plain("B0", ["x"], Offer("y"))
    assert await read(over(b'[{"offer": {"seller": "y"}, "z": 1}, {}]'), into=Typed) == [
        {"offer": Offer("y"), "z": 1},
        {},
    ]


@pytest.mark.parametrize("into", [dict, dict[str, Any]])
async def test_dict_is_what_json_gives(into) -> None:
    """The default, said aloud."""
    assert await read(over(b'[{"a": [1]}]'), into=into) == [{"a": [1]}]


MISFITS: list[tuple[str, Any, str]] = [
    ("{}", Product, "asin: expected str, got nothing"),
    ('{"asin": null}', Product, "asin: expected str, got null"),
    ('{"asin": 5, "stock": "5"}', Product, "asin: expected str, got int 5; stock: expected int, got str '5'"),
    ('{"asin": "", "stock": true}', Product, "stock: expected int, got bool True"),
    ('{"asin": "", "stock": 5.0}', Product, "stock: expected int, got float 5.0"),
    ('{"asin": "", "stock": NaN}', Product, "stock: expected int, got float nan"),
    ('{"asin": "", "price": []}', Product, "price: expected str | float | None, got list of 0"),
    ('{"asin": "", "price": true}', Product, "price: expected str | float | None, got bool True"),
    ('{"asin": "", "seen": "soon"}', Product, "seen: expected datetime, got str 'soon'"),
    ('{"asin": "", "offers": "abc"}', Product, "offers: expected list[test_invalid_records.Offer], got str 'abc'"),
    ('{"asin": "", "offers": [{"seller": ""}, "x"]}', Product, "offers[1]: expected Offer, got str 'x'"),
    ('{"asin": "", "offers": [[]]}', Product, "offers[0]: expected Offer, got list of 0"),
    ('{"asin": "", "offers": [{"seller": "", "price": "5"}]}', Product, "offers[0].price: expected float | None, got str '5'"),
    ('{"asin": "", "sizes": {"a": "x", "b": 1}}', Product, "sizes['a']: expected int, got str 'x'"),
    ('{"asin": "", "sizes": [["a", 1]]}', Product, "sizes: expected dict[str, int], got list of 1"),
    ('{"asin": "", "tags": "abc"}', Product, "tags: expected tuple[str, ...], got str 'abc'"),
    ('{"asin": "", "tags": {"a": 1}}', Product, "tags: expected tuple[str, ...], got dict of 1"),
    ('{"asin": "", "codes": [1, null]}', Product, "codes[1]: expected int, got null"),
    ('{"asin": "", "colour": "blue"}', Product, "colour: expected Colour, got str 'blue'"),
    ('{"asin": "", "kind": 1}', Product, "kind: expected Literal['new', 'used'], got int 1"),
    ('{"asin": "", "parts": [{"asin": "", "parts": [{}]}]}', Product, "parts[0].parts[0].asin: expected str, got nothing"),
    ('{"asin": "", "best": {}}', Plain, "best.seller: expected str, got nothing"),
    ('{"asin": 1, "made": 5}', Plain, "asin: expected str, got int 1"),
    ('{"asin": 1}', Typed, "asin: expected str, got int 1"),
    ('{"stock": -1}', Positive, "it: Positive raises ValueError: 'stock' must be >= 0: -1"),
    ("7", Product, "expected an object, got int 7"),
    ('{"asin": "", "codes": [null, null, null, null, null, null, null]}', Product,
     "; ".join(f"codes[{number}]: expected int, got null" for number in range(5))),
    (json.dumps({"asin": ["x"] * 9, "stock": "x" * 500}), Product,
     "asin: expected str, got list of 9; stock: expected int, got str '" + "x" * 80 + "'"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "into", "reason"), MISFITS)
async def test_a_record_that_does_not_fit_says_where(record, into, reason) -> None:
    """The error names page, record, field, what is expected and what came; or the record is skipped."""
    content = f"[{record}, {record}]".encode()

    with pytest.raises(InvalidResponseError) as caught:
        await read(over(content), into=into)
    groups = over(content)
    assert await read(groups, into=into, on_invalid="skip") == []

    assert str(caught.value) == f"{LABEL}: record 1: {reason}"
    assert [event.count for event in skipped(groups)] == [2]


async def test_a_number_is_no_text_that_may_be_null() -> None:
    """Of several scalar types an integer becomes a float only where a float is one of them."""

    @attrs.frozen
    class Note:
        text: str | None

    with pytest.raises(InvalidResponseError, match=r"record 1: text: expected str \| None, got int 5"):
        await read(over(b'[{"text": 5}]'), into=Note)


async def test_the_number_of_a_record_counts_all_values() -> None:
    """Those that were skipped, too, and each page from 1."""
    groups = over(b'[{"asin": "B0"}]', b'[null, {"asin": "B1"}, {"asin": 2}]')
    with pytest.raises(InvalidResponseError, match="page 2: record 1: expected an object"):
        await read(groups, 2, into=Product)
    assert [product.asin for product in await read(over(b'[1, {"asin": "B1"}]'), into=Product, on_invalid="skip")] == [
        "B1"
    ]


async def test_a_credential_in_a_value_is_hidden() -> None:
    """Also where only a part of it would be shown."""
    groups = over(json.dumps([{"asin": "x" * 70 + "mc_live_secret.0123456789"}, {"asin": 5}]).encode())
    groups.downloader.redactor = Redactor([Redacted("mc_live_secret.0123456789")])

    @attrs.frozen
    class Number:
        asin: int

    with pytest.raises(InvalidResponseError) as caught:
        await read(groups, into=Number)
    assert str(caught.value) == f"{LABEL}: record 1: asin: expected int, got str '{'x' * 70}{MASK}'"


async def test_a_record_that_is_nested_too_deeply_for_its_class() -> None:
    """It does not fit, however deep it is."""
    record = '{"asin": "", "parts": [' * 400 + "]}" * 400

    with pytest.raises(InvalidResponseError, match="record 1: it is nested too deeply"):
        await read(over(f"[{record}]".encode()), into=Product)


async def test_what_is_wrong_with_deep_nesting_is_not_looked_for() -> None:
    """To try each level by itself would cost the square of their number."""
    record = '{"asin": "", "parts": [' * 400 + "]}" * 400

    with (
        mock.patch.object(record_codec, "_mismatches", wraps=record_codec._mismatches) as looked,
        pytest.raises(InvalidResponseError, match="record 1: it is nested too deeply"),
    ):
        await read(over(f"[{record}]".encode()), into=Product)

    assert looked.call_count == 1


class Simple:
    """A class without fields."""

    asin: str


class Row(NamedTuple):
    """A tuple with names."""

    asin: str


class Shape(Protocol):
    """A protocol."""

    asin: str


@attrs.frozen
class Money:
    """Has a type that JSON does not have."""

    prices: list[Decimal]


@attrs.frozen
class Days:
    """Holds one that has."""

    day: dict[str, date | None]


@dataclasses.dataclass
class Holder:
    """Holds a plain class."""

    rows: tuple[Simple, ...]
    more: Days | None = None


@attrs.frozen
class Either:
    """Leaves open what an item is."""

    items: list[str | Offer | None]


@attrs.frozen
class Unknown:
    """Names a class that there is not."""

    offer: "Nothing"  # noqa: F821 # pyright: ignore[reportUndefinedVariable]


NOT_CLASSES: list[Any] = [int, str, list, tuple, set, bool, float, object, Any, Simple, Row, Shape, Colour, type]
NOT_CLASSES += [None, "Product", list[Product], Product | None, Product("B0"), Plain("B0"), dict[str, int], [], {}, len]
PARTS = [
    (Money, "expected a class whose fields can be made from JSON: Money.prices is Decimal"),
    (Days, "expected a class whose fields can be made from JSON: Days.day is date"),
    (Holder, "expected a class whose fields can be made from JSON: Holder.rows is Simple"),
    (Either, "expected a class whose fields can be made from JSON: Either.items is "),
    (Unknown, "expected a class whose fields can be made from JSON: name 'Nothing' is not defined"),
]


@pytest.mark.parametrize("into", NOT_CLASSES, ids=repr)
def test_what_no_record_can_become_is_refused_at_once(into) -> None:
    """The call itself raises, before anything is asked."""
    groups = over(b"[]")

    with pytest.raises(ArgumentError, match="into: expected dict, or an attrs class, a dataclass or a TypedDict, got "):
        groups.runs.records(run_of(1), into=into)
    assert groups.transport.opened == []


@pytest.mark.parametrize(("into", "reason"), PARTS)
def test_a_field_that_json_cannot_fill_is_refused_at_once(into, reason) -> None:
    """However deep it is; the first record would fail."""
    with pytest.raises(ArgumentError) as caught:
        over(b"[]").runs.records(run_of(1), into=into)
    assert str(caught.value).startswith(f"into: {reason}")


@pytest.mark.parametrize("on_invalid", ["ignore", None, True, ""])
def test_on_invalid_is_one_of_two_words(on_invalid) -> None:
    """And it is checked at once."""
    with pytest.raises(ArgumentError, match="on_invalid: expected one of 'raise', 'skip'"):
        over(b"[]").runs.records(run_of(1), on_invalid=on_invalid)


def test_a_reader_is_made_once_for_a_class_that_holds_itself() -> None:
    """Its fields are looked at without an end otherwise."""
    assert record_reader(Product).structure({"asin": "B0", "parts": [{"asin": "B1"}]}).parts == [Product("B1")]


@pytest.mark.parametrize("kind", [Node, Leaf, Branch], ids=lambda kind: kind.__name__)
def test_a_class_may_name_itself_within_a_type(kind: Any) -> None:
    """``list["Node"]`` is no text, and holds one: it is resolved as a text would be."""
    row = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}

    found = record_reader(kind).structure(row)

    assert found == (
        kind(name="a", children=[{"name": "b", "children": [{"name": "c"}]}])
        if kind is Branch
        else kind("a", type(found.children)([kind("b", type(found.children)([kind("c")]))]))
    )
    assert record_reader(kind).mismatch({"name": "a", "children": [{"name": 1}]}) == (
        "children[0].name: expected str, got int 1"
    )


def test_a_class_may_name_others_within_a_type() -> None:
    """None of its annotations is a text."""
    row = {"nodes": [{"name": "a", "named": {"x": {"name": "b", "first": {"name": "c"}}}}], "leaves": [{"name": "d"}]}

    assert record_reader(Tree).structure(row) == Tree(
        nodes=[Node("a", named={"x": Node("b", first=Node("c"))})], leaves=[Leaf("d")]
    )
    assert record_reader(Tree).mismatch({"leaves": [{}]}) == "leaves[0].name: expected str, got nothing"
