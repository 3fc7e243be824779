"""Arguments that cannot be right are refused before anything is started: a run that was started is paid."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport
from support.groups import Groups, groups_over

from multicart_async.errors import ArgumentError

NODE = "https://www.amazon.com.au/b?node=5130777051"
PLACE = {"domain": "amazon.com.au", "postcode": "4500"}
CALLS = {
    "start_and_wait": lambda groups: groups.runs.start_and_wait(101, policy=10),
    "submit_and_wait": lambda groups: groups.categories.submit_and_wait(NODE, **PLACE, policy=10),
    "wait": lambda groups: groups.runs.wait(_started(), policy=None),
    "watch": lambda groups: anext(groups.runs.watch(_started(), policy=None)),
    "wait_many": lambda groups: anext(groups.runs.wait_many([_started()], policy=10)),
    "run_many": lambda groups: anext(groups.runs.run_many([101], policy=10)),
    "submit_many": lambda groups: anext(groups.categories.submit_many([], policy=10)),
}


def _started() -> Any:
    from multicart_async.models import StartedRun  # noqa: PLC0415 -- beside its only use

    return StartedRun(101, 87)


async def refusal(call: Any) -> tuple[str, Groups]:
    """Which argument is refused; nothing was sent."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError) as caught:
        await call(groups)
    assert groups.transport.sent == []
    return caught.value.argument, groups


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_policy_is_looked_at_before_anything_is_started(call) -> None:
    """Afterwards its credits are gone, and nobody has what is needed to wait for it."""
    assert (await refusal(call))[0] == "policy"


WRONG = {
    "start_many": ("collection_ids", lambda groups: anext(groups.runs.start_many(101))),
    "run_many": ("collection_ids", lambda groups: anext(groups.runs.run_many("101"))),
    "wait_many": ("started", lambda groups: anext(groups.runs.wait_many(_started()))),
    "submit_many": ("requests", lambda groups: anext(groups.categories.submit_many(5))),
    "download": ("run", lambda groups: groups.runs.download(88, "results")),
    "download of a category": ("run", lambda groups: groups.categories.download(None, "results")),
    "records": ("run", lambda groups: _called(groups.runs.records, 88)),
}


async def _called(function: Any, *args: Any) -> Any:
    return function(*args)


@pytest.mark.parametrize(("argument", "call"), WRONG.values(), ids=WRONG)
async def test_what_is_something_else_is_named(argument, call) -> None:
    """As an error of ours, not one of Python's."""
    assert argument == (await refusal(call))[0]


async def test_something_else_among_what_is_waited_for_loses_no_wait() -> None:
    """In a stream it is one outcome among others."""
    groups = groups_over(FakeTransport())

    outcome = await anext(groups.runs.wait_many(iter([101])))

    assert outcome.key == 101
    assert isinstance(outcome.error, ArgumentError)
