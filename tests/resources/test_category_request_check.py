"""Is that a category scrape that can be submitted? Asked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from multicart_async import UNSET, Success
from multicart_async.errors import ArgumentError, ClientClosedError, MultiCartWarning, ServerError
from multicart_async.models import CategoryRequest
from multicart_async.resources._category_request import check_request
from multicart_async.resources._outcomes import outcome_of

URL = "https://www.amazon.com.au/s?rh=n%3A4851693051&dc"


def request(url: Any = URL, **fields: Any) -> CategoryRequest:
    return CategoryRequest(url, **{"domain": "amazon.com.au", "postcode": "4500", **fields})


@pytest.mark.parametrize(
    ("url", "node"),
    [
        (URL, "4851693051"),
        ("https://www.amazon.com.au/s?rh=n%3A4851683051%2Cn%3A4851693051", "4851693051"),  # the narrowest
        ("https://www.amazon.com.au/b?node=4851693051", "4851693051"),
        ("https://www.amazon.com.au/b/ref=x/4851693051", "4851693051"),
        ("https://www.amazon.com/gp/browse.html/node/172282/x", "172282"),
    ],
)
def test_the_node_is_taken_from_the_url(url: str, node: str) -> None:
    """In each of the forms that such a URL has."""
    assert node == check_request(request(url))


def test_a_node_that_is_given_beats_the_url() -> None:
    """The caller knows better."""
    assert check_request(request(amazon_node_id="7")) == "7"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.amazon.com.au/s?k=laptops",
        "https://www.amazon.com.au/b?node=1&node=2",
        "https://www.amazon.com.au/b?node=laptops",
    ],
)
def test_a_url_that_names_no_node_or_two_wants_one(url: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ArgumentError) as refusal:
        check_request(request(url))
    assert refusal.value.argument == "amazon_node_id"


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"url": "amazon.com.au/s?rh=n%3A1"}, "category_url"),
        ({"url": 7}, "category_url"),
        ({"url": ""}, "category_url"),
        ({"domain": ""}, "domain"),
        ({"postcode": 4500}, "postcode"),
        ({"amazon_node_id": " "}, "amazon_node_id"),
        ({"name": ""}, "name"),
        ({"notification_email": 1}, "notification_email"),
        ({"priority": "Urgent"}, "priority"),
        ({"filter_prime_ships_from_au": 1}, "filter_prime_ships_from_au"),
        ({"filter_delivery_day": "today"}, "filter_delivery_day"),
        ({"price_min_cents": 9.99}, "price_min_cents"),
        ({"price_max_cents": -1}, "price_max_cents"),
        ({"price_min_cents": 500, "price_max_cents": 499}, "price_max_cents"),
    ],
)
def test_what_cannot_be_right_is_named(fields: dict[str, Any], argument: str) -> None:
    """Each field by its name."""
    with pytest.raises(ArgumentError) as refusal:
        check_request(request(**fields))
    assert argument == refusal.value.argument


@pytest.mark.parametrize(
    "fields",
    [
        {"price_min_cents": 0},
        {"price_max_cents": 0},
        {"price_min_cents": 500, "price_max_cents": 500},
        {"filter_delivery_day": None, "domain": "amazon.com"},
        {"filter_prime_ships_from_au": False, "domain": "amazon.com"},
        {"filter_prime_ships_from_au": True, "filter_delivery_day": "within_2_days"},
        {"priority": "Highest", "name": UNSET},
    ],
)
def test_what_can_be_right_passes_without_a_word(fields: dict[str, Any]) -> None:
    """Zero is a price, null is a filter's value, and no filter on another domain is no filter."""
    assert check_request(request(**fields)) == "4851693051"


def test_filters_on_another_domain_warn() -> None:
    """The service drops them without a word."""
    with pytest.warns(MultiCartWarning, match=r"on amazon\.com;"):
        check_request(request(domain="amazon.com", filter_delivery_day="tomorrow"))


def test_a_result_becomes_an_outcome() -> None:
    """A value, or an error of this library."""
    error = ServerError("/schedules/get/", 500, "no")

    assert outcome_of(7, "value") == Success(7, "value")
    assert error is outcome_of(7, error).error


@pytest.mark.parametrize("error", [ClientClosedError(), ValueError("a bug")])
def test_what_ends_everything_is_raised(error: Exception) -> None:
    """A closed client, and what is no error of this library."""
    with pytest.raises(type(error)) as raised:
        outcome_of(7, error)
    assert error is raised.value
