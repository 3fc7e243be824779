"""The text rule: a string as it is, all else its JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest

from multicart_async.tables._text import json_of, text_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("00123", "00123"),
        ('a"b', 'a"b'),
        ("é\ud800\\", "é\\ud800\\"),
        (True, "true"),
        (None, "null"),
        (2**70, "1180591620717411303424"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (["é", 1], '["é",1]'),
        ({"é": "\ud800"}, '{"\\u00e9":"\\ud800"}'),
        ({"a": [math.nan, {"b": -math.inf}], "c": "NaN"}, '{"a":["NaN",{"b":"-Infinity"}],"c":"NaN"}'),
    ],
    ids=ascii,
)
def test_all_but_strings_are_json(value: Any, expected: str) -> None:
    """Words stand for the numbers, and escapes for the characters, that cannot be written."""
    assert text_of(value, odd=True) == expected


def test_characters_are_only_looked_at_if_told_so() -> None:
    """The reader of pages knows where some may be."""
    assert (text_of("é"), json_of(["é"]), json_of(["é"], odd=True)) == ("é", '["é"]', '["é"]')
