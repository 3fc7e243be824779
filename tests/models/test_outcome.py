"""What bulk calls yield: a value or an error, for a key."""

from __future__ import annotations

import copy
import pickle
from typing import get_args, get_origin

import attrs
import pytest

import multicart_async
from multicart_async import Failure, Outcome, Success, models
from multicart_async.errors import ServerError

ERROR = ServerError("/p/", 500, "no")


def test_a_value_is_unwrapped() -> None:
    """A success has a value and no error."""
    outcome = Success(key=7, value="x")

    assert outcome.ok is True
    assert outcome.error is None
    assert outcome.unwrap() == "x"


@pytest.mark.parametrize("value", [0, "", False, [], {}, None], ids=repr)
def test_a_value_may_be_falsy(value: object) -> None:
    """Any value is a success, null too: the class says what came."""
    outcome = Success(key=7, value=value)

    assert outcome.ok
    assert outcome.unwrap() == value


def test_an_error_is_raised_by_unwrap() -> None:
    """A failure has an error and no value, and raises the error as itself."""
    outcome = Failure(key=7, error=ERROR)

    assert outcome.ok is False
    assert outcome.value is None
    with pytest.raises(ServerError) as caught:
        outcome.unwrap()
    assert caught.value is ERROR


@pytest.mark.parametrize(("kind", "fields"), [(Success, {}), (Failure, {}), (Success, {"value": 1, "error": ERROR})])
def test_exactly_one_of_the_two_is_given(kind: type, fields: dict[str, object]) -> None:
    """An outcome cannot be both, nor nothing."""
    with pytest.raises(TypeError):
        kind(key=7, **fields)


@pytest.mark.parametrize("outcome", [Success(7, 1), Failure(7, ERROR)], ids=["success", "failure"])
def test_an_outcome_is_frozen(outcome: Outcome[int, int]) -> None:
    """It is a value."""
    for name in ("key", "value", "error", "ok"):
        with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
            setattr(outcome, name, 2)


def test_an_outcome_shows_what_it_is() -> None:
    """The class is named, with its key, and its value or error."""
    assert repr(Success(7, "x")) == "Success(key=7, value='x')"
    assert repr(Failure(7, ERROR)).startswith("Failure(key=7, error=ServerError(")


def test_outcomes_are_equal_by_what_they_hold() -> None:
    """A success never equals a failure."""
    assert Success(7, "x") == Success(7, "x") != Success(7, "y")
    assert Failure(7, ERROR) == Failure(7, ERROR)
    assert Success(7, ERROR) != Failure(7, ERROR)
    assert hash(Success(7, "x")) == hash(Success(7, "x"))


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy])
def test_an_outcome_survives_pickle_and_copy(again: object) -> None:
    """Another process sees the same value, or the same error."""
    assert again(Success(7, "x")) == Success(7, "x")  # type: ignore[operator]
    failure = again(Failure(7, ERROR))  # type: ignore[operator]
    assert (type(failure), failure.key, str(failure.error)) == (Failure, 7, str(ERROR))


def test_an_outcome_is_matched_by_its_class() -> None:
    """Positions of a pattern are the key, and the value or error."""
    match Success(7, "x"):
        case Success(key, value):
            assert (key, value) == (7, "x")
    match Failure(7, ERROR):
        case Failure(key, error):
            assert (key, error) == (7, ERROR)


def test_the_alias_is_subscriptable_at_run_time() -> None:
    """``Outcome[int, str]`` is the union of both classes, for tools that read annotations."""
    assert [get_origin(part) for part in get_args(Outcome[int, str])] == [Success, Failure]
    assert [get_args(part) for part in get_args(Outcome[int, str])] == [(int, str), (int,)]


def test_outcomes_are_models_too() -> None:
    """The top and ``models`` export the same three names."""
    for name in ("Outcome", "Success", "Failure"):
        assert getattr(models, name) is getattr(multicart_async, name)
