"""The repr of an error: its class, its text, and what tells where it happened."""

from __future__ import annotations

import copy
import pickle

import pytest

from multicart_async import errors
from multicart_async.errors import ArgumentError, NotFoundError

SHOWN = [
    (NotFoundError("/schedules/", 404, "no row"), "NotFoundError('/schedules/: code 404: no row', path='/schedules/', code=404)"),
    (errors.APIError("/p/", None, "no"), "APIError('/p/: no code: no', path='/p/')"),
    (ArgumentError("collection_id", "expected 1"), "ArgumentError('collection_id: expected 1', argument='collection_id')"),
    (errors.APITimeoutError("/p/", "late"), "APITimeoutError('/p/: late', path='/p/')"),
    (errors.InvalidResponseError("/p/", "odd"), "InvalidResponseError('/p/: odd', path='/p/')"),
    (errors.DiskError("a/b", "full", 28), "DiskError('a/b: full', name='a/b', errno=28)"),
    (errors.ClientClosedError("closed"), "ClientClosedError('closed')"),
    (errors.RunFailedError("it failed", failed_message="x"), "RunFailedError('it failed')"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "expected"), SHOWN, ids=lambda part: type(part).__name__)
def test_a_repr_has_the_text_and_the_place(error: Exception, expected: str) -> None:
    """It is the same after pickle and copy."""
    assert repr(error) == expected
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert repr(again) == expected


@pytest.mark.parametrize("text", ["a\nb\x1b[31m\u202e\ud800", "x" * 10_000, "\\'\"" * 1_000])
def test_a_repr_is_one_bounded_line(text: str) -> None:
    """Whatever the service or the caller gave."""
    for error in (NotFoundError(text, 404, text), ArgumentError(text, text), errors.DownloadError(text, text)):
        assert repr(error).isprintable()
        assert len(repr(error)) < 1_300


def test_a_repr_survives_a_huge_code() -> None:
    """An envelope's code may be any integer."""
    assert len(repr(errors.APIError("/p/", 10**400, "no"))) < 700


def test_a_repr_of_an_error_that_is_not_finished_is_readable() -> None:
    """A debugger may ask for it while it is made."""
    error = ArgumentError.__new__(ArgumentError)
    error.reason = "no"
    error.argument = "a"

    assert repr(error) == "ArgumentError('a: no', argument='a')"
