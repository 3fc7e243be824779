r"""The text rule: what stands in a text column. A string as it is, everything else as its JSON.

JSON has no NaN and no infinity, so within JSON they are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. A lone
surrogate, which UTF-8 cannot express, becomes its escape, such as the six characters ``\ud800``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Final, cast

__all__ = ["encodable", "json_of", "text_of"]

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SEPARATORS: Final = (",", ":")
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=_SEPARATORS).encode
_ENCODE_ASCII: Final = json.JSONEncoder(allow_nan=False, separators=_SEPARATORS).encode


def json_of(value: object, *, odd: bool = False) -> str:
    """Return the shortest JSON of *value*, with characters beyond ASCII as they are unless there are lone surrogates.

    *odd* tells that there may be some.
    """
    text = _json(value, _ENCODE)
    return _json(value, _ENCODE_ASCII) if odd and _SURROGATE.search(text) else text


def _json(value: object, encode: Callable[[object], str]) -> str:
    try:
        return encode(value)
    except ValueError:  # NaN or an infinity
        return encode(_finite(value))


def encodable(text: str) -> str:
    """Return *text* with lone surrogates escaped."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def text_of(value: object, *, odd: bool = False) -> str:
    """Return what a text column holds for *value*; *odd* tells that there may be lone surrogates in it."""
    if isinstance(value, str):
        return encodable(value) if odd else value
    if isinstance(value, float) and not math.isfinite(value):
        return _word(value)
    return json_of(value, odd=odd)


def _finite(value: object) -> object:
    """Return a copy of *value* with strings in place of what JSON cannot express."""
    if isinstance(value, float) and not math.isfinite(value):
        return _word(value)
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_finite(item) for item in cast("list[object]", value)]
    return value


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
