"""Postcodes: had when they are needed, whoever makes them, and however long their cookies take."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import anyio
import pytest
from support.eventually import until

from multicart_async import PollPolicy
from multicart_async.errors import ArgumentError, BadRequestError, ConflictError, WaitTimeoutError, ZipcodeFailedError
from multicart_async.models import Zipcode
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content, DropAfter

EAGER = PollPolicy(poll_interval=0.001, max_poll_interval=0.01, wait_timeout=30)
ONE_LOOK = PollPolicy(wait_timeout=0)
CREATE, LIST = "/zipcodes/create-zipcode/", "/zipcodes/get-zipcodes/"
AU = {"domain": "amazon.com.au"}
NODE = "https://www.amazon.com.au/b?node=5130777051"


@asynccontextmanager
async def slow():
    """A sandbox whose cookies take a minute of its own time, and a client."""
    async with Sandbox(clock="manual", zipcode_seconds=60) as sandbox, sandbox.client() as client:
        yield sandbox, client
        assert sandbox.ignored_fields == []


async def test_a_new_postcode_is_created_once_and_then_found(client, sandbox) -> None:
    """Also by several at the same time: they share it."""
    found: list[Zipcode] = []

    async def ensure() -> None:
        found.append(await client.zipcodes.ensure("0800", **AU, policy=EAGER))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ensure)
    again = await client.zipcodes.ensure("0800", **AU)

    assert {(row.id, row.zipcode, row.status) for row in found} == {(again.id, "0800", "active")}
    assert sandbox.counts[CREATE] == 1


async def test_the_same_postcode_for_another_domain_is_another_one(client) -> None:
    """Each has its own row; one for Officeworks needs no cookies, so it is active at once."""
    amazon = await client.zipcodes.ensure("4500", **AU)
    officeworks = await client.zipcodes.ensure("4500", domain="officeworks.com.au", policy=ONE_LOOK)

    assert (amazon.id, amazon.status, officeworks.status) == (15, "active", "active")
    assert officeworks.id != amazon.id


async def test_a_postcode_in_progress_is_waited_for() -> None:
    """Whoever has created it: the wait ends when its cookies are there."""
    async with slow() as (sandbox, client), sandbox.client() as other:
        created = await other.zipcodes.create("2000", domain_id=1)
        async with anyio.create_task_group() as group:

            async def ensure() -> None:
                assert created.id == (await client.zipcodes.ensure("2000", **AU, policy=EAGER)).id

            group.start_soon(ensure)
            await until(lambda: sandbox.counts[LIST] >= 4)
            sandbox.advance(60)
        active = await client.zipcodes.list(status="active", domain_id=1)

    assert created.status == "in-progress"
    assert {row.zipcode for row in active} == {"4500", "2000"}
    assert sandbox.counts[CREATE] == 1


async def test_who_has_no_patience_left_can_wait_again() -> None:
    """The error has the row as it was seen, and what to wait for."""
    async with slow() as (sandbox, client):
        with pytest.raises(WaitTimeoutError, match="is in-progress, not active") as caught:
            await client.zipcodes.ensure("2000", **AU, policy=ONE_LOOK)
        sandbox.advance(60)
        active = await client.zipcodes.wait_active(caught.value.started, policy=ONE_LOOK)

    assert (caught.value.last.zipcode, caught.value.last.status) == ("2000", "in-progress")
    assert (caught.value.last.id, "active") == (active.id, active.status)


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_a_postcode_that_ends_badly_is_told_and_left_so(client, sandbox, status) -> None:
    """It is not created anew, and who asks again is told again."""
    sandbox.fail_next_zipcode(status)
    for _ in range(2):
        with pytest.raises(ZipcodeFailedError, match=f"postcode 2000 .* is {status}") as caught:
            await client.zipcodes.ensure("2000", **AU, policy=EAGER)

    with pytest.raises(ZipcodeFailedError):
        await client.zipcodes.wait_active(caught.value.zipcode.id, policy=EAGER)
    assert ("2000", status) == (caught.value.zipcode.zipcode, caught.value.zipcode.status)
    assert sandbox.counts[CREATE] == 1


async def test_items_are_not_added_for_a_postcode_that_failed(client, sandbox) -> None:
    """The error comes before the first item, and says so: there is no report."""
    sandbox.fail_next_zipcode()
    made = await client.collections.create("AU Laptops", notification_email="ops@example.com")
    with pytest.raises(ZipcodeFailedError) as caught:
        await client.asins.add(made.id, ["B1"], **AU, postcode="2000", policy=EAGER)

    assert caught.value.report is None
    assert await client.asins.count(made.id) == 0


async def test_somebody_quicker_is_no_error(client, sandbox) -> None:
    """The list did not have it yet, the creation is a conflict: so it is there, and is looked for."""
    quicker = sandbox.add_zipcode("2000")
    before = json.dumps({"code": 200, "data": [], "status": 1}).encode()
    for _ in range(2):  # the list of all postcodes, and that of the domain
        sandbox.faults.add(LIST, Content(before, "application/json"))

    assert quicker == (await client.zipcodes.ensure("2000", **AU)).id
    assert sandbox.counts[CREATE] == 1
    with pytest.raises(ConflictError):
        await client.zipcodes.create("2000", domain_id=1)


async def test_a_creation_whose_answer_was_lost_is_found(client, sandbox) -> None:
    """It is not sent again."""
    sandbox.faults.add(CREATE, DropAfter())
    row = await client.zipcodes.ensure("2000", **AU, policy=EAGER)

    assert (row.zipcode, row.status) == ("2000", "active")
    assert sandbox.counts[CREATE] == 1


async def test_a_postcode_that_is_a_number_is_refused_everywhere(client, sandbox) -> None:
    """Its zeros would be gone: each call says so, and sends nothing."""
    new = {"notification_email": "ops@example.com", **AU, "postcode": 800}
    for call in (
        client.zipcodes.create(800, domain_id=1),
        client.zipcodes.ensure(800, **AU),
        client.asins.add(101, ["B1"], **AU, postcode=800),
        client.asins.create_many(101, ["B1"], **AU, postcode=800),
        client.collections.create_sharded("Big", ["B1"], **new),
        client.categories.submit(NODE, **AU, postcode=800),
        client.skus.create(101, "A1", store_id="W411", postcode=800),
        client.skus.create_many(101, ["A1"], store_id="W411", postcode=800),
    ):
        with pytest.raises(ArgumentError, match=r"\Apostcode: expected a string.* leading zeros"):
            await call

    assert len(sandbox.requests) == 0


async def test_a_category_wants_its_postcode_first(client, sandbox, tmp_path) -> None:
    """Without it the error says which call helps; after that call it works."""
    place = {**AU, "postcode": "2600"}
    with pytest.raises(BadRequestError, match="No cookie file found") as caught:
        await client.categories.submit(NODE, **place)
    await client.zipcodes.ensure("2600", **AU, policy=EAGER)
    run = await client.categories.submit_and_wait(NODE, **place, policy=EAGER)
    download = await client.categories.download(run, tmp_path)

    (note,) = caught.value.__notes__
    assert "amazon.com.au and 2600" in note
    assert "zipcodes.ensure" in note
    assert run.asin_count == len(run.asins) == sandbox.credits().used
    assert {file.name for file in download.files} == {"category_asins.json", "category_asins.csv"}


async def test_a_category_for_a_pending_postcode_creates_nothing() -> None:
    """A category scrape for a postcode in progress is rejected, spends nothing and leaves no collection."""
    async with slow() as (sandbox, client):
        await client.zipcodes.create("2600", domain_id=1)
        with pytest.raises(BadRequestError):
            await client.categories.submit(NODE, **AU, postcode="2600")
        sandbox.advance(60)
        left = await client.collections.list()
        spendable = (await client.account.credits()).spendable
        await client.categories.submit(NODE, **AU, postcode="2600")

    assert left == ()
    assert spendable == 100_000
