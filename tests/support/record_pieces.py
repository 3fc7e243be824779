"""Records of a file that comes in pieces."""

from __future__ import annotations

from typing import Any

import pytest

from multicart_async._downloads.formats.json_records import NotRecordsError, RecordParser
from multicart_async.config import Limits

__all__ = ["in_pieces", "parsed", "refused"]


def parsed(*pieces: bytes, limits: Limits = Limits()) -> list[Any]:
    """All records of a file that comes in *pieces*."""
    parser = RecordParser(limits)
    found = [record for piece in pieces for record in parser.feed(piece)]
    parser.finish()
    return found


def refused(*pieces: bytes, limits: Limits = Limits()) -> str:
    """Why a file holds no records."""
    with pytest.raises(NotRecordsError) as caught:
        parsed(*pieces, limits=limits)
    return str(caught.value)


def in_pieces(payload: bytes, size: int) -> list[bytes]:
    """It in pieces of that size."""
    return [payload[start : start + size] for start in range(0, len(payload), size)]
