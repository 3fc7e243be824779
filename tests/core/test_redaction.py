"""Secrets are taken out of texts, in each way in which a service may have escaped them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async._core.redaction import MASK, Redacted
from multicart_async._core.redactor import Redactor
from multicart_async.errors import APIError, InvalidResponseError
from multicart_async.models import StartedRun

KEY = "c4n4ry/+Zm9v=b4r"
EXAMPLES = int(os.environ.get("MULTICART_REDACTION_EXAMPLES", "60"))  # 5,000 take five minutes


def redactor(*secrets: object) -> Redactor:
    return Redactor([Redacted(secret) for secret in secrets])


def ways(character: str) -> st.SearchStrategy[str]:
    """The ways in which one character is escaped."""
    code = ord(character)
    units = character.encode("utf-16-be").hex()
    found = [
        "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)),
        "".join(f"%{byte:02X}" for byte in character.encode()),
        "".join(f"%{byte:02x}" for byte in character.encode()),
        f"&#{code};",
        f"&#x{code:X};",
        f"&#x{code:x};",
        *([f"\\x{code:02x}"] if code < 256 else []),
        *([f"\\{character}"] if character in '/"\\' else []),
        *([character] if character not in "\\%&+" else []),
        *(
            {"&": ["&amp;"], "<": ["&lt;"], '"': ["&quot;"], "=": ["&equals;"], " ": ["+"], "é": ["&eacute;"]}.get(
                character, []
            )
        ),
    ]
    return st.sampled_from(found)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), st.text(st.sampled_from('aZ09 /+=%&<>"\\#;ué☃😀'), min_size=8, max_size=24))
def test_every_mixture_of_escapes_is_found(data: st.DataObject, secret: str) -> None:
    """A secret is found if each character is escaped in another way, and all of it twice."""
    once = "".join(data.draw(ways(character)) for character in secret)
    twice = "".join(data.draw(ways(character)) for character in once)
    known = redactor(secret)

    assert known.text(f"<{secret}>") == f"<{MASK}>"
    assert known.text(f"<{once}>") == f"<{MASK}>"
    assert known.text(f"<{twice}>") == f"<{MASK}>"
    assert known.echoes(f"<{twice}>")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(), st.text(min_size=1))
def test_what_has_no_secret_in_it_stays(text: str, secret: str) -> None:
    """A text without a secret is unchanged, with its escapes, and never raises."""
    known = redactor(f"a key that is in no text {secret}")

    assert known.text(text) == text
    assert not known.echoes(text)


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        (KEY, f"{KEY}{KEY}, {KEY[:-1]}", f"{MASK}{MASK}, {KEY[:-1]}"),
        (KEY, r"a \u0041 b", r"a \u0041 b"),
        (KEY, rf"a \u0041 {KEY} b%20", rf"a \u0041 {MASK} b%20"),
        (KEY, "a%20c4n4ry%2F%2BZm9v%3Db4r", f"a {MASK}"),
        ("12345678", "x12345678x", f"x{MASK}x"),
        ("1234567", "1234567, 12345678, x1234567", f"{MASK}, 12345678, x1234567"),
        ("abc", "abc abcd %61bc", f"{MASK} abcd {MASK}"),
        ("ab", "ab", "ab"),
        ("a.b(c", "a.b(c axb(c", f"{MASK} axb(c"),
        ("", "x", "x"),
        ("a\nb\tc\x08d\fe\rf", r"a\nb\tc\bd\fe\rf", MASK),
        ("p%40ssword", "p@ssword", MASK),
        ("12345678", "%e0%80%80 12345678", f"%e0%80%80 {MASK}"),
        (482931, "code 482931.", f"code {MASK}."),
        ("a secret", "a+secret", MASK),
        ("zzzzzzzz", "&#122zzzzzzz &#x7azzzzzzz", f"{MASK} {MASK}"),
        ("secret \U0010ffff", r"secret \udbff\udfff", MASK),
        ("%41%42%43%44", "%2541%2542%2543%2544", MASK),
        ("aaaaaaaa", "&#1114112; &#xffffff; &zzz; &#97;aaaaaaa", f"\ufffd \ufffd &zzz; {MASK}"),
    ],
)
def test_a_secret_is_found(secret: object, text: str, shown: str) -> None:
    """A long secret is found anywhere, a short one as a word, and one of two characters never."""
    assert redactor(secret).text(text) == shown


def test_the_longest_secret_goes_first() -> None:
    """The longest secret is replaced first, because another one may be a part of it."""
    assert redactor("12345678", "12345678.abcdefgh").text("12345678.abcdefgh 12345678") == f"{MASK} {MASK}"


@pytest.mark.parametrize(("times", "shown"), [(3, MASK), (4, None)])
def test_a_text_may_be_escaped_three_times(times: int, shown: str | None) -> None:
    """Above that it stays: each round costs time, and nothing escapes so often."""
    text = KEY
    for _ in range(times):
        text = "".join(f"%{byte:02X}" for byte in text.encode())

    assert redactor(KEY).text(text) == (shown or text)
    assert redactor(KEY).echoes(text) is (shown is not None)


def test_without_secrets_nothing_is_looked_at() -> None:
    """Without secrets a value is returned unchanged."""
    value = {"a": ["x"]}
    known = Redactor()

    assert known.value(value) is value
    assert known.text("x" * 2_000_000) == "x" * 2_000_000
    assert known.including([]) is known
    assert known.error(error := APIError("/p/", 1, value)).detail is value
    assert error.args == (str(value),)


def test_what_is_known_already_stays_known() -> None:
    """Beside what a call adds to it."""
    assert redactor(KEY).including([Redacted("a password")]).text(f"{KEY}, a password") == f"{MASK}, {MASK}"


def test_a_text_of_a_failure_ends_somewhere() -> None:
    """A text of megabytes is cut, because unescaping it would take seconds."""
    assert len(redactor(KEY).text("x" * 2_000_000)) == 1 << 16


@attrs.frozen
class Row:
    """A row."""

    id: int
    name: str
    more: Mapping[str, Any] = {}


def test_values_are_redacted_to_their_last_text() -> None:
    """Keys, strings and numbers of JSON and rows are redacted; ids stay."""
    known = redactor(KEY, 482931, 48.2931)
    row = Row(482931, KEY, {KEY: (482931, 48.2931, 5, 1.5, True, None)})

    assert known.value([row]) == [Row(482931, MASK, {MASK: (MASK, MASK, 5, 1.5, True, None)})]
    assert known.value(clean := Row(1, "a")).name == "a"
    assert known.value(clean) == clean
    assert known.value(started := StartedRun(collection_id=1, after_run_id=2)) is started
    assert row.name == KEY  # what the caller has of it is not changed


@pytest.mark.parametrize("value", [["a+"] * 200_000, [5] * 200_000, {str(number): "%41" for number in range(200_000)}])
def test_of_a_very_large_value_the_beginning_is_kept(value: Any) -> None:
    """All of it would hold a loop for seconds; dots stand for what was not looked at."""
    shown = redactor(KEY).value(value)

    assert 1_000 < len(shown) < 40_000
    assert list(shown)[-1] == MASK


@pytest.mark.parametrize("before", range(4))
def test_the_beginning_of_a_value_may_end_at_any_part(before: int) -> None:
    """Also between the name of a member and its value."""
    value = [*([None] * before), {f"k{number}": number for number in range(100_000)}]

    shown = redactor(KEY).value(value)[before]

    assert list(shown.items())[:2] == [("k0", 0), ("k1", 1)]
    assert list(shown.items())[-1] == (MASK, MASK)


def test_of_very_large_rows_all_are_kept() -> None:
    """With their ids; texts that were not looked at are dots."""
    rows = tuple(Row(number, "%41" * 1_000) for number in range(200))

    shown = redactor(KEY).value(rows)

    assert [row.id for row in shown] == list(range(200))
    assert {row.name for row in shown} == {"%41" * 1_000, MASK}


def test_no_part_of_a_secret_is_left_where_a_text_is_cut() -> None:
    """Wherever the cut falls."""
    texts = [redactor(KEY).text("x" * size + KEY * 9_000) for size in range(16)]

    assert {text.strip("x" + MASK) for text in texts} == {""}


def test_what_is_nested_too_deeply_is_not_shown() -> None:
    """A value that is nested too deeply is replaced as a whole, before Python's own limit is reached."""
    nested: list[Any] = [KEY]
    for _ in range(10_000):
        nested = [nested]

    assert repr(redactor(KEY).value(nested)) == "[" * 100 + repr(MASK) + "]" * 100


def test_an_error_is_redacted_in_all_its_attributes() -> None:
    """All attributes are redacted but the path, numbers, and other errors, which were redacted when they were made."""
    error = InvalidResponseError(f"/{KEY}/", f"no: {KEY}", http_status=482931)
    error.report = [StartedRun(collection_id=1, after_run_id=2), KEY]
    error.add_note(KEY)

    assert redactor(KEY, 482931).error(error) is error
    assert error.path == f"/{KEY}/"
    assert (error.reason, error.args, error.http_status) == (f"no: {MASK}", (f"no: {MASK}",), 482931)
    assert error.report == [StartedRun(collection_id=1, after_run_id=2), MASK]
    assert error.__notes__ == [MASK]


@pytest.mark.parametrize("text", ["the code 12 is wrong", "a%31%32b", "\\u0031\\u0032"])
def test_the_shortest_secret_is_an_echo(text: str) -> None:
    """A text with even a short secret is an echo, so a private call does not show it."""
    assert redactor(12).echoes(text)
    assert not redactor(12, "").echoes("no")


def test_it_shows_nothing_of_what_it_knows() -> None:
    """A redactor in a frame shows no secret, also after its use."""
    known = redactor(KEY)
    known.text("x")

    assert KEY not in repr(known) + repr(vars(known))
