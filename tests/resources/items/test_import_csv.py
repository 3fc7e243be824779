"""``client.asins.import_csv``: what goes over the wire, and which files are refused before."""

from __future__ import annotations

import codecs
import email.parser
import email.policy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.raw_server import Exchange, RawServer
from support.wire_rows import lost

from multicart_async import AsyncMultiCart
from multicart_async._http import MultipartForm
from multicart_async.errors import APIError, ArgumentError, DiskError
from multicart_async.models import AddResult, AsinRow, SkuRow
from multicart_async.sandbox import Sandbox

HEADER = "domain,customer_postcode,asin,include_raw_html"
CSV = f"{HEADER}\namazon.com.au,0800,B0DJQQ38TG,true\namazon.com.au,4500,B0ABC12345,false\n".encode()
PLACES = [("0800", "B0DJQQ38TG", True), ("4500", "B0ABC12345", False)]
TAKEN = [(4_999, "B7"), (1, "B8")]
ADDED = {"success_count": 2, "error_rows": []}


def rows(count: int) -> bytes:
    """A CSV with so many rows."""
    lines = [HEADER, *(f"amazon.com.au,4500,B{number},false" for number in range(count))]
    return "\r\n".join(lines).encode()


async def form_of(content: Any) -> MultipartForm:
    """What is sent for a CSV."""
    groups = groups_over(FakeTransport(ok(ADDED)))
    await groups.asins.import_csv(101, content)
    ((path, form),) = groups.transport.sent
    assert path == "/schedules/amazon/asin/create/bulk/"
    return form


async def test_the_form_on_the_wire_is_the_documented_one() -> None:
    """Trap 41: field ``collection_id``, file ``csv``, header row first, the bytes unchanged, and no JSON content type."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(ok(ADDED).payload)

    async with RawServer(answer) as server, AsyncMultiCart("key", base_url=server.url) as client:
        added = await client.asins.import_csv(101, CSV)

    (request,) = server.requests
    kind = request.headers["content-type"]
    message: Any = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {kind}\r\n\r\n".encode() + request.body
    )
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    assert request.path == "/api/v1/schedules/amazon/asin/create/bulk/"
    assert message.get_content_type() == "multipart/form-data"
    assert list(parts) == ["collection_id", "csv"]
    assert parts["collection_id"].get_payload(decode=True).rstrip(b"\r\n") == b"101"
    assert HEADER.encode() == parts["csv"].get_payload(decode=True).splitlines()[0]
    assert CSV.splitlines() == parts["csv"].get_payload(decode=True).splitlines()
    assert parts["csv"].get_filename().endswith(".csv")
    assert b"application/json" not in request.body
    assert added.success_count == 2


async def test_the_service_takes_it() -> None:
    """Good rows go in; one with an unknown postcode comes back with its reason, and nothing is dropped."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        made = await client.collections.create("AU", notification_email="ops@example.com")
        added = await client.asins.import_csv(made.id, CSV)
        (row,) = await client.asins.list(made.id)

    assert (added.success_count, [row.item for row in added.error_rows]) == (1, ["B0DJQQ38TG"])
    assert (row.asin, row.include_raw_html) == ("B0ABC12345", False)
    assert sandbox.ignored_fields == []


@pytest.mark.parametrize("kind", [str, Path])
async def test_a_file_is_read_from_its_path(tmp_path: Path, kind: Any) -> None:
    """As a text or as a path."""
    place = tmp_path / "items.csv"
    place.write_bytes(CSV)
    groups = groups_over(FakeTransport(ok(ADDED)))
    await groups.asins.import_csv(101, kind(place))

    assert groups.transport.sent[0][1].content == CSV


async def test_bytes_are_sent_as_they_are() -> None:
    """Trap 42: leading zeros, line ends and empty lines too."""
    content = CSV.replace(b"\n", b"\r\n") + b"\r\n"

    assert content == (await form_of(content)).content


async def test_a_byte_order_mark_is_not_sent() -> None:
    """Spreadsheets write one; the service would take it for a part of the first column's name."""
    assert (await form_of(codecs.BOM_UTF8 + CSV)).content == CSV


@pytest.mark.parametrize("count", [1, 5_000])
async def test_up_to_five_thousand_rows_are_sent(count: int) -> None:
    """The limit is the service's."""
    assert rows(count) == (await form_of(rows(count))).content


async def test_a_lost_import_is_repeated_with_duplicates_as_success() -> None:
    """After a lost answer the import is repeated and its duplicates count as added; otherwise a duplicate is an error row."""
    twins = [{"asin": "B0DJQQ38TG", "error": "Duplicate entry"}]
    answer = ok({"success_count": 1, "error_rows": twins})
    groups = groups_over(FakeTransport(lost(), answer, answer))

    again, first = [await groups.asins.import_csv(101, CSV) for _ in range(2)]
    assert (again.success_count, len(again.error_rows)) == (2, 0)
    assert (first.success_count, len(first.error_rows)) == (1, 1)


WRONG: dict[str, Any] = {
    "nothing": b"",
    "no rows": rows(0),
    "5,001 rows": rows(5_001),
    "no header": CSV.split(b"\n", 1)[1],
    "other order": CSV.replace(b"domain,customer_postcode", b"customer_postcode,domain"),
    "capitals": CSV.replace(b"domain,", b"Domain,", 1),
    "one column more": CSV.replace(b"html\n", b"html,custom_id\n", 1),
    "a row with a field too few": CSV + b"amazon.com.au,4500,B1\n",
    "a row with a field too many": CSV + b"amazon.com.au,4500,B1,true,x\n",
    "Latin-1": CSV + "amazon.com.au,4500,Bé,true\n".encode("latin-1"),
    "a quote that does not end": CSV + b'amazon.com.au,4500,"B1,true\n',
    "semicolons": CSV.replace(b",", b";"),
    "no bytes": 5,
    "None": None,
    "NUL in the path": "a\0b",
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
async def test_a_csv_that_the_service_would_drop_rows_of_is_refused(source: Any) -> None:
    """The error names the argument, and nothing is sent."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError, match=r"^source: ") as caught:
        await groups.asins.import_csv(101, source)

    assert caught.value.argument == "source"
    assert groups.transport.sent == []


async def test_a_wrong_row_is_named_by_its_number() -> None:
    """As an editor counts lines, with the header as the first."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match="row 4: expected 4 columns, got 3"):
        await groups.asins.import_csv(101, CSV + b"amazon.com.au,4500,B1\n")


async def test_officeworks_columns_are_told_apart() -> None:
    """The service's own overview shows them for Amazon, wrongly."""
    groups = groups_over(FakeTransport())

    with pytest.raises(
        ArgumentError, match=r"expected exactly the header domain,.*, got 'sku, customer_postcode, store_id'"
    ):
        await groups.asins.import_csv(101, b"sku, customer_postcode, store_id\n1,4500,2\n")


async def test_a_file_that_cannot_be_read_is_the_disk_s_error(tmp_path: Path) -> None:
    """It names the path and the reason; nothing is sent."""
    groups = groups_over(FakeTransport())
    with pytest.raises(DiskError, match="No such file") as caught:
        await groups.asins.import_csv(101, tmp_path / "nowhere.csv")

    assert str(tmp_path / "nowhere.csv") == caught.value.name
    assert groups.transport.sent == []


async def test_rows_can_be_given_as_values() -> None:
    """They are sent as the documentation's example is written, with their leading zeros."""
    values = (AsinRow("amazon.com.au", postcode, asin, raw) for postcode, asin, raw in PLACES)

    assert (await form_of(values)).content == CSV


async def test_a_long_csv_is_sent_in_parts() -> None:
    """One after the other, each with the header, and what came of them is added up."""
    answers = [ok({"success_count": count, "error_rows": [{"asin": item, "error": "x"}]}) for count, item in TAKEN]
    groups = groups_over(FakeTransport(*answers))
    added = await groups.asins.import_csv(101, rows(5_001), split=True)

    forms = [form for _, form in groups.transport.sent]
    assert [len(form.content.splitlines()) - 1 for form in forms] == [5_000, 1]
    assert rows(5_001) == forms[0].content + forms[1].content.split(b"\n", 1)[1]
    assert (added.success_count, [row.item for row in added.error_rows]) == (5_000, ["B7", "B8"])


async def test_a_part_that_fails_ends_the_import_with_what_was_done() -> None:
    """The error carries the report so far, and no later part is sent."""
    groups = groups_over(FakeTransport(ok({"success_count": 5_000}), refused(400, "full")))
    with pytest.raises(APIError, match="full") as caught:
        await groups.asins.import_csv(101, rows(12_000), split=True)

    assert AddResult(success_count=5_000) == caught.value.report
    assert len(groups.transport.sent) == 2


async def test_a_first_part_that_fails_has_an_empty_report() -> None:
    """Nothing was added, which is not the same as not known."""
    groups = groups_over(FakeTransport(refused(400, "full")))
    with pytest.raises(APIError, match="full") as caught:
        await groups.asins.import_csv(101, CSV)

    assert AddResult(success_count=0) == caught.value.report


async def test_only_the_lost_part_s_duplicates_are_success() -> None:
    """A later part has its own attempts."""
    twin = ok({"success_count": 0, "error_rows": [{"asin": "B1", "error": "Duplicate entry"}]})
    groups = groups_over(FakeTransport(lost(), twin, twin))
    added = await groups.asins.import_csv(101, rows(5_001), split=True)

    assert (added.success_count, len(added.error_rows)) == (1, 1)


BLANK_ROWS = b",,,\n  \n"


async def test_rows_of_commas_alone_are_not_sent_and_told() -> None:
    """A spreadsheet leaves them at the end of what was once longer."""
    groups = groups_over(FakeTransport(ok({"success_count": 1, "error_rows": []})))
    added = await groups.asins.import_csv(101, CSV + BLANK_ROWS)

    assert added == AddResult(success_count=1, blank_rows=2)
    ((_, form),) = groups.transport.sent
    assert form.content == CSV


async def test_rows_that_were_left_out_are_in_the_report_of_a_failure() -> None:
    """Nothing was added yet, and they were not sent."""
    groups = groups_over(FakeTransport(refused(400, "no")))
    with pytest.raises(APIError) as caught:
        await groups.asins.import_csv(101, CSV + BLANK_ROWS)

    assert caught.value.report == AddResult(success_count=0, blank_rows=2)


@pytest.mark.parametrize("value", [1, "yes", None])
async def test_split_is_true_or_false(value: Any) -> None:
    """Nothing is sent otherwise."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^split: "):
        await groups.asins.import_csv(101, CSV, split=value)


async def test_rows_of_another_kind_are_refused_by_their_number() -> None:
    """A mapping, as csv.DictReader gives it, and the row of the other supplier; nothing is sent."""
    groups = groups_over(FakeTransport())
    good = AsinRow("amazon.com.au", "4500", "B1")

    for bad in ({"asin": "B1"}, ("amazon.com.au", "4500", "B1"), SkuRow("JBMS310BK", "4500", "W411")):
        with pytest.raises(ArgumentError, match=r"^source: expected AsinRow\(.*\) as row 2, got "):
            await groups.asins.import_csv(101, [good, bad])
    assert groups.transport.sent == []


async def test_too_many_rows_are_refused_before_the_iterable_ends() -> None:
    """It may have no end."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^source: expected at most 5000 rows per call .*, got more"):
        await groups.asins.import_csv(101, itertools.repeat(AsinRow("amazon.com.au", "4500", "B1")))


async def test_what_the_caller_s_iterable_raises_is_let_through() -> None:
    """It is no fault of the CSV; nothing is sent."""

    def broken() -> Iterator[AsinRow]:
        yield AsinRow("amazon.com.au", "4500", "B1")
        raise LookupError("mine")

    groups = groups_over(FakeTransport())
    with pytest.raises(LookupError, match="mine"):
        await groups.asins.import_csv(101, broken())
    assert groups.transport.sent == []


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_bytes_of_any_kind_are_a_csv(kind) -> None:
    """As those of a buffer."""
    groups = groups_over(FakeTransport(ok({"success_count": 1, "error_rows": []})))
    content = b"domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B1,true\n"

    await groups.asins.import_csv(101, kind(content))

    ((_, form),) = groups.transport.sent
    assert b"B1" in form.content
