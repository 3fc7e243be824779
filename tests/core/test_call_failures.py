"""What an error means for a call for many: the failure of one, or the end of all."""

from __future__ import annotations

import logging

import pytest

from multicart_async._core.failures import Listener, ends_all, failure_of
from multicart_async.errors import ClientClosedError, MultiCartError, ServerError
from multicart_async.events import Event, RateLimited
from multicart_async.resources._outcomes import outcome_of
from multicart_async.resources._polling import as_poll_failure

EVENT = RateLimited(path="/p/", seconds=1.0)


def raised_by_a_listener(error: Exception) -> Exception:
    """The same error, as a caller's listener raises it."""

    def listen(event: Event) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        Listener(listen)(EVENT)
    return caught.value


def test_a_listener_hears_each_event() -> None:
    """Each event is passed on, and nothing is raised."""
    heard: list[Event] = []
    Listener(heard.append)(EVENT)

    assert heard == [EVENT]


@pytest.mark.parametrize("error", [ValueError("mine"), ServerError("/p/", 500, "told again")], ids=repr)
def test_what_a_listener_raises_ends_all(error: Exception) -> None:
    """An error from the listener is raised unchanged, even if it is one of this library."""
    assert raised_by_a_listener(error) is error
    assert ends_all(error)
    for work in (failure_of, lambda one: outcome_of(7, one), lambda one: as_poll_failure("a poll", one)):
        with pytest.raises(type(error)) as caught:
            work(error)
        assert caught.value is error


def test_the_end_of_the_client_ends_all() -> None:
    """A closed client ends the whole call, because nothing else can succeed."""
    with pytest.raises(ClientClosedError):
        failure_of(ClientClosedError())


def test_an_error_of_ours_is_a_failure() -> None:
    """An error of this library is the failure itself."""
    error = ServerError("/p/", 500, "no")

    assert failure_of(error) is error
    assert not ends_all(error)


def test_an_unforeseen_error_is_the_cause_of_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged in one safe line, with the place where it was raised."""
    with pytest.raises(ValueError, match="n/a") as caught:
        int("n/a\x1b")
    with caplog.at_level(logging.WARNING, "multicart_async"):
        failure = failure_of(caught.value)

    assert failure.__cause__ is caught.value
    assert type(failure) is MultiCartError
    assert str(failure).startswith("unexpected ValueError: invalid literal for int()")
    assert __file__ in caplog.messages[0]
    assert caplog.messages[0].isprintable()


def test_an_error_that_was_never_raised_has_no_place(caplog: pytest.LogCaptureFixture) -> None:
    """An error without a traceback is a failure like any other."""
    assert str(failure_of(KeyError("x"))) == "unexpected KeyError: 'x'"
    assert caplog.messages == ["unexpected KeyError: 'x'; raised elsewhere"]
