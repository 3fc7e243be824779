"""Errors of the service name the object of the user's call, not the path of an inner call."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Awaitable, Callable

import pytest
from support.fakes import FakeTransport, refused
from support.groups import groups_over

from multicart_async import AsyncMultiCart
from multicart_async.errors import APIError, ConflictError, NotFoundError

CALLS: dict[str, Callable[[AsyncMultiCart], Awaitable[object]]] = {
    "collection 99999": lambda client: client.runs.start(99999),
    "collection 99998": lambda client: client.collections.get(99998),
    "collection 99997": lambda client: client.collections.update(99997, name="new"),
    "collection 99996": lambda client: client.asins.list(99996),
    "item 99995": lambda client: client.asins.delete(99995),
    "output 99994": lambda client: client.outputs.get(99994),
    "category scrape 99993": lambda client: client.categories.cancel(99993),
}


@pytest.mark.parametrize("subject", CALLS)
async def test_what_is_not_found_is_named(subject: str, multicart_client: AsyncMultiCart) -> None:
    """The text is the kind and id of the object; the path of the call stays as an attribute."""
    with pytest.raises(NotFoundError) as caught:
        await CALLS[subject](multicart_client)

    error = caught.value
    assert (str(error), error.subject, error.code) == (f"{subject}: not found", subject, 404)
    assert error.path.startswith("/schedules/")


async def test_another_code_keeps_its_detail() -> None:
    """What the service says of the object stands after it."""
    groups = groups_over(FakeTransport(refused(409, "Already running")))
    with pytest.raises(ConflictError) as caught:
        await groups.collections.get(7)

    assert str(caught.value) == "collection 7: code 409: Already running"


async def test_an_error_page_is_no_word_about_the_object() -> None:
    """A 404 without the service's envelope, as of a proxy, says what came."""
    error = NotFoundError("/schedules/get/", 404, "<html>", http_status=404, in_envelope=False)
    error.subject = "collection 7"

    assert str(error) == "/schedules/get/: code 404: <html>"


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_the_subject_survives_copies(again: Callable[[APIError], APIError]) -> None:
    """An error that crosses a process keeps its text."""
    error = NotFoundError("/schedules/get/", 404, "no")
    error.subject, error.attempts = "collection 7", 3

    assert str(again(error)) == "collection 7: not found (after 3 attempts)"
