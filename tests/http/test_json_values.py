"""Where a JSON value ends, however it is cut, and what it holds."""

from __future__ import annotations

import pytest

from multicart_async._http.json_values import ValueEnd

VALUES = {
    b"[]": 2,
    b'[1,"a"]': 5,
    b'{"a":[{},"]"]}': 11,
    b'["\\"","\\\\"]': 7,
    b'"a[,b"': 0,
    b"-1.5e3": 0,
}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_end_is_found_however_the_value_is_cut(value: bytes, size: int) -> None:
    """Brackets and quotation marks inside of strings do not count, nor does what follows."""
    content, start = value + b", [", 0
    end = ValueEnd()
    while (found := end.find(content[start : start + size])) < 0:
        start += size

    assert start + found == len(value)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_brackets_commas_and_quotation_marks_are_counted(value: bytes, size: int) -> None:
    """Of an array or an object: each stands for about one Python object, or a place for one."""
    end = ValueEnd()
    for start in range(0, len(value), size):
        end.find(value[start : start + size])

    assert end.signs == VALUES[value]
