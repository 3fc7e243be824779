"""``client.zipcodes``: what is sent, what comes back, and waiting for a postcode; `ensure` has tests of its own."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.wire_rows import lost

from multicart_async import PollPolicy
from multicart_async.errors import (
    ArgumentError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.models import Domain

CREATE = "/zipcodes/create-zipcode/"
LIST = "/zipcodes/get-zipcodes/"
FULL = {"id": 1, "domain": "amazon.com.au", "country_code": "AU", "supplier_type": "scraping", "status": "active"}
EVEN = PollPolicy(poll_interval=10, growth=1, jitter=0)


def row(status: str, number: int = 15, **fields: object) -> dict[str, Any]:
    """A postcode as the list has it."""
    return {"id": number, "zipcode": "4500", "status": status, "domain": FULL, **fields}


def looks(*statuses: str) -> list[Any]:
    """The list at one look after the other; another postcode is always there and ready."""
    return [ok([row("active", 14, zipcode="4000"), row(status)]) for status in statuses]


async def test_the_documented_creation_is_sent_and_arrives_whole(endpoints: dict[str, dict[str, Any]]) -> None:
    """The domain by id, the postcode as a text; nothing of the answer is left over."""
    documented = endpoints["zipcodes.create"]
    groups = groups_over(FakeTransport(ok(documented["response"]["data"])))
    created = await groups.zipcodes.create("4500", domain_id=1)

    assert groups.transport.sent == [(documented["path"], documented["request"])]
    assert (created.id, created.zipcode, created.status) == (15, "4500", "in-progress")
    assert Domain(id=1, domain="amazon.com.au", supplier_type="scraping") == created.domain
    assert "2026-06-20T10:00:00+00:00" == created.created_at.isoformat() == created.updated_at.isoformat()
    assert (created.extra, created.domain.extra) == ({}, {})


async def test_leading_zeros_survive() -> None:
    """Trap 42: a postcode is a text everywhere. Blanks inside belong to it."""
    groups = groups_over(FakeTransport(ok(row("active", zipcode="0800")), ok(row("active"))))
    assert (await groups.zipcodes.create("0800", domain_id=1)).zipcode == "0800"
    await groups.zipcodes.create("SW1A 1AA", domain_id=3)

    assert [fields["zipcode"] for _, fields in groups.transport.sent] == ["0800", "SW1A 1AA"]


async def test_a_postcode_that_is_there_is_a_conflict() -> None:
    """409, and not sent again."""
    groups = groups_over(FakeTransport(refused(409, "Zipcode already exists")))

    with pytest.raises(ConflictError, match="already exists"):
        await groups.zipcodes.create("4500", domain_id=1)


async def test_a_creation_whose_answer_is_lost_is_not_sent_again() -> None:
    """It may have taken effect; and it goes out on a connection of its own."""
    groups = groups_over(FakeTransport(lost()))
    with pytest.raises(OutcomeUnknownError):
        await groups.zipcodes.create("4500", domain_id=1)

    assert groups.transport.fresh == [True]


BAD = [
    (lambda zipcodes: zipcodes.create(4500, domain_id=1), "postcode: .* leading zeros"),
    (lambda zipcodes: zipcodes.create(True, domain_id=1), "postcode"),
    (lambda zipcodes: zipcodes.create("", domain_id=1), "postcode"),
    (lambda zipcodes: zipcodes.create("1" * 13, domain_id=1), "postcode: .* 12 characters"),
    (lambda zipcodes: zipcodes.create(" 4500", domain_id=1), "postcode: .* whitespace"),
    (lambda zipcodes: zipcodes.create("4500", domain_id="1"), "domain_id"),
    (lambda zipcodes: zipcodes.list(status="ready"), "status: expected one of 'active'"),
    (lambda zipcodes: zipcodes.list(domain_id="amazon.com.au"), "domain_id"),
    (lambda zipcodes: zipcodes.wait_active("4500"), "zipcode_id"),
    (lambda zipcodes: zipcodes.wait_active(15, policy=5), "policy"),
    (lambda zipcodes: zipcodes.ensure(4500, domain="amazon.com.au"), "postcode: .* leading zeros"),
    (lambda zipcodes: zipcodes.ensure("4500", domain=1), "domain"),
    (lambda zipcodes: zipcodes.ensure("4500", domain="amazon.com.au", policy=5), "policy"),
]


@pytest.mark.parametrize(("call", "named"), BAD, ids=range(len(BAD)))
async def test_a_wrong_argument_is_named_before_any_request(call: Any, named: str) -> None:
    """A wrong argument is an ArgumentError that names it, before any request."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=rf"\A{named}"):
        await call(groups.zipcodes)


async def test_twelve_characters_are_a_postcode() -> None:
    """As many as the dashboard takes."""
    groups = groups_over(FakeTransport(ok(row("active"))))
    await groups.zipcodes.create("1" * 12, domain_id=1)

    assert groups.transport.sent == [(CREATE, {"domain": 1, "zipcode": "1" * 12})]


async def test_the_documented_list_is_sent_and_its_rows_arrive_whole(endpoints: dict[str, dict[str, Any]]) -> None:
    """Both filters by their names; the joined domain has more fields here. Status is any word when received."""
    documented = endpoints["zipcodes.list"]
    groups = groups_over(FakeTransport(ok([row("active"), row("warming-up", 16)])))
    first, second = await groups.zipcodes.list(status="active", domain_id=1)

    assert groups.transport.sent == [(documented["path"], documented["request"])]
    assert (Domain(**FULL), {}) == (first.domain, first.extra)
    assert second.status == "warming-up"


async def test_filters_that_are_not_given_are_not_sent() -> None:
    """No window either: none is documented."""
    groups = groups_over(FakeTransport(ok([])))

    assert await groups.zipcodes.list() == ()
    assert groups.transport.sent == [(LIST, {})]


async def test_a_wait_ends_when_the_postcode_is_active() -> None:
    """Pending, in-progress and words that nobody documents are waited for; the row of another postcode is none."""
    groups = groups_over(FakeTransport(*looks("pending", "in-progress", "warming-up", "active")))
    active = await groups.zipcodes.wait_active(15, policy=PollPolicy(jitter=0))

    assert (active.id, active.status) == (15, "active")
    assert groups.clock.slept == [5, 7.5, 11.25]
    assert groups.transport.sent == [(LIST, {})] * 4


async def test_an_active_postcode_is_not_waited_for() -> None:
    """One look."""
    groups = groups_over(FakeTransport(*looks("active")))

    assert (await groups.zipcodes.wait_active(15)).status == "active"
    assert groups.clock.slept == []


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_a_postcode_that_never_gets_active_ends_the_wait(status: str) -> None:
    """The error holds its row."""
    groups = groups_over(FakeTransport(*looks("in-progress", status)))
    with pytest.raises(ZipcodeFailedError, match=rf"postcode 4500 \(zipcode 15\) is {status}") as caught:
        await groups.zipcodes.wait_active(15)

    assert status == caught.value.zipcode.status
    assert caught.value.started == 15


async def test_an_unlisted_postcode_ends_the_wait_at_poll_three() -> None:
    """A postcode that is missing from three lists in a row ends the wait, as a 404 does elsewhere."""
    groups = groups_over(FakeTransport(*looks("pending"), *[ok([])] * 3))
    with pytest.raises(NotFoundError, match=r"zipcode 15: not found\Z"):
        await groups.zipcodes.wait_active(15)

    assert len(groups.transport.sent) == 4


async def test_a_postcode_missing_from_two_lists_is_waited_for() -> None:
    """A postcode may be missing from two lists in a row; the count starts again when it was listed."""
    groups = groups_over(FakeTransport(ok([]), ok([]), *looks("pending"), ok([]), ok([]), *looks("active")))

    assert (await groups.zipcodes.wait_active(15)).status == "active"


async def test_a_wait_that_ends_at_its_deadline_has_the_last_row() -> None:
    """What it waited for, and the row as it was."""
    groups = groups_over(FakeTransport(*looks("pending", "in-progress", "in-progress")))
    policy = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=20)
    with pytest.raises(WaitTimeoutError, match="zipcode 15 is in-progress, not active, after 20 s") as caught:
        await groups.zipcodes.wait_active(15, policy=policy)

    assert (caught.value.started, caught.value.last.status) == (15, "in-progress")


async def test_a_wait_that_never_saw_the_row_says_so() -> None:
    """Every look failed for a passing reason; the last one is the cause."""
    groups = groups_over(FakeTransport(*[refused(500)] * 5))
    with pytest.raises(WaitTimeoutError, match="zipcode 15 is not seen, not active") as caught:
        await groups.zipcodes.wait_active(15, policy=PollPolicy(wait_timeout=0))

    assert caught.value.last is None
    assert isinstance(caught.value.__cause__, ServerError)


async def test_a_look_that_fails_for_a_passing_reason_is_no_end() -> None:
    """A refused key is."""
    groups = groups_over(FakeTransport(*[refused(500)] * 5, *looks("active"), refused(401)))

    assert (await groups.zipcodes.wait_active(15, policy=EVEN)).status == "active"
    with pytest.raises(AuthenticationError):
        await groups.zipcodes.wait_active(15)
