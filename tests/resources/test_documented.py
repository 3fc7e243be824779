"""The endpoints whose examples are documented: each request is sent exactly, each answer arrives whole."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import pytest
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import Groups, groups_over
from support.wire_rows import BASE

from multicart_async._http import MultipartForm
from multicart_async.models import DeleteReport, Model, StartedCategory, StartedRun

Row = dict[str, Any]
pytestmark = pytest.mark.filterwarnings("ignore:a Daily schedule without hours")  # as the documented example has it

Call = Callable[[Groups, Row], Awaitable[Any]]

CSV = (
    b"domain,customer_postcode,asin,include_raw_html\n"
    b"amazon.com.au,4500,B0DJQQ38TG,true\namazon.com.au,4500,B0ABC12345,false\n"
)
PLACE = "/results/101/88/"


async def one_page(groups: Groups, row: Row) -> Any:
    """One page of the runs, as the example asks for it."""
    return await groups.runs.list(row["collection_id"], skip=row["skip"], limit=row["limit"])


async def counted(groups: Groups, row: Row) -> Any:
    """The number and the rows: the library asks for them apart, because a count wants no rows."""
    return await groups.asins._call(_count(), {"collection_id": row["collection_id"], "with_count": row["with_count"]})


def _count() -> Any:
    from multicart_async.resources.asins import COUNT  # noqa: PLC0415 -- the one endpoint whose rows no method gives

    return COUNT


async def page_file(groups: Groups, _: Row) -> Any:
    """The records of the run in the example of the runs."""
    folder = f"{BASE}{PLACE}"
    link = f"{folder}AU Laptops_88_Results_Page_1.json"
    row = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": {"pages": [link]}}
    groups.transport.script(ok([row]))
    (run,) = await groups.runs.list(101)
    async with aclosing(groups.runs.records(run)) as records:
        return [record async for record in records]


def without(row: Row, *names: str) -> Row:
    """What goes into keyword arguments."""
    return {name: value for name, value in row.items() if name not in names}


CALLS: dict[str, Call] = {
    "collections.create": lambda groups, row: groups.collections.create(row["name"], **without(row, "name")),
    "collections.list": lambda groups, row: groups.collections.list(**row),
    "collections.get": lambda groups, row: groups.collections.get(row["schedule_id"]),
    "collections.update": lambda groups, row: groups.collections.update(
        row["schedule_id"], **without(row, "schedule_id")
    ),
    "collections.delete": lambda groups, row: groups.collections.delete(row["schedule_id"]),
    "collections.delete_multiple": lambda groups, row: groups.collections.delete_many(row["schedule_ids"]),
    "collections.run": lambda groups, row: groups.runs.start(row["collection_id"]),
    "collections.results": one_page,
    "results.download": page_file,
    "asins.create": lambda groups, row: groups.asins.create(
        row["collection"],
        row["asin"],
        domain_id=row["domain"],
        zipcode_id=row["customer_postcode"],
        **without(row, "collection", "asin", "domain", "customer_postcode"),
    ),
    "asins.create_multiple": lambda groups, row: groups.asins.create_many(
        row["collection"],
        row["asins"].split(","),
        domain=row["domain"],
        postcode=row["customer_postcode"],
        include_raw_html=row["including_raw_html"],
    ),
    "asins.create_bulk": lambda groups, _: groups.asins.import_csv(101, CSV),
    "asins.list": counted,
    "asins.get": lambda groups, row: groups.asins.get(row["id"]),
    "asins.update": lambda groups, row: groups.asins.update(row["asin_id"], **without(row, "asin_id")),
    "asins.delete": lambda groups, row: groups.asins.delete(row["asin_id"]),
    "asins.output_list": lambda groups, row: groups.outputs.list(
        row["collection_id"], skip=row["skip"], limit=row["limit"]
    ),
    "asins.output": lambda groups, row: groups.outputs.get(row["asin_id"]),
    "category.submit": lambda groups, row: groups.categories.submit(
        row["category_url"], **without(row, "category_url")
    ),
    "category.result": lambda groups, row: groups.categories.result(row["collection_id"]),
    "category.cancel": lambda groups, row: groups.categories.cancel(row["collection_id"]),
    "skus.create": lambda groups, row: groups.skus.create(
        row["collection"], row["sku"], store_id=row["store_id"], postcode=str(row["customer_postcode"])
    ),
    "officeworks.categories": lambda groups, row: groups.catalogue.categories(**row),
}

NO_MODEL: dict[str, Any] = {
    "collections.delete": None,
    "collections.delete_multiple": DeleteReport(
        deleted=(101, 102, 103), details=("3 schedule(s) and associated folder(s) deleted successfully.",)
    ),
    "collections.run": StartedRun(101, 0),
    "asins.delete": None,
    "category.submit": StartedCategory(20326, 412),
    "category.cancel": True,
}
"""Calls whose answer is not a row: what they give for the documented answer."""

WITH_MODEL = sorted(CALLS.keys() - NO_MODEL.keys() - {"results.download"})


def over(answer: Any, name: str) -> Groups:
    """Groups over a service that gives the documented answer; a start reads status and runs before."""
    before = [ok({"id": 101, "name": "AU Laptops"}), ok([])] if name == "collections.run" else []
    return groups_over(FakeTransport(*before, ok(answer)))


def test_every_endpoint_with_complete_documentation_is_covered(endpoints: dict[str, Row]) -> None:
    """21 of them; a new one must be added here."""
    complete = {name for name, row in endpoints.items() if row["source"] == "complete"}

    assert complete <= set(CALLS)
    assert len(complete) == 21


OTHERWISE = {"results.download", "asins.create_bulk", "asins.list", "skus.create"}
"""No JSON, or not sent as in the example on purpose: the last is in test_skus.py, the others are below."""


@pytest.mark.parametrize("name", sorted(CALLS.keys() - OTHERWISE))
async def test_the_documented_request_is_sent_exactly(endpoints: dict[str, Row], name: str) -> None:
    """Traps 6, 7 and 10: same path with or without its slash, same names of ids, nothing more."""
    row = endpoints[name]
    groups = over(row["response"]["data"], name)
    await CALLS[name](groups, row["request"])

    assert row["method"] == "POST"
    assert groups.transport.sent[-1] == (row["path"], row["request"])


async def test_the_documented_list_of_asins_is_sent_in_two_halves(endpoints: dict[str, Row]) -> None:
    """The example asks for rows and count at once; rows go without ``with_count``, the count with ``limit`` 1.

    The limits page documents the second one: ``{"collection_id": 101, "with_count": 1, "limit": 1}``.
    """
    row = endpoints["asins.list"]
    groups = groups_over(FakeTransport(ok([]), ok(row["response"]["data"])))
    await groups.asins.list(101, skip=0, limit=100)
    assert await groups.asins.count(101) == 5000

    rows, count = groups.transport.sent
    assert rows == (row["path"], without(row["request"], "with_count"))
    assert count == (row["path"], {**row["request"], "limit": 1})


async def test_the_documented_import_is_sent_exactly(endpoints: dict[str, Row]) -> None:
    """Its two form fields, and the example's file; how it goes over the wire has a test of its own."""
    row = endpoints["asins.create_bulk"]
    groups = over(row["response"]["data"], row["id"])
    await CALLS[row["id"]](groups, {})

    ((path, form),) = groups.transport.sent
    assert row["path"] == path
    assert isinstance(form, MultipartForm)
    assert [param["name"] for param in row["params"]] == [*form.fields, form.file_field]
    assert (form.fields, form.content) == ({"collection_id": "101"}, CSV)


async def test_the_documented_file_is_asked_for_exactly(endpoints: dict[str, Row]) -> None:
    """GET, with the blank of the collection's name escaped, as the guide's curl writes it."""
    row = endpoints["results.download"]
    url = f"{BASE}{PLACE}AU%20Laptops_88_Results_Page_1.json"
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(b'[{"asin": "B0DJQQ38TG"}]')}))

    assert await CALLS[row["id"]](groups, {}) == [{"asin": "B0DJQQ38TG"}]
    assert [opened for opened, _ in groups.transport.opened] == [url]
    assert (row["method"], row["path"]) == ("GET", "/results/{collection_id}/{runner_id}/{file_name}")


@pytest.mark.parametrize("name", sorted(NO_MODEL))
async def test_a_documented_answer_that_is_no_row_means_what_it_says(endpoints: dict[str, Row], name: str) -> None:
    """A sentence is no result; ids, a report or a truth value are."""
    row = endpoints[name]

    assert NO_MODEL[name] == await CALLS[name](over(row["response"]["data"], name), row["request"])


def check(value: Any, wire: Any, extra: Row) -> None:
    """Fails unless *value* holds everything that the service wrote, and each row *extra*."""
    if isinstance(value, Model) and type(wire) is int:  # a reference that came as an id
        assert wire == value.id
    elif isinstance(value, Model):
        assert extra == value.extra
        for name in wire.keys() - extra.keys():
            check(getattr(value, name), wire[name], extra)
    elif isinstance(value, tuple) and value and isinstance(value[0], Model):
        assert len(wire) == len(value)
        for one, row in zip(value, wire, strict=True):
            check(one, row, extra)
    elif isinstance(value, datetime):
        assert datetime.fromisoformat(wire) == value
    else:
        assert wire == (list(value) if isinstance(value, tuple) else value)


def newer(wire: Any) -> Any:
    """The same answer from a later version of the service: every object has one more field."""
    if isinstance(wire, list):
        return [newer(row) for row in wire]
    if isinstance(wire, dict):
        return {**{name: newer(value) for name, value in wire.items()}, "brand_new": [{"x": None}]}
    return wire


@pytest.mark.parametrize("name", WITH_MODEL)
async def test_the_documented_answer_arrives_with_all_of_its_fields(endpoints: dict[str, Row], name: str) -> None:
    """Under their own names; nothing is left over in ``extra``."""
    row = endpoints[name]
    wire = row["response"]["data"]
    value = await CALLS[name](over(wire, name), row["request"])
    rows = value if isinstance(wire, list) and isinstance(value, tuple) else (value,)

    check(rows, wire if isinstance(wire, list) else [wire], {})


@pytest.mark.parametrize("name", WITH_MODEL)
async def test_fields_that_nobody_documents_yet_are_kept(endpoints: dict[str, Row], name: str) -> None:
    """Trap 34: in ``extra`` of the row they are in, at every depth; what is documented arrives as before."""
    row = endpoints[name]
    wire = newer(copy.deepcopy(row["response"]["data"]))
    value = await CALLS[name](over(wire, name), row["request"])
    rows = value if isinstance(wire, list) and isinstance(value, tuple) else (value,)

    check(rows, wire if isinstance(wire, list) else [wire], {"brand_new": [{"x": None}]})
