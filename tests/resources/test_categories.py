"""``client.categories``: submit, result, cancel. Waiting is in its own file."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.wire_rows import RESULT, category_row, lost, unsent

from multicart_async import UNSET
from multicart_async.errors import (
    ArgumentError,
    BadRequestError,
    InsufficientCreditsError,
    InvalidResponseError,
    MultiCartWarning,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
)
from multicart_async.models import StartedCategory

URL = "https://www.amazon.com.au/s?rh=n%3A4851693051&dc"
PLACE = {"domain": "amazon.com.au", "postcode": "4500"}
SUBMIT = "/schedules/amazon/category/add_schedule/"
CANCEL = "/schedules/amazon/category/cancel/"
SUBMITTED = ok({"id": 20326, "runner_id": 412})

Call = Callable[[Groups], Awaitable[Any]]


async def test_submit_sends_what_is_given_and_the_node_of_the_url() -> None:
    """The answer's ``id`` is the collection's; both ids are kept."""
    groups = groups_over(FakeTransport(SUBMITTED))
    started = await groups.categories.submit(URL, **PLACE)

    wanted = {"category_url": URL, "amazon_node_id": "4851693051", **PLACE}
    assert groups.transport.sent == [(SUBMIT, wanted)]
    assert groups.transport.fresh == [True]
    assert StartedCategory(20326, 412) == started


async def test_submit_sends_every_parameter_under_its_name() -> None:
    """All eleven; 0 cents is a price."""
    given = {
        **PLACE,
        "amazon_node_id": "99",
        "name": "Laptops",
        "filter_prime_ships_from_au": False,
        "filter_delivery_day": "tomorrow",
        "price_min_cents": 0,
        "price_max_cents": 50_000,
        "notification_email": "ops@example.com",
        "priority": "Highest",
    }
    groups = groups_over(FakeTransport(SUBMITTED))
    await groups.categories.submit(URL, **given)

    assert groups.transport.sent[0][1] == {"category_url": URL, **given}


async def test_submit_sends_null_for_no_delivery_day() -> None:
    """The service gives null a meaning there."""
    groups = groups_over(FakeTransport(SUBMITTED))
    await groups.categories.submit(URL, **PLACE, filter_delivery_day=None)

    assert None is groups.transport.sent[0][1]["filter_delivery_day"]


@pytest.mark.parametrize(
    ("url", "node"),
    [
        ("https://www.amazon.com.au/s?rh=n:4851693051", "4851693051"),
        ("https://www.amazon.com.au/s?rh=n%3A4851683051%2Cn%3A4851693051%2Cp_72%3A1", "4851693051"),
        ("https://www.amazon.com.au/b?node=5130777051", "5130777051"),
        ("https://www.amazon.com.au/b/?ie=UTF8&node=5130777051&ref_=x", "5130777051"),
        ("https://www.amazon.com.au/b/5130777051", "5130777051"),
        ("https://www.amazon.com.au/gp/browse/node/5130777051/ref=x", "5130777051"),
        ("http://www.amazon.com/Laptops/b/ref=x/5130777051?ie=UTF8", "5130777051"),
    ],
)
async def test_the_node_is_taken_from_the_url(url: str, node: str) -> None:
    """The last one of a path of nodes is the narrowest."""
    groups = groups_over(FakeTransport(SUBMITTED))
    await groups.categories.submit(url, **PLACE)

    assert node == groups.transport.sent[0][1]["amazon_node_id"]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.amazon.com.au/s?k=laptop",
        "https://www.amazon.com.au/b?node=1234&node=5678",
        "https://www.amazon.com.au/b?node=abc",
        "https://www.amazon.com.au/b?node=%C2%B2",
        "https://www.amazon.com.au/dp/B0DJQQ38TG",
    ],
)
async def test_a_url_without_one_node_wants_it_as_an_argument(url: str) -> None:
    """No node, several, or something else than a number; with the argument it is sent."""
    groups = groups_over(FakeTransport(SUBMITTED))
    with pytest.raises(ArgumentError, match=r"^amazon_node_id: "):
        await groups.categories.submit(url, **PLACE)
    assert groups.transport.sent == []

    await groups.categories.submit(url, **PLACE, amazon_node_id="7")
    assert groups.transport.sent[0][1]["amazon_node_id"] == "7"


@pytest.mark.parametrize("given", [{"filter_prime_ships_from_au": True}, {"filter_delivery_day": "within_2_days"}])
async def test_a_filter_on_another_domain_is_a_warning(given: dict[str, Any]) -> None:
    """Trap 30: the service ignores it there without a word; it is sent, and the warning points at the caller's line."""
    groups = groups_over(FakeTransport(SUBMITTED))
    with pytest.warns(MultiCartWarning, match=r"amazon\.com\.au only") as told:
        await groups.categories.submit(URL, domain="amazon.com", postcode="90210", **given)

    assert [one.filename for one in told] == [__file__]
    assert given.items() <= groups.transport.sent[0][1].items()


@pytest.mark.parametrize(
    ("domain", "given"),
    [
        ("amazon.com.au", {"filter_prime_ships_from_au": True, "filter_delivery_day": "tomorrow"}),
        ("amazon.com", {"filter_prime_ships_from_au": False, "filter_delivery_day": None}),
        ("amazon.com", {"price_min_cents": 1}),
        ("amazon.com", {}),
    ],
)
async def test_no_filter_or_the_right_domain_is_no_warning(domain: str, given: dict[str, Any]) -> None:
    """A filter that is off filters nothing anywhere; prices work everywhere."""
    groups = groups_over(FakeTransport(SUBMITTED))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await groups.categories.submit(URL, domain=domain, postcode="4500", **given)

    assert len(groups.transport.sent) == 1


async def test_a_missing_cookie_file_says_what_to_do() -> None:
    """Trap 31: 400 there mostly means that the postcode is not active yet; the note says so, with domain and postcode."""
    groups = groups_over(FakeTransport(refused(400, "No cookie file found")))
    with pytest.raises(BadRequestError, match="No cookie file") as caught:
        await groups.categories.submit(URL, **PLACE)

    (note,) = caught.value.__notes__
    assert "amazon.com.au and 4500" in note
    assert "active" in note


async def test_submit_without_credits_is_refused_and_not_repeated() -> None:
    """402 is an answer."""
    groups = groups_over(FakeTransport(refused(402)))

    with pytest.raises(InsufficientCreditsError):
        await groups.categories.submit(URL, **PLACE)
    assert len(groups.transport.sent) == 1


@pytest.mark.parametrize(
    ("failure", "error"), [(lost(), OutcomeUnknownError), (refused(500), ServerError), (refused(503), ServerError)]
)
async def test_submit_is_sent_once(failure: Any, error: type[Exception]) -> None:
    """Case 30, trap 20: it costs credits, and nothing documented finds it again."""
    groups = groups_over(FakeTransport(failure))

    with pytest.raises(error):
        await groups.categories.submit(URL, **PLACE)
    assert len(groups.transport.sent) == 1


async def test_submit_that_was_never_sent_is_tried_again() -> None:
    """Case 31: no byte went out, so nothing can be done twice."""
    groups = groups_over(FakeTransport(unsent(), unsent(), SUBMITTED))

    assert StartedCategory(20326, 412) == await groups.categories.submit(URL, **PLACE)


async def test_result_gives_the_one_row() -> None:
    """Trap 29: the service wraps it in an array."""
    records = [{"asin": "B0ABC123", "price": "$29.99"}]
    groups = groups_over(FakeTransport(ok([category_row(finished=True, asins=records, asin_count=1)])))
    run = await groups.categories.result(20326)

    assert groups.transport.sent == [(RESULT, {"collection_id": 20326})]
    assert (run.id, run.stage, run.asin_count) == (412, "done", 1)
    assert tuple(records) == run.asins


async def test_result_of_several_rows_is_the_newest() -> None:
    """One is documented; of more, the highest id is the newest."""
    groups = groups_over(FakeTransport(ok([category_row(7), category_row(9), category_row(8)])))

    assert (await groups.categories.result(20326)).id == 9


async def test_result_of_an_empty_array_is_an_error() -> None:
    """There is nothing that could be returned."""
    groups = groups_over(FakeTransport(ok([])))

    with pytest.raises(InvalidResponseError, match="no run of collection 20326 yet"):
        await groups.categories.result(20326)


@pytest.mark.parametrize("revoked", [True, False])
async def test_cancel_tells_whether_there_was_something_to_stop(revoked: bool) -> None:
    """Trap 32: False is no error: it had ended already."""
    groups = groups_over(FakeTransport(ok({"id": 20326, "revoked": revoked})))

    assert revoked is await groups.categories.cancel(20326)
    assert groups.transport.sent == [(CANCEL, {"collection_id": 20326})]


async def test_cancel_is_repeated_after_a_lost_answer() -> None:
    """A second cancel does nothing."""
    groups = groups_over(FakeTransport(lost(), ok({"id": 20326, "revoked": False})))

    assert False is await groups.categories.cancel(20326)


async def test_cancel_of_what_is_not_there_is_an_error() -> None:
    """404 stays what it is."""
    groups = groups_over(FakeTransport(refused(404)))

    with pytest.raises(NotFoundError):
        await groups.categories.cancel(20326)


def submit(**changed: Any) -> Call:
    """A call of submit with something wrong."""
    arguments = {"category_url": URL, **PLACE, **changed}
    return lambda groups: groups.categories.submit(arguments.pop("category_url"), **arguments)


async def watched(groups: Groups, started: Any) -> None:
    """Watches to the end."""
    async for _ in groups.categories.watch(started):
        pass


BAD_IDS: list[Any] = [True, 0, -1, 1.0, "20326", None, UNSET]
BAD_TEXTS: list[Any] = ["", " ", None, 4500]
REFUSED: list[tuple[str, Call]] = [
    *[
        ("category_url", submit(category_url=url))
        for url in [*BAD_TEXTS, "www.amazon.com.au/b", "ftp://x/b", "https://["]
    ],
    *[("domain", submit(domain=text)) for text in BAD_TEXTS],
    *[("postcode", submit(postcode=text)) for text in BAD_TEXTS],
    *[("amazon_node_id", submit(amazon_node_id=text)) for text in BAD_TEXTS],
    *[("name", submit(name=text)) for text in BAD_TEXTS],
    *[("notification_email", submit(notification_email=text)) for text in BAD_TEXTS],
    *[("filter_prime_ships_from_au", submit(filter_prime_ships_from_au=flag)) for flag in (1, "true", None)],
    *[("filter_delivery_day", submit(filter_delivery_day=day)) for day in ("today", "", 2, True)],
    *[("price_min_cents", submit(price_min_cents=price)) for price in (-1, 4.99, "499", True, None)],
    *[("price_max_cents", submit(price_max_cents=price)) for price in (-1, 4.99, "499", True, None)],
    ("price_max_cents", submit(price_min_cents=500, price_max_cents=499)),
    *[("priority", submit(priority=priority)) for priority in ("high", None)],
    *[("collection_id", lambda groups, bad=bad: groups.categories.result(bad)) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.categories.cancel(bad)) for bad in BAD_IDS],
    *[("started", lambda groups, bad=bad: groups.categories.wait(bad)) for bad in BAD_IDS],
    *[("started", lambda groups, bad=bad: watched(groups, bad)) for bad in BAD_IDS],
    *[("started", lambda groups, bad=bad: watched(groups, StartedCategory(bad, 412))) for bad in BAD_IDS],
    *[("started", lambda groups, bad=bad: watched(groups, StartedCategory(20326, bad))) for bad in BAD_IDS[:-2]],
]


@pytest.mark.parametrize(("argument", "call"), REFUSED)
async def test_a_wrong_argument_is_rejected_before_any_request(argument: str, call: Call) -> None:
    """A wrong argument is an ArgumentError that names it, in its attribute and in its text, before any request."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError, match=f"^{argument}: ") as caught:
        await call(groups)

    assert argument == caught.value.argument
    assert groups.transport.sent == []
