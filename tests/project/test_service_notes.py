"""The table of the service's traps is whole, and each row is held by tests that exist."""

from __future__ import annotations

import re

import pytest
from support.documents import documents, lacking_tests

ROWS = re.findall(r"^\| (\d+) \|(.*)\|(.*)\|(.*)\|$", documents()["docs/service-notes.md"], re.MULTILINE)


def test_every_trap_is_in_the_table() -> None:
    """All 43, in their order."""
    assert [int(number) for number, *_ in ROWS] == [*range(1, 44)]


@pytest.mark.parametrize(("number", "service", "library", "held"), ROWS, ids=[number for number, *_ in ROWS])
def test_a_row_is_held_by_tests(number: str, service: str, library: str, held: str) -> None:
    """It says what the service does and what the library does, and names tests that are there."""
    assert service.strip()
    assert library.strip()
    assert lacking_tests(held) == []
    assert held.count("`") == 2 * held.count("::test_")
