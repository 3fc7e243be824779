"""``client.collections.create_sharded``: one list in several collections; what is sent, what is told, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.wire_rows import lost

from multicart_async import RetryPolicy
from multicart_async._http import Response
from multicart_async.errors import (
    AuthenticationError,
    ItemsRejectedError,
    MultiCartError,
    MultiCartWarning,
    OutcomeUnknownError,
    ServerError,
)
from multicart_async.models import AddResult, ErrorRow, EveryMinutes, Shard

CREATE = "/schedules/add_schedule/"
ADD = "/schedules/amazon/asin/create/multiple/"
NEEDED: dict[str, Any] = {"notification_email": "ops@example.com", "domain": "amazon.com.au", "postcode": "4500"}


def made(number: int) -> Response:
    """A new collection."""
    return ok({"id": number, "name": "whatever the service made of it", "status": "draft"})


def took(count: int, **errors: str) -> Response:
    """What came of adding."""
    return ok({"success_count": count, "error_rows": [{"asin": key, "error": why} for key, why in errors.items()]})


def over(*answers: Response | Exception) -> Groups:
    """Groups that try once."""
    return groups_over(FakeTransport(*answers), retry=RetryPolicy(attempts=1))


async def failure(groups: Groups, *asins: str) -> MultiCartError:
    """What a call with two ASINs in a collection ends with."""
    with pytest.raises(MultiCartError) as caught:
        await groups.collections.create_sharded("AU", asins, size=2, **NEEDED)
    return caught.value


async def test_one_collection_after_the_other_is_created_and_filled() -> None:
    """Under the name and a number; what you get says which ASINs are where."""
    groups = over(made(101), took(2), made(105), took(1))
    shards = await groups.collections.create_sharded("AU", iter(["A", " B", "A", "C"]), size=2, **NEEDED)

    new = {
        "request_type": "amazon",
        "schedule": "Manual",
        "priority": "Normal",
        "notification_email": "ops@example.com",
    }
    place = {"domain": "amazon.com.au", "customer_postcode": "4500"}
    assert groups.transport.sent == [
        (CREATE, {"name": "AU 1", **new}),
        (ADD, {"collection": 101, **place, "asins": "A,B"}),
        (CREATE, {"name": "AU 2", **new}),
        (ADD, {"collection": 105, **place, "asins": "C"}),
    ]
    assert shards == (
        Shard(collection_id=101, name="AU 1", asins=("A", "B"), added=AddResult(success_count=2)),
        Shard(collection_id=105, name="AU 2", asins=("C",), added=AddResult(success_count=1)),
    )


async def test_every_parameter_goes_out_under_its_name() -> None:
    """With each collection."""
    groups = over(made(101), took(1))
    await groups.collections.create_sharded(
        "AU",
        ["A"],
        include_raw_html=False,
        schedule="Every X Minutes",
        priority="High",
        fetch_mode="availability_only",
        schedule_time=EveryMinutes(30, ["monday"], [8]),
        **NEEDED,
    )

    (_, new), (_, items) = groups.transport.sent
    assert isinstance(new, dict)
    assert isinstance(items, dict)
    assert (new["schedule"], new["priority"], new["fetch_mode"]) == ("Every X Minutes", "High", "availability_only")
    assert new["schedule_time"] == {"minutes_frequency": "30", "days_of_week": ["monday"], "hours": ["08.00"]}
    assert items["including_raw_html"] is False


async def test_a_collection_gets_5_000_a_thousand_in_a_call() -> None:
    """And there may be more ASINs than that."""
    groups = over(made(101), *[took(1_000)] * 5, made(102), took(1))
    shards = await groups.collections.create_sharded("AU", [f"B{number}" for number in range(5_001)], **NEEDED)

    assert [shard.added.success_count for shard in shards] == [5_000, 1]


async def test_what_is_refused_is_told() -> None:
    """Duplicates too: no call of ours was interrupted, so they are not ours."""
    groups = over(made(101), took(1, B="Duplicate entry"))
    (shard,) = await groups.collections.create_sharded("AU", ["A", "B"], **NEEDED)

    assert shard.added.error_rows == (ErrorRow(asin="B", error="Duplicate entry"),)
    assert shard.asins == ("A", "B")


async def test_no_second_collection_after_all_items_were_rejected() -> None:
    """If all ASINs of the first collection are rejected, as with an unknown postcode, no further drafts are created."""
    groups = over(made(101), took(0, A="Invalid postcode", B="Invalid postcode"))
    error = await failure(groups, "A", "B", "C")

    assert isinstance(error, ItemsRejectedError)
    assert len(error.added.error_rows) == 2
    assert error.report == ()
    assert error.__notes__ == ["Collection 101, 'AU 1', exists, and does not have all its items."]
    assert len(groups.transport.sent) == 2


async def test_later_refusals_stop_nothing() -> None:
    """Domain and postcode are right then: it is the ASINs."""
    groups = over(made(101), took(2), made(102), took(0, C="Invalid ASIN"))
    shards = await groups.collections.create_sharded("AU", ["A", "B", "C"], size=2, **NEEDED)

    assert [shard.added.success_count for shard in shards] == [2, 0]


async def test_a_creation_that_is_refused_ends_the_call() -> None:
    """The error says what is finished."""
    error = await failure(over(made(101), took(2), refused(401)), "A", "B", "C")

    assert isinstance(error, AuthenticationError)
    assert [shard.collection_id for shard in error.report] == [101]
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize(
    ("trouble", "kind"), [(lost(), OutcomeUnknownError), (refused(500), ServerError)], ids=["lost", "failed"]
)
async def test_a_creation_whose_outcome_is_unknown_is_not_repeated(trouble: Any, kind: type[MultiCartError]) -> None:
    """A draft may be there, which no call lists: the error's note names it."""
    groups = over(made(101), took(2), trouble)
    error = await failure(groups, "A", "B", "C")

    assert isinstance(error, kind)
    assert error.__notes__ == ["A draft named 'AU 2' may exist, which only the dashboard shows."]
    assert [shard.collection_id for shard in error.report] == [101]
    assert len(groups.transport.sent) == 3


async def test_a_collection_that_could_not_be_filled_is_named() -> None:
    """Nobody else knows the id of a draft. It is not among those that are finished."""
    error = await failure(over(made(101), took(2), made(102), refused(500)), "A", "B", "C")

    assert isinstance(error, ServerError)
    assert error.__notes__ == ["Collection 102, 'AU 2', exists, and does not have all its items."]
    assert [shard.collection_id for shard in error.report] == [101]


@pytest.mark.parametrize(
    ("argument", "changed"),
    [
        *[("name", {"name": name}) for name in ("", None, 5)],
        *[("asins", {"asins": asins}) for asins in ("B001", None, [], ["A,B"], [1])],
        *[("size", {"size": size}) for size in (0, 5_001, True, None)],
        ("notification_email", {"notification_email": ""}),
        ("domain", {"domain": ""}),
        ("postcode", {"postcode": 4500}),
        ("include_raw_html", {"include_raw_html": "no"}),
        ("schedule", {"schedule": "daily"}),
        ("priority", {"priority": "Urgent"}),
        ("fetch_mode", {"fetch_mode": "some"}),
        ("schedule_time", {"schedule_time": "08.00"}),
        ("schedule_time", {"schedule_time": EveryMinutes(1, ["monday"], [8])}),
        *[("journal", {"journal": journal}) for journal in (5, b"journal", "a\0b", "")],
    ],
)
async def test_a_wrong_argument_is_rejected_before_any_request(
    argument: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    """A wrong argument is an ArgumentError before any request is sent and before a journal exists."""
    groups = over()
    arguments = {"name": "AU", "asins": ["A"], **NEEDED, "journal": tmp_path / "journal", **changed}
    with pytest.raises(MultiCartError, match=rf"\A{argument}: "):
        await groups.collections.create_sharded(arguments.pop("name"), arguments.pop("asins"), **arguments)

    assert groups.transport.sent == []
    assert [*tmp_path.iterdir()] == []  # noqa: ASYNC240 -- nothing else runs here


async def test_troublesome_names_and_schedules_warn_once_each() -> None:
    """A troublesome name or schedule is one warning for all collections, which points at the caller's line."""
    groups = over(made(101), took(1), made(102), took(1))
    with pytest.warns(MultiCartWarning) as told:
        await groups.collections.create_sharded("A/B", ["A", "B"], size=1, schedule="Daily", **NEEDED)

    assert [one.filename for one in told] == [__file__, __file__]
    assert "collection name 'A/B 2': a slash" in str(told[0].message)
    assert "24 times" in str(told[1].message)
