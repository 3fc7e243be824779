"""What is secret is nothing that can be read, and is sent as it is."""

from __future__ import annotations

import copy
import enum
import json
import pickle
from types import FunctionType, MappingProxyType
from typing import Any

import pytest
from support.leaks import Haul

from multicart_async._core.redaction import (
    MASK,
    Redacted,
    RedactedBody,
    RedactedBytes,
    RedactedStr,
    find_redacted,
    redact,
)
from multicart_async._core.unset import UNSET
from multicart_async._http.codec import encode_body
from multicart_async.errors import ArgumentError

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"


class Kind(str, enum.Enum):  # noqa: UP042 -- the one that calls itself by its name
    """A text that calls itself something else."""

    ONE = "one"


def test_what_is_redacted_is_the_value() -> None:
    """``reveal`` returns the original value."""
    assert redact(SECRET).reveal() == SECRET
    assert redact(482931).reveal() == 482931
    assert redact(SECRET.encode()).reveal() == SECRET.encode()


@pytest.mark.parametrize("value", [SECRET, 482931, 4829.31, SECRET.encode(), bytearray(b"x"), {SECRET}, object()])
def test_what_is_redacted_is_nothing_that_can_be_read(value: Any) -> None:
    """A redacted value is not a string, number or bytes, and has no attribute that holds one."""
    hidden = redact(value)

    assert (type(hidden), repr(hidden), str(hidden)) == (Redacted, MASK, MASK)
    assert not hasattr(hidden, "__dict__")
    assert isinstance(hidden._reveal, FunctionType)


def test_mappings_and_sequences_stay_open() -> None:
    """Mappings become dicts and sequences lists, with all values in them redacted."""
    hidden = redact(MappingProxyType({"a": (1, {"b": "x"})}))

    assert repr(hidden) == f"{{'a': [{MASK}, {{'b': {MASK}}}]}}"
    assert [secret.reveal() for secret in find_redacted(hidden)] == [1, "x"]


@pytest.mark.parametrize("value", [None, True, UNSET])
def test_what_tells_nothing_is_not_hidden(value: Any) -> None:
    """None, booleans, `UNSET` and values that are redacted already are left as they are."""
    assert redact(value) is value
    assert redact(hidden := Redacted(1)) is hidden


def test_what_holds_itself_is_redacted_as_one() -> None:
    """A structure that contains itself is redacted as a whole, however many ways lead through it."""
    fields: dict[str, Any] = {}
    fields |= {"a": fields, "b": fields, "c": 1}

    assert repr(redact(fields)) == f"{{'a': {MASK}, 'b': {MASK}, 'c': {MASK}}}"


def test_what_is_nested_too_deeply_is_redacted_as_one() -> None:
    """Python's own limit is not reached."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]

    assert repr(redact(nested)) == "[" * 100 + MASK + "]" * 100


def test_a_text_is_redacted_as_it_is_on_the_wire() -> None:
    """An enum of texts calls itself by its name."""
    assert type(redact(Kind.ONE).reveal()) is str
    assert redact(Kind.ONE).reveal() == "one"


@pytest.mark.parametrize("spread", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_is_redacted_is_not_spread(spread: Any) -> None:
    """A redacted value can be neither pickled nor copied."""
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        spread(redact([SECRET])[0])


def test_what_is_sent_shows_dots_to_those_who_log_it() -> None:
    """A trace of aiohttp that logs headers or slices of the body by ``repr`` shows dots."""
    part = RedactedBytes(SECRET.encode())[:5]

    assert repr([RedactedStr(SECRET), part]) == f"['{MASK}', b'{MASK}']"
    assert (bytes(part), RedactedBytes(b"a")[0]) == (SECRET[:5].encode(), 97)


def test_a_body_with_secrets_is_sent_as_it_is_and_shown_as_dots() -> None:
    """The body knows its secrets, is sent unchanged, and shows dots."""
    sent = encode_body({"email": "ops@example.com", "password": redact(SECRET), "otp": redact(12345)})

    assert isinstance(sent, RedactedBody)
    assert json.loads(sent.reveal()) == {"email": "ops@example.com", "password": SECRET, "otp": 12345}
    assert sent.size == len(sent.reveal())
    assert [secret.reveal() for secret in sent.secrets] == [SECRET, 12345]
    assert repr(sent) == MASK


def test_a_body_without_secrets_is_plain() -> None:
    """It helps who looks for an error."""
    assert bytes is type(encode_body({"email": "ops@example.com"}))


@pytest.mark.parametrize("bad", ["\ud800", float("nan"), {1, 2}])
def test_a_body_that_cannot_be_made_does_not_show_the_secret(bad) -> None:
    """An error about half a character holds the whole text."""
    with pytest.raises(ArgumentError, match="expected values that can be sent as JSON") as caught:
        encode_body({"password": redact(SECRET), "other": bad})
    haul = Haul()
    haul.add_error(caught.value)

    assert haul.where(SECRET) == []
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_fields_that_hold_themselves_cannot_be_sent() -> None:
    """Nor do they end the program."""
    fields: dict[str, object] = {}
    fields["self"] = fields

    with pytest.raises(ArgumentError, match="expected values that can be sent as JSON"):
        encode_body(fields)
