"""``client.skus``: what is sent, what comes back, and what a lost answer means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.wire_rows import lost

from multicart_async import UNSET
from multicart_async._http import MultipartForm
from multicart_async.errors import APIError, ArgumentError, ConflictError, InvalidResponseError
from multicart_async.models import AddResult, ErrorRow, Sku, SkuRow

CREATE = "/schedules/officeworks/sku/create/"
MULTIPLE = "/schedules/officeworks/sku/create/multiple/"
BULK = "/schedules/officeworks/sku/create/bulk/"
LIST = "/schedules/amazon/asin/list/"
PLACE = {"store_id": "W411", "postcode": "4500"}
ROW = {"id": 77, "sku": "JBMS310BK", "store_id": "W411", "customer_postcode": "4500", "collection": 100}
CSV = b"sku,customer_postcode,store_id\nJBMS310BK,0800,W411\nHPLAP001,4500,W412\n"


def stored(number: int, **fields: object) -> dict[str, Any]:
    """A SKU as the table of ASINs has it: the SKU in ``asin``, the store in ``custom_id``."""
    joined = {"domain": {"id": 3, "domain": "officeworks.com.au"}, "customer_postcode": {"id": 16, "zipcode": "4500"}}
    return {"id": number, "asin": "JBMS310BK", "custom_id": "W411", **joined, **fields}


def taken(count: int, *rejected: str, reason: str = "Duplicate entry") -> Any:
    """What the service answers to many items."""
    return ok({"success_count": count, "error_rows": [{"sku": item, "error": reason} for item in rejected]})


async def test_create_sends_the_postcode_as_a_text() -> None:
    """Trap 38: a number could be the id of a row; the item is trimmed, a leading zero stays."""
    groups = groups_over(FakeTransport(ok({**ROW, "colour": "red"})))
    made = await groups.skus.create(100, " JBMS310BK\n", store_id="W411", postcode="0800")

    wanted = {"collection": 100, "sku": "JBMS310BK", "store_id": "W411", "customer_postcode": "0800"}
    assert groups.transport.sent == [(CREATE, wanted)]
    assert Sku(id=77, sku="JBMS310BK", store_id="W411", customer_postcode="4500", collection=100) == made
    assert made.extra == {"colour": "red"}


async def test_the_documented_request_is_sent_but_for_the_number(endpoints: dict[str, Any]) -> None:
    """The example sends the number 4500, which may be a postcode or the id of a row: here it is always a text."""
    row = endpoints["skus.create"]
    example = row["request"]
    groups = groups_over(FakeTransport(ok(row["response"]["data"])))
    made = await groups.skus.create(
        example["collection"], example["sku"], store_id=example["store_id"], postcode=str(example["customer_postcode"])
    )

    assert (example["customer_postcode"], row["response"]["data"]["customer_postcode"]) == (4500, "4500")
    assert groups.transport.sent == [(row["path"], {**example, "customer_postcode": "4500"})]
    assert row["response"]["data"] == {name: getattr(made, name) for name in row["response"]["data"]}
    assert made.extra == {}


async def test_the_documented_request_of_many_is_sent_exactly(endpoints: dict[str, Any]) -> None:
    """One text with commas; its answer is not shown."""
    row = endpoints["skus.create_multiple"]
    example = row["request"]
    groups = groups_over(FakeTransport(taken(3)))
    place = {"store_id": example["store_id"], "postcode": example["customer_postcode"]}
    await groups.skus.create_many(example["collection"], example["skus"].split(","), **place)

    assert groups.transport.sent == [(row["path"], example)]


async def test_create_finds_what_a_lost_attempt_has_added() -> None:
    """The repetition is refused as a duplicate; the documentation says in which table SKUs live."""
    others = [stored(5, asin="HPLAP001"), stored(6, customer_postcode=16), stored(7, customer_postcode=None)]
    groups = groups_over(FakeTransport(lost(), refused(409, "exists"), ok([*others, stored(77, colour="red")])))
    made = await groups.skus.create(100, " JBMS310BK", **PLACE)

    assert Sku(**ROW) == made
    assert made.extra == {"colour": "red"}
    assert [path for path, _ in groups.transport.sent] == [CREATE, CREATE, LIST]


async def test_create_of_a_duplicate_is_an_error_at_the_first_attempt() -> None:
    """Nothing was lost, so nothing is looked for."""
    groups = groups_over(FakeTransport(refused(409, "exists")))

    with pytest.raises(ConflictError) as caught:
        await groups.skus.create(100, "JBMS310BK", **PLACE)
    assert not caught.value.maybe_applied
    assert len(groups.transport.sent) == 1


ELSEWHERE: dict[str, Any] = {
    "another store's": ok([stored(77, custom_id="W412")]),
    "another postcode's": ok([stored(77, customer_postcode={"id": 17, "zipcode": "0800"})]),
    "nowhere": ok([]),
    "not to be looked for": refused(404, "no such collection"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_duplicate_sku_after_a_lost_answer_is_a_rejection(name: str) -> None:
    """A duplicate SKU that is not found after a lost answer is an error, which says that the lost call may have added it."""
    groups = groups_over(FakeTransport(lost(), refused(409, "exists"), ELSEWHERE[name], ok([])))

    with pytest.raises(ConflictError, match="exists") as caught:
        await groups.skus.create(100, "JBMS310BK", **PLACE)
    assert caught.value.maybe_applied


async def test_create_many_adds_up_batches_of_a_thousand() -> None:
    """Trimmed, each once; rejected rows of all calls are in what one gets, by their SKU."""
    groups = groups_over(FakeTransport(taken(999, "S7"), taken(500)))
    items = [f" S{number}" for number in range(1_500)]
    added = await groups.skus.create_many(100, [*items, "S1"], **PLACE)

    assert [len(fields["skus"].split(",")) for _, fields in groups.transport.sent] == [1_000, 500]
    assert set(groups.transport.sent[0][1]) == {"collection", "skus", "store_id", "customer_postcode"}
    assert AddResult(success_count=1_499, error_rows=(ErrorRow(sku="S7", error="Duplicate entry"),)) == added
    assert added.error_rows[0].item == "S7"


async def test_create_many_reports_earlier_batches_on_failure() -> None:
    """If a batch fails, the error has the report of the batches before it, and no later batch is sent."""
    groups = groups_over(FakeTransport(taken(1_000), refused(400, "full")))
    with pytest.raises(APIError, match="full") as caught:
        await groups.skus.create_many(100, [f"S{number}" for number in range(1_500)], **PLACE)

    assert AddResult(success_count=1_000) == caught.value.report


async def test_duplicates_of_a_lost_create_many_are_success() -> None:
    """Duplicates count as added after a lost answer only; other rejections stay rejections."""
    groups = groups_over(FakeTransport(lost(), taken(1, "S2"), taken(1, "S2"), lost(), taken(0, "S1", reason="store")))

    assert AddResult(success_count=2, assumed=1) == await groups.skus.create_many(100, ["S1", "S2"], **PLACE)
    assert len((await groups.skus.create_many(100, ["S1", "S2"], **PLACE)).error_rows) == 1
    assert len((await groups.skus.create_many(100, ["S1"], **PLACE)).error_rows) == 1


async def test_an_answer_of_another_shape_is_an_error_with_the_report() -> None:
    """The documentation does not show it: should it differ, nobody is told that all went in."""
    groups = groups_over(FakeTransport(ok("3 SKUs added")))

    with pytest.raises(InvalidResponseError) as caught:
        await groups.skus.create_many(100, ["S1"], **PLACE)
    assert AddResult(success_count=0) == caught.value.report


async def test_import_csv_sends_the_form_of_its_twin() -> None:
    """Trap 41: the fields are those of the ASINs; the columns are the documented ones."""
    groups = groups_over(FakeTransport(taken(1, "HPLAP001")))
    added = await groups.skus.import_csv(100, CSV)

    assert groups.transport.sent == [(BULK, MultipartForm({"collection_id": "100"}, "csv", "skus.csv", CSV))]
    assert (added.success_count, [row.item for row in added.error_rows]) == (1, ["HPLAP001"])


async def test_import_csv_takes_rows_each_with_its_place() -> None:
    """Leading zeros survive."""
    groups = groups_over(FakeTransport(taken(2)))
    await groups.skus.import_csv(100, [SkuRow("JBMS310BK", "0800", "W411"), SkuRow("HPLAP001", "4500", "W412")])

    assert groups.transport.sent[0][1].content == CSV


async def test_import_csv_is_split_when_asked() -> None:
    """As for ASINs."""
    rows = [SkuRow(f"S{number}", "4500", "W411") for number in range(5_001)]
    groups = groups_over(FakeTransport(taken(5_000), taken(1)))

    assert (await groups.skus.import_csv(100, rows, split=True)).success_count == 5_001
    assert [form.content.count(b"\n") for _, form in groups.transport.sent] == [5_001, 2]


async def test_import_csv_tells_amazon_columns_apart() -> None:
    """Both ways; nothing is sent."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match="expected exactly the header sku,customer_postcode,store_id, got 'domain,"):
        await groups.skus.import_csv(100, b"domain,customer_postcode,asin,include_raw_html\na,4500,B1,true\n")
    assert groups.transport.sent == []


BAD_IDS: list[Any] = [0, True, "100", None]
BAD_LINES: list[Any] = ["", " W411", "a\nb", None, 5, UNSET]
BAD_POSTCODES: list[Any] = [4500, "", " 4500", None, UNSET]
REFUSED: list[tuple[str, Callable[[Groups, Any], Any], list[Any]]] = [
    ("collection_id", lambda groups, value: groups.skus.create(value, "S1", **PLACE), BAD_IDS),
    ("sku", lambda groups, value: groups.skus.create(100, value, **PLACE), ["", "a b", "a,b", None, 5]),
    ("store_id", lambda groups, value: groups.skus.create(100, "S1", store_id=value, postcode="4500"), BAD_LINES),
    ("postcode", lambda groups, value: groups.skus.create(100, "S1", store_id="W411", postcode=value), BAD_POSTCODES),
    ("collection_id", lambda groups, value: groups.skus.create_many(value, ["S1"], **PLACE), BAD_IDS),
    ("skus", lambda groups, value: groups.skus.create_many(100, value, **PLACE), ["S1", [], ["a b"], None]),
    ("store_id", lambda groups, value: groups.skus.create_many(100, ["S"], store_id=value, postcode="1"), BAD_LINES),
    (
        "postcode",
        lambda groups, value: groups.skus.create_many(100, ["S"], store_id="W", postcode=value),
        BAD_POSTCODES,
    ),
    ("collection_id", lambda groups, value: groups.skus.import_csv(value, CSV), BAD_IDS),
    ("source", lambda groups, value: groups.skus.import_csv(100, value), [None, 5, b"", [("S1", "4500", "W411")]]),
    ("split", lambda groups, value: groups.skus.import_csv(100, CSV, split=value), [1, None]),
]


@pytest.mark.parametrize(("argument", "call", "values"), REFUSED)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(argument: str, call: Any, values: list[Any]) -> None:
    """Each of the values that cannot be right."""
    for value in values:
        groups = groups_over(FakeTransport())
        with pytest.raises(ArgumentError) as caught:
            await call(groups, value)
        assert (argument, []) == (caught.value.argument, groups.transport.sent)
