"""``client.collections``: what is sent, what comes back, what is refused before anything is sent."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.wire_rows import lost

from multicart_async import UNSET
from multicart_async.errors import (
    ArgumentError,
    ConfigurationError,
    MultiCartWarning,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
)
from multicart_async.models import DeleteReport

MAIL = "ops@example.com"
MADE = {"id": 101, "name": "AU Laptops", "status": "draft", "schedule_status": "Pending"}

Call = Callable[[Groups], Awaitable[Any]]


def sent_by(groups: Groups) -> tuple[str, Any]:
    """The only request."""
    (only,) = groups.transport.sent
    return only


async def test_create_sends_defaults_and_omits_what_is_not_given() -> None:
    """create sends defaults for the required supplier, schedule and priority, and omits other arguments that are not given."""
    groups = groups_over(FakeTransport(ok(MADE)))
    made = await groups.collections.create("AU Laptops", notification_email=MAIL)

    wanted = {
        "name": "AU Laptops",
        "request_type": "amazon",
        "schedule": "Manual",
        "priority": "Normal",
        "notification_email": MAIL,
    }
    assert sent_by(groups) == ("/schedules/add_schedule/", wanted)
    assert (made.id, made.status, made.schedule_status) == (101, "draft", "Pending")


async def test_create_sends_every_parameter_under_its_name() -> None:
    """All eight of them."""
    wanted = {
        "name": "Büro 日本",
        "request_type": "officeworks.com.au",
        "schedule": "Every X Minutes",
        "priority": "Lowest",
        "notification_email": MAIL,
        "fetch_mode": "availability_only",
        "schedule_time": {"minutes_frequency": "57", "days_of_week": ["tuesday"], "hours": ["00.00", "04.00"]},
        "destinations": "hook",
    }
    groups = groups_over(FakeTransport(ok(MADE)))
    await groups.collections.create(**wanted)

    assert wanted == sent_by(groups)[1]


async def test_list_sends_nothing_that_is_not_asked_for() -> None:
    """Without arguments the body is an empty object; each argument goes out under its name."""
    groups = groups_over(FakeTransport(ok([]), ok([MADE])))

    assert await groups.collections.list() == ()
    assert [row.id for row in await groups.collections.list(sort_by="name", sort_order="asc")] == [101]
    path = "/schedules/get_schedules/"
    assert groups.transport.sent == [(path, {}), (path, {"sort_by": "name", "sort_order": "asc"})]


@pytest.mark.parametrize(
    ("request_type", "ids"), [("amazon", [1]), ("officeworks.com.au", [2]), ("amazon_category_scrape", [3])]
)
async def test_list_filters_by_request_type_here(request_type: Any, ids: list[int]) -> None:
    """The service has no such filter: it is never sent, and a collection of an unknown type is in no part."""
    kinds = {1: "amazon", 2: "officeworks.com.au", 3: "amazon_category_scrape", 4: "new", 5: None}
    rows = [{"id": number, "request_type": kind} for number, kind in kinds.items()]
    groups = groups_over(FakeTransport(ok(rows)))

    found = await groups.collections.list(request_type=request_type, sort_by="name")

    assert [row.id for row in found] == ids
    assert groups.transport.sent == [("/schedules/get_schedules/", {"sort_by": "name"})]


@pytest.mark.parametrize("request_type", ["Amazon", "officeworks", "", None, 1, ["amazon"]])
async def test_list_rejects_other_request_types(request_type: Any) -> None:
    """The error names the argument and the words that are right, and nothing is sent."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"request_type: .*'amazon_category_scrape'") as caught:
        await groups.collections.list(request_type=request_type)

    assert caught.value.argument == "request_type"
    assert groups.transport.sent == []


async def test_get_asks_by_schedule_id() -> None:
    """``collection_id`` would be "not found" there."""
    groups = groups_over(FakeTransport(ok(MADE)))

    assert (await groups.collections.get(101)).name == "AU Laptops"
    assert sent_by(groups) == ("/schedules/get/", {"schedule_id": 101})


async def test_update_sends_the_given_fields_only() -> None:
    """What is not given stays as it is; fields that the answer lacks are None."""
    groups = groups_over(FakeTransport(ok({"id": 101, "name": "AU Laptops", "priority": "High"})))
    changed = await groups.collections.update(101, priority="High")

    assert sent_by(groups) == ("/schedules/update_schedule/", {"schedule_id": 101, "priority": "High"})
    assert (changed.priority, changed.schedule, changed.status) == ("High", None, None)


async def test_update_sends_every_parameter_under_its_name() -> None:
    """All six of them; an empty schedule_time is a value."""
    wanted = {
        "name": "Other",
        "schedule": "Weekly",
        "priority": "Highest",
        "notification_email": MAIL,
        "fetch_mode": "full",
        "schedule_time": {},
    }
    groups = groups_over(FakeTransport(ok(MADE)))
    await groups.collections.update(101, **wanted)

    assert sent_by(groups)[1] == {"schedule_id": 101, **wanted}


async def test_delete_gives_nothing() -> None:
    """The service's sentence is no result."""
    groups = groups_over(FakeTransport(ok({"detail": "Schedule deleted successfully."})))

    assert await groups.collections.delete(101) is None
    assert sent_by(groups) == ("/schedules/delete_schedule/", {"schedule_id": 101})


async def test_delete_of_what_is_not_there_is_an_error() -> None:
    """At the first attempt "not found" means a wrong id."""
    groups = groups_over(FakeTransport(refused(404)))

    with pytest.raises(NotFoundError):
        await groups.collections.delete(101)


@pytest.mark.parametrize("failure", [lost(), refused(500), refused(502, http_status=502)])
async def test_delete_takes_not_found_for_done_after_a_lost_answer(failure: Any) -> None:
    """The first attempt has deleted it."""
    groups = groups_over(FakeTransport(failure, refused(404)))

    assert await groups.collections.delete(101) is None
    assert len(groups.transport.sent) == 2


async def test_delete_many_sends_fifty_ids_in_a_call_each_once() -> None:
    """Traps 11 and 17: 120 ids, given 121 times, are three calls; the service's sentences are kept."""
    groups = groups_over(FakeTransport(ok({"detail": "one"}), ok({"detail": "two"}), ok({})))
    report = await groups.collections.delete_many([*range(1, 121), 7])

    assert [len(fields["schedule_ids"]) for _, fields in groups.transport.sent] == [50, 50, 20]
    assert {path for path, _ in groups.transport.sent} == {"/schedules/delete_multiple/"}
    assert DeleteReport(deleted=tuple(range(1, 121)), details=("one", "two", "")) == report
    assert report.ok
    assert report.failed == ()


async def test_delete_many_of_nothing_sends_nothing() -> None:
    """Trap 18: no ids is no call, and there is no "all"."""
    groups = groups_over(FakeTransport())

    assert DeleteReport() == await groups.collections.delete_many(iter(()))


async def test_delete_many_says_what_is_gone_when_a_batch_fails() -> None:
    """Case 34: 120 ids, call 2 fails: 50 are gone, 50 are uncertain, 20 were not asked for."""
    groups = groups_over(FakeTransport(ok({"detail": "one"}), refused(400, "no")))
    with pytest.raises(Exception, match="no") as caught:
        await groups.collections.delete_many(range(1, 121))

    report = caught.value.report
    assert (len(report.deleted), len(report.uncertain), len(report.untouched)) == (50, 50, 20)
    assert tuple(range(51, 121)) == report.failed
    assert not report.ok
    assert report.details == ("one",)


async def test_delete_many_goes_on_one_by_one_after_a_lost_answer() -> None:
    """Trap 17: the batch was half done, so the service does not find all of it: each id is asked for on its own."""
    gone, done = refused(404), ok({"detail": "gone"})
    groups = groups_over(FakeTransport(lost(), gone, gone, done, gone))
    report = await groups.collections.delete_many([1, 2, 3])

    assert report.deleted == (1, 2, 3)
    paths = [path.rsplit("/", 2)[1] for path, _ in groups.transport.sent]
    assert paths == ["delete_multiple"] * 2 + ["delete_schedule"] * 3


async def test_delete_many_of_an_unknown_id_is_an_error_at_once() -> None:
    """ "Not found" at the first attempt, without a lost answer, is an error."""
    groups = groups_over(FakeTransport(refused(404)))
    with pytest.raises(NotFoundError) as caught:
        await groups.collections.delete_many([1, 2])

    assert caught.value.report.uncertain == (1, 2)


async def test_a_lost_create_is_not_repeated() -> None:
    """Case 30: names are not unique and drafts are not listed, so nobody can tell whether it was made."""
    groups = groups_over(FakeTransport(lost()))
    with pytest.raises(OutcomeUnknownError, match="may have taken effect") as caught:
        await groups.collections.create("AU Laptops", notification_email=MAIL)

    assert len(groups.transport.sent) == 1
    assert caught.value.started is None


async def test_a_failing_create_is_not_repeated() -> None:
    """An answer that says 500 is an answer; what creates is not sent twice."""
    groups = groups_over(FakeTransport(refused(500)))

    with pytest.raises(ServerError):
        await groups.collections.create("AU Laptops", notification_email=MAIL)
    assert len(groups.transport.sent) == 1


async def test_calls_that_change_something_want_a_fresh_connection() -> None:
    """aiohttp cannot repeat a POST that met a stale one; reads may reuse theirs."""
    groups = groups_over(FakeTransport(ok(MADE), ok(MADE), ok([]), ok(MADE), ok({}), ok({})))
    await groups.collections.create("AU Laptops", notification_email=MAIL)
    await groups.collections.update(101, priority="High")
    await groups.collections.list()
    await groups.collections.get(101)
    await groups.collections.delete(101)
    await groups.collections.delete_many([101])

    assert groups.transport.fresh == [True, True, False, False, True, True]


TROUBLED = ["A/B", "a\\b", "C# books", "why?", "50% off", " padded", "tab\there", "x" * 121]


@pytest.mark.parametrize("name", TROUBLED)
async def test_a_name_that_makes_trouble_in_links_is_a_warning(name: str) -> None:
    """It is the caller's right to take it, so it is sent; the warning points at the caller's line."""
    groups = groups_over(FakeTransport(ok(MADE), ok(MADE)))
    with pytest.warns(MultiCartWarning, match="collection name") as told:
        await groups.collections.create(name, notification_email=MAIL)
    with pytest.warns(MultiCartWarning, match="collection name") as told_again:
        await groups.collections.update(101, name=name)

    assert {one.filename for one in [*told, *told_again]} == {__file__}
    assert [fields["name"] for _, fields in groups.transport.sent] == [name, name]


async def test_a_plain_name_is_no_warning() -> None:
    """Blanks inside, accents and other alphabets are fine."""
    groups = groups_over(FakeTransport(ok(MADE)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await groups.collections.create("Büro 日本 (2026)", notification_email=MAIL)

    assert len(groups.transport.sent) == 1


BAD_IDS: list[Any] = [True, False, 0, -1, 1.0, "101", None, UNSET, [101]]


def create(**changed: Any) -> Call:
    """A call of create with something wrong."""
    arguments = {"name": "AU Laptops", "notification_email": MAIL, **changed}
    return lambda groups: groups.collections.create(arguments.pop("name"), **arguments)


def update(**changed: Any) -> Call:
    """A call of update with something wrong."""
    return lambda groups: groups.collections.update(101, **changed)


REFUSED: list[tuple[str, Call]] = [
    *[("name", create(name=name)) for name in ("", "  ", None, 5, b"AU", "\ud800")],
    *[("notification_email", create(notification_email=mail)) for mail in ("", None, 5)],
    *[("request_type", create(request_type=kind)) for kind in ("Amazon", "officeworks", None, 1)],
    *[("schedule", create(schedule=schedule)) for schedule in ("daily", "Minutes", None, ["Daily"])],
    *[("priority", create(priority=priority)) for priority in ("normal", "", None, True)],
    *[("fetch_mode", create(fetch_mode=mode)) for mode in ("Full", "availability", None)],
    *[("schedule_time", create(schedule_time=time)) for time in ("08.00", ["08.00"], None)],
    *[("destinations", create(destinations=place)) for place in ("", None, {"url": "x"})],
    ("name", update(name="")),
    ("schedule", update(schedule="Yearly")),
    ("priority", update(priority="Urgent")),
    ("notification_email", update(notification_email=" ")),
    ("fetch_mode", update(fetch_mode="some")),
    ("schedule_time", update(schedule_time="Daily")),
    ("sort_by", lambda groups: groups.collections.list(sort_by="")),
    ("sort_by", lambda groups: groups.collections.list(sort_by=3)),
    ("sort_order", lambda groups: groups.collections.list(sort_order="up")),
    *[("collection_id", lambda groups, bad=bad: groups.collections.get(bad)) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.collections.update(bad)) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.collections.delete(bad)) for bad in BAD_IDS],
    *[("collection_ids", lambda groups, bad=bad: groups.collections.delete_many([1, bad])) for bad in BAD_IDS],
    *[("collection_ids", lambda groups, bad=bad: groups.collections.delete_many(bad)) for bad in ("12", b"12", 12)],
]


@pytest.mark.parametrize(("argument", "call"), REFUSED)
async def test_a_wrong_argument_is_rejected_before_any_request(argument: str, call: Call) -> None:
    """A wrong argument is an ArgumentError that names it, in its attribute and in its text, before any request."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError, match=f"^{argument}: ") as caught:
        await call(groups)

    assert argument == caught.value.argument
    assert isinstance(caught.value, ConfigurationError)
    assert groups.transport.sent == []
