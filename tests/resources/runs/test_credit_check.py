"""Are there credits enough? Asked before the first of many runs is started, and said so where it cannot be determined whether."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.bulk_client import CREDITS, START, impatient

from multicart_async import AsyncMultiCart
from multicart_async.errors import AuthenticationError, InsufficientCreditsError, MultiCartWarning
from multicart_async.models import Collection, Credits
from multicart_async.resources.runs._credits import check_credits
from multicart_async.resources.runs._estimate import make_estimate
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content, Envelope


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True) as made:
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox) as made:
        yield made


async def run(client: AsyncMultiCart, ids: Any, **options: Any) -> list[bool]:
    """Whether each was run."""
    return [outcome.ok async for outcome in client.runs.run_many(ids, check_credits=True, **options)]


def answering(data: object) -> Content:
    return Content(json.dumps({"code": 200, "data": data, "status": 1}).encode(), "application/json")


async def test_the_account_tells_what_can_be_spent(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """Granted, less consumed and reserved."""
    sandbox.set_credits(500)
    (number,) = sandbox.add_collections(1, items=30)
    sandbox.start_run(number)

    credits_now = await client.account.credits()

    assert Credits(available_credits=500, used_credits=30, frozen_credits=0) == credits_now
    assert 470 == credits_now.spendable == sandbox.credits().spendable


@pytest.mark.parametrize("missing", ["available_credits", "used_credits", "frozen_credits"])
async def test_an_answer_without_one_of_the_fields_tells_nothing(
    sandbox: Sandbox, client: AsyncMultiCart, missing: str
) -> None:
    """The answer of that call is not documented; what else comes is kept."""
    fields = {"available_credits": 5, "used_credits": 1, "frozen_credits": 1, "balance": 3}
    del fields[missing]
    sandbox.faults.add(CREDITS, answering(fields))

    credits_now = await client.account.credits()

    assert credits_now.spendable is None
    assert credits_now.extra == {"balance": 3}


@pytest.mark.parametrize("count", [None, -30, 2**60, 10**4299], ids=["none", "negative", "large", "huge"])
def test_a_number_that_items_cannot_have_is_unknown(count: int | None) -> None:
    """It is a warning, and no sum is made of it."""
    rows = {1: Collection(id=1, asin_count=20), 2: Collection(id=2, asin_count=count)}
    account = Credits(available_credits=25, used_credits=0, frozen_credits=0)

    with pytest.warns(MultiCartWarning, match="gives no number of items for 2 of them"):
        check_credits(make_estimate([1, 2, 3], rows, account))


def test_credits_of_any_size_can_be_told() -> None:
    """Python does not write integers of more than 4,300 digits."""
    account = Credits(available_credits=0, used_credits=10**4299, frozen_credits=9 * 10**4299)

    with pytest.raises(InsufficientCreditsError, match="need 20 credits and an integer of 14285 bits are spendable"):
        check_credits(make_estimate([1], {1: Collection(id=1, asin_count=20)}, account))


async def test_enough_credits_are_no_hindrance(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """To the last credit; an id that comes twice is counted once, as it is run once."""
    sandbox.set_credits(30)
    ids = sandbox.add_collections(3, items=10)

    assert await run(client, [*ids, *ids]) == [True, True, True]


async def test_an_async_iterable_of_ids_is_read_to_its_end_first(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The sum wants all of them."""
    ids = sandbox.add_collections(3, items=10)

    async def source() -> AsyncIterator[int]:
        for number in ids:
            yield number

    assert await run(client, source()) == [True, True, True]


async def test_with_too_few_credits_nothing_is_started(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """Not even those that could be paid."""
    sandbox.set_credits(29)

    with pytest.raises(InsufficientCreditsError, match="these runs need 30 credits and 29 are spendable"):
        await run(client, sandbox.add_collections(3, items=10))
    assert sandbox.counts[START] == 0


@pytest.mark.parametrize(
    "data", [{}, {"balance": 5}, {"available_credits": None}, "5 credits", [5], {"used_credits": "1"}]
)
async def test_another_answer_is_a_warning_and_the_runs_are_started(
    sandbox: Sandbox, client: AsyncMultiCart, data: object
) -> None:
    """It says that it could not know."""
    sandbox.faults.add(CREDITS, answering(data))

    with pytest.warns(MultiCartWarning, match="lacks one of the three documented fields"):
        assert await run(client, sandbox.add_collections(1)) == [True]


async def test_a_collection_that_is_not_listed_is_a_warning(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """How many items a draft has is not in the list; the others are compared all the same."""
    ids = [*sandbox.add_collections(1, items=0), *sandbox.add_collections(2, items=10)]
    sandbox.set_credits(20)

    with pytest.warns(MultiCartWarning, match="gives no number of items for 1 of them"):
        assert sorted(await run(client, ids)) == [False, True, True]

    with pytest.raises(InsufficientCreditsError):
        await run(client, ids)


async def test_the_warning_points_at_the_callers_line(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """Not at a line of this library, where nobody would look for it."""
    sandbox.faults.add(CREDITS, answering({}))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await run(client, sandbox.add_collections(1))

    assert [warning.filename for warning in caught] == [__file__]


async def test_a_refusal_of_the_question_is_an_error(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """A key that is refused here would be refused everywhere; nothing was started."""
    sandbox.faults.add(CREDITS, Envelope(401))

    with pytest.raises(AuthenticationError):
        await run(client, sandbox.add_collections(1))
    assert sandbox.counts[START] == 0


async def test_what_the_journal_holds_as_started_is_not_paid_again(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path
) -> None:
    """The same call with the same journal goes on, although the credits are spent now."""
    sandbox.set_credits(30)
    ids = sandbox.add_collections(3, items=10)
    await run(client, ids[:2], journal=tmp_path / "runs.journal")

    assert await run(client, ids, journal=tmp_path / "runs.journal") == [True, True, True]
    assert sandbox.credits().spendable == 0
    assert sandbox.counts[START] == 3


async def test_without_the_wish_nobody_asks(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The service refuses those that it cannot pay, one by one."""
    sandbox.set_credits(10)

    done = [outcome.ok async for outcome in client.runs.run_many(sandbox.add_collections(2, items=10))]

    assert sorted(done) == [False, True]
    assert sandbox.counts[CREDITS] == 0
