"""What bulk calls yield: a value or an error, for a key."""

from __future__ import annotations

import attrs
import pytest

from multicart_async import Outcome
from multicart_async.errors import ServerError

ERROR = ServerError("/p/", 500, "no")


def test_a_value_is_unwrapped() -> None:
    """There is a value, and no error."""
    outcome = Outcome(key=7, value="x")

    assert outcome.ok
    assert outcome.error is None
    assert outcome.unwrap() == "x"


@pytest.mark.parametrize("value", [0, "", False, [], {}], ids=repr)
def test_a_value_may_be_falsy(value: object) -> None:
    """Only ``None`` is no value."""
    assert value == Outcome(key=7, value=value).unwrap()


def test_an_error_is_raised_by_unwrap() -> None:
    """As itself."""
    outcome: Outcome[int, str] = Outcome(key=7, error=ERROR)

    assert not outcome.ok
    assert outcome.value is None
    with pytest.raises(ServerError) as caught:
        outcome.unwrap()
    assert ERROR is caught.value


@pytest.mark.parametrize("fields", [{}, {"value": 1, "error": ERROR}], ids=["neither", "both"])
def test_exactly_one_of_the_two_is_set(fields: dict[str, object]) -> None:
    """An outcome cannot be both, nor nothing."""
    with pytest.raises(ValueError, match="exactly one"):
        Outcome(key=7, **fields)


def test_an_outcome_is_frozen() -> None:
    """It is a value."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Outcome(key=7, value=1).value = 2  # type: ignore[misc]
