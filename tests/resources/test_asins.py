"""``client.asins``: what is sent, what comes back, pages, counting, and waiting for rows."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.wire_rows import ByPath, in_turn, lost, pages_of

from multicart_async import PollPolicy
from multicart_async.errors import (
    APIError,
    AuthenticationError,
    ConflictError,
    ItemsRejectedError,
    NotFoundError,
    ServerError,
    WaitTimeoutError,
)
from multicart_async.models import AddResult, DomainRef, ErrorRow, PostcodeRef

LIST = "/schedules/amazon/asin/list/"
MULTIPLE = "/schedules/amazon/asin/create/multiple/"
ROW = {"id": 5, "asin": "B0DJQQ38TG", "collection": 101, "domain": 1, "customer_postcode": 15}
PLACE = {"domain_id": 1, "zipcode_id": 15}
NAMES = {"domain": "amazon.com.au", "postcode": "4500"}
JOINED = {"domain": {"id": 1, "domain": "amazon.com.au"}, "customer_postcode": {"id": 15, "zipcode": "4500"}}


def listed(number: int, **fields: object) -> dict[str, Any]:
    """A row as the list has it."""
    return {"id": number, "asin": f"B{number:09d}", **JOINED, **fields}


def taken(count: int, *rejected: str, reason: str = "Duplicate entry") -> Any:
    """What the service answers to many items."""
    return ok({"success_count": count, "error_rows": [{"asin": item, "error": reason} for item in rejected]})


async def test_create_sends_ids_and_nothing_that_is_not_given() -> None:
    """Domain and postcode are ids of rows here, and arrive as references."""
    groups = groups_over(FakeTransport(ok(ROW)))
    made = await groups.asins.create(101, " B0DJQQ38TG\n", **PLACE)

    wanted = {"collection": 101, "domain": 1, "customer_postcode": 15, "asin": "B0DJQQ38TG"}
    assert groups.transport.sent == [("/schedules/amazon/asin/create/", wanted)]
    assert (DomainRef(id=1), PostcodeRef(id=15)) == (made.domain, made.customer_postcode)


async def test_create_sends_every_parameter_under_its_name() -> None:
    """False is a value, not an absence."""
    groups = groups_over(FakeTransport(ok(ROW)))
    optional = {"custom_id": "ref-001", "include_raw_html": False, "output": "HTML"}
    await groups.asins.create(101, "B0DJQQ38TG", **PLACE, **optional)

    assert optional == {name: groups.transport.sent[0][1][name] for name in optional}


async def test_create_finds_what_a_lost_attempt_has_added() -> None:
    """The repetition is refused as a duplicate: same ASIN, domain and postcode, wherever in the list."""
    elsewhere = listed(6, asin="B0DJQQ38TG", domain={"id": 2, "domain": "amazon.com"})
    bare = {"id": 7, "asin": "B0DJQQ38TG"}
    rows = ok([listed(4), bare, elsewhere, listed(5, asin="B0DJQQ38TG")])
    groups = groups_over(FakeTransport(lost(), refused(409, "ASIN already exists"), rows))
    made = await groups.asins.create(101, "B0DJQQ38TG", **PLACE)

    assert made.id == 5
    assert len(groups.transport.sent) == 3


async def test_create_of_a_duplicate_is_an_error_at_the_first_attempt() -> None:
    """Nothing was lost, so somebody else has added it, and nothing is looked for."""
    groups = groups_over(FakeTransport(refused(409, "ASIN already exists")))

    with pytest.raises(ConflictError):
        await groups.asins.create(101, "B0DJQQ38TG", **PLACE)
    assert len(groups.transport.sent) == 1


async def test_a_rejected_retry_without_the_item_is_a_rejection() -> None:
    """If the repeated create is rejected and the item is not listed, as for the 5,001st, the rejection is raised."""
    groups = groups_over(FakeTransport(lost(), refused(400, "full"), ok([listed(4)]), ok([])))

    with pytest.raises(APIError, match="full"):
        await groups.asins.create(101, "B0DJQQ38TG", **PLACE)


async def test_a_rejected_retry_is_raised_if_the_list_fails() -> None:
    """If the repeated create is rejected and the list fails, the rejection is raised, not the error of the list."""
    groups = groups_over(FakeTransport(lost(), refused(400, "full"), refused(404, "no such list")))

    with pytest.raises(APIError, match="full"):
        await groups.asins.create(101, "B0DJQQ38TG", **PLACE)


async def test_create_many_sends_one_text_with_names() -> None:
    """Traps 9, 11 and 12: trimmed, each once, in the order given, joined by commas; the HTML switch has its own spelling."""
    groups = groups_over(FakeTransport(taken(2)))
    items = iter([" B1 ", "B2", "B1", "B2\n"])
    added = await groups.asins.create_many(101, items, **NAMES, include_raw_html=False)

    wanted = {
        "collection": 101,
        "domain": "amazon.com.au",
        "customer_postcode": "4500",
        "asins": "B1,B2",
        "including_raw_html": False,
    }
    assert groups.transport.sent == [(MULTIPLE, wanted)]
    assert AddResult(success_count=2) == added
    assert added.raise_for_errors() is None


async def test_create_many_leaves_the_html_switch_out() -> None:
    """Trap 42: neither spelling is sent when it is not given; a postcode keeps its leading zero."""
    groups = groups_over(FakeTransport(taken(1)))
    await groups.asins.create_many(101, ["B1"], domain="amazon.com.au", postcode="0800")

    assert set(groups.transport.sent[0][1]) == {"collection", "domain", "customer_postcode", "asins"}
    assert groups.transport.sent[0][1]["customer_postcode"] == "0800"


async def test_create_many_adds_up_batches_of_a_thousand() -> None:
    """5,000 items are five calls; rejected rows of all of them are in what one gets."""
    groups = groups_over(FakeTransport(taken(999, "B7"), taken(1000), taken(1000), taken(1000), taken(0, "B9")))
    added = await groups.asins.create_many(101, (f"B{number}" for number in range(5_000)), **NAMES)

    assert [len(fields["asins"].split(",")) for _, fields in groups.transport.sent] == [1000] * 5
    assert added.success_count == 3_999
    assert [row.item for row in added.error_rows] == ["B7", "B9"]


async def test_rejected_items_are_told_and_raise_when_asked() -> None:
    """Trap 13: the service calls it success when it takes nothing."""
    groups = groups_over(FakeTransport(taken(0, "B1", reason="Unknown postcode")))
    added = await groups.asins.create_many(101, ["B1"], **NAMES)

    assert added.error_rows == (ErrorRow(asin="B1", error="Unknown postcode"),)
    with pytest.raises(ItemsRejectedError, match="B1: Unknown postcode") as caught:
        added.raise_for_errors()
    assert added == caught.value.added


async def test_duplicates_of_a_lost_create_many_are_success() -> None:
    """Case 33: duplicates count as added after a lost answer only; other rejections stay rejections."""
    other = {"asin": "B3", "error": "Unknown postcode"}
    own = [{"asin": item, "error": "Duplicate entry"} for item in ("B1", "B2")]
    groups = groups_over(FakeTransport(lost(), ok({"success_count": 0, "error_rows": [*own, other]})))
    added = await groups.asins.create_many(101, ["B1", "B2", "B3"], **NAMES)

    assert (added.success_count, [row.item for row in added.error_rows]) == (2, ["B3"])
    assert added.assumed == 2


async def test_what_was_assumed_adds_up_over_the_batches() -> None:
    """A duplicate of another batch, whose answer came, is none of them."""
    answers = [taken(999, "B7"), lost(), taken(998, "B1001", "B1002")]
    groups = groups_over(FakeTransport(*answers))
    added = await groups.asins.create_many(101, [f"B{number}" for number in range(2_000)], **NAMES)

    assert (added.success_count, added.assumed) == (1_999, 2)
    assert [row.item for row in added.error_rows] == ["B7"]


async def test_create_many_keeps_duplicates_when_nothing_was_lost() -> None:
    """A first attempt's duplicates are real ones."""
    groups = groups_over(FakeTransport(taken(1, "B2")))

    assert len((await groups.asins.create_many(101, ["B1", "B2"], **NAMES)).error_rows) == 1


async def test_create_many_reports_earlier_batches_on_failure() -> None:
    """If a batch fails, the error has the report of the batches before it, and no later batch is sent."""
    groups = groups_over(FakeTransport(taken(1000), refused(400, "full")))
    with pytest.raises(APIError, match="full") as caught:
        await groups.asins.create_many(101, [f"B{number}" for number in range(2_500)], **NAMES)

    assert AddResult(success_count=1000) == caught.value.report
    assert len(groups.transport.sent) == 2


async def test_list_sends_a_page_and_never_with_count() -> None:
    """Trap 14: any value of ``with_count``, even false, may change the shape of the answer."""
    groups = groups_over(FakeTransport(ok([listed(5)]), ok([])))
    (row,) = await groups.asins.list(101)
    assert await groups.asins.list(101, skip=200, limit=1000) == ()

    first = (LIST, {"collection_id": 101, "skip": 0, "limit": 100})
    assert groups.transport.sent == [first, (LIST, {"collection_id": 101, "skip": 200, "limit": 1000})]
    assert (row.domain.domain, row.customer_postcode.zipcode) == ("amazon.com.au", "4500")


async def test_iterate_gives_every_row_until_an_empty_page() -> None:
    """Trap 15: a page begins with the last row of the page before, which comes once."""
    rows = [listed(number) for number in range(1, 203)]
    groups = groups_over(ByPath({LIST: pages_of(rows)}))
    seen = [row.id async for row in groups.asins.iterate(101)]

    assert list(range(1, 203)) == seen
    assert [fields["skip"] for _, fields in groups.transport.sent] == [0, 99, 199, 202]


async def test_iterate_of_a_service_that_gives_fewer_rows_loses_none() -> None:
    """T3: 20 a page, though 100 are asked for."""
    rows = [listed(number) for number in range(1, 61)]

    def answer(fields: dict[str, Any]) -> Any:
        return ok(rows[fields["skip"] :][: min(20, fields["limit"])])

    groups = groups_over(ByPath({LIST: answer}))

    assert list(range(1, 61)) == [row.id async for row in groups.asins.iterate(101)]


async def test_iterate_ends_when_a_page_repeats() -> None:
    """Trap 15: a service that ignores ``skip`` would never end."""
    groups = groups_over(ByPath({LIST: in_turn([listed(number) for number in range(1, 101)])}))

    assert len([row async for row in groups.asins.iterate(101)]) == 100
    assert [fields["skip"] for _, fields in groups.transport.sent] == [0, 99, 1_000_000]


async def test_count_asks_for_one_row_with_the_count() -> None:
    """``limit`` 1, as documented: the rows are not wanted."""
    groups = groups_over(FakeTransport(ok({"total_count": 5000, "asin_list": [listed(5)]})))

    assert await groups.asins.count(101) == 5000
    assert groups.transport.sent == [(LIST, {"collection_id": 101, "skip": 0, "limit": 1, "with_count": 1})]


async def test_wait_ingested_ends_when_the_rows_are_there() -> None:
    """At least so many; what is there then is the result, and the pause between two looks grows."""
    totals = [ok({"total_count": total, "asin_list": []}) for total in (0, 0, 120, 251)]
    groups = groups_over(FakeTransport(*totals))
    policy = PollPolicy(jitter=0)

    assert await groups.asins.wait_ingested(101, 250, policy=policy) == 251
    assert groups.clock.slept == [5, 7.5, 11.25]


async def test_wait_ingested_for_nothing_looks_once() -> None:
    """An empty collection has zero rows, which is enough for zero."""
    groups = groups_over(FakeTransport(ok({"total_count": 0, "asin_list": []})))

    assert await groups.asins.wait_ingested(101, 0) == 0


async def test_wait_ingested_times_out_with_the_last_count() -> None:
    """wait_ingested for rows that never come ends at the deadline, with the last count."""
    groups = groups_over(FakeTransport(*[ok({"total_count": 249, "asin_list": []})] * 3))
    policy = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=20)
    with pytest.raises(WaitTimeoutError, match="expected 250 ASINs in collection 101, got 249") as caught:
        await groups.asins.wait_ingested(101, 250, policy=policy)

    assert (caught.value.started, caught.value.last) == (101, 249)
    assert groups.clock.now() == 20


async def test_wait_ingested_that_never_saw_a_number_says_so() -> None:
    """Every look failed for a passing reason; the last one is the cause."""
    groups = groups_over(FakeTransport(*[refused(500)] * 10))
    policy = PollPolicy(wait_timeout=0)
    with pytest.raises(WaitTimeoutError, match="an unknown number") as caught:
        await groups.asins.wait_ingested(101, 1, policy=policy)

    assert caught.value.last is None
    assert isinstance(caught.value.__cause__, ServerError)


async def test_wait_ingested_ends_at_once_when_the_key_is_refused() -> None:
    """No patience helps against 401."""
    groups = groups_over(FakeTransport(refused(401)))

    with pytest.raises(AuthenticationError):
        await groups.asins.wait_ingested(101, 1)


async def test_get_asks_by_id_alone() -> None:
    """The collection is accepted there and ignored, so it is not sent."""
    groups = groups_over(FakeTransport(ok({**ROW, **JOINED})))

    assert (await groups.asins.get(5)).asin == "B0DJQQ38TG"
    assert groups.transport.sent == [("/schedules/amazon/asin/get/", {"id": 5})]


async def test_update_sends_the_given_fields_only() -> None:
    """And each of them under its name."""
    groups = groups_over(FakeTransport(ok(ROW), ok(ROW)))
    await groups.asins.update(5, custom_id="ref-updated")
    everything = {"asin": "B1", "include_raw_html": True, "output": "JSON", "custom_id": "x"}
    await groups.asins.update(5, **{**everything, "asin": " B1 "})

    path = "/schedules/amazon/asin/update/"
    first = (path, {"asin_id": 5, "custom_id": "ref-updated"})
    assert groups.transport.sent == [first, (path, {"asin_id": 5, **everything})]


async def test_delete_gives_nothing() -> None:
    """The service's sentence is no result."""
    groups = groups_over(FakeTransport(ok("ASIN deleted successfully")))

    assert await groups.asins.delete(5) is None
    assert groups.transport.sent == [("/schedules/amazon/asin/delete/", {"asin_id": 5})]


async def test_delete_accepts_not_found_only_after_a_lost_answer() -> None:
    """Case 32: "not found" is success after a lost answer, and an error at the first attempt."""
    groups = groups_over(FakeTransport(lost(), refused(404), refused(404)))

    assert await groups.asins.delete(5) is None
    with pytest.raises(NotFoundError):
        await groups.asins.delete(5)
