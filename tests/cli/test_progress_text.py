"""Progress as one sentence, and numbers in few characters."""

from __future__ import annotations

from typing import Any

import pytest

from multicart_async.cli._progress import ActiveFile, Snapshot
from multicart_async.cli._progress_text import duration, sentence, size

NOTHING: dict[str, Any] = {
    "collections": 0,
    "of_collections": None,
    "runs": 0,
    "skipped": 0,
    "failed": 0,
    "files": 0,
    "of_files": None,
    "bytes": 0,
    "of_bytes": 0,
    "rate": None,
    "eta": None,
    "message": None,
    "active": (),
    "further": 0,
}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (3_200_000_000, "3.2 GB"),
        (11_000_000, "11 MB"),
        (4 * 10**12, "4.0 TB"),
        (4321 * 10**12, "4321 TB"),
    ],
)
def test_sizes_are_short(count, text) -> None:
    """Two or three digits, in units of 1000."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (59.9, "1 min"),
        (240, "4 min"),
        (89 * 60, "89 min"),
        (90 * 60, "2 h"),
        (47 * 3600, "47 h"),
        (3 * 86400, "3 d"),
        (1e12, "999 d"),
    ],
)
def test_times_are_short(seconds, text) -> None:
    """One number, because it is a guess."""
    assert duration(seconds) == text


def test_a_sentence_has_everything() -> None:
    """What is done of what, what failed, how much, how fast, how long."""
    shown = Snapshot(
        **NOTHING
        | {
            "collections": 112,
            "of_collections": 240,
            "runs": 118,
            "skipped": 14,
            "failed": 2,
            "files": 1180,
            "of_files": 1200,
            "bytes": 3_200_000_000,
            "rate": 11e6,
            "eta": 240.0,
            "message": "attempt 2: page 1",
        }
    )

    assert sentence(shown, "sync") == (
        "sync: 112 of 240 collections, 118 runs (14 skipped, 2 failed), 1,180 files, 3.2 GB, 11 MB/s, 4 min left; "
        "attempt 2: page 1"
    )


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, "nothing yet"),
        (
            {"of_collections": 1, "collections": 1, "runs": 1, "files": 1, "bytes": 1},
            "1 of 1 collection, 1 run, 1 file, 1 B",
        ),
        ({"collections": 2, "failed": 1}, "2 collections, 1 failed"),
        ({"bytes": 5, "rate": 0.0, "active": (ActiveFile("a", 5, None),)}, "0 files, 5 B, 0 B/s"),
        ({"of_collections": 0, "rate": 0.0, "eta": 0.0}, "0 of 0 collections"),
        ({"message": "a\x1b[31m\nb"}, "a\\x1b[31m b"),
    ],
)
def test_a_sentence_has_only_what_is_known(known, text) -> None:
    """In the singular where it is one; what a terminal would interpret is escaped."""
    assert sentence(Snapshot(**NOTHING | known)) == text
