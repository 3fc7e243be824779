"""A mirror and files with odd values: nothing is lost, nothing fails each time, nothing is fetched for ever."""

from __future__ import annotations

import json

import pytest
from support.fake_sinks import PlainSink
from support.mirror_kit import FILE, asked, results

from multicart_async.sandbox.faults import Content

NODE = "https://www.amazon.com.au/b/?node=4913309051"
ODD = {
    b'[{"asin": "B0"}, {"asin" 2}]': (
        "category_asins.csv: not written: category_asins.json: invalid JSON: Expecting ':' delimiter, at byte 25 in record 2"
    ),
    b'[{"asin": "B0", "price_cents": NaN}, null]': (
        "category_asins.csv: values left out because they are not objects: 1 (number 2)"
    ),
}


@pytest.mark.parametrize("content", ODD, ids=["broken", "null"])
async def test_a_category_with_an_odd_json_is_mirrored(sandbox, client, tmp_path, content) -> None:
    """The JSON and the manifest are there, the report tells the difference, and the next calls fetch nothing."""
    await client.categories.submit(NODE, domain="amazon.com.au", postcode="4500")
    sandbox.faults.add("/results/*", Content(content), times=None)

    first = await client.sync(tmp_path)
    asked(sandbox)
    again = [await client.sync(tmp_path), await client.sync(tmp_path, check="all")]

    assert (first.ok, first.differences) == (True, (ODD[content],))
    assert [(report.ok, report.files, report.bytes) for report in again] == [(True, 0, 0)] * 2
    assert again[1].differences == first.differences
    assert FILE not in asked(sandbox)
    made = ["category_asins.csv"] if b"null" in content else []
    assert [name.rpartition("/")[2] for name in results(tmp_path)] == [*made, "category_asins.json"]
    assert (await client.verify(tmp_path)).ok
    (manifest,) = tmp_path.rglob("manifest.json")
    assert json.loads(manifest.read_bytes())["differences"] == [ODD[content]]


async def test_a_sink_that_removes_nothing_gets_the_same(sandbox, client) -> None:
    """The error of the table does not become one of the sink."""
    await client.categories.submit(NODE, domain="amazon.com.au", postcode="4500")
    sandbox.faults.add("/results/*", Content(b'[{"asin": "B0"}, {"asin" 2}]'), times=None)
    sink = PlainSink()

    report = await client.sync(sink)

    assert (report.ok, report.differences) == (True, (ODD[b'[{"asin": "B0"}, {"asin" 2}]'],))


async def test_pages_with_odd_values_are_mirrored(sandbox, client, tmp_path) -> None:
    """As the service sent them; records are what they are good for, with or without what is invalid."""
    (number,) = sandbox.add_collections(1, items=1)
    content = b'[{"asin": "B0", "price": NaN, "title": "x\\ud83d"}, null]'
    sandbox.faults.add("/results/*", Content(content), times=None)

    report = await client.sync(tmp_path)
    run = await client.runs.latest(number)
    records = [record async for record in client.runs.records(run, on_invalid="skip")]

    assert (report.ok, report.differences) == (True, ())
    assert (tmp_path / results(tmp_path)[0]).read_bytes() == content
    assert repr(records) == repr(json.loads(content)[:1])
