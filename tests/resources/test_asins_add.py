"""``asins.add``: the postcode, the items, and the rows; what was done is in the error when one of them fails."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.wire_rows import ByPath, each_look, in_turn, lost

from multicart_async import PollPolicy
from multicart_async.errors import (
    APIError,
    ArgumentError,
    AuthenticationError,
    OutcomeUnknownError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.models import AddResult, ErrorRow

DOMAINS = "/settings/domains/"
ZIPCODES = "/zipcodes/get-zipcodes/"
CREATE_ZIPCODE = "/zipcodes/create-zipcode/"
LIST = "/schedules/amazon/asin/list/"
MULTIPLE = "/schedules/amazon/asin/create/multiple/"
NAMES = {"domain": "amazon.com.au", "postcode": "4500"}
AU = {"id": 1, "domain": "amazon.com.au"}
EVEN = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=60)


def zipcode(status: str = "active") -> dict[str, Any]:
    """The postcode of all tests here."""
    return {"id": 15, "zipcode": "4500", "status": status, "domain": AU}


def taken(count: int, *rejected: str) -> Any:
    """What the service answers to many items."""
    return ok({"success_count": count, "error_rows": [{"asin": item, "error": "Duplicate entry"} for item in rejected]})


def counts(*totals: int) -> Any:
    """What a count says, one after the other; the last one stays."""
    return in_turn(*({"total_count": total, "asin_list": []} for total in totals))


def service(**answers: Any) -> Groups:
    """A service whose postcode is active, whose collection has three rows, and where two more come late."""
    given = {
        DOMAINS: in_turn([AU]),
        ZIPCODES: in_turn([zipcode()]),
        LIST: counts(3, 3, 4, 5),
        MULTIPLE: in_turn(taken(2)),
    }
    return groups_over(ByPath({**given, **answers}))


def paths(groups: Groups) -> list[str]:
    """What was asked, in order."""
    return [path for path, _ in groups.transport.sent]


async def test_add_ends_when_the_rows_are_there() -> None:
    """Postcode, earlier count, items, then counts until there are as many more as were taken."""
    groups = service()
    added = await groups.asins.add(101, iter(["B1", " B2 ", "B1"]), **NAMES, include_raw_html=True, policy=EVEN)

    assert AddResult(success_count=2) == added
    assert paths(groups) == [ZIPCODES, LIST, MULTIPLE, LIST, LIST, LIST]
    fields = {"collection": 101, "domain": "amazon.com.au", "customer_postcode": "4500", "asins": "B1,B2"}
    assert groups.transport.sent[2] == (MULTIPLE, {**fields, "including_raw_html": True})
    assert groups.clock.slept == [10, 10]


async def test_add_creates_a_missing_postcode_before_any_item() -> None:
    """add creates a missing postcode and waits until it is active before it sends items, which need it for their scrape."""
    listed = in_turn([], [], [zipcode("in-progress")], [zipcode()])
    groups = service(**{ZIPCODES: listed, CREATE_ZIPCODE: in_turn(zipcode("in-progress"))})
    await groups.asins.add(101, ["B1", "B2"], **NAMES, policy=EVEN)

    assert paths(groups)[:8] == [ZIPCODES, DOMAINS, ZIPCODES, CREATE_ZIPCODE, ZIPCODES, ZIPCODES, LIST, MULTIPLE]


async def test_rows_that_were_not_taken_are_not_waited_for() -> None:
    """They never come; they are in the result."""
    groups = service(**{MULTIPLE: in_turn(taken(1, "B2")), LIST: counts(3, 4)})
    added = await groups.asins.add(101, ["B1", "B2"], **NAMES, policy=EVEN)

    assert AddResult(success_count=1, error_rows=(ErrorRow(asin="B2", error="Duplicate entry"),)) == added
    assert groups.clock.slept == []


async def test_none_taken_is_none_waited_for() -> None:
    """A second call with the same items is quick."""
    groups = service(**{MULTIPLE: in_turn(taken(0, "B1", "B2"))})
    added = await groups.asins.add(101, ["B1", "B2"], **NAMES)

    assert [row.asin for row in added.error_rows] == ["B1", "B2"]
    assert paths(groups) == [ZIPCODES, LIST, MULTIPLE]


async def test_no_more_rows_are_waited_for_than_a_collection_can_hold() -> None:
    """Somebody may have deleted rows after they were counted."""
    groups = service(**{LIST: counts(4_999, 5_000)})

    assert (await groups.asins.add(101, ["B1", "B2"], **NAMES)).success_count == 2


def listed(number: int, asin: str, domain: object = AU, postcode: str = "4500") -> dict[str, Any]:
    """A row of the collection."""
    return {"id": number, "asin": asin, "domain": domain, "customer_postcode": {"id": 15, "zipcode": postcode}}


def rows_at_each_look(*looks: list[dict[str, Any]]) -> Any:
    """What the list holds at one look after the other; a count says 1."""
    rows = each_look(*looks)

    def answer(fields: dict[str, Any]) -> Any:
        return ok({"total_count": 1, "asin_list": []}) if "with_count" in fields else rows(fields)

    return answer


async def test_add_does_not_wait_for_rows_that_existed_before() -> None:
    """After a lost answer both ASINs are duplicates, one from before: the wait is for the rows that can exist, not for 1 + 2."""
    looks = [[listed(1, "B1")], [listed(1, "B1"), listed(2, "B2")]]
    groups = service(**{LIST: rows_at_each_look(*looks), MULTIPLE: in_turn(lost(), taken(0, "B1", "B2"))})
    added = await groups.asins.add(101, ["B1", "B2"], **NAMES, policy=EVEN)

    assert AddResult(success_count=2, assumed=2) == added
    assert 10 in groups.clock.slept


async def test_add_tells_rows_of_other_places_apart() -> None:
    """After a lost answer, rows of the same ASIN with another domain or postcode do not count; rows without these fields do."""
    elsewhere = [listed(1, "B1", postcode="2000"), listed(2, "B1", {"id": 9, "domain": "amazon.co.nz"})]
    vague = {"id": 3, "asin": "b1", "domain": None}
    groups = service(
        **{LIST: rows_at_each_look(elsewhere, [*elsewhere, vague]), MULTIPLE: in_turn(lost(), taken(0, "B1"))}
    )
    await groups.asins.add(101, ["B1"], **NAMES, policy=EVEN)

    assert 10 in groups.clock.slept


async def test_after_a_lost_answer_a_rejected_item_is_not_looked_for() -> None:
    """It never comes; nor does one whose rejection names no item."""
    rejected = [{"asin": "B2", "error": "Unknown"}, {"error": "Unknown"}, {"asin": "B1", "error": "Duplicate entry"}]
    answer = ok({"success_count": 0, "error_rows": rejected})
    groups = service(**{LIST: rows_at_each_look([listed(1, "B1")]), MULTIPLE: in_turn(lost(), answer)})
    added = await groups.asins.add(101, ["B1", "B2", "B3"], **NAMES, policy=EVEN)

    assert (added.success_count, added.assumed, len(added.error_rows)) == (1, 1, 2)


async def test_add_times_out_after_a_lost_answer_with_its_report() -> None:
    """After a lost answer, rows that do not come end the wait with an error that has what was added."""
    groups = service(**{LIST: rows_at_each_look([]), MULTIPLE: in_turn(lost(), taken(1, "B2"))})
    with pytest.raises(WaitTimeoutError, match="expected 2 of these ASINs in collection 101, got 0") as caught:
        await groups.asins.add(101, ["B1", "B2"], **NAMES, policy=EVEN)

    assert AddResult(success_count=2, assumed=1) == caught.value.report


BAD = [
    ((0, ["B1"]), {}, "collection_id"),
    ((101, "B1"), {}, "asins"),
    ((101, []), {}, "asins"),
    ((101, ["B1,B2"]), {}, "asins"),
    ((101, ["B1"]), {"domain": ""}, "domain"),
    ((101, ["B1"]), {"domain": 1}, "domain"),
    ((101, ["B1"]), {"postcode": 4500}, "postcode"),
    ((101, ["B1"]), {"postcode": "1" * 13}, "postcode"),
    ((101, ["B1"]), {"include_raw_html": 1}, "include_raw_html"),
    ((101, ["B1"]), {"policy": 60}, "policy"),
]


@pytest.mark.parametrize(("given", "options", "named"), BAD, ids=range(len(BAD)))
async def test_a_wrong_argument_is_named_before_any_request(given: Any, options: Any, named: str) -> None:
    """A wrong argument is an ArgumentError that names it, before any request."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError) as caught:
        await groups.asins.add(*given, **{**NAMES, **options})

    assert (named, None) == (caught.value.argument, caught.value.report)


async def test_an_unknown_domain_adds_nothing() -> None:
    """The service is asked for its postcodes and domains, and for nothing else."""
    groups = service()
    with pytest.raises(ArgumentError, match=r"amazon\.com\.au"):
        await groups.asins.add(101, ["B1"], domain="amazon.de", postcode="4500")

    assert set(paths(groups)) == {ZIPCODES, DOMAINS}


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_a_postcode_that_cannot_be_used_adds_nothing(status: str) -> None:
    """No report: no item was sent."""
    groups = service(**{ZIPCODES: in_turn([zipcode(status)])})
    with pytest.raises(ZipcodeFailedError) as caught:
        await groups.asins.add(101, ["B1"], **NAMES)

    assert caught.value.report is None
    assert paths(groups) == [ZIPCODES]


async def test_a_postcode_whose_creation_is_uncertain_adds_nothing() -> None:
    """No report either."""
    groups = service(**{ZIPCODES: in_turn([]), CREATE_ZIPCODE: in_turn(lost())})
    with pytest.raises(OutcomeUnknownError) as caught:
        await groups.asins.add(101, ["B1"], **NAMES)

    assert caught.value.report is None
    assert MULTIPLE not in paths(groups)


async def test_a_batch_that_fails_tells_what_the_earlier_ones_added() -> None:
    """The report is that of `create_many`; rows are not waited for."""
    groups = service(**{MULTIPLE: in_turn(taken(1_000), refused(400, "full"))})
    with pytest.raises(APIError, match="full") as caught:
        await groups.asins.add(101, [f"B{number}" for number in range(1_500)], **NAMES)

    assert AddResult(success_count=1_000) == caught.value.report
    assert paths(groups)[-1] == MULTIPLE


async def test_add_times_out_with_what_was_added() -> None:
    """Rows that do not come in time end the wait with an error that has the report; both waits have the full timeout."""
    groups = service(**{LIST: counts(3, 4)})
    with pytest.raises(WaitTimeoutError, match="expected 5 ASINs in collection 101, got 4") as caught:
        await groups.asins.add(101, ["B1", "B2"], **NAMES, policy=EVEN)

    assert AddResult(success_count=2) == caught.value.report
    assert groups.clock.now() == 60


async def test_any_error_of_the_wait_tells_what_was_added() -> None:
    """As a key that is refused from now on."""
    groups = service(**{LIST: in_turn({"total_count": 3, "asin_list": []}, refused(401))})
    with pytest.raises(AuthenticationError) as caught:
        await groups.asins.add(101, ["B1", "B2"], **NAMES)

    assert AddResult(success_count=2) == caught.value.report
